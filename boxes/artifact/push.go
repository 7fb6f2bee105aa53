package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/registry"
	"github.com/envyhq/envy/boxes/source"
)

// Target is what pushing needs of a registry. [registry.Client] is one.
type Target interface {
	PushBlob(ctx context.Context, repo string, b registry.Content) error
	PushManifest(ctx context.Context, ref string, m registry.Manifest) error
}

var _ Target = (*registry.Client)(nil)

// Pushed is an archive that a registry has now.
type Pushed struct {
	Head *archive.Head
	// Digest is what the registry knows it by: "sha256:…" behind the repository's name.
	Digest string
}

// Push puts an archive of size bytes into a registry. All of it is verified before a byte goes out, and once more as it is
// read; what the repository has already is not sent. progress is told how many bytes of how many are done, in this order:
// what was verified, then what was sent; total counts both. The name is given last: after an error there may be content
// without one. Errors: an *archive.Error where the file is no archive, *HostError, and those of the registry.
func Push(ctx context.Context, to Target, dst source.Registry, file io.ReaderAt, size int64, progress func(done, total int64)) (*Pushed, error) {
	ref, err := reference(dst)
	if err != nil {
		return nil, err
	}
	repo, _ := repository(dst) // as reference
	done, total := int64(0), 2*size
	tell := func(n int64) {
		done += n
		progress(done, total)
	}
	head, err := archive.Load(ctx, &passing{from: io.NewSectionReader(file, 0, size), tell: tell}, io.Discard, archive.Expect{})
	if err != nil {
		return nil, err
	}
	done = size
	m, err := manifestOf(&head.Manifest, head.Digest)
	if err != nil {
		return nil, err
	}
	out := &Pushed{Head: head, Digest: digestOf(m.Data)}
	if dst.Digest != "" && dst.Digest != out.Digest {
		return nil, &archive.MismatchError{What: "the archive", Got: out.Digest, Want: dst.Digest}
	}
	for i, x := range head.Members {
		err := to.PushBlob(ctx, repo, registry.Content{Digest: "sha256:" + x.SHA256, Size: x.Size, Open: func() (io.ReadCloser, error) {
			return io.NopCloser(head.Section(file, i)), nil
		}})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x.Path, err)
		}
		tell(x.Size)
	}
	text := head.Text()
	err = to.PushBlob(ctx, repo, registry.Content{Digest: head.Digest, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	}})
	if err != nil {
		return nil, err
	}
	return out, to.PushManifest(ctx, ref, m)
}

// passing tells of what is read.
type passing struct {
	from io.Reader
	tell func(n int64)
}

// Read implements io.Reader.
func (p *passing) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	p.tell(int64(n))
	return n, err
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
