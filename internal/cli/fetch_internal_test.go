package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/envyhq/envy/boxes/source"
)

// server answers https as a test wants it, and keeps what it was asked.
func server(t *testing.T, serve http.HandlerFunc) (*httptest.Server, *[]*http.Request) {
	t.Helper()
	var asked []*http.Request
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r)
		serve(w, r)
	}))
	t.Cleanup(s.Close)
	return s, &asked
}

func hostOf(s *httptest.Server) string {
	return strings.TrimPrefix(strings.TrimPrefix(s.URL, "https://"), "http://")
}

func TestFetch(t *testing.T) {
	last, asked := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/shop.box":
			_, _ = io.WriteString(w, "an archive")
		case "/short.box":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		default:
			http.NotFound(w, r)
		}
	})
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "anybody's") }))
	t.Cleanup(plain.Close)
	first, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/moved.box": last.URL + "/shop.box", "/plain.box": plain.URL + "/shop.box", "/user.box": "https://u:p@" + hostOf(last) + "/shop.box",
			"/loop.box": r.URL.Path, "/file.box": "file:///etc/passwd",
		}[r.URL.Path]
		w.Header().Set("Set-Cookie", "a=b")
		http.Redirect(w, r, to, http.StatusFound)
	})
	for name, tc := range map[string]struct {
		host *httptest.Server
		path string
		want string // of the error
	}{
		"there":                                 {last, "/shop.box", ""},
		"moved to another host":                 {first, "/moved.box", ""},
		"moved to http":                         {first, "/plain.box", "redirected from https to http"},
		"moved to an address with a password":   {first, "/user.box", "with credentials"},
		"moved to a file":                       {first, "/file.box", "redirected from https to file"},
		"moved for ever":                        {first, "/loop.box", "too many redirects"},
		"not there":                             {last, "/none.box", "404"},
		"broken off":                            {last, "/short.box", "unexpected EOF"},
		"of a host whose certificate is no one": {plain, "/shop.box", "HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			*asked = nil
			client := fetchClient(last.Client().Transport)
			body, _, err := fetch(t.Context(), client, source.Archive{Host: hostOf(tc.host), URLPath: tc.path}, "test")
			var data []byte
			if err == nil {
				data, err = io.ReadAll(body)
				err = errors.Join(err, body.Close())
			}
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("%q, %v, want %q", data, err, tc.want)
			}
			if _, ours := errors.AsType[*fetchError](err); err != nil && !ours {
				t.Errorf("%#v", err)
			}
			for _, r := range *asked {
				if r.Header.Get("Authorization")+r.Header.Get("Cookie")+r.Header.Get("Referer") != "" {
					t.Errorf("it was told %v", r.Header)
				}
			}
		})
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	if _, _, err := fetch(ctx, fetchClient(last.Client().Transport), source.Archive{Host: hostOf(last), URLPath: "/shop.box"}, "test"); err == nil {
		t.Error("it was fetched after an interrupt")
	}
}

func FuzzAdded(f *testing.F) {
	f.Add([]byte(`{"source":"/x.box","added":"2026-01-02T03:04:05Z","digest":"sha256:0"}` + "\n"))
	f.Add([]byte("{}\nmanifest.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := decodeAdded("web", data)
		if err == nil && (b.Head == nil || b.Head.Digest != b.Digest) {
			t.Fatalf("%+v", b)
		}
	})
}
