package bootstrap

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/envyhq/envy/boxes/bootstrap/mirrortest"
)

func TestPrepareMakesAFileSystemFromAMirror(t *testing.T) {
	m := newMirror(t)
	w := newWorld(t, m)
	s, err := w.prepare(t)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"apt=2.0-1", "base-files=2.0-1", "debian-archive-keyring=2.0-1", "dpkg=2.0-1", "gpgv=2.0-1", "libc6=2.0-1", "mawk=2.0-1", "tar=2.0-1"}
	if diff := cmp.Diff(want, s.Packages()); diff != "" {
		t.Error(diff)
	}
	if s.Suite != "bookworm" || s.Mirror != m.URL+"/debian/" || !s.Snapshot.Equal(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("made of %s from %s at %s", s.Suite, s.Mirror, s.Snapshot)
	}
	var stream, again bytes.Buffer
	if err := s.FirstStage(t.Context(), &stream); err != nil {
		t.Fatal(err)
	}
	if err := s.FirstStage(t.Context(), &again); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stream.Bytes(), again.Bytes()) {
		t.Error("the same packages give another stream")
	}
	got := listing(t, &stream)
	for _, line := range []string{
		"bin -> usr/bin", "lib64 -> usr/lib64", "usr/bin/", "usr/bin/tar", "usr/bin/tar.too = usr/bin/tar", "usr/lib/libc.so.6",
		"usr/lib64/ld.so -> /lib/libc.so.6", "tmp/ 1777", "usr/bin/awk -> mawk", ".envy-bootstrap/debs/apt.deb", ".envy-bootstrap/debs/tar.deb",
		"var/lib/dpkg/status",
	} {
		if !slices.Contains(got, line) {
			t.Errorf("the stream has no %q", line)
		}
	}
	for _, line := range got {
		if strings.HasPrefix(line, "bin/") || strings.Contains(line, "usr/share/doc/readme") || line == "usr/bin/apt" {
			t.Errorf("the stream has %q", line)
		}
	}
	script := s.Script()
	for _, words := range []string{
		"base='apt base-files debian-archive-keyring dpkg gpgv libc6 mawk tar'", "Suites: bookworm-updates\n", m.URL + "/security", "SOURCE_DATE_EPOCH=1772352000",
	} {
		if !strings.Contains(script, words) {
			t.Errorf("the script lacks %q", words)
		}
	}
	if strings.Contains(script, "Check-Date") {
		t.Error("the image is told to mind no dates, which this host does")
	}
}

// listing has a line per entry: a folder's name ends with a slash, and has its mode where that is not 0755.
func listing(t *testing.T, r io.Reader) []string {
	t.Helper()
	var out []string
	seen := map[string]bool{}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if seen[h.Name] {
			t.Errorf("%s stands twice", h.Name)
		}
		seen[h.Name] = true
		line := h.Name
		switch h.Typeflag {
		case tar.TypeSymlink:
			line += " -> " + h.Linkname
		case tar.TypeLink:
			line += " = " + h.Linkname
		case tar.TypeDir:
			if h.Mode != 0o755 {
				line += " 1777"
			}
		}
		out = append(out, line)
	}
}

