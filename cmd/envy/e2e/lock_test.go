package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// publish moves a tag of the registry to an image with a text in /text, and takes it from the engine again.
func (p *project) publish(ref, text string) {
	p.t.Helper()
	made := "made-" + p.name
	p.docker("run", "--name", made, tiny, "sh", "-c", "echo "+text+" >/text")
	p.docker("commit", "-c", `CMD ["sh"]`, made, ref)
	p.docker("rm", made)
	p.docker("push", "-q", ref)
	p.docker("rmi", ref)
}

// without takes the images of a repository from the engine, of whatever name: the next up has to ask the registry.
func (p *project) without(ref string) {
	p.t.Helper()
	for _, id := range strings.Fields(p.docker("images", "-q", "--no-trunc", strings.TrimSuffix(ref, ":1"))) {
		p.docker("rmi", "-f", id)
	}
}

// TestLockedImage: two checkouts with one lock have the same image whatever the tag points to by now, and an upgrade moves
// both.
func TestLockedImage(t *testing.T) {
	ref := startRegistry(t, "127.0.0.1:0", t.TempDir()) + "/locked:1"
	envfile := fmt.Sprintf("box \"web\" { image = %q }\n", ref)
	p := newProject(t, envfile)
	gone := func() { p.without(ref) }
	t.Cleanup(gone)
	p.publish(ref, "one")
	if r := p.ok("up"); !strings.Contains(r.stderr, "+ image "+ref+": sha256:") {
		t.Errorf("up does not tell what it locked:\n%s", r.stderr)
	}
	lock, err := os.ReadFile(filepath.Join(p.dir, "Envfile.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(lock), `"linux/`) {
		t.Errorf("the lock has no platform:\n%s", lock)
	}
	p.publish(ref, "two")
	if r := p.ok("up", "--locked"); !strings.Contains(r.stdout, "Nothing to do") {
		t.Errorf("the tag moved, and up does something:\n%s", r.stdout+r.stderr)
	}
	q := newProject(t, envfile)
	q.file("Envfile.lock", string(lock))
	p.ok("destroy", "--yes")
	gone()
	for _, one := range []*project{q, p} {
		one.ok("up", "--locked")
		if r := one.ok("exec", "web", "cat", "/text"); strings.TrimSpace(r.stdout) != "one" {
			t.Errorf("with the lock the box has %q", r.stdout)
		}
	}
	if a, b := p.image(), q.image(); a != b || a == "" {
		t.Errorf("the checkouts have the images %s and %s", a, b)
	}
	if r := q.ok("lock", "--upgrade", "web"); !strings.Contains(r.stdout, "~ image "+ref+": sha256:") {
		t.Errorf("the upgrade tells:\n%s", r.stdout+r.stderr)
	}
	q.ok("up")
	if r := q.ok("exec", "web", "cat", "/text"); strings.TrimSpace(r.stdout) != "two" {
		t.Errorf("after the upgrade the box has %q", r.stdout)
	}
	q.ok("destroy", "--yes")
	p.ok("destroy", "--yes")
}

// image is the id of the box's image.
func (p *project) image() string {
	return strings.TrimSpace(p.docker("inspect", "--format", "{{.Image}}", p.name+"-web"))
}

// TestLockedPackages: with the lock, an image that is built anew has the same packages, and the lock stays as it is.
func TestLockedPackages(t *testing.T) {
	const envfile = "box \"web\" {\n  image = \"" + debian + "\"\n  packages = [\"less\"]\n}\n"
	p := newProject(t, envfile)
	p.ok("up")
	list := p.ok("exec", "web", "dpkg-query", "-W").stdout
	lock, err := os.ReadFile(filepath.Join(p.dir, "Envfile.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(lock), `"less" = "`) {
		t.Errorf("the lock has no version:\n%s", lock)
	}
	before := p.image()
	q := newProject(t, envfile)
	q.file("Envfile.lock", strings.Replace(string(lock), `"less" = "`, `"less" = "0`, 1)) // nobody has that
	if r := q.run("up"); r.code != 1 || !strings.Contains(r.stderr, "envy lock --upgrade "+debian) {
		t.Errorf("a version that the mirror lacks: exit %d\n%s", r.code, r.stderr)
	}
	q.file("Envfile.lock", string(lock))
	if r := q.ok("up", "--locked"); strings.Contains(r.stderr, "built") {
		t.Errorf("the image of the same versions is built again:\n%s", r.stderr)
	}
	if got := q.ok("exec", "web", "dpkg-query", "-W").stdout; got != list || q.image() != before {
		t.Errorf("the packages are others:\n%s\nthan\n%s", got, list)
	}
	if again, err := os.ReadFile(filepath.Join(q.dir, "Envfile.lock")); err != nil || string(again) != string(lock) {
		t.Errorf("the lock changed: %v\n%s", err, again)
	}
}

// TestLockedBuild: what a Dockerfile starts from stays on its digest in two checkouts, whatever the tag points to; the up that
// writes the lock is followed by nothing, and an upgrade builds anew.
func TestLockedBuild(t *testing.T) {
	ref := startRegistry(t, "127.0.0.1:0", t.TempDir()) + "/base:1"
	const envfile = "box \"web\" {\n  build { context = \"app\" }\n}\n"
	p := newProject(t, envfile)
	q := newProject(t, envfile)
	for _, one := range []*project{p, q} {
		one.file("app/Dockerfile", "# the base\nARG NAME="+ref+"\nFROM ${NAME} AS base\nFROM base\nRUN test -s /text\n")
	}
	gone := func() { p.without(ref) }
	t.Cleanup(gone)
	p.publish(ref, "one")
	if r := p.ok("up"); !strings.Contains(r.stderr, "+ image "+ref+": sha256:") {
		t.Errorf("up does not tell what it locked:\n%s", r.stderr)
	}
	lock, err := os.ReadFile(filepath.Join(p.dir, "Envfile.lock"))
	if err != nil {
		t.Fatal(err)
	}
	p.publish(ref, "two")
	for _, args := range [][]string{{"up"}, {"up", "--locked"}} {
		if r := p.ok(args...); !strings.Contains(r.stdout, "Nothing to do") {
			t.Errorf("the tag moved, and %v does something:\n%s", args, r.stdout+r.stderr)
		}
	}
	tag := strings.TrimSpace(p.docker("inspect", "--format", "{{.Config.Image}}", p.name+"-web"))
	p.ok("destroy", "--yes")
	p.docker("rmi", "-f", tag)
	gone()
	q.file("Envfile.lock", string(lock))
	for _, one := range []*project{q, p} {
		one.ok("up", "--locked")
		if r := one.ok("exec", "web", "cat", "/text"); strings.TrimSpace(r.stdout) != "one" {
			t.Errorf("with the lock the box has %q", r.stdout)
		}
	}
	if a, b := p.image(), q.image(); a != b || a == "" {
		t.Errorf("the checkouts have the images %s and %s", a, b)
	}
	r := q.ok("lock", "--upgrade", "web")
	if n := strings.Count(r.stdout, "sha256:"); !strings.Contains(r.stdout, "~ image "+ref+": sha256:") || n != 2 {
		t.Errorf("the upgrade tells:\n%s", r.stdout+r.stderr)
	}
	if r := q.ok("up", "--yes"); !strings.Contains(r.stderr, "build.from."+ref) {
		t.Errorf("the plan does not name what changed:\n%s", r.stderr)
	}
	if r := q.ok("exec", "web", "cat", "/text"); strings.TrimSpace(r.stdout) != "two" {
		t.Errorf("after the upgrade the box has %q", r.stdout)
	}
	q.ok("destroy", "--yes")
	p.ok("destroy", "--yes")
}

// TestLockedBuildClassic: the classic builder obeys the lock as BuildKit does.
func TestLockedBuildClassic(t *testing.T) {
	ref := startRegistry(t, "127.0.0.1:0", t.TempDir()) + "/base:1"
	p := newProject(t, "box \"web\" {\n  build { context = \"app\" }\n}\n")
	p.file("app/Dockerfile", "FROM "+ref+" AS base\nFROM base\nCOPY --from="+ref+" /text /other\n") // that builder loses layers of two COPY in a row
	p.publish(ref, "one")
	p.ok("lock")
	p.publish(ref, "two")
	p.env = append(p.env, "DOCKER_BUILDKIT=0")
	p.ok("up", "--locked")
	if r := p.ok("exec", "web", "cat", "/text", "/other"); strings.TrimSpace(r.stdout) != "one\none" {
		t.Errorf("with the lock the box has %q", r.stdout)
	}
	p.ok("destroy", "--yes")
}
