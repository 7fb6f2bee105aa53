package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/client"

	"github.com/envyhq/envy/provision/driver"
)

// dockerConfig writes a docker client configuration with a context "far".
func dockerConfig(t *testing.T, current string) string {
	t.Helper()
	dir := t.TempDir()
	sum := sha256.Sum256([]byte("far"))
	meta := filepath.Join(dir, "contexts", "meta", hex.EncodeToString(sum[:]))
	if err := os.MkdirAll(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "config.json"), fmt.Sprintf(`{"currentContext": %q}`, current))
	write(filepath.Join(meta, "meta.json"), `{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://far.example:2375","SkipTLSVerify":false}}}`)
	return dir
}

func TestResolveEndpoint(t *testing.T) {
	config := dockerConfig(t, "far")
	plain := dockerConfig(t, "")
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "config.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		opts Options
		env  map[string]string
		want string // "" is an error of kind Unreachable
	}{
		{name: "nothing said", opts: Options{ConfigDir: plain}, want: client.DefaultDockerHost},
		{name: "no configuration", opts: Options{ConfigDir: t.TempDir()}, want: client.DefaultDockerHost},
		{name: "current context", opts: Options{ConfigDir: config}, want: "tcp://far.example:2375"},
		{name: "configuration by the environment", env: map[string]string{"DOCKER_CONFIG": config}, want: "tcp://far.example:2375"},
		{name: "DOCKER_HOST before the current context", opts: Options{ConfigDir: config}, env: map[string]string{"DOCKER_HOST": "unix:///h"}, want: "unix:///h"},
		{name: "DOCKER_HOST leaves the configuration alone", opts: Options{ConfigDir: broken}, env: map[string]string{"DOCKER_HOST": "unix:///h"}, want: "unix:///h"},
		{name: "DOCKER_HOST before DOCKER_CONTEXT", opts: Options{ConfigDir: config}, env: map[string]string{"DOCKER_HOST": "unix:///h", "DOCKER_CONTEXT": "far"}, want: "unix:///h"},
		{name: "DOCKER_CONTEXT before the current one", opts: Options{ConfigDir: config}, env: map[string]string{"DOCKER_CONTEXT": "default"}, want: client.DefaultDockerHost},
		{name: "flag before DOCKER_HOST", opts: Options{ConfigDir: plain, Context: "far"}, env: map[string]string{"DOCKER_HOST": "unix:///h"}, want: "tcp://far.example:2375"},
		{name: "the flag's default is DOCKER_HOST", opts: Options{ConfigDir: config, Context: "default"}, env: map[string]string{"DOCKER_HOST": "unix:///h"}, want: "unix:///h"},
		{name: "host before all", opts: Options{ConfigDir: config, Context: "far", Host: "unix:///x"}, want: "unix:///x"},
		{name: "over ssh", opts: Options{Host: "ssh://me@far.example"}, want: "ssh://me@far.example"},
		{name: "unknown context", opts: Options{ConfigDir: config, Context: "near"}},
		{name: "broken configuration", opts: Options{ConfigDir: broken}},
		{name: "no URL", opts: Options{Host: "somewhere"}},
		{name: "ssh with a password", opts: Options{Host: "ssh://me:secret@far.example"}},
		{name: "missing certificates", opts: Options{ConfigDir: plain}, env: map[string]string{"DOCKER_HOST": "tcp://x:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/nowhere"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.opts.Getenv = func(name string) string { return c.env[name] }
			e, err := Open(c.opts)
			if c.want == "" {
				if !driver.Is(err, driver.Unreachable) {
					t.Errorf("error %v is of another kind", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if e.endpoint != c.want {
				t.Errorf("the endpoint is %s, want %s", e.endpoint, c.want)
			}
		})
	}
}

// The socket is the one that Open would use; an engine elsewhere has none.
func TestSocket(t *testing.T) {
	config := dockerConfig(t, "far")
	plain := dockerConfig(t, "")
	usual := strings.TrimPrefix(client.DefaultDockerHost, "unix://")
	for _, c := range []struct {
		opts Options
		env  map[string]string
		want string
	}{
		{Options{ConfigDir: plain}, nil, usual},
		{Options{ConfigDir: plain}, map[string]string{"DOCKER_HOST": "unix:///h/s"}, "/h/s"},
		{Options{ConfigDir: config, Context: "default"}, nil, usual},
		{Options{ConfigDir: config}, nil, ""},
		{Options{Host: "ssh://me@far.example"}, nil, ""},
		{Options{ConfigDir: plain, Context: "near"}, nil, ""},
	} {
		c.opts.Getenv = func(name string) string { return c.env[name] }
		if got := Socket(c.opts); got != c.want {
			t.Errorf("%+v: %q, want %q", c, got, c.want)
		}
	}
}

// An engine behind TLS, known by its certificate, which asks for none.
func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(&answers{api: "1.41"})
	defer server.Close()
	dir := t.TempDir()
	known := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), known, 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"DOCKER_HOST": "tcp://" + server.Listener.Addr().String(), "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": dir,
	}
	open := func() *Engine {
		e, err := Open(Options{Getenv: func(name string) string { return env[name] }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	if got, err := open().Ping(t.Context()); err != nil || got.Version != "29.1.2-ce" {
		t.Errorf("%+v, %v", got, err)
	}
	delete(env, "DOCKER_TLS_VERIFY")
	if _, err := open().Ping(t.Context()); !driver.Is(err, driver.Unreachable) {
		t.Errorf("without TLS: %v", err)
	}
}
