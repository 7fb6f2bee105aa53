package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// request is one thing to ask of a registry.
type request struct {
	method string
	path   string   // below the repository, with a query
	url    *url.URL // instead: where an upload is to go
	header http.Header
	body   func() (io.ReadCloser, error) // nil: none
	size   int64
	scopes []string
}

// outgoing is one request on its way.
type outgoing struct {
	method string
	url    *url.URL
	header http.Header
	body   func() (io.ReadCloser, error)
	size   int64
	auth   string
}

// do asks, with a way in where the registry wants one, and again where it is busy. The answer may have any status.
func (c *Client) do(ctx context.Context, p place, r request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		res, err := c.authorized(ctx, p, r)
		if err != nil {
			return nil, classed(ctx, err)
		}
		wait, again := c.busy(res)
		if !again || attempt == maxAttempts {
			return res, nil
		}
		_ = res.Body.Close() // it was only read
		if err := pause(ctx, wait); err != nil {
			return nil, classed(ctx, err)
		}
	}
}

// busy tells whether it is worth asking again, and when.
func (c *Client) busy(res *http.Response) (time.Duration, bool) {
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return 0, false
	}
	wait, said := retryAfter(res)
	if !said {
		return c.cfg.Pause, true
	}
	return wait, wait <= maxRetryAfter
}

// retryAfter is how many seconds the registry asks for.
func retryAfter(res *http.Response) (time.Duration, bool) {
	n, err := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 31)
	return time.Duration(n) * time.Second, err == nil //nolint:gosec // 31 bits
}

func laterOf(res *http.Response) string {
	wait, said := retryAfter(res)
	if !said {
		return ""
	}
	return fmt.Sprintf("; try again in %s", wait)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// authorized asks once, and once more with a fresh way in. Whom the registry sends to is never given one.
func (c *Client) authorized(ctx context.Context, p place, r request) (*http.Response, error) {
	res, err := c.roam(ctx, p, r, c.held(p, r.scopes))
	if err != nil || res.StatusCode != http.StatusUnauthorized || res.Request.URL.Host != p.host {
		return res, err
	}
	offers := parseChallenges(res.Header.Values("WWW-Authenticate"))
	_, _ = io.CopyN(io.Discard, res.Body, maxFailure)
	_ = res.Body.Close() // it was only read
	auth, err := c.authorize(ctx, p, r.scopes, offers)
	if err != nil {
		return nil, err
	}
	res, err = c.roam(ctx, p, r, auth)
	if err == nil && res.StatusCode != http.StatusUnauthorized {
		c.hold(p, r.scopes, auth)
	}
	return res, err
}

// roam sends a request to where it belongs and follows redirects of what only reads.
func (c *Client) roam(ctx context.Context, p place, r request, auth string) (*http.Response, error) {
	to := r.url
	if to == nil {
		to = c.address(p, r.path)
	}
	for range maxRedirects + 1 {
		out := outgoing{method: r.method, url: to, header: r.header, body: r.body, size: r.size}
		if to.Host == p.host {
			out.auth = auth
		}
		res, err := c.send(ctx, out)
		if err != nil && r.url == nil && c.speaksPlain(p, to, err) {
			to = c.address(p, r.path)
			continue
		}
		if err != nil || !isRedirect(res.StatusCode) {
			return res, err
		}
		next, err := c.redirect(p, r, res)
		_ = res.Body.Close() // it was only read
		if err != nil {
			return nil, err
		}
		to = next
	}
	return nil, fail(Invalid, nil, "the registry sends from one address to the next more than %d times", maxRedirects)
}

func isRedirect(code int) bool {
	switch code {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

func (c *Client) redirect(p place, r request, res *http.Response) (*url.URL, error) {
	if r.method != http.MethodGet && r.method != http.MethodHead {
		return nil, fail(Denied, nil, "the registry sends the request elsewhere")
	}
	next, err := res.Request.URL.Parse(res.Header.Get("Location"))
	switch {
	case err != nil || next.Host == "":
		return nil, fail(Invalid, nil, "the registry sends to no address")
	case next.User != nil:
		return nil, fail(Denied, nil, "the registry sends to an address with a user in it")
	case !c.fits(p, next):
		return nil, fail(Denied, nil, "the registry sends to an address of %.20s", next.Scheme)
	}
	return next, nil
}

// fits lets pass https, and plain http on this machine for a registry on this machine that has nothing else.
func (c *Client) fits(p place, to *url.URL) bool {
	return to.Scheme == "https" || to.Scheme == "http" && isLoopback(to.Host) && c.isPlain(p.host)
}

func (c *Client) isPlain(host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.plain[host]
}

// speaksPlain learns that a registry on this machine has no TLS, as engines do.
func (c *Client) speaksPlain(p place, to *url.URL, err error) bool {
	_, garbled := errors.AsType[tls.RecordHeaderError](err) // it does not even answer in HTTP to what is none
	if !garbled && !errors.Is(err, http.ErrSchemeMismatch) || to.Host != p.host || to.Scheme != "https" || !isLoopback(p.host) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plain[p.host] = true
	return true
}

func (c *Client) address(p place, path string) *url.URL {
	u := &url.URL{Scheme: "https", Host: p.host}
	if c.isPlain(p.host) {
		u.Scheme = "http"
	}
	path, query, _ := strings.Cut(path, "?")
	u.Path, u.RawQuery = "/v2/"+p.repo+"/"+path, query
	return u
}

// send sends one request. The body of the answer ends with ctx, and when nothing of it comes for too long.
func (c *Client) send(ctx context.Context, o outgoing) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(c.cfg.Stall, func() { cancel(errStalled) })
	req, err := http.NewRequestWithContext(ctx, o.method, o.url.String(), nil)
	if err == nil && o.body != nil {
		var body io.ReadCloser
		if body, err = o.body(); err == nil {
			req.Body, req.ContentLength = ticking{body, func() { timer.Reset(c.cfg.Stall) }}, o.size
			if o.size == 0 { // of a body, 0 would mean that its length is not known
				err = body.Close()
				req.Body = http.NoBody
			}
		}
	}
	if err != nil {
		timer.Stop()
		cancel(nil)
		return nil, err
	}
	if o.header != nil {
		req.Header = o.header.Clone()
	}
	req.Header.Set("User-Agent", c.cfg.Agent)
	req.Header.Set("Accept-Encoding", "identity") // bytes as their digest has them
	if o.auth != "" {
		req.Header.Set("Authorization", o.auth)
	}
	res, err := c.client.Do(req)
	timer.Stop()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, err
	}
	res.Body = &watched{body: res.Body, ctx: ctx, cancel: cancel, timer: timer, limit: c.cfg.Stall}
	return res, nil
}
