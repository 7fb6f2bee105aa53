package git

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/envyhq/envy/boxes/source"
)

const (
	service      = "git-upload-pack"
	maxRedirects = 5
)

// web is a repository behind https. Its client is its own: no cookie, no connection and no credential outlives it.
type web struct {
	advert
	cfg     Config
	client  *http.Client
	host    string   // that was named, and the only one that gets credentials
	base    *url.URL // after redirects
	user    *url.Userinfo
	release func()
}

func (f *Fetcher) openWeb(ctx context.Context, r source.Repository) (*web, error) {
	transport := &http.Transport{
		Proxy: f.cfg.Proxy, TLSClientConfig: f.cfg.TLS.Clone(), DialContext: f.cfg.Dial, ForceAttemptHTTP2: true,
		DisableCompression: true, TLSHandshakeTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
	w := &web{
		cfg: f.cfg, host: r.Host, release: transport.CloseIdleConnections,
		client: &http.Client{Transport: transport, CheckRedirect: redirect},
		base:   &url.URL{Scheme: "https", Host: r.Host, Path: r.Path},
	}
	if err := w.open(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// redirect follows only the reading of references, only to https, and takes credentials off on the way to another host.
func redirect(to *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= maxRedirects:
		return fail(Invalid, nil, "the server sends from one address to the next more than %d times", maxRedirects)
	case to.URL.Scheme != "https":
		return fail(Denied, nil, "the server sends to an address of %s", to.URL.Scheme)
	case to.URL.User != nil:
		return fail(Denied, nil, "the server sends to an address with a user in it")
	case via[0].Method != http.MethodGet:
		return fail(Denied, nil, "the server sends the request elsewhere")
	}
	if to.URL.Host != via[0].URL.Host {
		to.Header.Del("Authorization")
	}
	return nil
}

// Close ends the connections.
func (w *web) Close() error {
	w.release()
	return nil
}

func (w *web) open(ctx context.Context) error {
	res, err := w.ask(ctx, http.MethodGet, "/info/refs?service="+service, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if kind := res.Header.Get("Content-Type"); kind != "application/x-"+service+"-advertisement" {
		return fail(Invalid, nil, "there is something, but no git repository that can be fetched").hint("is the path complete? Often it ends with .git")
	}
	end := *res.Request.URL
	path, ok := strings.CutSuffix(end.Path, "/info/refs")
	if !ok {
		return fail(Invalid, nil, "the server sends to an address that is no repository's")
	}
	w.base = &url.URL{Scheme: end.Scheme, Host: end.Host, Path: path}
	w.advert, err = readAdvert(res.Body)
	return err
}

func (w *web) fetch(ctx context.Context, wants []plumbing.Hash, alone bool) (objects, error) {
	res, err := w.ask(ctx, http.MethodPost, "/"+service, w.request(wants, alone))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return w.readAnswer(res.Body, alone)
}

// ask sends a request, with credentials once the server has asked for some.
func (w *web) ask(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	res, err := w.send(ctx, method, path, body)
	if err != nil || res.StatusCode != http.StatusUnauthorized || w.user != nil {
		return w.judge(ctx, res, err)
	}
	_ = res.Body.Close() // it was only read
	if res.Request.URL.Host != w.host {
		return nil, w.elsewhere(res)
	}
	if w.cfg.Credentials == nil {
		return nil, needsCredentials(w.host)
	}
	user, password, ok := w.cfg.Credentials(ctx, w.host)
	if !ok {
		return nil, needsCredentials(w.host)
	}
	w.user = url.UserPassword(user, password)
	res, err = w.send(ctx, method, path, body)
	return w.judge(ctx, res, err)
}

func (w *web) elsewhere(res *http.Response) error {
	return fail(Denied, nil, "it sends to %s, which wants credentials; they go to no other host than %s", res.Request.URL.Host, w.host)
}

func needsCredentials(host string) error {
	return fail(Denied, nil, "it is not there for everybody, if it is there at all").hint("git's credential helpers have nothing for " + host)
}

func (w *web) send(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	to := *w.base
	var query string
	path, query, _ = strings.Cut(path, "?")
	to.Path, to.RawQuery = to.Path+path, query
	req, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "git/2.0 (envy)")
	if body != nil {
		req.Header.Set("Content-Type", "application/x-"+service+"-request")
		req.Header.Set("Accept", "application/x-"+service+"-result")
	}
	if w.user != nil && to.Host == w.host {
		password, _ := w.user.Password()
		req.SetBasicAuth(w.user.Username(), password)
	}
	return w.client.Do(req)
}

// judge makes an error of every answer that is not a success, and closes it.
func (w *web) judge(ctx context.Context, res *http.Response, err error) (*http.Response, error) {
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the address, which is the error's already
		}
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			return nil, fail(Denied, err, "the host cannot prove that it is the one")
		}
		return nil, classed(ctx, err, "it cannot be reached")
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	_, _ = io.CopyN(io.Discard, res.Body, 4096)
	_ = res.Body.Close() // it was only read
	switch code := res.StatusCode; {
	case code == http.StatusUnauthorized && res.Request.URL.Host != w.host:
		return nil, w.elsewhere(res)
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return nil, fail(Denied, nil, "the server refuses: %s", res.Status)
	case code == http.StatusNotFound, code == http.StatusGone:
		return nil, fail(NotFound, nil, "there is no such repository: %s", res.Status)
	case code >= 500, code == http.StatusTooManyRequests:
		return nil, fail(Unreachable, nil, "the server does not answer now: %s", res.Status)
	default:
		return nil, fail(Invalid, nil, "the server answers %s", res.Status)
	}
}
