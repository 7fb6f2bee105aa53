package source_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/boxes/source"
)

const sum = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParse(t *testing.T) {
	https := func(host, path string) source.Repository {
		return source.Repository{Scheme: "https", Host: host, Path: path}
	}
	for _, c := range []struct {
		in   string
		want source.Source
		text string // the canonical form where it is another
	}{
		{in: "go", want: source.Catalog{Name: "go"}},
		{in: "go@~> 1.26", want: source.Catalog{Name: "go", Constraint: "~> 1.26"}},
		{in: "my-box.v2", want: source.Catalog{Name: "my-box.v2"}},
		{in: "./x", want: source.Dir{Path: "./x"}},
		{in: "../x/../y/", want: source.Dir{Path: "../y"}, text: "../y"},
		{in: ".", want: source.Dir{Path: "."}},
		{in: "./shop.box", want: source.Archive{Path: "./shop.box"}},
		{in: "https://Example.com:443/a/shop.box", want: source.Archive{Host: "example.com", URLPath: "/a/shop.box"}, text: "https://example.com/a/shop.box"},
		{in: "https://example.com/shop.box?checksum=" + sum, want: source.Archive{Host: "example.com", URLPath: "/shop.box", Checksum: sum}},
		{in: "oci://localhost:5000/org/box:1.4", want: source.Registry{Host: "localhost:5000", Repository: "org/box", Tag: "1.4"}},
		{in: "oci://example.com/box@" + sum, want: source.Registry{Host: "example.com", Repository: "box", Digest: sum}},
		{in: "git::https://example.com/org/repo.git", want: source.Git{Repository: https("example.com", "/org/repo.git")}},
		{in: "git::https://example.com/org/repo.git//", want: source.Git{Repository: https("example.com", "/org/repo.git")}, text: "git::https://example.com/org/repo.git"},
		{in: "git::https://example.com/org/repo.git/", want: source.Git{Repository: https("example.com", "/org/repo.git")}, text: "git::https://example.com/org/repo.git"},
		{
			in:   "git::https://example.com/org/repo.git//sub/dir?ref=v1.4.0",
			want: source.Git{Repository: https("example.com", "/org/repo.git"), Dir: "sub/dir", Ref: "v1.4.0"},
		},
		{
			in:   "git::https://example.com/repo?version=~> 1.4",
			want: source.Git{Repository: https("example.com", "/repo"), Version: "~> 1.4"},
			text: "git::https://example.com/repo?version=~>%201.4",
		},
		{
			in:   "git::https://example.com/repo?version=%3E%3D%201,%20%3C%202",
			want: source.Git{Repository: https("example.com", "/repo"), Version: ">= 1, < 2"},
			text: "git::https://example.com/repo?version=>=%201,%20<%202",
		},
		{
			in:   "git::https://example.com/a%20b?ref=feature/x",
			want: source.Git{Repository: https("example.com", "/a b"), Ref: "feature/x"},
		},
		{
			in:   "git::ssh://git@example.com:22/org/repo.git",
			want: source.Git{Repository: source.Repository{Scheme: "ssh", User: "git", Host: "example.com", Path: "/org/repo.git"}},
			text: "git::ssh://example.com/org/repo.git",
		},
		{
			in:   "git::git@example.com:org/repo.git//sub?ref=main",
			want: source.Git{Repository: source.Repository{Scheme: "ssh", User: "git", Host: "example.com", Path: "org/repo.git"}, Dir: "sub", Ref: "main"},
			text: "git::example.com:org/repo.git//sub?ref=main",
		},
		{
			in:   "git::git@example.com:/org/repo.git",
			want: source.Git{Repository: source.Repository{Scheme: "ssh", User: "git", Host: "example.com", Path: "/org/repo.git"}},
			text: "git::ssh://example.com/org/repo.git",
		},
		{
			in:   "git::git@[::1]:repo",
			want: source.Git{Repository: source.Repository{Scheme: "ssh", User: "git", Host: "[::1]", Path: "repo"}},
			text: "git::[::1]:repo",
		},
		{in: "git::ssh://[::1]:2222/repo", want: source.Git{Repository: source.Repository{Scheme: "ssh", Host: "[::1]:2222", Path: "/repo"}}},
		{in: "git::file:///srv/git/repo.git//x", want: source.Git{Repository: source.Repository{Scheme: "file", Path: "/srv/git/repo.git"}, Dir: "x"}},
	} {
		t.Run(c.in, func(t *testing.T) {
			got, err := source.Parse(c.in)
			if err != nil {
				t.Fatalf("%v\n%s", err, hint(err))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			roundTrip(t, got)
			want := c.text
			if want == "" {
				want = c.in
			}
			if got.String() != want {
				t.Errorf("shown as %s, want %s", got, want)
			}
		})
	}
}

func hint(err error) string {
	if e, ok := errors.AsType[*source.Error](err); ok {
		return e.Hint
	}
	return ""
}

// roundTrip checks that the canonical form stands for the same source and is canonical.
func roundTrip(t *testing.T, s source.Source) {
	t.Helper()
	again, err := source.Parse(s.String())
	if err != nil {
		t.Fatalf("%q does not parse: %v", s, err)
	}
	if again.String() != s.String() {
		t.Errorf("%q becomes %q", s, again)
	}
	if g, ok := s.(source.Git); ok {
		g.User = "" // never shown
		s = g
	}
	if d := cmp.Diff(s, again); d != "" {
		t.Error(d)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ in, summary, hint string }{
		{"", "empty", "catalogue"},
		{" go", "space", ""},
		{"Go", "no source", "catalogue"},
		{"go@", "no version constraint", "~> 1.4"},
		{"go@-1", "no version constraint", ""},
		{"/srv/x", "path of one machine", "./boxes/web"},
		{"~/x", "path of one machine", ""},
		{`./a\b`, "backslash", "slashes"},
		{"./-x", `begins with "-"`, ""},
		{"./x?ref=1", "no ?", ""},
		{"boxes/web", "does not say", "./boxes/web"},
		{"shop.box", "does not say", "./shop.box"},
		{"github.example.com/org/repo", "does not say", "git::https://github.example.com/org/repo"},
		{"git@example.com:org/repo.git", "needs git:: in front", "git::git@example.com:org/repo.git"},
		{"user:secret@example.com:org/repo.git", "must not hold a password", ""},
		{"https://example.com/org/repo.git", "does not say", "git:: in front"},
		{"https://user@example.com/a.box", "must not hold a user", ""},
		{"https://example.com/a.box?checksum=md5:1", "is none", "sha256:"},
		{"https://example.com/a.box?ref=1", "unknown", "checksum"},
		{"https://example.com/../a.box", `part ".."`, ""},
		{"http://example.com/a.box", "could be anybody's", "https://"},
		{"hg::https://u:secret@example.com/a", "no source", "git::https"},
		{"svn://example.com/a", "scheme", ""},
		{"ssh://example.com/a", "git:: in front", ""},
		{"oci://example.com", "needs its name", "oci://HOST/NAME:TAG"},
		{"oci://example.com/box", "tag or a digest", ""},
		{"oci://example.com/box:1@" + sum, "tag or a digest", ""},
		{"oci://example.com/Box:1", "no name", ""},
		{"oci://example.com/-box:1", `begins with "-"`, ""},
		{"oci://user:secret@example.com/box:1", "must not hold a user", ""},
		{"git::http://example.com/a", "could be anybody's", "git::https://"},
		{"git::git://example.com/a", "could be anybody's", ""},
		{"git::ext::sh -c id", "does not say", ""},
		{"git::ext://x", "scheme", ""},
		{"git::example.com/org/repo", "how to reach it", "git::https://"},
		{"git::https://user:secret@example.com/a", "must not hold a password", ""},
		{"git::https://token@example.com/a", "must not hold a user", ""},
		{"git::ssh://git:secret@example.com/a", "must not hold a password", ""},
		{"git::git:secret@example.com:a", "must not hold a password", ""},
		{"git::ssh://-oProxyCommand=id@example.com/a", "no name that ssh", ""},
		{"git::ssh://-oProxyCommand=id/a", "host", ""},
		{"git::ssh://-x/a", `begins with "-"`, ""},
		{"git::-x:a", `begins with "-"`, ""},
		{"git::ssh://example.com/-a", `begins with "-"`, ""},
		{"git::ssh://example.com/%2da", `begins with "-"`, ""},
		{"git::ssh://example.com/~me/a", "depends on who asks", ""},
		{"git::https://example.com", "no repository", ""},
		{"git::https:///a", "no host", ""},
		{"git::https://example.com:/a", "port", ""},
		{"git::https://exämple.com/a", "no host", "xn--"},
		{"git::https://example.com/a//../b", `part ".."`, ""},
		{"git::https://example.com/a//%2e%2e/b", `part ".."`, ""},
		{"git::https://example.com/a//-b", `begins with "-"`, ""},
		{"git::https://example.com/a//b//c", "empty part", ""},
		{"git::https://example.com/a/../b", `part ".."`, ""},
		{"git::https://example.com/a%0ab", "control character", ""},
		{"git::https://example.com/a%00b", "control character", ""},
		{"git::https://example.com/a%E2%80%AEb", "control character", ""},
		{"git::https://example.com/a%ffb", "not UTF-8", ""},
		{"git::https://example.com/a\x01b", "control character", ""},
		{"git::https://example.com/a#b", "#", ""},
		{"git::https://example.com/a%2", "no address", ""},
		{"git::https://example.com/a?ref=-v", `begins with "-"`, ""},
		{"git::https://example.com/a?ref=x/-v", `begins with "-"`, ""},
		{"git::https://example.com/a?ref=%2d-upload-pack=id", `begins with "-"`, ""},
		{"git::https://example.com/a?ref=a..b", "no ref", ""},
		{"git::https://example.com/a?ref=a%0a", "control character", ""},
		{"git::https://example.com/a?ref=", "empty", ""},
		{"git::https://example.com/a?ref=a&ref=b", "twice", ""},
		{"git::https://example.com/a?ref=a&version=1", "exclude each other", ""},
		{"git::https://example.com/a?depth=1", "unknown", "ref, version"},
		{"git::https://example.com/a?", "unknown", ""},
		{"git::file://host/a", "no host", "absolute"},
		{"git::file://a", "no host", ""},
		{"git::file:///", "no repository", ""},
		{strings.Repeat("a", 5000), "longer than", ""},
	} {
		t.Run(c.in, func(t *testing.T) {
			got, err := source.Parse(c.in)
			if err == nil {
				t.Fatalf("parsed as %#v", got)
			}
			if !strings.Contains(err.Error(), c.summary) || !strings.Contains(hint(err), c.hint) {
				t.Errorf("%v\nhint: %s", err, hint(err))
			}
			if strings.Contains(err.Error()+hint(err), "secret") || strings.Contains(err.Error()+hint(err), "token") {
				t.Errorf("shows a credential: %v, %s", err, hint(err))
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"go@~> 1.26", "./x", "../x.box", "https://example.com/shop.box?checksum=" + sum, "oci://localhost:5000/org/box:1.4",
		"git::https://example.com/org/repo.git//sub/dir?ref=v1.4.0", "git::https://example.com/r?version=~> 1.4",
		"git::ssh://git@example.com/r", "git::git@example.com:org/repo.git//a", "git::file:///srv/r", "git::git@[::1]:/r?ref=a%2Fb",
		"git::https://example.com/a%2f%2fb", "git::a:b:c@d:e", "git::h:%2f",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := source.Parse(s)
		if err != nil {
			if _, ok := errors.AsType[*source.Error](err); !ok || err.Error() == "" {
				t.Fatalf("%#v", err)
			}
			return
		}
		roundTrip(t, got)
	})
}
