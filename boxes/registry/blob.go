package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
)

// Blob opens content of a repository ("registry.example.com/team/x"; a tag or digest of it does not matter) by its digest.
// Bytes come as they are read: only the [io.EOF] at their end vouches for them. Reading ends with an [*Error]: of kind
// TooLarge above limit bytes, Changed where the digest is another. A connection that breaks is gone on with where it
// ended. ctx bounds opening and reading; Close must be called, and may be at any time.
func (c *Client) Blob(ctx context.Context, repo, digest string, limit int64) (io.ReadCloser, error) {
	p, err := c.placeOf(repo)
	if err == nil {
		err = checkDigest(digest)
	}
	if err != nil {
		return nil, told(ctx, repo, err)
	}
	r, err := c.blob(ctx, p.with(digest), limit)
	if err != nil {
		return nil, told(ctx, repo, err)
	}
	r.ref = repo
	return r, nil
}

func (c *Client) blob(ctx context.Context, p place, limit int64) (*blobReader, error) {
	b := &blobReader{ctx: ctx, client: c, place: p, limit: limit, hash: sha256.New()}
	return b, b.open()
}

// blobReader is one blob on its way. It holds the context of whoever opened it, as a response's body does.
type blobReader struct {
	ctx     context.Context //nolint:containedctx // of one read, as in a response
	client  *Client
	place   place
	ref     string
	limit   int64
	hash    hash.Hash
	have    int64
	body    io.ReadCloser
	resumes int
	broke   int64 // how much there was when it broke last
	err     error // what reading ended with
}

func (b *blobReader) open() error {
	r := request{method: http.MethodGet, path: "blobs/" + b.place.digest, scopes: b.place.pull(), header: http.Header{}}
	if b.have > 0 {
		r.header.Set("Range", fmt.Sprintf("bytes=%d-", b.have))
	}
	res, err := b.client.do(b.ctx, b.place, r)
	if err != nil {
		return err
	}
	if err := b.place.judge(res, http.StatusOK, http.StatusPartialContent); err != nil {
		return err
	}
	b.body = res.Body
	if err := b.fit(res); err != nil {
		return errors.Join(err, b.body.Close())
	}
	return nil
}

// fit sees to it that the answer goes on where reading ended, and is not longer than it may be.
func (b *blobReader) fit(res *http.Response) error {
	begin := int64(0)
	if res.StatusCode == http.StatusPartialContent {
		begin = b.have
		if !strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", b.have)) {
			return fail(Invalid, nil, "the registry sends another part than was asked for")
		}
	}
	if res.ContentLength > b.limit-begin {
		return fail(TooLarge, nil, "it has %d bytes, and at most %d are wanted", begin+res.ContentLength, b.limit)
	}
	if begin == b.have {
		return nil
	}
	_, err := io.CopyN(io.Discard, res.Body, b.have) // from the start again: those bytes are there
	return err
}

// Read implements io.Reader.
func (b *blobReader) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	n, err := b.body.Read(p)
	if b.have += int64(n); b.have > b.limit {
		b.err = b.told(fail(TooLarge, nil, "it has more than %d bytes", b.limit))
		return 0, b.err
	}
	b.hash.Write(p[:n])
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.err = b.verdict()
	default:
		b.err = b.resume(err)
	}
	return n, b.err
}

func (b *blobReader) verdict() error {
	if got := "sha256:" + hex.EncodeToString(b.hash.Sum(nil)); got != b.place.digest {
		return b.told(fail(Changed, nil, "%d bytes came, and their digest is %s", b.have, got))
	}
	return io.EOF
}

// resume asks for the rest. A registry that breaks off again and again, and sends next to nothing in between, is given up.
func (b *blobReader) resume(broke error) error {
	_ = b.body.Close() // it is broken
	b.body = http.NoBody
	if b.have-b.broke >= resumeWorth {
		b.resumes = 0
	}
	b.broke = b.have
	for {
		b.resumes++
		if b.ctx.Err() != nil || b.resumes > maxResumes {
			return b.told(broke)
		}
		if err := pause(b.ctx, b.client.cfg.Pause); err != nil {
			return b.told(err)
		}
		err := b.open()
		if err == nil {
			return nil
		}
		if b.body == nil {
			b.body = http.NoBody
		}
		if !Is(err, Unreachable) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return b.told(err)
		}
		broke = err
	}
}

func (b *blobReader) told(err error) error { return told(b.ctx, b.ref, err) }

// Close implements io.Closer.
func (b *blobReader) Close() error {
	if b.err == nil {
		b.err = b.told(fail(Invalid, nil, "it was closed before its end"))
	}
	return b.body.Close()
}
