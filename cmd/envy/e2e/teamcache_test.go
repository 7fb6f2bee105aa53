package e2e

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startRegistry runs a registry on this machine's loopback, which keeps what it has in a folder.
func startRegistry(t *testing.T, address, dir string) (host string) {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("SKIPPED: THERE IS NO docker-registry ON THIS MACHINE")
	}
	if d := os.Getenv("DOCKER_HOST"); d != "" && !strings.HasPrefix(d, "unix://") {
		t.Skip("SKIPPED: the engine is elsewhere, and cannot reach a registry of this machine's loopback")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	host = listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.yml")
	config := "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " + dir + "}}\nhttp: {addr: '" + host + "'}\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	c := exec.CommandContext(ctx, program, "serve", file)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = c.Wait() // it was killed
	})
	for deadline := time.Now().Add(time.Minute); ; {
		if c, err := net.Dial("tcp", host); err == nil {
			_ = c.Close()
			return host
		}
		if time.Now().After(deadline) {
			t.Fatal("the registry does not start")
		}
	}
}

// configure writes what the user's own configuration says of the cache, with files beside it.
func (p *project) configure(cache string, files map[string][]byte) {
	p.t.Helper()
	dir := filepath.Join(filepath.Dir(p.state), "config", "envy")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		p.t.Fatal(err)
	}
	all := map[string][]byte{"config.hcl": []byte("cache {\n  " + cache + "\n}\n")}
	maps.Copy(all, files)
	for name, data := range all {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

// keyPair is a key for signatures, in PEM.
func keyPair(t *testing.T) (private, public []byte) {
	t.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	half, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: half})
}

// timedUp brings a box up, says how long it took, and gives the tag of its image, which goes with the test.
func (p *project) timedUp(what string, flags ...string) (recipe, said string) {
	p.t.Helper()
	began := time.Now()
	r := p.ok(append([]string{"up"}, flags...)...)
	p.t.Logf("%s: up took %s", what, time.Since(began).Round(10*time.Millisecond))
	for line := range strings.Lines(r.stderr) {
		if strings.Contains(line, "team cache, ") {
			p.t.Log(strings.TrimSpace(line))
		}
	}
	recipe = p.inspect("web", "{{.Config.Image}}")
	if got := p.ok("exec", "web", "git", "--version").stdout; !strings.HasPrefix(got, "git version") {
		p.t.Errorf("%s: git in the box says %q", what, got)
	}
	p.quiet()
	return recipe, r.stderr
}

// gone takes a box and its image away.
func (p *project) gone(recipe string) {
	p.t.Helper()
	p.ok("destroy", "--yes")
	alone, _, _ := strings.Cut(recipe, "-") // without the versions of its packages
	if out := p.docker("image", "rm", recipe) + p.docker("image", "rm", alone); !strings.Contains(out, "Deleted:") {
		p.t.Errorf("image rm %s: %s", recipe, out)
	}
}

// builtHere reports whether an up built an image, be it from the layers of another.
func builtHere(said string) bool { return strings.Contains(said, ": built ") }

