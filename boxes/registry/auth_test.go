package registry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/boxes/registry"
)

// seen notes what came to a server.
type seen struct {
	sync.Mutex
	auth []string
}

func (s *seen) note(r *http.Request) {
	s.Lock()
	defer s.Unlock()
	s.auth = append(s.auth, r.Header.Get("Authorization"))
}

func (s *seen) take() []string {
	s.Lock()
	defer s.Unlock()
	out := s.auth
	s.auth = nil
	return out
}

// guarded lets in whoever has the header, and tells everybody else where to get it.
func guarded(came *seen, header, offer string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.note(r)
		if r.Header.Get("Authorization") != header {
			w.Header().Set("WWW-Authenticate", offer)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}

const userAuth = "Basic bWU6czNjcmV0" // me:s3cret

func TestBasic(t *testing.T) {
	came := &seen{}
	h := guarded(came, userAuth, `Basic realm="x"`, newSample(t).store())
	c, repo := serve(t, h)
	_, err := c.Manifest(t.Context(), repo+":1")
	wantKind(t, err, registry.Denied, "wants credentials")

	var hosts []string
	c, repo = serve(t, h, func(cfg *registry.Config) {
		cfg.Credentials = func(_ context.Context, host string) (string, string, string, error) {
			hosts = append(hosts, host)
			return "me", "s3cret", "", nil
		}
	})
	came.take()
	for range 2 {
		if _, err := c.Manifest(t.Context(), repo+":1"); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"", userAuth, userAuth}, came.take()); diff != "" {
		t.Error(diff)
	}
	if want := strings.TrimSuffix(repo, "/team/x"); len(hosts) != 1 || hosts[0] != want {
		t.Errorf("asked for %q, want %s once", hosts, want)
	}

	c, repo = serve(t, h, func(cfg *registry.Config) {
		cfg.Credentials = func(context.Context, string) (string, string, string, error) { return "me", "wr0ng", "", nil }
	})
	came.take()
	_, err = c.Manifest(t.Context(), repo+":1")
	if wantKind(t, err, registry.Denied, "refuses"); strings.Contains(err.Error(), "wr0ng") {
		t.Error(err)
	}
	if n := len(came.take()); n != 2 {
		t.Errorf("asked %d times, want 2", n)
	}
	c, repo = serve(t, h, func(cfg *registry.Config) {
		cfg.Credentials = func(context.Context, string) (string, string, string, error) {
			return "", "", "", errors.New("helper broke")
		}
	})
	_, err = c.Manifest(t.Context(), repo+":1")
	wantKind(t, err, registry.Denied, "helper broke")
}

func TestBearer(t *testing.T) {
	var forms []url.Values
	answer := `{"token":"t0ken"}`
	tokens := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		form := r.Form
		if auth := r.Header.Get("Authorization"); auth != "" {
			form.Set("auth", auth)
		}
		forms = append(forms, form)
		fmt.Fprint(w, answer)
	}))
	defer tokens.Close()
	offer := `Bearer realm="` + tokens.URL + `/token?a=b",service="registry, of ours",scope="repository:other:pull"`
	came := &seen{}
	try := func(change ...func(*registry.Config)) error {
		s := httptest.NewTLSServer(guarded(came, "Bearer t0ken", offer, newSample(t).store()))
		defer s.Close()
		cfg := configFor(s, tokens)
		for _, f := range change {
			f(&cfg)
		}
		c := registry.New(cfg)
		defer c.Close()
		forms = nil
		_, err := c.Manifest(t.Context(), strings.TrimPrefix(s.URL, "https://")+"/team/x:1")
		return err
	}
	base := url.Values{"a": {"b"}, "service": {"registry, of ours"}, "scope": {"repository:team/x:pull"}}
	with := func(key, value string) url.Values {
		v := url.Values{key: {value}}
		for k, x := range base {
			v[k] = x
		}
		return v
	}
	identity := func(cfg *registry.Config) {
		cfg.Credentials = func(context.Context, string) (string, string, string, error) { return "x", "y", "refresh", nil }
	}
	refreshed := with("refresh_token", "refresh")
	refreshed["grant_type"], refreshed["client_id"] = []string{"refresh_token"}, []string{"envy"}
	for name, tt := range map[string]struct {
		change func(*registry.Config)
		want   url.Values
	}{
		"anonymous": {func(*registry.Config) {}, base},
		"user":      {withUser, with("auth", userAuth)},
		"identity":  {identity, refreshed},
	} {
		if err := try(tt.change); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff([]url.Values{tt.want}, forms); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for text, kind := range map[string]registry.Kind{
		`{"access_token":"t0ken"}`:   0,
		`{"token":""}`:               registry.Invalid,
		`{"token":"a\r\nX-Evil: b"}`: registry.Invalid,
		`{"token":"other"}`:          registry.Denied,
		`<html>`:                     registry.Invalid,
		`{"token":"` + strings.Repeat("x", 70_000) + `"}`: registry.TooLarge,
		strings.Repeat(`{"a":`, 1000):                     registry.Invalid,
	} {
		answer = text
		if err := try(withUser); kind == 0 && err != nil || kind != 0 && !registry.Is(err, kind) {
			t.Errorf("%.40s: %v, want kind %d", text, err, kind)
		}
	}
}

