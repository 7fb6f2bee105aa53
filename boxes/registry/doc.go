// Package registry speaks with image registries as OCI's distribution specification has it: what digest a tag has, what
// platforms are behind it, manifests and blobs in both directions. It knows names, digests and media types; it must not
// know an engine, a definition or a lock, and it touches no file: credentials, proxies and trusted certificates are given
// to it.
//
// Whatever a registry sends may be hostile. Every answer has a limit, content counts only under the digest that is
// computed here, and credentials go to nobody but the host that was named and whom that one names for tokens.
package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// The limits of what is read.
const (
	MaxManifest = 4 << 20 // bytes of a manifest, an index or an image's configuration
	MaxMembers  = 1000    // of an index, and layers of an image
	MaxDepth    = 32      // of JSON

	maxToken      = 64 << 10 // bytes of an answer with a token
	maxFailure    = 16 << 10 // bytes of an answer that tells of a failure
	maxRedirects  = 5
	maxAttempts   = 3       // of a request that a registry is too busy for
	maxResumes    = 8       // of one blob, one after the other, without
	resumeWorth   = 1 << 20 // bytes between two of them
	maxRetryAfter = 20 * time.Second

	connectTimeout = 30 * time.Second
	defaultStall   = 2 * time.Minute
	defaultPause   = 500 * time.Millisecond
)

// Config is what a Client has of its surroundings. Whatever is nil or zero is not there.
type Config struct {
	// Credentials are asked for once a registry wants some, by the host as references name it. All empty: there are none.
	// An identity token goes before user and secret. An error is one of the request, of kind Denied.
	Credentials func(ctx context.Context, host string) (user, secret, identity string, err error)
	// Host gives the host that speaks for the one that references name, where that is another.
	Host func(domain string) string
	// Proxy is for https, as of [http.Transport]; this machine's own registries are never asked through it.
	Proxy func(*http.Request) (*url.URL, error)
	TLS   *tls.Config
	// Dial replaces the connection to servers.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Agent is how envy calls itself.
	Agent string
	// Stall is how long a connection may bring nothing; 0 is two minutes.
	Stall time.Duration
	// Pause goes before another attempt where the registry does not say how long; 0 is half a second.
	Pause time.Duration
}

// Client speaks with registries. It may be used by several goroutines at once; tokens are kept in memory until Close.
type Client struct {
	cfg    Config
	client *http.Client
	close  func()

	mu    sync.Mutex
	plain map[string]bool   // hosts of this machine that speak http
	auth  map[string]string // Authorization by host and scopes
}

// New makes one. It opens no connection.
func New(cfg Config) *Client {
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{Timeout: connectTimeout}).DialContext
	}
	if cfg.Stall == 0 {
		cfg.Stall = defaultStall
	}
	if cfg.Pause == 0 {
		cfg.Pause = defaultPause
	}
	transport := &http.Transport{
		Proxy: proxyOf(cfg.Proxy), TLSClientConfig: cfg.TLS.Clone(), DialContext: cfg.Dial, ForceAttemptHTTP2: true,
		DisableCompression: true, TLSHandshakeTimeout: connectTimeout, MaxResponseHeaderBytes: 64 << 10, IdleConnTimeout: time.Minute,
	}
	return &Client{
		cfg: cfg, close: transport.CloseIdleConnections, plain: map[string]bool{}, auth: map[string]string{},
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // they are followed by rules of our own
		}},
	}
}

// Close ends idle connections and forgets tokens. Bodies that are still open end with their own Close.
func (c *Client) Close() error {
	c.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.auth)
	return nil
}

// proxyOf keeps what goes to this machine, without TLS maybe, from being sent elsewhere.
func proxyOf(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	if proxy == nil {
		return nil
	}
	return func(r *http.Request) (*url.URL, error) {
		if isLoopback(r.URL.Host) {
			return nil, nil //nolint:nilnil // that is how a transport is told that there is none
		}
		return proxy(r)
	}
}

var errStalled = errors.New("nothing came for too long")

// watched is a body that ends when nothing of it comes for too long. It holds the context of its request alone.
type watched struct {
	body   io.ReadCloser
	ctx    context.Context //nolint:containedctx // of one request
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	w.timer.Reset(w.limit)
	n, err := w.body.Read(p)
	w.timer.Stop()  // whoever reads may take its time
	if err != nil { // an end too: a server that sees the connection go may still end its answer in good order
		if cause := context.Cause(w.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

// Close implements io.Closer.
func (w *watched) Close() error {
	w.timer.Stop()
	err := w.body.Close()
	w.cancel(nil)
	return err
}

// ticking is a body on its way out.
type ticking struct {
	io.ReadCloser
	tick func()
}

// Read implements io.Reader.
func (t ticking) Read(p []byte) (int, error) {
	t.tick()
	return t.ReadCloser.Read(p)
}
