package docker

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// startRegistry runs a registry on this machine's loopback, which an engine here reaches without TLS; with a user, it
// wants that one's password, s3cret.
func startRegistry(t *testing.T, user string) (host string) {
	t.Helper()
	host, _ = startRegistryToStop(t, user)
	return host
}

func startRegistryToStop(t *testing.T, user string) (host string, stop func()) {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("no pull is tested: there is no docker-registry on this machine")
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
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	t.Cleanup(stop)
	waitFor(t, "the registry", func() bool {
		c, err := net.Dial("tcp", host)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	return host, stop
}

// pushOwn puts an image that no engine has yet into a registry and takes it from the engine again.
func pushOwn(t *testing.T, e *Engine, ref, password string) resource.ImageFact {
	t.Helper()
	err := e.Build(t.Context(), driver.Build{Tag: ref, Context: contextOf(map[string]string{
		"Dockerfile": from + "COPY own /own\n", "own": strings.Repeat(randomHex(32), 20_000),
	})}, event.Discard{}, "image.x")
	if err != nil {
		t.Fatal(err)
	}
	auth, err := registry.EncodeAuthConfig(registry.AuthConfig{Username: "me", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := e.api.ImagePush(t.Context(), ref, image.PushOptions{RegistryAuth: auth})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Close()
	if err := eachMessage(answer, func(message) error { return nil }); err != nil {
		t.Fatal(err)
	}
	fact, err := e.Image(t.Context(), ref, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.RemoveImage(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Image(t.Context(), ref, ""); !driver.Is(err, driver.NotFound) {
		t.Fatalf("the image is still there: %v", err)
	}
	t.Cleanup(func() {
		if err := e.RemoveImage(context.WithoutCancel(t.Context()), ref); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return fact
}

func pull(ctx context.Context, e *Engine, ref, platform string, sink event.Sink) error {
	_, err := e.Pull(ctx, ref, platform, sink, "image.x")
	return err
}

// TestPinned: an image under a tag and a digest is that digest's, for everything that boxes and recipes need of it, also
// when the tag has moved on and when the registry is gone.
func TestPinned(t *testing.T) {
	e := openEngine(t)
	host, stop := startRegistryToStop(t, "")
	ref := host + "/envypin:1"
	first := pushOwn(t, e, ref, "")
	digest, err := e.Pull(t.Context(), ref, "", event.Discard{}, "image.x")
	if err != nil || !isDigest(digest) {
		t.Fatal(digest, err)
	}
	if err := e.RemoveImage(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	second := pushOwn(t, e, ref, "")
	if asked, err := e.Digest(t.Context(), ref); err != nil || asked == digest || !isDigest(asked) || first.BaseID == second.BaseID {
		t.Fatalf("the tag has moved: %s is still %s, %v", digest, asked, err)
	}
	pinned := ref + "@" + digest
	if asked, err := e.Digest(t.Context(), pinned); err != nil || asked != digest {
		t.Errorf("asked for %s: %s, %v", pinned, asked, err)
	}
	if _, err := e.Digest(t.Context(), host+"/envypin:2"); !driver.Is(err, driver.NotFound) {
		t.Errorf("no such tag: %v", err)
	}
	if _, err := e.Image(t.Context(), pinned, ""); !driver.Is(err, driver.NotFound) {
		t.Errorf("before the pull: %v", err)
	}
	if got, err := e.Pull(t.Context(), pinned, "", event.Discard{}, "image.x"); err != nil || got != digest {
		t.Errorf("pulled %s, %v; want %s", got, err, digest)
	}
	stop()
	fact, err := e.Image(t.Context(), pinned, "")
	if err != nil || fact.BaseID != first.BaseID {
		t.Errorf("pinned: %+v, %v", fact, err)
	}
	if _, err := e.Digest(t.Context(), ref); !driver.Is(err, driver.NoRegistry) {
		t.Errorf("no registry: %v", err)
	}
	err = e.Build(t.Context(), driver.Build{Tag: "envypin:built", Context: contextOf(map[string]string{"Dockerfile": "FROM " + pinned + "\nCOPY Dockerfile /\n"})}, event.Discard{}, "image.x")
	if err != nil {
		t.Errorf("a build on it: %v", err)
	}
	for _, r := range []string{"envypin:built", pinned} {
		if err := e.RemoveImage(t.Context(), r); err != nil {
			t.Errorf("clean up: %v", err)
		}
	}
}

func TestPull(t *testing.T) {
	e := openEngine(t)
	host := startRegistry(t, "")
	ref := host + "/envyimg:1"
	before := pushOwn(t, e, ref, "")
	rec := &event.Recorder{}
	if err := pull(t.Context(), e, ref, before.OS+"/"+before.Arch, rec); err != nil {
		t.Fatal(err)
	}
	after, err := e.Image(t.Context(), ref, "")
	if err != nil || after.BaseID != before.BaseID || len(after.Digests) != 1 {
		t.Errorf("pulled %+v, %v; pushed %+v", after, err, before)
	}
	checkTasks(t, rec)
	if err := e.RemoveImage(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if err := pull(t.Context(), e, after.Digests[0], "", rec); err != nil {
		t.Errorf("by digest: %v", err)
	}
	again, err := e.Image(t.Context(), after.Digests[0], "")
	if err != nil || again.BaseID != before.BaseID {
		t.Errorf("pulled by digest %+v, %v", again, err)
	}
	if err := e.RemoveImage(t.Context(), after.Digests[0]); err != nil {
		t.Errorf("clean up: %v", err)
	}
	for name, tt := range map[string]struct {
		ref, platform string
		want          driver.Kind
	}{
		"no such tag":  {host + "/envyimg:2", "", driver.NotFound},
		"no such name": {host + "/other:1", "", driver.NotFound},
		"platform":     {ref, "linux/s390x", driver.NotFound},
		"no registry":  {"127.0.0.1:1/x:1", "", driver.NoRegistry},
		"no reference": {"A B", "", driver.Invalid},
	} {
		err := pull(t.Context(), e, tt.ref, tt.platform, event.Discard{})
		if !driver.Is(err, tt.want) {
			t.Errorf("%s: %v, want kind %d", name, err, tt.want)
		}
	}
}

func TestPullWithCredentials(t *testing.T) {
	plain := openEngine(t, func(o *Options) { o.ConfigDir = t.TempDir() })
	host := startRegistry(t, "me")
	ref := host + "/envyimg:1"
	before := pushOwn(t, plain, ref, "s3cret")
	if err := pull(t.Context(), plain, ref, "", event.Discard{}); !driver.Is(err, driver.Denied) {
		t.Errorf("without credentials: %v, want a denial", err)
	}
	config := fmt.Sprintf(`{"auths":{%q:{"auth":"bWU6czNjcmV0"}}}`, host) // me:s3cret
	known := openEngine(t, func(o *Options) { o.ConfigDir = withConfig(t, config).ConfigDir })
	if err := pull(t.Context(), known, ref, "", event.Discard{}); err != nil {
		t.Errorf("with credentials: %v", err)
	}
	if after, err := known.Image(t.Context(), ref, ""); err != nil || after.BaseID != before.BaseID {
		t.Errorf("pulled %+v, %v", after, err)
	}
}

func TestCancelledPull(t *testing.T) {
	e := openEngine(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := fmt.Errorf("enough")
	cancel(stop)
	if err := pull(ctx, e, "127.0.0.1:1/x:1", "", event.Discard{}); err == nil || !strings.Contains(err.Error(), "enough") {
		t.Errorf("error %v, want the cause", err)
	}
}