func TestPackagesThatWereAskedForBringWhatTheyNeed(t *testing.T) {
	s, err := newWorld(t, newMirror(t)).prepare(t, func(q *Request) { q.Packages = []string{"hello"} })
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Script(), "extra='greeter hello'") {
		t.Error("the script installs something else")
	}
	for _, name := range []string{"nosuch", "$(touch x)"} {
		if _, err := newWorld(t, newMirror(t)).prepare(t, func(q *Request) { q.Packages = []string{name} }); !isConfig(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func isConfig(err error) bool {
	var c *ConfigError
	return errors.As(err, &c)
}

// TestWhatIsNotVouchedForIsRefused changes one thing of a good mirror at a time.
func TestWhatIsNotVouchedForIsRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(t *testing.T, m *mirrortest.Mirror, w *world)
		want   string // "" passes
	}{
		{"nothing", func(*testing.T, *mirrortest.Mirror, *world) {}, ""},
		{"package tampered with", func(_ *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Files["pool/main/tar_1.0-1_amd64.deb"][70] ^= 1
		}, "package tar is refused"},
		{"package longer", func(_ *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Files["pool/main/tar_1.0-1_amd64.deb"] = append(bytes.Clone(m.Files["pool/main/tar_1.0-1_amd64.deb"])[1:], "xx"...)
		}, "package tar is refused"},
		{"index tampered with", func(_ *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Files["dists/bookworm/main/binary-amd64/Packages.gz"][20] ^= 1
		}, "the package index of bookworm is refused"},
		{"release tampered with", func(_ *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Files["dists/bookworm/InRelease"] = bytes.Replace(m.Files["dists/bookworm/InRelease"], []byte("contrib"), []byte("contrab"), 1)
		}, "the release file of bookworm is refused"},
		{"another's signature", func(t *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Files["dists/bookworm/InRelease"] = mirrortest.Signed(t, today, m.Text(t), mirrortest.NewKey(t, today))
		}, "by a key of the keyring"},
		{"a second signature of a stranger", func(t *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Files["dists/bookworm/InRelease"] = mirrortest.Signed(t, today, m.Text(t), mirrortest.NewKey(t, today), m.Key)
		}, ""},
		{"no signature", func(t *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Files["dists/bookworm/InRelease"] = []byte(m.Text(t))
		}, "it is not signed"},
		{"text before", func(_ *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Files["dists/bookworm/InRelease"] = append([]byte("Origin: Debian\n"), m.Files["dists/bookworm/InRelease"]...)
		}, "it is not signed"},
		{"text behind", func(_ *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Files["dists/bookworm/InRelease"] = append(m.Files["dists/bookworm/InRelease"], "Origin: Debian\n"...)
		}, "something follows"},
		{"key expired", func(t *testing.T, m *mirrortest.Mirror, w *world) {
			m.Key = mirrortest.NewKey(t, today, func(c *packet.Config) { c.KeyLifetimeSecs = 24 * 60 * 60 })
			w.keyrings[testKeyring] = mirrortest.Public(t, m.Key)
			m.Build(t)
		}, "expired"},
		{"another suite", func(t *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Release["Codename"] = "bullseye"
			m.Build(t)
		}, "it is of bullseye"},
		{"expired", func(t *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Release["Valid-Until"] = "Sun, 01 Mar 2026 09:00:00 UTC"
			m.Build(t)
		}, "it was valid until 2026-03-01 09:00:00 UTC"},
		{"expired, and apt does not mind", func(t *testing.T, m *mirrortest.Mirror, w *world) {
			m.Release["Valid-Until"] = "Sun, 01 Mar 2026 09:00:00 UTC"
			m.Build(t)
			w.conf = []File{{"/etc/apt/apt.conf.d/99past", []byte("Acquire { Check-Valid-Until \"false\"; };")}}
		}, ""},
		{"of tomorrow", func(t *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Release["Date"] = "Mon, 02 Mar 2026 12:00:00 UTC"
			m.Build(t)
		}, "which is to come"},
		{"older than the last one", func(_ *testing.T, m *mirrortest.Mirror, w *world) {
			w.seen[m.URL+"/debian/ bookworm"] = time.Date(2026, 3, 1, 8, 0, 1, 0, time.UTC)
		}, "older than what this mirror gave before"},
		{"another architecture", func(t *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Release["Architectures"] = "arm64"
			m.Build(t)
		}, "no packages for amd64"},
		{"of a third party", func(t *testing.T, m *mirrortest.Mirror, _ *world) {
			m.Release["Origin"] = "Somebody"
			m.Build(t)
		}, `of "Somebody"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMirror(t)
			w := newWorld(t, m)
			tt.change(t, m, w)
			_, err := w.prepare(t)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			var u *UnverifiedError
			if tt.want != "" && !errors.As(err, &u) && tt.name != "of a third party" {
				t.Errorf("%v is no UnverifiedError", err)
			}
		})
	}
}

func TestASecondRunFetchesTheReleaseFileAlone(t *testing.T) {
	m := newMirror(t)
	w := newWorld(t, m)
	if _, err := w.prepare(t); err != nil {
		t.Fatal(err)
	}
	m.Requests = nil
	if _, err := w.prepare(t); err != nil {
		t.Fatal(err)
	}
	if got := m.Log(); got != "dists/bookworm/InRelease " {
		t.Errorf("the second run asked for:\n%s", got)
	}
}

func TestABrokenDownloadGoesOnWhereItEnded(t *testing.T) {
	m := newMirror(t)
	const deb = "pool/main/tar_1.0-1_amd64.deb"
	m.Cut[deb] = 150
	w := newWorld(t, m)
	if _, err := w.prepare(t); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Log(), deb+" bytes=150-") {
		t.Errorf("nothing was resumed:\n%s", m.Log())
	}
	total := int64(0)
	for name, data := range m.Files {
		if !strings.Contains(name, "hello") && !strings.Contains(name, "greeter") && !strings.Contains(name, "gawk") {
			total += int64(len(data))
		}
	}
	if m.Sent != total {
		t.Errorf("%d bytes were sent, want each once: %d", m.Sent, total)
	}
}

func TestAMirrorThatSendsAllAgainIsHeeded(t *testing.T) {
	m := newMirror(t)
	m.NoRange = true
	m.Cut["pool/main/tar_1.0-1_amd64.deb"] = 150
	w := newWorld(t, m)
	if _, err := w.prepare(t); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.objects[mirrortest.Sum(m.Debs["tar"])], m.Debs["tar"]) {
		t.Error("the store has something else")
	}
}

func TestWhatCameOfAnotherFileIsFetchedAnew(t *testing.T) {
	m := newMirror(t)
	w := newWorld(t, m)
	sum := mirrortest.Sum(m.Debs["tar"])
	w.partials[sum] = []byte("something else altogether")
	w.objects[sum] = []byte("damaged on the disk")
	s, err := w.prepare(t)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.FirstStage(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.objects[sum], m.Debs["tar"]) {
		t.Error("the store still has the damaged file")
	}
}

func TestAnIndexThatGrowsIsStopped(t *testing.T) {
	bomb := append([]byte("Package: x\nDescription:"), bytes.Repeat([]byte(" a long line\n"), 300_000)...)
	text, done, err := decompress(mirrortest.Zipped(bomb), ".gz", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if err := parsePackages(text, func(pkg) { t.Error("a package of a bomb was taken") }); !errors.Is(err, errTooLarge) {
		t.Errorf("error %v", err)
	}
}

func TestAMirrorAndAKeyringCanBeNamed(t *testing.T) {
	m := newMirror(t)
	w := newWorld(t, m)
	w.sources, w.keyrings = nil, nil
	if _, err := w.prepare(t); !isConfig(err) {
		t.Errorf("without a mirror: %v", err)
	}
	named := func(q *Request) {
		q.Mirror = strings.Replace(m.URL, "http://", "http://me:secret@", 1) + "/debian"
		q.Keyrings = []File{{"my.gpg", mirrortest.Public(t, m.Key)}}
	}
	s, err := w.prepare(t, named)
	if err != nil {
		t.Fatal(err)
	}
	if s.Mirror != m.URL+"/debian/" || strings.Contains(s.Script(), "secret") || !strings.Contains(s.Script(), "Signed-By: /etc/apt/keyrings/bootstrap.gpg") {
		t.Errorf("mirror %s, script:\n%s", s.Mirror, s.Script()[:500])
	}
	for _, l := range s.Labels() {
		if strings.Contains(l, "secret") {
			t.Errorf("a label tells %q", l)
		}
	}
	if _, err := w.prepare(t, named, func(q *Request) { q.Mirror = "ftp://mirror" }); !isConfig(err) {
		t.Errorf("ftp: %v", err)
	}
	if _, err := w.prepare(t, named, func(q *Request) { q.Keyrings = nil }); !isConfig(err) {
		t.Errorf("without a keyring: %v", err)
	}
}

func TestThirdPartiesStandBeside(t *testing.T) {
	m, other := newMirror(t), newMirror(t)
	other.Release["Origin"] = "Somebody"
	other.Build(t)
	w := newWorld(t, m)
	w.keyrings["/other.gpg"] = mirrortest.Public(t, other.Key)
	w.sources = append([]File{{"/etc/apt/sources.list.d/a.list", []byte("deb [signed-by=/other.gpg arch=amd64] " + other.URL + "/debian bookworm main\n")}}, w.sources...)
	s, err := w.prepare(t)
	if err != nil {
		t.Fatal(err)
	}
	if s.Mirror != m.URL+"/debian/" || len(w.warnings) != 1 || !strings.Contains(w.warnings[0], "Somebody") {
		t.Errorf("mirror %s, warnings %q", s.Mirror, w.warnings)
	}
}