// Credentials do not follow where a registry's realm must not lead.
func TestRealms(t *testing.T) {
	came := &seen{}
	plain := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came.note(r) }))
	defer plain.Close()
	catcher := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came.note(r) }))
	defer catcher.Close()
	sending := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, catcher.URL, http.StatusTemporaryRedirect)
	}))
	defer sending.Close()
	for name, tt := range map[string]struct {
		offer string
		kind  registry.Kind
		text  string
	}{
		"without TLS":  {`Bearer realm="` + plain.URL + `"`, registry.Denied, "without TLS"},
		"other scheme": {`Bearer realm="file:///etc/passwd"`, registry.Invalid, "no address"},
		"with a user":  {`Bearer realm="https://me:x@127.0.0.1/"`, registry.Invalid, "no address"},
		"no address":   {`Bearer realm="%zz"`, registry.Invalid, "no address"},
		"no realm":     {`Bearer service="x"`, registry.Denied, "no way in"},
		"unknown":      {`Negotiate abc==`, registry.Denied, "no way in"},
		"redirected":   {`Bearer realm="` + sending.URL + `"`, registry.Denied, "no token to be had"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("WWW-Authenticate", tt.offer)
				w.WriteHeader(http.StatusUnauthorized)
			}))
			defer s.Close()
			cfg := configFor(s, catcher, sending)
			withUser(&cfg)
			c := registry.New(cfg)
			defer c.Close()
			_, err := c.Manifest(t.Context(), strings.TrimPrefix(s.URL, "https://")+"/team/x:1")
			wantKind(t, err, tt.kind, tt.text)
			if asked != 1 {
				t.Errorf("asked %d times", asked)
			}
		})
	}
	if got := came.take(); len(got) > 0 {
		t.Errorf("servers were asked that must not be: %q", got)
	}
}

func TestRedirects(t *testing.T) {
	s := newSample(t)
	came := &seen{}
	target := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		came.note(r)
		s.store().ServeHTTP(w, r)
	}))
	defer target.Close()
	asking := httptest.NewTLSServer(guarded(came, userAuth, `Basic realm="x"`, s.store()))
	defer asking.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("plain http was used") }))
	defer plain.Close()
	to := ""
	first := httptest.NewTLSServer(guarded(&seen{}, userAuth, `Basic realm="x"`, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.ReplaceAll(to, "PATH", r.URL.Path), http.StatusTemporaryRedirect)
	})))
	defer first.Close()
	cfg := configFor(target, asking, first)
	withUser(&cfg)
	c := registry.New(cfg)
	defer c.Close()
	repo := strings.TrimPrefix(first.URL, "https://") + "/team/x"

	to = target.URL + "PATH"
	if got, err := c.Resolve(t.Context(), repo+":one"); err != nil || got.Digest != digestOf(s.manifest) {
		t.Errorf("%+v %v", got, err)
	}
	for _, auth := range came.take() {
		if auth != "" {
			t.Errorf("credentials at another host: %q", auth)
		}
	}
	for _, tt := range []struct {
		to   string
		kind registry.Kind
		text string
	}{
		{plain.URL + "PATH", registry.Denied, "address of http"},
		{asking.URL + "PATH", registry.Denied, "they go to no other host"},
		{strings.Replace(target.URL, "https://", "https://you:word@", 1) + "PATH", registry.Denied, "with a user in it"},
		{"file:///etc/passwd", registry.Invalid, "no address"},
		{first.URL + "PATH", registry.Invalid, "more than 5 times"},
		{target.URL + "/nowhere", registry.NotFound, "404"},
	} {
		to = tt.to
		_, err := c.Manifest(t.Context(), repo+":1")
		wantKind(t, err, tt.kind, tt.text)
	}
	for _, auth := range came.take() {
		if auth != "" {
			t.Errorf("credentials at another host: %q", auth)
		}
	}
	to = target.URL + "PATH"
	err := c.PushManifest(t.Context(), repo+":1", registry.Manifest{MediaType: "application/json", Data: []byte("{}")})
	wantKind(t, err, registry.Denied, "sends the request elsewhere")
}
