package bootstrap

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/envyhq/envy/boxes/bootstrap/mirrortest"
)

// today is the clock of the tests.
var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newMirror(t testing.TB) *mirrortest.Mirror { return mirrortest.New(t, today) }

func member(name string, data []byte) mirrortest.Member {
	return mirrortest.Member{Name: name, Data: data}
}

// world is a host, a store and a memory in one.
type world struct {
	sources, conf []File
	keyrings      map[string][]byte

	mu       sync.Mutex
	objects  map[string][]byte
	partials map[string][]byte
	seen     map[string]time.Time
	warnings []string
}

const testKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

func newWorld(t testing.TB, m *mirrortest.Mirror) *world {
	t.Helper()
	return &world{
		sources: []File{{"/etc/apt/sources.list.d/debian.sources", fmt.Appendf(nil,
			"Types: deb\nURIs: %s/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: %s\n\n"+
				"Types: deb\nURIs: %s/security\nSuites: bookworm-security\nComponents: main\nSigned-By: %s\n", m.URL, testKeyring, m.URL, testKeyring)}},
		keyrings: map[string][]byte{testKeyring: mirrortest.Public(t, m.Key)},
		objects:  map[string][]byte{}, partials: map[string][]byte{}, seen: map[string]time.Time{},
	}
}

func (w *world) Sources() ([]File, error)  { return w.sources, nil }
func (w *world) Conf() ([]File, error)     { return w.conf, nil }
func (w *world) Keyrings() ([]File, error) { return nil, nil }
func (w *world) Keyring(path string) (File, error) {
	data, ok := w.keyrings[path]
	if !ok {
		return File{}, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return File{path, data}, nil
}

func (w *world) Seen(mirror, suite string) (time.Time, error) { return w.seen[mirror+" "+suite], nil }
func (w *world) Remember(mirror, suite string, date time.Time) error {
	w.seen[mirror+" "+suite] = date
	return nil
}

func (w *world) Read(sum string, _ int64) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	data, ok := w.objects[sum]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(data), nil
}

func (w *world) Partial(_ context.Context, sum string) (Partial, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return &partial{w: w, sum: sum, before: bytes.NewReader(w.partials[sum])}, nil
}

type partial struct {
	w      *world
	sum    string
	before *bytes.Reader
}

func (p *partial) Read(b []byte) (int, error) { return p.before.Read(b) }
func (p *partial) Write(b []byte) (int, error) {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.partials[p.sum] = append(p.w.partials[p.sum], b...)
	return len(b), nil
}
func (p *partial) Reset() error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	delete(p.w.partials, p.sum)
	return nil
}
func (p *partial) Close() error { return nil }
func (p *partial) Commit() error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.objects[p.sum] = p.w.partials[p.sum]
	delete(p.w.partials, p.sum)
	return nil
}

func (w *world) bootstrapper(t testing.TB) *Bootstrapper {
	client := NewClient(func(*url.URL) (*url.URL, error) { return nil, nil })
	t.Cleanup(client.CloseIdleConnections)
	return &Bootstrapper{
		Host: w, Store: w, Memory: w, Now: func() time.Time { return today }, Version: "test",
		Client:   func(func(*url.URL) (*url.URL, bool)) Doer { return client },
		Progress: func(Step, int64, int64) {},
		Warn:     func(text string) { w.warnings = append(w.warnings, text) },
	}
}

func (w *world) prepare(t testing.TB, change ...func(*Request)) (*System, error) {
	t.Helper()
	target, err := ParseReference("debian:bookworm")
	if err != nil {
		t.Fatal(err)
	}
	q := Request{Target: target, Arch: "amd64"}
	for _, f := range change {
		f(&q)
	}
	return w.bootstrapper(t).Prepare(t.Context(), q)
}
