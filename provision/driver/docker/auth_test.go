package docker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/registry"
	"github.com/google/go-cmp/cmp"
)

func withConfig(t *testing.T, text string) Options {
	t.Helper()
	dir := t.TempDir()
	if text != "" {
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Options{ConfigDir: dir, Getenv: func(string) string { return "" }}
}

// helper puts a credential helper on the PATH that knows one host and writes down what it is asked for.
func helper(t *testing.T, name, host string) (asked func() string) {
	t.Helper()
	dir := t.TempDir()
	script := `#!/bin/sh
read -r host
echo "$1 $host" >>'` + dir + `/log'
[ "$host" = '` + host + `' ] || { echo "credentials not found in native keychain"; exit 1; }
printf '{"ServerURL":"%s","Username":"from-` + name + `","Secret":"s3cret"}' "$host"
`
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
		b, err := os.ReadFile(filepath.Join(dir, "log"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(b)
	}
}

func TestRegistryAuth(t *testing.T) {
	const inline = `"auths":{"r.example":{"auth":"dTpw"},"https://index.docker.io/v1/":{"auth":"aHViOnA="}}` // u:p, hub:p
	tests := map[string]struct{ config, ref, user string }{
		"no file":         {"", "r.example/x", ""},
		"inline":          {"{" + inline + "}", "r.example/x:1", "u"},
		"hub":             {"{" + inline + "}", "debian", "hub"},
		"another host":    {"{" + inline + "}", "s.example/x", ""},
		"helper for host": {"{" + inline + `,"credHelpers":{"h.example":"one"}}`, "h.example/x", "from-one"},
		"store":           {`{"credsStore":"one"}`, "h.example/x", "from-one"},
		"store has none":  {`{"credsStore":"one"}`, "r.example/x", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			asked := helper(t, "one", "h.example")
			ref, err := reference.ParseNormalizedNamed(tt.ref)
			if err != nil {
				t.Fatal(err)
			}
			header, err := withConfig(t, tt.config).registryAuth(ref)
			if err != nil {
				t.Fatal(err)
			}
			got := &registry.AuthConfig{}
			if header != "" {
				if got, err = registry.DecodeAuthConfig(header); err != nil {
					t.Fatal(err)
				}
			}
			if got.Username != tt.user {
				t.Errorf("user %q, want %q", got.Username, tt.user)
			}
			for line := range strings.Lines(asked()) {
				if line != "get "+reference.Domain(ref)+"\n" {
					t.Errorf("the helper was asked %q", line)
				}
			}
			if asked() != "" && !strings.Contains(tt.config, "cred") {
				t.Error("a helper that nobody configured was run")
			}
		})
	}
}

func TestProxiesBecomeBuildArgs(t *testing.T) {
	o := withConfig(t, `{"proxies":{"default":{"httpProxy":"http://p:1"}}}`)
	got, err := o.buildArgs("unix:///x", map[string]string{"A": "1", "http_proxy": "mine", "EMPTY": ""})
	if err != nil {
		t.Fatal(err)
	}
	flat := map[string]string{}
	for k, v := range got {
		flat[k] = *v
	}
	want := map[string]string{"A": "1", "EMPTY": "", "http_proxy": "mine", "HTTP_PROXY": "http://p:1"}
	if diff := cmp.Diff(want, flat); diff != "" {
		t.Errorf("args (-want +got):\n%s", diff)
	}
}

func TestRegistryCredentials(t *testing.T) {
	token := helper(t, "two", "t.example")
	o := withConfig(t, `{"auths":{"r.example":{"auth":"dTpw"},"i.example":{"auth":"PHRva2VuPjpw","identitytoken":"tok"},"`+hubKey+`":{"auth":"aHViOnA="}},
		"credHelpers":{"t.example":"two","broken.example":"no-such"}}`)
	for host, want := range map[string][3]string{
		"r.example": {"u", "p", ""}, "docker.io": {"hub", "p", ""}, "t.example": {"from-two", "s3cret", ""}, "s.example": {},
	} {
		user, secret, identity, err := o.RegistryCredentials(host)
		if err != nil || [3]string{user, secret, identity} != want {
			t.Errorf("%s: %q %q %q %v, want %q", host, user, secret, identity, err, want)
		}
	}
	if _, _, identity, err := o.RegistryCredentials("i.example"); err != nil || identity != "tok" {
		t.Errorf("identity token %q, %v", identity, err)
	}
	if asked := token(); strings.Count(asked, "\n") != 1 {
		t.Errorf("the helper was asked %q", asked)
	}
	if _, _, _, err := o.RegistryCredentials("broken.example"); err == nil {
		t.Error("a helper that is not there gives credentials")
	}
	if got := RegistryHost("registry.example.com:5000"); got != "registry.example.com:5000" {
		t.Error(got)
	}
	if got := RegistryHost("docker.io"); !strings.Contains(hubKey, "//"+got+"/") {
		t.Error(got)
	}
}
