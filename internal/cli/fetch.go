package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/envyhq/envy/boxes/source"
)

// fetchError is an archive that its address did not give.
type fetchError struct {
	at  string // without what was expected
	err error
}

func (e *fetchError) Error() string { return fmt.Sprintf("fetch %s: %v", e.at, e.err) }

func (e *fetchError) Unwrap() error { return e.err }

const (
	maxHops       = 10
	fetchPatience = 30 * time.Second // for a connection, for an answer to begin, and between two parts of it
)

// fetchClient asks the proxy of the environment, follows redirects that stay on https, and sends no credentials at all.
func fetchClient(base http.RoundTripper) *http.Client {
	if base == nil {
		base = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: fetchPatience}).DialContext, TLSHandshakeTimeout: fetchPatience,
			ResponseHeaderTimeout: fetchPatience, ForceAttemptHTTP2: true,
		}
	}
	return &http.Client{Transport: base, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		switch {
		case len(via) > maxHops:
			return errors.New("too many redirects")
		case r.URL.Scheme != "https":
			return fmt.Errorf("redirected from https to %s", r.URL.Scheme)
		case r.URL.User != nil:
			return errors.New("redirected to an address with credentials")
		}
		r.Header.Del("Referer")
		return nil
	}}
}

// fetch opens an archive behind an address. size is -1 where the server does not tell. It ends where nothing comes any more.
func fetch(ctx context.Context, client *http.Client, from source.Archive, version string) (body io.ReadCloser, size int64, err error) {
	at := source.Archive{Host: from.Host, URLPath: from.URLPath}.String()
	fail := func(err error) (io.ReadCloser, int64, error) {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the address, which stands before it
		}
		return nil, 0, &fetchError{at, err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		cancel(nil)
		return fail(err)
	}
	r.Header.Set("User-Agent", "envy/"+version)
	r.Header.Set("Accept-Encoding", "identity")
	answer, err := client.Do(r)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.Join(fmt.Errorf("the server answers %s", answer.Status), answer.Body.Close())
	}
	if err != nil {
		cancel(nil)
		return fail(err)
	}
	return &arriving{body: answer.Body, at: at, cancel: cancel, stall: time.AfterFunc(fetchPatience, func() { cancel(errStalled) })}, answer.ContentLength, nil
}

var errStalled = fmt.Errorf("nothing came for %v", fetchPatience)

// arriving is an answer that must not stop to come while it is read.
type arriving struct {
	body   io.ReadCloser
	at     string
	cancel context.CancelCauseFunc
	stall  *time.Timer
}

// Read implements io.Reader.
func (a *arriving) Read(p []byte) (int, error) {
	a.stall.Reset(fetchPatience)
	n, err := a.body.Read(p)
	if !a.stall.Stop() && err != nil {
		err = errStalled
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = &fetchError{a.at, err}
	}
	return n, err
}

// Close implements io.Closer.
func (a *arriving) Close() error {
	a.stall.Stop()
	a.cancel(nil)
	return a.body.Close()
}
