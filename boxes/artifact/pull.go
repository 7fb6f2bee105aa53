package artifact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/registry"
	"github.com/envyhq/envy/boxes/source"
)

// Source is what reading needs of a registry. [registry.Client] is one.
type Source interface {
	Manifest(ctx context.Context, ref string) (registry.Manifest, error)
	Blob(ctx context.Context, repo, digest string, limit int64) (io.ReadCloser, error)
}

var _ Source = (*registry.Client)(nil)

// Box is an archive that a registry has: what tells all of it is here, its members are not yet.
type Box struct {
	Manifest *archive.Manifest
	Digest   string // of the manifest: "sha256:…"

	from Source
	repo string
}

// NoBoxError is something in a registry that is no box archive.
type NoBoxError struct{ Name, Text string }

func (e *NoBoxError) Error() string { return e.Name + ": " + e.Text }

// Find asks a registry what a source means now. What is there must be an archive as [Push] puts it there, to the last byte;
// else it is a [*NoBoxError]. Other errors are *HostError, those of the registry, or an *archive.Error of the manifest.
func Find(ctx context.Context, from Source, src source.Registry) (*Box, error) {
	ref, err := reference(src)
	if err != nil {
		return nil, err
	}
	found, err := from.Manifest(ctx, ref)
	if err != nil {
		return nil, err
	}
	if found.IsIndex() || found.Config.MediaType != TypeManifest || found.ArtifactType != TypeManifest {
		return nil, &NoBoxError{src.String(), "it is an image or something else, and no box archive"}
	}
	b, err := At(ctx, from, src, found.Config.Digest)
	if err != nil {
		return nil, err
	}
	want, err := manifestOf(b.Manifest, b.Digest)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(want.Data, found.Data) {
		return nil, &NoBoxError{src.String(), "what the registry says of it is not what follows from the archive"}
	}
	return b, nil
}

// At gives the archive whose manifest has a digest, whatever a tag means by now. Errors as of [Find]; of kind
// [registry.NotFound] where the repository does not have it.
func At(ctx context.Context, from Source, src source.Registry, digest string) (*Box, error) {
	repo, err := repository(src)
	if err != nil {
		return nil, err
	}
	text, err := from.Blob(ctx, repo, digest, archive.MaxManifest)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(text)
	if err := errors.Join(err, text.Close()); err != nil {
		return nil, err
	}
	m, err := archive.ReadManifest(data)
	if err != nil {
		return nil, err
	}
	return &Box{Manifest: m, Digest: digest, from: from, repo: repo}, nil
}

// Open gives the bytes of the whole archive, each member asked for when its turn has come. They are for [archive.Load] and
// [archive.ReadHead], which verify them; what a registry sends under another digest or size ends reading before that. ctx
// bounds it all. It must be closed.
func (b *Box) Open(ctx context.Context) io.ReadCloser {
	return b.Manifest.Compose(func(m archive.Member) (io.ReadCloser, error) {
		content, err := b.from.Blob(ctx, b.repo, "sha256:"+m.SHA256, m.Size)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		return content, nil
	})
}

// Head reads as far as the definition, and gives that with the bytes that it stood in. Errors as of [Find].
func (b *Box) Head(ctx context.Context) (*archive.Head, []byte, error) {
	from := b.Open(ctx)
	var text bytes.Buffer
	head, err := archive.ReadHead(io.TeeReader(from, &text))
	return head, text.Bytes(), errors.Join(err, from.Close())
}
