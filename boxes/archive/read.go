package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"strings"
)

// Head is what stands before an archive's image: its manifest and its definition, both verified.
type Head struct {
	Manifest
	// Digest is the manifest's: "sha256:…". It commits to every byte of the archive.
	Digest string
	// Files is the definition, in memory.
	Files fs.FS
}

// ReadHead reads an archive as far as its definition, at most MaxManifest and MaxDefinition bytes of it. What is wrong with
// the archive is an [*Error]; another error is r's.
func ReadHead(r io.Reader) (*Head, error) {
	in := &reader{from: r, sum: sha256.New()}
	return in.head()
}

// reader takes members off a stream, one after another.
type reader struct {
	from io.Reader
	sum  hash.Hash // of all that was read
}

// fill reads a whole block.
func (in *reader) fill(p []byte) error {
	_, err := io.ReadFull(in.from, p)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return wrongf("it breaks off")
	}
	in.sum.Write(p)
	return err
}

func (in *reader) head() (*Head, error) {
	none := &Error{Text: "it does not begin with a " + manifestName + " of at most 1 MiB", Hint: "envy package makes box archives"}
	var b block
	if err := in.fill(b[:]); err != nil {
		if _, short := errors.AsType[*Error](err); short {
			return nil, none
		}
		return nil, err
	}
	first := Member{Path: manifestName, Size: b.size()}
	if b.path() != manifestName || first.Size < 0 || first.Size > MaxManifest {
		return nil, none
	}
	if b != header(first.Path, first.Size) {
		return nil, b.otherThan(first)
	}
	var text bytes.Buffer
	if _, err := in.content(first.Size, &text); err != nil {
		return nil, err
	}
	m, err := decodeManifest(text.Bytes())
	if err != nil {
		return nil, err
	}
	definition, _ := m.split()
	content := map[string][]byte{}
	for _, x := range definition {
		var data bytes.Buffer
		if err := in.member(x, &data); err != nil {
			return nil, err
		}
		content[strings.TrimPrefix(x.Path, definitionRoot)] = data.Bytes()
	}
	return &Head{Manifest: *m, Digest: digestOf(text.Bytes()), Files: newFiles(content)}, nil
}

// member reads the one that comes next and writes its content, which is verified when it has been written.
func (in *reader) member(want Member, to io.Writer) error {
	var b block
	if err := in.fill(b[:]); err != nil {
		return err
	}
	if b != header(want.Path, want.Size) {
		return b.otherThan(want)
	}
	sum, err := in.content(want.Size, to)
	if err == nil && sum != want.SHA256 {
		err = wrongf("the content of %s is not what its manifest says", quote(want.Path))
	}
	return err
}

// content copies so many bytes and takes what fills the last block. What size claims costs nothing before it comes.
func (in *reader) content(size int64, to io.Writer) (sum string, err error) {
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(digest, in.sum, to), io.LimitReader(in.from, size))
	if err != nil {
		return "", err
	}
	if n < size {
		return "", wrongf("it breaks off")
	}
	rest := make([]byte, (blockSize-size%blockSize)%blockSize)
	if err := in.fill(rest); err != nil {
		return "", err
	}
	if strings.Trim(string(rest), "\x00") != "" {
		return "", wrongf("there is something between two of its members")
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// end wants the two empty blocks that end a tar, and nothing behind.
func (in *reader) end() error {
	var b [2 * blockSize]byte
	if err := in.fill(b[:]); err != nil {
		return err
	}
	n, err := io.ReadFull(in.from, make([]byte, 1))
	switch {
	case b != [2 * blockSize]byte{} || n > 0:
		return wrongf("there is something behind its last member")
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

// stoppable ends a stream with its context.
type stoppable struct {
	ctx  context.Context //nolint:containedctx // of one call
	from io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.from.Read(p)
}
