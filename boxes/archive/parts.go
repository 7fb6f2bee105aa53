package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
)

// ReadManifest reads the text of a manifest by itself. One that no archive can have is an [*Error].
func ReadManifest(text []byte) (*Manifest, error) {
	if len(text) > MaxManifest {
		return nil, wrongf("its %s has more than %d MiB", manifestName, MaxManifest>>20)
	}
	return decodeManifest(text)
}

// Text is the manifest as it stands in its archive: what the digest of a [Head] is of.
func (m *Manifest) Text() []byte { return m.encode() }

// FileSize is the size of the whole archive, in bytes.
func (m *Manifest) FileSize() int64 {
	size := whole(int64(len(m.encode()))) + 2*blockSize
	for _, x := range m.Members {
		size += whole(x.Size)
	}
	return size
}

// whole is what a member of a size takes of an archive, with its header.
func whole(size int64) int64 {
	return blockSize + (size+blockSize-1)/blockSize*blockSize
}

// Section opens one of Members, by its place in the list, in an archive with this manifest. Reading ends with an error
// where its content is not what the manifest says.
func (m *Manifest) Section(r io.ReaderAt, i int) io.Reader {
	at := whole(int64(len(m.encode())))
	for _, x := range m.Members[:i] {
		at += whole(x.Size)
	}
	return &checked{from: io.NewSectionReader(r, at+blockSize, m.Members[i].Size), want: m.Members[i], sum: sha256.New()}
}

// Compose gives the bytes of the archive with this manifest out of its members' contents, each opened when its turn has
// come: those that a [Load] or [ReadHead] of the archive itself would read. A content that is none of its member's ends
// reading with an [*Error]; other errors are those of open and of what it opened. It must be closed, at any time.
func (m *Manifest) Compose(open func(Member) (io.ReadCloser, error)) io.ReadCloser {
	text := m.encode()
	b := header(manifestName, int64(len(text)))
	first := append(append(b[:], text...), filling(int64(len(text)))...)
	return &composed{part: io.NopCloser(bytes.NewReader(first)), rest: m.Members, open: open}
}

func filling(size int64) []byte { return make([]byte, (blockSize-size%blockSize)%blockSize) }

// composed is an archive on its way: at each time one part of it is open.
type composed struct {
	part  io.ReadCloser // nil: between two
	rest  []Member
	open  func(Member) (io.ReadCloser, error)
	ended bool
	err   error
}

// Read implements io.Reader.
func (c *composed) Read(p []byte) (int, error) {
	for c.err == nil {
		if c.part == nil {
			c.err = c.next()
			continue
		}
		n, err := c.part.Read(p)
		if errors.Is(err, io.EOF) {
			err = c.part.Close()
			c.part = nil
		}
		c.err = err
		if n > 0 {
			return n, nil // the error, if there is one, comes by itself
		}
	}
	return 0, c.err
}

// next opens the part that follows: a member with its header, at last the end.
func (c *composed) next() error {
	if len(c.rest) == 0 {
		if c.ended {
			return io.EOF
		}
		c.ended = true
		c.part = io.NopCloser(bytes.NewReader(make([]byte, 2*blockSize)))
		return nil
	}
	x := c.rest[0]
	c.rest = c.rest[1:]
	content, err := c.open(x)
	if err != nil {
		return err
	}
	b := header(x.Path, x.Size)
	c.part = framed{io.MultiReader(bytes.NewReader(b[:]), &checked{from: content, want: x, sum: sha256.New()}, bytes.NewReader(filling(x.Size))), content}
	return nil
}

// Close implements io.Closer.
func (c *composed) Close() error {
	if c.err == nil {
		c.err = errClosed
	}
	if c.part == nil {
		return nil
	}
	err := c.part.Close()
	c.part = nil
	return err
}

var errClosed = errors.New("it was closed before its end")

// framed is a member with its header and what fills its last block.
type framed struct {
	io.Reader
	io.Closer
}

// checked is a member's content, which is held against its manifest at its end.
type checked struct {
	from io.Reader
	want Member
	sum  hash.Hash
	n    int64
}

// Read implements io.Reader.
func (c *checked) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.sum.Write(p[:n])
	if c.n += int64(n); c.n > c.want.Size {
		return 0, &Error{Text: fmt.Sprintf("%s has more than the %d bytes that its manifest says", quote(c.want.Path), c.want.Size)}
	}
	if errors.Is(err, io.EOF) && (c.n != c.want.Size || hex.EncodeToString(c.sum.Sum(nil)) != c.want.SHA256) {
		return n, wrongf("the content of %s is not what its manifest says", quote(c.want.Path))
	}
	return n, err
}
