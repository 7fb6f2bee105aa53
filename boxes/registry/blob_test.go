package registry_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/envyhq/envy/boxes/registry"
)

// breaking sends at most so many bytes of a body, and then ends the connection.
type breaking struct {
	http.ResponseWriter
	left int
}

func (b *breaking) Write(p []byte) (int, error) {
	if len(p) > b.left {
		_, _ = b.ResponseWriter.Write(p[:b.left])
		_ = http.NewResponseController(b.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	b.left -= len(p)
	return b.ResponseWriter.Write(p)
}

func readBlob(t *testing.T, c *registry.Client, repo, digest string, limit int64) (string, error) {
	t.Helper()
	r, err := c.Blob(t.Context(), repo, digest, limit)
	if err != nil {
		return "", err
	}
	data, err := io.ReadAll(r)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	return string(data), err
}

func TestBlob(t *testing.T) {
	s := newSample(t)
	whole := int64(len(s.layer))
	var asked atomic.Int32
	var ranged atomic.Int32
	counted := func(h func(http.ResponseWriter, *http.Request)) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if r.Header.Get("Range") != "" {
				ranged.Add(1)
			}
			h(w, r)
		})
	}
	for name, tt := range map[string]struct {
		h     func(w http.ResponseWriter, r *http.Request)
		limit int64
		kind  registry.Kind // 0: it comes
		text  string
		asked int32
	}{
		"as it is": {s.store().ServeHTTP, whole, 0, "", 1},
		"breaks":   {func(w http.ResponseWriter, r *http.Request) { s.store().ServeHTTP(&breaking{w, 50_000}, r) }, whole, 0, "", 3},
		"breaks, no part": {func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			if asked.Load() == 1 {
				w = &breaking{w, 50_000}
			}
			s.store().ServeHTTP(w, r)
		}, whole, 0, "", 2},
		"breaks for ever": {func(w http.ResponseWriter, r *http.Request) { s.store().ServeHTTP(&breaking{w, 1}, r) }, whole, registry.Unreachable, "", 9},
		"another part": {func(w http.ResponseWriter, r *http.Request) {
			if asked.Load() > 1 {
				r.Header.Set("Range", "bytes=7-")
			}
			s.store().ServeHTTP(&breaking{w, 50_000}, r)
		}, whole, registry.Invalid, "another part", 2},
		"announced above the limit": {s.store().ServeHTTP, whole - 1, registry.TooLarge, "120000 bytes", 1},
		"above the limit": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.CopyN(w, endless{}, whole+1)
		}, whole, registry.TooLarge, "more than", 1},
		"endless":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, endless{}) }, whole, registry.TooLarge, "more than", 1},
		"too short": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, s.layer[1:]) }, whole, registry.Changed, "their digest is", 1},
		"shorter than it says": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(whole))
			fmt.Fprint(w, "x")
		}, whole, registry.Unreachable, "", 9},
		"changed": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "L"+s.layer[1:]) }, whole, registry.Changed, "their digest is", 1},
		"gone":    {http.NotFound, whole, registry.NotFound, "404", 1},
	} {
		t.Run(name, func(t *testing.T) {
			asked.Store(0)
			c, repo := serve(t, counted(tt.h))
			got, err := readBlob(t, c, repo, digestOf(s.layer), tt.limit)
			if tt.kind != 0 {
				wantKind(t, err, tt.kind, tt.text, repo)
			} else if err != nil || got != s.layer {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if asked.Load() != tt.asked {
				t.Errorf("asked %d times, want %d", asked.Load(), tt.asked)
			}
		})
	}
	if ranged.Load() == 0 {
		t.Error("nothing was resumed")
	}
	c, repo := serve(t, s.store())
	_, err := c.Blob(t.Context(), repo, "sha256:x", 1)
	wantKind(t, err, registry.Invalid)
	r, err := c.Blob(t.Context(), repo, digestOf(s.layer), whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 1)); err == nil {
		t.Error("a closed blob can be read")
	}
}

// A large blob over a line that breaks all the time comes all the same, as long as it comes on.
func TestBlobBreaksOften(t *testing.T) {
	const size, piece = 20 << 20, 3 << 19
	data := strings.Repeat("0123456789abcdef", size/16)
	asked := 0
	c, repo := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		store{blobs: map[string]string{digestOf(data): data}}.ServeHTTP(&breaking{w, piece}, r)
	}))
	if got, err := readBlob(t, c, repo, digestOf(data), size); err != nil || got != data || asked < 10 {
		t.Errorf("%d bytes after %d requests: %v", len(got), asked, err)
	}
}

// A registry on this machine may speak plain http; every other one may not.
func TestPlain(t *testing.T) {
	s := newSample(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.store()} //nolint:gosec // of a test
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	defer func() { _ = server.Close(); <-done }()
	_, port, _ := strings.Cut(listener.Addr().String(), ":")
	cfg := registry.Config{Dial: (&net.Dialer{}).DialContext}
	c := registry.New(cfg)
	defer c.Close()
	for _, host := range []string{"127.0.0.1", "localhost"} {
		if _, err := c.Resolve(t.Context(), host+":"+port+"/team/x:1"); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	// Some answer to a greeting of TLS in no words of HTTP.
	garbling := proxyGarbling(t, listener.Addr().String())
	if _, err := c.Resolve(t.Context(), garbling+"/team/x:1"); err != nil {
		t.Errorf("garbling: %v", err)
	}
	cfg.Dial = nil
	cfg.Host = func(string) string { return "registry.example.com:" + port }
	dial := (&net.Dialer{}).DialContext
	cfg.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dial(ctx, network, listener.Addr().String())
	}
	far := registry.New(cfg)
	defer far.Close()
	_, err = far.Resolve(t.Context(), "example.com/team/x:1")
	wantKind(t, err, registry.Unreachable, "HTTP response to HTTPS client")
}

// proxyGarbling passes HTTP on to a server, and answers whatever is none with a page without a status.
func proxyGarbling(t *testing.T, server string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { garble(conn, server) })
		}
	})
	return listener.Addr().String()
}

func garble(conn net.Conn, server string) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	if first, err := in.Peek(1); err != nil || first[0] != 'G' && first[0] != 'H' {
		_, _ = io.WriteString(conn, "<html>what was that?</html>")
		return
	}
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	r.URL.Scheme, r.URL.Host, r.RequestURI, r.Close = "http", server, "", true
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return
	}
	res.Close = true
	_ = res.Write(conn)
	_ = res.Body.Close()
}
