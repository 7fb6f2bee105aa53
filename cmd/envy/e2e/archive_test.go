package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestArchive packs a box and uses it where nothing of it is: the engine has lost its image, and the checkout and the user's
// folders are others.
func TestArchive(t *testing.T) {
	t.Parallel()
	p := newProject(t, "")
	p.write(`box "web" {
  image = "` + tiny + `"
  env   = { GREETING = "hello" }
  setup "tool" { run = "echo ` + p.name + ` > /tool" }
  share "." { target = "/workspace" }
  provision "made" { run = "echo made > /made" }
}
`)
	p.ok("up")
	file := filepath.Join(p.dir, p.name+"-web.box")
	p.ok("package")
	recipe := p.inspect("web", "{{.Config.Image}}")
	layers := p.docker("inspect", "-f", "{{.RootFS.Layers}}", recipe)
	id := p.docker("inspect", "-f", "{{.Id}}", recipe)
	p.ok("package", "--output", "again.box")
	whole := read(t, file)
	if again := read(t, filepath.Join(p.dir, "again.box")); again != whole {
		t.Error("the same box gives other bytes")
	}
	if strings.Contains(whole, p.dir) {
		t.Error("a path of this machine travels")
	}
	p.ok("destroy", "--yes", "--volumes")
	p.docker("rmi", recipe)

	q := newProject(t, `box "app" { from = "web" }`)
	q.want(3, "validate")
	q.ok("box", "add", file)
	image := strings.TrimSpace(q.ok("box", "show", "web").stdout)
	image = image[strings.Index(image, "envy.local/box/web:"):]
	image = image[:strings.IndexByte(image, '"')]
	t.Cleanup(func() { q.run("destroy", "--yes", "--volumes"); q.docker("rmi", image) })
	if got := q.docker("inspect", "-f", "{{.RootFS.Layers}}", image); got != layers {
		t.Errorf("the layers are %s, were %s", got, layers)
	}
	// On the containerd store an image's id is its manifest's digest, and engines write manifests as they like.
	if got := q.docker("inspect", "-f", "{{.Id}}", image); got != id && !strings.Contains(q.docker("info", "-f", "{{.DriverStatus}}"), "containerd") {
		t.Errorf("the image is %s, was %s", got, id)
	}
	q.ok("up")
	q.quiet()
	if got := q.ok("exec", "app", "sh", "-c", "cat /tool /made; echo $GREETING").stdout; got != p.name+"\nmade\nhello\n" {
		t.Errorf("the box has %q", got)
	}
	q.ok("destroy", "--yes", "--volumes")
	q.ok("box", "remove", "web")
	if out := q.docker("image", "inspect", image); !strings.Contains(out, "No such") {
		t.Errorf("the image stayed: %s", out)
	}

	// From a file of the checkout, loaded when it is needed; one whose layer was changed is found out, and leaves nothing.
	q.write(`box "app" { from = "./shop.box" }`)
	q.file("shop.box", strings.Replace(whole, p.name+"\n", strings.ToUpper(p.name)+"\n", 1))
	if r := q.want(3, "up"); !strings.Contains(r.stderr, "the archive ./shop.box cannot be used") {
		t.Errorf("it says %s", r.stderr)
	}
	q.want(3, "box", "add", "shop.box")
	if out := q.docker("image", "inspect", image); !strings.Contains(out, "No such") {
		t.Errorf("an image of it stayed: %s", out)
	}
	q.file("shop.box", whole)
	if r := q.ok("plan"); !strings.Contains(r.stdout, "loaded from ./shop.box") {
		t.Errorf("the plan says %s", r.stdout)
	}
	q.ok("up")
	q.quiet()
	q.ok("exec", "app", "cat", "/tool")
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestArchiveFromAddress takes a box in from a server, with and without its checksum, and fetches it again.
func TestArchiveFromAddress(t *testing.T) {
	t.Parallel()
	p := newProject(t, "")
	pack := func(greeting string) string {
		p.write(`box "web" {
  image = "` + tiny + `"
  env   = { GREETING = "` + greeting + `" }
  setup "tool" { run = "echo ` + p.name + ` > /tool" }
}
`)
		p.ok("up")
		p.ok("package", "--force", "--output", "web.box")
		return read(t, filepath.Join(p.dir, "web.box"))
	}
	var served atomic.Value
	served.Store(pack("hello"))
	recipe := p.inspect("web", "{{.Config.Image}}")
	t.Cleanup(func() { p.run("destroy", "--yes", "--volumes"); p.docker("rmi", recipe) })
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "" || r.URL.Path != "/boxes/web.box" {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "web.box", time.Time{}, strings.NewReader(served.Load().(string)))
	}))
	t.Cleanup(server.Close)
	at := server.URL + "/boxes/web.box"
	if r := p.want(1, "box", "add", at); !strings.Contains(r.stderr, "certificate") {
		t.Errorf("a server that nobody vouches for: %s", r.stderr)
	}
	p.file("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	p.env = append(p.env, "SSL_CERT_FILE="+filepath.Join(p.dir, "ca.pem"))
	sum := func() string {
		digest := sha256.Sum256([]byte(served.Load().(string)))
		return "sha256:" + hex.EncodeToString(digest[:])
	}
	name := "e2e" + strings.ReplaceAll(p.name[3:], "-", "")
	t.Cleanup(func() { p.run("box", "remove", name) })
	if r := p.want(5, "box", "add", "--name", name, at+"?checksum=sha256:"+strings.Repeat("0", 64)); !strings.Contains(r.stderr, sum()) {
		t.Errorf("a wrong checksum: %s", r.stderr)
	}
	if out := p.ok("box", "list").stdout; strings.Contains(out, name) {
		t.Errorf("it was added all the same: %s", out)
	}
	p.want(1, "box", "add", "--name", name, server.URL+"/none.box")
	p.ok("box", "add", "--name", name, at+"?checksum="+sum())
	p.ok("box", "add", "--name", name, at)
	if r := p.ok("box", "update", name); !strings.Contains(r.stdout, "unchanged") {
		t.Errorf("an update of the same: %s", r.stdout)
	}
	served.Store(pack("good day"))
	if r := p.ok("box", "update"); !strings.Contains(r.stdout, "updated "+name) {
		t.Errorf("an update of another: %s", r.stdout)
	}
	if r := p.ok("box", "show", name); !strings.Contains(r.stdout, "good day") {
		t.Errorf("after the update: %s", r.stdout)
	}

	// Named by a checkout: asked about first, held to its sum, locked, and taken out of the cache from then on.
	q := newProject(t, `box "web" { from = "`+at+"?checksum="+sum()+"\" }\n")
	q.env = append(q.env, "SSL_CERT_FILE="+filepath.Join(p.dir, "ca.pem"))
	p.ok("destroy", "--yes")
	p.run("box", "remove", name)
	if r := q.want(5, "up"); !strings.Contains(r.stderr, "which is not locked yet") {
		t.Errorf("it is not asked about: %s", r.stderr)
	}
	q.accept()
	q.ok("up")
	if r := q.ok("exec", "web", "sh", "-c", "echo $GREETING; cat /tool"); r.stdout != "good day\n"+p.name+"\n" {
		t.Errorf("the box says %q", r.stdout)
	}
	if lock := read(t, filepath.Join(q.dir, "Envfile.lock")); !strings.Contains(lock, "archive \""+at) {
		t.Errorf("the lock has no archive:\n%s", lock)
	}
	right := served.Load()
	served.Store("nothing")
	q.ok("up", "--locked")
	served.Store(right)
	q.write(`box "web" { from = "` + at + "?checksum=sha256:" + strings.Repeat("1", 64) + "\" }\n")
	if r := q.want(5, "trust", "--accept", q.hash()); !strings.Contains(r.stderr, "another archive than it should be") {
		t.Errorf("another file than the sum says: %s", r.stderr)
	}
	image := q.inspect("web", "{{.Config.Image}}")
	q.ok("destroy", "--yes", "--volumes")
	q.docker("rmi", image)
}
