package bootstrap

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReferences(t *testing.T) {
	for ref, want := range map[string]Target{
		"debian:bookworm":      {"debian:bookworm", "debian", "bookworm"},
		"debian:bookworm-slim": {"debian:bookworm-slim", "debian", "bookworm"},
		"debian:sid":           {"debian:sid", "debian", "sid"},
		"ubuntu:noble":         {"ubuntu:noble", "ubuntu", "noble"},
	} {
		if got, err := ParseReference(ref); err != nil || got != want {
			t.Errorf("%s: %+v, %v", ref, got, err)
		}
	}
	for _, ref := range []string{
		"", "debian", "debian:", "debian:-slim", "debian:12", "ubuntu:24.04", "alpine:3", "debian:../x", "debian:Bookworm", "debian:a b",
		"debian:book/worm", "registry.example/debian:bookworm", "debian:bookworm@sha256:0", "debian:" + strings.Repeat("a", 200),
	} {
		_, err := ParseReference(ref)
		var r *ReferenceError
		if !errors.As(err, &r) {
			t.Errorf("%q: %v", ref, err)
		}
	}
	plain, _ := ParseReference("debian:bookworm")
	thin, _ := ParseReference("debian:bookworm-slim")
	if got := plain.Tags(); !slices.Equal(got, []string{"debian:bookworm", "debian:bookworm-slim"}) {
		t.Error(got)
	}
	if got := thin.Tags(); !slices.Equal(got, []string{"debian:bookworm-slim"}) {
		t.Error(got)
	}
}