// TestTeamCache: what one up built and pushed the next one takes, if it is trusted and what it should be. With
// ENVY_TEAM_CACHE the registry keeps it in that folder, so that a second run, on another engine, takes it there:
//
//	ENVY_TEAM_CACHE=/tmp/cache .ci/test -v -run TestTeamCache ./cmd/envy/e2e
//	ENVY_TEAM_CACHE=/tmp/cache .ci/engine graph .ci/test -v -run TestTeamCache ./cmd/envy/e2e
func TestTeamCache(t *testing.T) {
	dir, kept := os.Getenv("ENVY_TEAM_CACHE"), false
	if dir != "" {
		entries, _ := os.ReadDir(dir) // none: nobody was here before
		kept = len(entries) > 0
	} else {
		dir = t.TempDir()
	}
	registry := startRegistry(t, "127.0.0.1:0", dir) + "/team/cache"
	p := newProject(t, "")
	own := p.name // no other test has the same recipe
	if os.Getenv("ENVY_TEAM_CACHE") != "" {
		own = "kept"
	}
	p.write(fmt.Sprintf("cache { registry = %q }\nbox \"web\" {\n  image    = %q\n  packages = [\"git\"]\n  setup \"own\" { run = \"echo %s\" }\n}\n", registry, debian, own))
	p.accept()
	if !kept {
		recipe, said := p.timedUp("built and pushed", "--push")
		if !builtHere(said) || !strings.Contains(said, "was pushed to the team cache") {
			t.Errorf("the first up did not build and push:\n%s", said)
		}
		if again := p.ok("up", "--push"); !strings.Contains(again.stderr, "is in the team cache already") {
			t.Errorf("the second push:\n%s", again.stderr)
		}
		p.gone(recipe)
	}
	trust := fmt.Sprintf("trust = [%q]", registry)
	p.configure(trust, nil)
	if r := p.ok("plan"); !strings.Contains(r.stdout, "from the team cache, else built") {
		t.Errorf("the plan does not say it:\n%s", r.stdout)
	}
	recipe, said := p.timedUp("taken by its hash")
	if builtHere(said) || !strings.Contains(said, "was taken from the team cache") {
		t.Errorf("it was not taken:\n%s", said)
	}
	if got := p.docker("image", "ls", "-q", registry); got != "" {
		t.Errorf("names of the cache are left: %s", got)
	}
	// What was taken is what the cache has, and enters a lock that lacks it.
	locked := filepath.Join(p.dir, "Envfile.lock")
	data, err := os.ReadFile(locked)
	if before, rest, has := strings.Cut(string(data), "image \""+recipe); has && err == nil {
		_, rest, _ = strings.Cut(rest, "}\n")
		err = os.WriteFile(locked, []byte(before+rest), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.ok("up", "--push")
	if data, err = os.ReadFile(locked); err != nil || !strings.Contains(string(data), "image \""+recipe) {
		t.Errorf("the lock lacks the image of the cache: %v\n%s", err, data)
	}
	p.gone(recipe)
	if os.Getenv("ENVY_TEAM_CACHE") != "" {
		return // for others to take
	}

	// It is signed: then it counts without the lock and without trust in the registry, by that key alone.
	private, public := keyPair(t)
	p.configure(`sign = "team.key"`, map[string][]byte{"team.key": private})
	recipe, said = p.timedUp("signed", "--push")
	if !strings.Contains(said, "is signed in the team cache") {
		t.Errorf("it was not signed:\n%s", said)
	}
	lock, err := os.ReadFile(locked)
	if err == nil {
		err = os.Remove(locked)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.gone(recipe)
	p.configure(`keys = ["team.pub"]`, map[string][]byte{"team.pub": public})
	if recipe, said = p.timedUp("taken by its signature"); builtHere(said) || !strings.Contains(said, "was taken from the team cache") {
		t.Errorf("it was signed, and not taken:\n%s", said)
	}
	p.gone(recipe)
	p.configure(trust, nil)
	if err := os.WriteFile(filepath.Join(p.dir, "Envfile.lock"), lock, 0o600); err != nil {
		t.Fatal(err)
	}

	// Somebody puts another image there, under the same hash.
	hash, _, _ := strings.Cut(recipe[strings.LastIndexByte(recipe, ':')+1:], "-")
	for _, name := range []string{registry + ":" + hash, registry + ":" + recipe[strings.LastIndexByte(recipe, ':')+1:]} {
		for _, args := range [][]string{{"tag", tiny, name}, {"push", "-q", name}, {"image", "rm", name}} {
			p.docker(args...)
		}
	}
	if recipe, said = p.timedUp("taken by its digest, which the lock has"); builtHere(said) || !strings.Contains(said, "was taken from the team cache") {
		t.Errorf("with the digest in the lock:\n%s", said)
	}
	p.gone(recipe)
	if err := os.Remove(filepath.Join(p.dir, "Envfile.lock")); err != nil {
		t.Fatal(err)
	}
	if recipe, said = p.timedUp("built, for what is in the cache is another image"); !strings.Contains(said, "does not count: it was made by another recipe") {
		t.Errorf("another image:\n%s", said)
	}
	if got := p.docker("image", "ls", "-q", registry); got != "" {
		t.Errorf("the other image is left: %s", got)
	}
	p.gone(recipe)
}
