// Package mirrortest is a package mirror for tests: small packages, an index, and a release file that a key of its own has
// signed, served by HTTP on this machine. It breaks off where it is told to. It must not know who fetches from it.
package mirrortest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Sum is the SHA-256 of data in hex.
func Sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// NewKey makes a key of an archive, a year before now.
func NewKey(t testing.TB, now time.Time, change ...func(*packet.Config)) *openpgp.Entity {
	t.Helper()
	c := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return now.AddDate(-1, 0, 0) }}
	for _, f := range change {
		f(c)
	}
	e, err := openpgp.NewEntity("Archive of a test", "", "archive@example.org", c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Public is a keyring of keys.
func Public(t testing.TB, keys ...*openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, k := range keys {
		if err := k.Serialize(&b); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// Signed is a text that keys have signed an hour before now.
func Signed(t testing.TB, now time.Time, text string, keys ...*openpgp.Entity) []byte {
	t.Helper()
	var out bytes.Buffer
	var private []*packet.PrivateKey
	for _, k := range keys {
		private = append(private, k.PrivateKey)
	}
	w, err := clearsign.EncodeMulti(&out, private, &packet.Config{Time: func() time.Time { return now.Add(-time.Hour) }})
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

// Zipped is data, compressed.
func Zipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// Tar makes an archive of headers; a regular file's content is its name.
func Tar(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		if h.ModTime.IsZero() {
			h.ModTime = time.Unix(1700000000, 0)
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

// Member is a file of an ar archive.
type Member struct {
	Name string
	Data []byte
}

// AR makes an ar archive, which a package is.
func AR(members ...Member) []byte {
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.Name, 0, 0, 0, "100644", len(m.Data))
		b.Write(m.Data)
		if len(m.Data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// Deb makes a package of files.
func Deb(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	return AR(Member{"debian-binary", []byte("2.0\n")},
		Member{"control.tar.gz", Zipped(Tar(t, tar.Header{Typeflag: tar.TypeReg, Name: "./control", Mode: 0o644}))},
		Member{"data.tar.gz", Zipped(Tar(t, headers...))})
}

// Dir is a folder of a package.
func Dir(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
}

// File is a file of a package, whose content is its name.
func File(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755}
}

// Mirror is a made-up mirror.
type Mirror struct {
	*httptest.Server
	Key     *openpgp.Entity
	Files   map[string][]byte
	Release map[string]string // fields of the release file
	Debs    map[string][]byte // by name
	Stanzas map[string]string // fields of packages in the index
	now     time.Time

	mu       sync.Mutex
	Requests []string       // what was asked for, with its Range
	Sent     int64          // bytes
	NoRange  bool           // whatever is asked for is sent whole
	Cut      map[string]int // how many bytes of a path are sent before the connection breaks, once
}

// New serves a mirror of bookworm for amd64 with some packages, as of now.
func New(t testing.TB, now time.Time) *Mirror {
	t.Helper()
	m := &Mirror{
		Key: NewKey(t, now), now: now, Files: map[string][]byte{}, Debs: map[string][]byte{}, Stanzas: map[string]string{}, Cut: map[string]int{},
		Release: map[string]string{
			"Origin": "Debian", "Suite": "oldstable", "Codename": "bookworm", "Date": now.UTC().Add(-4 * time.Hour).Format("Mon, 02 Jan 2006 15:04:05 UTC"),
			"Architectures": "all amd64 arm64", "Components": "main contrib",
		},
	}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Close)
	usr := func(path string) []tar.Header {
		return []tar.Header{Dir("./"), Dir("./usr/"), Dir("./usr/bin/"), File("." + path)}
	}
	m.Add(t, "dpkg", "Essential: yes\nPriority: required\nPre-Depends: libc6 (>= 2), tar\n", usr("/usr/bin/dpkg")...)
	m.Add(t, "libc6", "Priority: optional\n", Dir("./lib/"), Dir("./lib64/"), File("./lib/libc.so.6"),
		tar.Header{Typeflag: tar.TypeSymlink, Name: "./lib64/ld.so", Linkname: "/lib/libc.so.6", Mode: 0o777})
	m.Add(t, "tar", "Essential: yes\nPriority: required\n", Dir("./bin/"), File("./bin/tar"),
		tar.Header{Typeflag: tar.TypeLink, Name: "./bin/tar.too", Linkname: "./bin/tar", Mode: 0o755})
	m.Add(t, "base-files", "Essential: yes\nPriority: required\nPre-Depends: awk\n",
		Dir("./"), tar.Header{Typeflag: tar.TypeDir, Name: "./tmp/", Mode: 0o1777}, Dir("./usr/share/doc/"), File("./usr/share/doc/readme"))
	m.Add(t, "gawk", "Priority: optional\nProvides: awk\n", usr("/usr/bin/gawk")...)
	m.Add(t, "mawk", "Priority: required\nProvides: awk\n", usr("/usr/bin/mawk")...)
	m.Add(t, "apt", "Priority: important\nDepends: libc6, debian-archive-keyring, gpgv | gpgv2\n", usr("/usr/bin/apt")...)
	m.Add(t, "gpgv", "Priority: important\n", usr("/usr/bin/gpgv")...)
	m.Add(t, "debian-archive-keyring", "Priority: important\n", usr("/usr/share/keyring")...)
	m.Add(t, "hello", "Priority: optional\nDepends: greeting\n", usr("/usr/bin/hello")...)
	m.Add(t, "greeter", "Priority: optional\nProvides: greeting\n", usr("/usr/bin/greeter")...)
	m.Build(t)
	return m
}

// Add adds a package, with further fields of its stanza; Build makes it known.
func (m *Mirror) Add(t testing.TB, name, fields string, files ...tar.Header) {
	t.Helper()
	m.Debs[name] = Deb(t, files...)
	m.Stanzas[name] = fields
}

// Build writes index and release file anew.
func (m *Mirror) Build(t testing.TB) {
	t.Helper()
	m.Files["dists/bookworm/InRelease"] = Signed(t, m.now, m.Text(t), m.Key)
}

// Text writes the index anew, and gives the release file that vouches for it, unsigned.
func (m *Mirror) Text(t testing.TB) string {
	t.Helper()
	var index strings.Builder
	for _, name := range slices.Sorted(maps.Keys(m.Debs)) {
		deb := m.Debs[name]
		file := "pool/main/" + name + "_1.0-1_amd64.deb"
		m.Files[file] = deb
		fmt.Fprintf(&index, "Package: %s\nVersion: 2.0-1\nArchitecture: amd64\n%sFilename: %s\nSize: %d\nSHA256: %s\nDescription: some\n words\n\n",
			name, m.Stanzas[name], file, len(deb), Sum(deb))
	}
	packed := Zipped([]byte(index.String()))
	m.Files["dists/bookworm/main/binary-amd64/Packages.gz"] = packed
	var text strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m.Release)) {
		fmt.Fprintf(&text, "%s: %s\n", k, m.Release[k])
	}
	fmt.Fprintf(&text, "SHA256:\n %s %d main/binary-amd64/Packages.gz\n", Sum(packed), len(packed))
	return text.String()
}

func (m *Mirror) serve(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/debian/")
	m.mu.Lock()
	m.Requests = append(m.Requests, name+" "+r.Header.Get("Range"))
	data, ok := m.Files[name]
	cut, broken := m.Cut[name]
	delete(m.Cut, name)
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
	case m.NoRange:
		r.Header.Del("Range")
		fallthrough
	default:
		c := &counting{ResponseWriter: w}
		http.ServeContent(c, r, "", time.Time{}, bytes.NewReader(data))
		m.count(c.n)
	}
}

func (m *Mirror) count(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Sent += int64(n)
}

// Log is what was asked for.
func (m *Mirror) Log() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.Requests, "\n")
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