func TestVersions(t *testing.T) {
	ordered := []string{"0~~", "0~~a", "0~", "0", "0a", "0+", "1~rc1", "1.0", "1.0-0", "1.0-1", "1.0-1+b1", "1.0-1+deb12u1", "1.0-2", "1.0-10", "1.0a", "1.2", "1.10", "1:0.1"}
	for i, a := range ordered {
		for j, b := range ordered {
			got, want := compareVersions(a, b), 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if a == "1.0" && b == "1.0-0" || a == "1.0-0" && b == "1.0" {
				want = 0
			}
			if got != want {
				t.Errorf("%s and %s: %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestSources(t *testing.T) {
	stanzaText := "# a comment\nTypes: deb deb-src\nURIs: http://a.example/debian\n https://b.example/debian/\nSuites: bookworm bookworm-updates\n" +
		"Components: main contrib\nSigned-By: /k.gpg\nCheck-Valid-Until: no\n\nTypes: deb\nEnabled: no\nURIs: http://c.example\nSuites: bookworm\nComponents: main\n\n" +
		"Types: deb\nURIs: http://d.example\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n AAAA\n -----END PGP PUBLIC KEY BLOCK-----\n"
	got, err := ParseSources(File{"x.sources", []byte(stanzaText)})
	if err != nil || len(got) != 2 {
		t.Fatalf("%d sources, %v", len(got), err)
	}
	no := false
	want := Source{
		URIs: []string{"http://a.example/debian", "https://b.example/debian/"}, Suites: []string{"bookworm", "bookworm-updates"},
		Components: []string{"main", "contrib"}, Architectures: []string{}, SignedBy: []string{"/k.gpg"}, CheckValidUntil: &no, Place: "x.sources:2",
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Error(diff)
	}
	if key := string(got[1].Key); key != "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n" {
		t.Errorf("key %q", key)
	}

	lines := "# deb http://no.example x main\ndeb-src http://no.example x main\ndeb [arch=amd64,arm64 signed-by=/a.gpg,/b.gpg] http://a.example bookworm main # why\n" +
		"deb [ check-date=no ] http://b.example bookworm main contrib\ndeb http://broken.example\ndeb [ open http://broken.example x main\n"
	got, err = ParseSources(File{"x.list", []byte(lines)})
	if len(got) != 2 || err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if diff := cmp.Diff(Source{
		URIs: []string{"http://a.example"}, Suites: []string{"bookworm"}, Components: []string{"main"}, Architectures: []string{"amd64", "arm64"},
		SignedBy: []string{"/a.gpg", "/b.gpg"}, Place: "x.list:3",
	}, got[0]); diff != "" {
		t.Error(diff)
	}
	if got[1].CheckDate == nil || *got[1].CheckDate {
		t.Error("check-date=no is not heeded")
	}
	list := mirrors(append(got, Source{URIs: []string{"file:/srv", "http://c.example/$(ARCH)"}, Suites: []string{"bookworm"}, Components: []string{"main"}}), "bookworm", "arm64")
	var shown []string
	for _, m := range list {
		shown = append(shown, m.shown())
	}
	if diff := cmp.Diff([]string{"http://a.example/", "http://b.example/", "http://c.example/arm64/"}, shown); diff != "" {
		t.Error(diff)
	}
}

func TestAptConfiguration(t *testing.T) {
	conf, err := parseAptConf([]File{
		{"1", []byte("// no\nAcquire::Check-Date \"true\"; /* Acquire::Check-Valid-Until \"false\"; */\nAPT { Periodic { Enable \"0\"; }; NeverAutoRemove { \"^a\"; \"^b\"; }; };\n# c\n")},
		{"2", []byte("Acquire { Check-Date \"false\"; http { Proxy \"http://proxy.example:3128\"; Proxy::near.example DIRECT; }; };")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := conf.checks(Source{}); got != (checks{validUntil: true}) {
		t.Errorf("checks %+v", got)
	}
	if got := conf.dateSettings(); got != "Acquire::Check-Date \"false\";\n" {
		t.Errorf("settings %q", got)
	}
	for text, want := range map[string]string{"http://a.example/x": "http://proxy.example:3128", "http://near.example": "", "https://a.example": "unknown"} {
		u, _ := url.Parse(text)
		p, known := conf.proxy(u)
		got := ""
		if p != nil {
			got = p.String()
		} else if !known {
			got = "unknown"
		}
		if got != want {
			t.Errorf("%s by %q, want %q", text, got, want)
		}
	}
	for _, bad := range []string{"} ;", strings.Repeat("a {", 100)} {
		if _, err := parseAptConf([]File{{"x", []byte(bad)}}); err == nil {
			t.Errorf("%.20q is no error", bad)
		}
	}
}

func TestDates(t *testing.T) {
	want := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for _, text := range []string{"Sun, 01 Mar 2026 08:00:00 UTC", "Sun,  1 Mar 2026 08:00:00 GMT", "Sun, 1 Mar 2026 08:00:00 +0000"} {
		if got, err := parseDate(text); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "UTC", "Sun, 01 Mar 2026 08:00:00 CET", "2026-03-01", "Sun, 01 Mar 2026 08:00:00"} {
		if got, err := parseDate(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestRedirects(t *testing.T) {
	request := func(text string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, text, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, tt := range []struct {
		from, to string
		ok       bool
	}{
		{"http://a.example", "http://b.example", true}, {"http://a.example", "https://b.example", true}, {"https://a.example", "https://b.example", true},
		{"https://a.example", "http://a.example", false}, {"http://a.example", "ftp://a.example", false}, {"http://a.example", "http://u:p@a.example", false},
	} {
		if err := checkRedirect(request(tt.to), []*http.Request{request(tt.from)}); (err == nil) != tt.ok {
			t.Errorf("%s to %s: %v", tt.from, tt.to, err)
		}
	}
}

func TestDependencies(t *testing.T) {
	got, err := parseRelations("libc6 (>= 2.36), awk | mawk (<< 2:1.0~) , perl:any, xx [amd64] <!nocheck>")
	if err != nil {
		t.Fatal(err)
	}
	want := [][]relation{{{"libc6", ">=", "2.36"}}, {{"awk", "", ""}, {"mawk", "<<", "2:1.0~"}}, {{"perl", "", ""}}, {{"xx", "", ""}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(relation{})); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"a (", "a (1.0)", "a (>= )", "A", "aa | ", "aa (>= 1.0) x("} {
		if r, err := parseRelations(bad); err == nil && bad != "aa (>= 1.0) x(" {
			t.Errorf("%q: %v", bad, r)
		}
	}
	x := newIndex("amd64")
	for _, p := range []pkg{
		{name: "aa", version: "1", arch: "amd64", depends: "bb (>= 2) | cc"}, {name: "bb", version: "1", arch: "amd64"},
		{name: "cc", version: "1", arch: "all", depends: "virtual (= 3)"}, {name: "dd", version: "9", arch: "amd64", provides: "virtual"},
		{name: "ee", version: "9", arch: "amd64", provides: "virtual (= 3)"}, {name: "ff", version: "1", arch: "amd64", depends: "nobody"},
		{name: "gg", version: "1", arch: "amd64"}, {name: "gg", version: "1+b1", arch: "amd64"}, {name: "gg", version: "7", arch: "arm64"},
	} {
		x.add(p)
	}
	if err := x.provide(); err != nil {
		t.Fatal(err)
	}
	s, err := x.closure([]string{"aa", "gg"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range s.list() {
		names = append(names, p.name+" "+p.version)
	}
	if diff := cmp.Diff([]string{"aa 1", "cc 1", "ee 9", "gg 1+b1"}, names); diff != "" {
		t.Error(diff)
	}
	if _, err := x.closure([]string{"ff"}); err == nil {
		t.Error("a dependency that nobody satisfies is satisfied")
	}
}
