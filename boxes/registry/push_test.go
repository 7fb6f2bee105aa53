package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/envyhq/envy/boxes/registry"
)

// startRegistry runs a real one on this machine's loopback; with a user, it wants that one's password, s3cret.
func startRegistry(t *testing.T, user string) (host string) {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("SKIPPED: THERE IS NO docker-registry ON THIS MACHINE")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host = listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " + dir + "}}\nhttp: {addr: '" + host + "'}\n"
	if user != "" {
		config += "auth: {htpasswd: {realm: test, path: " + dir + "/users}}\n"
		users := user + ":$2a$04$1mSZEbLdE8Qa.OqEaZxAcuab0Ukyg.LEjMqaPOd65vCdNisabQkI.\n"
		if err := os.WriteFile(filepath.Join(dir, "users"), []byte(users), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "config.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, program, "serve", file)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	for end := time.Now().Add(30 * time.Second); ; {
		if c, err := net.Dial("tcp", host); err == nil {
			_ = c.Close()
			return host
		}
		if time.Now().After(end) {
			t.Fatal("the registry does not start")
		}
	}
}

func content(data string) registry.Content {
	return registry.Content{Digest: digestOf(data), Size: int64(len(data)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(data)), nil
	}}
}

func TestRealRegistry(t *testing.T) {
	for name, user := range map[string]string{"open": "", "with a password": "me"} {
		t.Run(name, func(t *testing.T) {
			host := startRegistry(t, user)
			cfg := registry.Config{Agent: "envy/test"}
			withUser(&cfg)
			c := registry.New(cfg)
			defer c.Close()
			s := newSample(t)
			repo := host + "/team/x"
			_, err := c.Resolve(t.Context(), repo+":1")
			wantKind(t, err, registry.NotFound)
			for range 2 {
				for _, data := range []string{s.config, s.layer, ""} {
					if err := c.PushBlob(t.Context(), repo, content(data)); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, tag := range []string{"one", digestOf(s.manifest)} {
				ref := repo + ":" + tag
				if strings.HasPrefix(tag, "sha256:") {
					ref = repo + "@" + tag
				}
				if err := c.PushManifest(t.Context(), ref, registry.Manifest{MediaType: ocispec.MediaTypeImageManifest, Data: []byte(s.manifest)}); err != nil {
					t.Fatal(err)
				}
			}
			got, err := c.Resolve(t.Context(), repo+":one")
			want := registry.Resolved{Digest: digestOf(s.manifest), Platforms: map[string]string{"linux/arm64/v8": digestOf(s.manifest)}}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			if data, err := readBlob(t, c, repo, digestOf(s.layer), int64(len(s.layer))); err != nil || data != s.layer {
				t.Errorf("%d bytes, %v", len(data), err)
			}
			mounted := content(s.layer)
			mounted.From, mounted.Open = repo, func() (io.ReadCloser, error) { return nil, errors.New("it is sent, though it is there") }
			if err := c.PushBlob(t.Context(), host+"/team/y", mounted); err != nil {
				t.Errorf("from the other repository: %v", err)
			}
			err = c.PushBlob(t.Context(), repo, registry.Content{Digest: digestOf("a"), Size: 1, Open: content("b").Open})
			wantKind(t, err, registry.Invalid, "digest")
			err = c.PushManifest(t.Context(), repo+":bad", registry.Manifest{MediaType: ocispec.MediaTypeImageIndex, Data: []byte(index(t, member("x", "linux/amd64", nil)))})
			if !registry.Is(err, registry.NotFound) && !registry.Is(err, registry.Invalid) {
				t.Errorf("an index of what is not there: %v", err)
			}
		})
	}
}

func TestPushElsewhere(t *testing.T) {
	came := &seen{}
	other := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { came.note(r) }))
	defer other.Close()
	location := ""
	c, repo := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case http.MethodPost:
			if location != "" {
				w.Header().Set("Location", strings.ReplaceAll(location, "HOST", r.Host))
			}
			w.WriteHeader(http.StatusAccepted)
		default:
			w.Header().Set("Docker-Content-Digest", digestOf("another"))
			w.WriteHeader(http.StatusCreated)
			_, _ = io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, "thanks")
		}
	}), withUser)
	for _, tt := range []struct {
		location string
		kind     registry.Kind
		text     string
	}{
		{"/v2/x?state=y", 0, ""},
		{"", registry.Invalid, "no address"},
		{other.URL + "/x", registry.Denied, "elsewhere"},
		{"http://HOST/x", registry.Denied, "elsewhere"},
		{"https://you@HOST/x", registry.Denied, "elsewhere"},
		{"file:///x", registry.Denied, "elsewhere"},
	} {
		location = tt.location
		if err := c.PushBlob(t.Context(), repo, content("x")); tt.kind == 0 && err != nil {
			t.Error(err)
		} else if tt.kind != 0 {
			wantKind(t, err, tt.kind, tt.text)
		}
	}
	if got := came.take(); len(got) > 0 {
		t.Errorf("sent elsewhere: %q", got)
	}
	m := registry.Manifest{MediaType: ocispec.MediaTypeImageManifest, Data: []byte("{}")}
	wantKind(t, c.PushManifest(t.Context(), repo+":1", m), registry.Changed, "the registry calls it")
	wantKind(t, c.PushManifest(t.Context(), repo+"@"+digestOf("x"), m), registry.Changed)
	m.Data = make([]byte, registry.MaxManifest+1)
	wantKind(t, c.PushManifest(t.Context(), repo+":1", m), registry.TooLarge)
}
