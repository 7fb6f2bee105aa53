package registry

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
)

// Content is a blob to be put into a registry.
type Content struct {
	Digest string
	Size   int64 // bytes
	// Open gives it from its start; it is called again where the registry wants it once more.
	Open func() (io.ReadCloser, error)
	// From is another repository of the same registry that may have it; "" for none.
	From string
}

// PushBlob sees to it that a repository has a blob: it is sent only where it is not there and cannot be taken from
// elsewhere in the registry. Errors as of Manifest, and those of Open, of kind Unreachable. What ctx breaks off is not
// there.
func (c *Client) PushBlob(ctx context.Context, repo string, b Content) error {
	p, err := c.placeOf(repo)
	if err == nil {
		err = checkDigest(b.Digest)
	}
	if err == nil {
		err = c.pushBlob(ctx, p, b)
	}
	return told(ctx, repo, err)
}

func (c *Client) pushBlob(ctx context.Context, p place, b Content) error {
	res, err := c.do(ctx, p, request{method: http.MethodHead, path: "blobs/" + b.Digest, scopes: p.push()})
	if err != nil {
		return err
	}
	_ = res.Body.Close() // a HEAD has none
	if res.StatusCode == http.StatusOK {
		return nil
	}
	to, scopes, err := c.beginUpload(ctx, p, b)
	if err != nil || to == nil {
		return err
	}
	query := to.Query()
	query.Set("digest", b.Digest)
	to.RawQuery = query.Encode()
	res, err = c.do(ctx, p, request{
		method: http.MethodPut, url: to, body: b.Open, size: b.Size, scopes: scopes,
		header: http.Header{"Content-Type": {"application/octet-stream"}},
	})
	if err != nil {
		return err
	}
	if err := p.judge(res, http.StatusCreated, http.StatusNoContent); err != nil {
		return err
	}
	return res.Body.Close()
}

// beginUpload gives the address that a blob is to be put at; nil where the registry took it from another repository.
func (c *Client) beginUpload(ctx context.Context, p place, b Content) (*url.URL, []string, error) {
	r := request{method: http.MethodPost, path: "blobs/uploads/", scopes: p.push()}
	if b.From != "" {
		from, err := c.placeOf(b.From)
		if err != nil {
			return nil, nil, err
		}
		if from.host == p.host && from.repo != p.repo {
			r.path += "?" + url.Values{"mount": {b.Digest}, "from": {from.repo}}.Encode()
			r.scopes = append(r.scopes, from.pull()...)
		}
	}
	res, err := c.do(ctx, p, r)
	if err != nil {
		return nil, nil, err
	}
	if err := p.judge(res, http.StatusCreated, http.StatusAccepted); err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusCreated && b.From != "" {
		return nil, nil, nil
	}
	to, err := res.Request.URL.Parse(res.Header.Get("Location"))
	switch {
	case err != nil || res.Header.Get("Location") == "":
		return nil, nil, fail(Invalid, nil, "the registry names no address for an upload")
	case to.Host != p.host || to.User != nil || !c.fits(p, to):
		return nil, nil, fail(Denied, nil, "the registry wants the upload elsewhere: %.200s", to.Redacted())
	}
	return to, r.scopes, nil
}

// PushManifest puts a manifest or an index under a tag or its digest. What it names must be there before. It may be called
// again. Errors as of Manifest.
func (c *Client) PushManifest(ctx context.Context, ref string, m Manifest) error {
	p, err := c.placeOf(ref)
	if err == nil {
		err = c.pushManifest(ctx, p, m)
	}
	return told(ctx, ref, err)
}

func (c *Client) pushManifest(ctx context.Context, p place, m Manifest) error {
	own := digestOf(m.Data)
	switch {
	case len(m.Data) > MaxManifest:
		return fail(TooLarge, nil, "the manifest has %d bytes, more than %d", len(m.Data), MaxManifest)
	case p.digest != "" && p.digest != own:
		return fail(Changed, nil, "the manifest's digest is %s", own)
	}
	r := p.askManifest(http.MethodPut)
	r.header, r.scopes, r.size = http.Header{"Content-Type": {m.MediaType}}, p.push(), int64(len(m.Data))
	r.body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(m.Data)), nil }
	res, err := c.do(ctx, p, r)
	if err != nil {
		return err
	}
	if err := p.judge(res, http.StatusCreated, http.StatusOK); err != nil {
		return err
	}
	if said := res.Header.Get("Docker-Content-Digest"); said != "" && said != own {
		return fail(Changed, res.Body.Close(), "the registry calls it %.100s, and it is %s", said, own)
	}
	return res.Body.Close()
}
