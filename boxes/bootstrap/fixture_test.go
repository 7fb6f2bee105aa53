package bootstrap

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// today is the clock of the tests.
var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

func newKey(t testing.TB, change ...func(*packet.Config)) *openpgp.Entity {
	t.Helper()
	c := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return today.AddDate(-1, 0, 0) }}
	for _, f := range change {
		f(c)
	}
	e, err := openpgp.NewEntity("Archive of a test", "", "archive@example.org", c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func public(t testing.TB, keys ...*openpgp.Entity) []byte {
	t.Helper()
	data, err := writeKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func signed(t testing.TB, text string, keys ...*openpgp.Entity) []byte {
	t.Helper()
	var out bytes.Buffer
	var private []*packet.PrivateKey
	for _, k := range keys {
		private = append(private, k.PrivateKey)
	}
	w, err := clearsign.EncodeMulti(&out, private, &packet.Config{Time: func() time.Time { return today.Add(-time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), '\n')
}

func zipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// tarOf makes an archive of headers; a regular file's content is its name.
func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if h.ModTime.IsZero() {
			h.ModTime = today
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			_, _ = io.WriteString(w, h.Name)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func ar(members ...arMember) []byte {
	var b bytes.Buffer
	b.WriteString(arMagic)
	for _, m := range members {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, 0, 0, 0, "100644", len(m.data))
		b.Write(m.data)
		if len(m.data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

func debOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	return ar(arMember{"debian-binary", []byte("2.0\n")},
		arMember{"control.tar.gz", zipped(tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "./control", Mode: 0o644}))},
		arMember{"data.tar.gz", zipped(tarOf(t, headers...))})
}

func dirEntry(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
}

func fileEntry(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755}
}

// aptMirror is a made-up mirror.
type aptMirror struct {
	*httptest.Server
	key     *openpgp.Entity
	files   map[string][]byte
	release map[string]string // fields of the release file
	debs    map[string][]byte // by name
	stanzas map[string]string

	mu       sync.Mutex
	requests []string
	sent     int64
	cut      map[string]int // how many bytes of a path are sent before the connection breaks, once
}

func newMirror(t testing.TB) *aptMirror {
	t.Helper()
	m := &aptMirror{
		key: newKey(t), files: map[string][]byte{}, debs: map[string][]byte{}, stanzas: map[string]string{}, cut: map[string]int{},
		release: map[string]string{
			"Origin": "Debian", "Suite": "oldstable", "Codename": "bookworm", "Date": "Sun, 01 Mar 2026 08:00:00 UTC",
			"Architectures": "all amd64 arm64", "Components": "main contrib",
		},
	}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Close)
	usr := func(path string) []tar.Header {
		return []tar.Header{dirEntry("./"), dirEntry("./usr/"), dirEntry("./usr/bin/"), fileEntry("." + path)}
	}
	m.add(t, "dpkg", "Essential: yes\nPriority: required\nPre-Depends: libc6 (>= 2), tar\n", usr("/usr/bin/dpkg")...)
	m.add(t, "libc6", "Priority: optional\n", dirEntry("./lib/"), dirEntry("./lib64/"), fileEntry("./lib/libc.so.6"),
		tar.Header{Typeflag: tar.TypeSymlink, Name: "./lib64/ld.so", Linkname: "/lib/libc.so.6", Mode: 0o777})
	m.add(t, "tar", "Essential: yes\nPriority: required\n", dirEntry("./bin/"), fileEntry("./bin/tar"),
		tar.Header{Typeflag: tar.TypeLink, Name: "./bin/tar.too", Linkname: "./bin/tar", Mode: 0o755})
	m.add(t, "base-files", "Essential: yes\nPriority: required\nPre-Depends: awk\n",
		dirEntry("./"), tar.Header{Typeflag: tar.TypeDir, Name: "./tmp/", Mode: 0o1777}, dirEntry("./usr/share/doc/"), fileEntry("./usr/share/doc/readme"))
	m.add(t, "gawk", "Priority: optional\nProvides: awk\n", usr("/usr/bin/gawk")...)
	m.add(t, "mawk", "Priority: required\nProvides: awk\n", usr("/usr/bin/mawk")...)
	m.add(t, "apt", "Priority: important\nDepends: libc6, debian-archive-keyring, gpgv | gpgv2\n", usr("/usr/bin/apt")...)
	m.add(t, "gpgv", "Priority: important\n", usr("/usr/bin/gpgv")...)
	m.add(t, "debian-archive-keyring", "Priority: important\n", usr("/usr/share/keyring")...)
	m.add(t, "hello", "Priority: optional\nDepends: greeting\n", usr("/usr/bin/hello")...)
	m.add(t, "greeter", "Priority: optional\nProvides: greeting\n", usr("/usr/bin/greeter")...)
	m.build(t)
	return m
}

func (m *aptMirror) add(t testing.TB, name, fields string, files ...tar.Header) {
	t.Helper()
	m.debs[name] = debOf(t, files...)
	m.stanzas[name] = fields
}

// build writes index and release file anew.
func (m *aptMirror) build(t testing.TB) {
	t.Helper()
	m.files["dists/bookworm/InRelease"] = signed(t, m.text(t), m.key)
}

func (m *aptMirror) text(t testing.TB) string {
	t.Helper()
	var index strings.Builder
	for _, name := range sortedKeys(m.debs) {
		deb := m.debs[name]
		file := "pool/main/" + name + "_1.0-1_amd64.deb"
		m.files[file] = deb
		fmt.Fprintf(&index, "Package: %s\nVersion: 2.0-1\nArchitecture: amd64\n%sFilename: %s\nSize: %d\nSHA256: %s\nDescription: some\n words\n\n",
			name, m.stanzas[name], file, len(deb), sum(deb))
	}
	packed := zipped([]byte(index.String()))
	m.files["dists/bookworm/main/binary-amd64/Packages.gz"] = packed
	var text strings.Builder
	for _, k := range sortedKeys(m.release) {
		fmt.Fprintf(&text, "%s: %s\n", k, m.release[k])
	}
	fmt.Fprintf(&text, "SHA256:\n %s %d main/binary-amd64/Packages.gz\n", sum(packed), len(packed))
	return text.String()
}

func sortedKeys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	for i := range out {
		for j := i + 1; j < len(out); j++ {
			if out[j] < out[i] {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}

func (m *aptMirror) serve(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/debian/")
	m.mu.Lock()
	m.requests = append(m.requests, name+" "+r.Header.Get("Range"))
	data, ok := m.files[name]
	cut, broken := m.cut[name]
	delete(m.cut, name)
	m.mu.Unlock()
	switch {
	case !ok:
		http.NotFound(w, r)
	case broken:
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		m.count(cut)
		_, _ = w.Write(data[:cut])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	default:
		c := &counting{ResponseWriter: w}
		http.ServeContent(c, r, "", time.Time{}, bytes.NewReader(data))
		m.count(c.n)
	}
}

func (m *aptMirror) count(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent += int64(n)
}

func (m *aptMirror) log() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.requests, "\n")
}

type counting struct {
	http.ResponseWriter
	n int
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n += n
	return n, err
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

func newWorld(t testing.TB, m *aptMirror) *world {
	t.Helper()
	return &world{
		sources: []File{{"/etc/apt/sources.list.d/debian.sources", fmt.Appendf(nil,
			"Types: deb\nURIs: %s/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: %s\n\n"+
				"Types: deb\nURIs: %s/security\nSuites: bookworm-security\nComponents: main\nSigned-By: %s\n", m.URL, testKeyring, m.URL, testKeyring)}},
		keyrings: map[string][]byte{testKeyring: public(t, m.key)},
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
func (p *partial) Reset() error { delete(p.w.partials, p.sum); return nil }
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
