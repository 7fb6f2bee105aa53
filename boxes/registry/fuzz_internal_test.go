package registry

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestParseChallenges(t *testing.T) {
	one := func(scheme string, params ...string) challenge {
		c := challenge{scheme: scheme, params: map[string]string{}}
		for i := 0; i < len(params); i += 2 {
			c.params[params[i]] = params[i+1]
		}
		return c
	}
	for text, want := range map[string][]challenge{
		"":                                  nil,
		"Basic":                             {one("basic")},
		`Basic realm="a\"b, c=d"`:           {one("basic", "realm", `a"b, c=d`)},
		`Bearer Realm=x , SERVICE = "y"`:    {one("bearer", "realm", "x", "service", "y")},
		`Basic realm="a", Bearer realm="b"`: {one("basic", "realm", "a"), one("bearer", "realm", "b")},
		`Bearer realm="a",realm="b"`:        {one("bearer", "realm", "a")},
		`Bearer realm="a`:                   {one("bearer")},
		`, ,Basic,`:                         {one("basic")},
		`"x" Basic`:                         nil,
		strings.Repeat("a, ", 100):          {one("a"), one("a"), one("a"), one("a"), one("a"), one("a"), one("a"), one("a")},
	} {
		if diff := cmp.Diff(want, parseChallenges([]string{text}), cmp.AllowUnexported(challenge{})); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

// What goes to this machine is never sent through a proxy: it may go without TLS.
func TestProxyOf(t *testing.T) {
	if proxyOf(nil) != nil {
		t.Error("a proxy of nobody")
	}
	want := &url.URL{Scheme: "http", Host: "proxy.example.com:3128"}
	f := proxyOf(func(*http.Request) (*url.URL, error) { return want, nil })
	for host, proxied := range map[string]bool{
		"registry.example.com": true, "registry.example.com:5000": true, "localhost.example.com": true, "10.0.0.1:5000": true,
		"127.0.0.1:5000": false, "127.1.2.3": false, "localhost:5000": false, "[::1]:5000": false, "[::1]": false,
	} {
		got, err := f(&http.Request{URL: &url.URL{Scheme: "https", Host: host}})
		if err != nil || (got == want) != proxied {
			t.Errorf("%s: %v %v", host, got, err)
		}
	}
}

func FuzzChallenges(f *testing.F) {
	for _, s := range []string{`Bearer realm="https://example.com/token",service="x",scope="a b"`, `Basic realm=x, Bearer`, `a=b`, `Bearer realm="\`, "Negotiate abc=="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := parseChallenges([]string{s, s})
		if len(got) > maxChallenges {
			t.Errorf("%d challenges", len(got))
		}
		for _, c := range got {
			if c.scheme == "" || c.scheme != strings.ToLower(c.scheme) {
				t.Errorf("scheme %q", c.scheme)
			}
		}
	})
}

func FuzzManifest(f *testing.F) {
	digest := "sha256:" + strings.Repeat("0", 64)
	f.Add(`{"schemaVersion":2,"config":{"digest":"`+digest+`","size":1},"layers":[]}`, ocispec.MediaTypeImageManifest)
	f.Add(`{"schemaVersion":2,"manifests":[{"digest":"`+digest+`","size":1,"platform":{"os":"linux","architecture":"amd64"}}]}`, ocispec.MediaTypeImageIndex)
	f.Add(`{"schemaVersion":2,"manifests":null}`, dockerList)
	f.Add(strings.Repeat("[", 100), dockerManifest)
	f.Fuzz(func(t *testing.T, data, kind string) {
		m, err := decodeManifest(kind, []byte(data))
		if err != nil {
			if !Is(err, Invalid) && !Is(err, TooLarge) {
				t.Errorf("error %v", err)
			}
			return
		}
		for _, d := range append([]Descriptor{m.Config}, m.Layers...) {
			if !m.IsIndex() && (d.Size < 0 || checkDigest(d.Digest) != nil) {
				t.Errorf("descriptor %+v", d)
			}
		}
		platforms, err := m.platforms()
		for name, digest := range platforms {
			if err != nil || strings.Count(name, "/") < 1 || strings.ContainsAny(name, " \n") || checkDigest(digest) != nil {
				t.Errorf("platform %q: %q, %v", name, digest, err)
			}
		}
	})
}
