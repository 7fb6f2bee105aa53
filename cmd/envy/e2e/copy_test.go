package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const copying = `box "web" {
  image = "debian:bookworm-slim"
  user  = "4711:4712"
  volume "data" { target = "/data" }
}
`

// read is a file of the checkout.
func (p *project) read(name string) string {
	p.t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(data)
}

// Files come out of a box and go into it, running and stopped, in volumes too; what goes in is the box's user's, what was there
// stays whose it was, and is seen as a change.
func TestCopy(t *testing.T) {
	t.Parallel()
	p := newProject(t, copying)
	p.ok("up")
	long := strings.Repeat("a-long-name/", 15)
	if err := os.MkdirAll(filepath.Join(p.dir, "tree", long), 0o755); err != nil {
		t.Fatal(err)
	}
	p.file("tree/top", "top\n")
	p.file("tree/"+long+"deep", "deep\n")
	for _, state := range []string{"running", "stopped"} {
		p.ok("cp", "tree", "web:/srv/"+state)
		p.ok("cp", "tree/.", "web:/data")
		p.ok("cp", "web:/srv/"+state, "back-"+state)
		if got := p.read("back-" + state + "/" + long + "deep"); got != "deep\n" {
			t.Errorf("%s: %q came back", state, got)
		}
		p.ok("cp", "web:/data/top", "top-"+state)
		if got := p.read("top-" + state); got != "top\n" {
			t.Errorf("%s: %q came back from the volume", state, got)
		}
		p.ok("halt")
	}
	p.ok("up")
	p.ok("cp", "tree/.", "web:/etc")
	if got := p.ok("exec", "web", "stat", "-c", "%u:%g", "/srv/stopped/"+long+"deep", "/etc", "/etc/top", "/data/top").stdout; got != "4711:4712\n0:0\n4711:4712\n4711:4712\n" {
		t.Errorf("owners: %q", got)
	}
	p.write(strings.Replace(copying, "4712", "4713", 1))
	if r := p.run("plan"); !strings.Contains(r.stdout+r.stderr, "would be lost") {
		t.Errorf("what was copied in would go unsaid:\n%s%s", r.stdout, r.stderr)
	}
	p.write(copying)
}

// A box that wants to write on the host by what is copied out of it does not.
func TestCopyHostile(t *testing.T) {
	t.Parallel()
	p := newProject(t, copying)
	p.ok("up")
	p.ok("exec", "web", "sh", "-c", `cd /tmp; mkdir -p evil/sub; echo x > evil/plain; ln -s ../.. evil/up; ln -s /etc/passwd evil/abs
ln -s plain evil/near; ln -s ../plain evil/sub/inner; mkfifo evil/pipe; ln evil/plain evil/hard; ln -s /etc evil-link`)
	p.file("kept", "kept\n")
	if err := os.MkdirAll(filepath.Join(p.dir, "into"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../kept", filepath.Join(p.dir, "into", "plain")); err != nil {
		t.Fatal(err)
	}
	r := p.ok("cp", "web:/tmp/evil", "out")
	if !strings.Contains(r.stderr, "3 left out") {
		t.Errorf("what was left out is not said:\n%s", r.stderr)
	}
	for _, name := range []string{"up", "abs", "pipe"} {
		if _, err := os.Lstat(filepath.Join(p.dir, "out", name)); err == nil {
			t.Errorf("%s was made", name)
		}
	}
	if p.read("out/near") != "x\n" || p.read("out/sub/inner") != "x\n" || p.read("out/hard") != "x\n" {
		t.Error("what is harmless did not come")
	}
	if r := p.run("cp", "web:/tmp/evil/.", "into"); r.code == 0 || p.read("kept") != "kept\n" {
		t.Errorf("a link was written through (exit %d): %s", r.code, p.read("kept"))
	}
	p.want(1, "cp", "web:/tmp/evil-link", "out2")
	p.ok("cp", "-L", "web:/tmp/evil-link", "out2")
	if _, err := os.Stat(filepath.Join(p.dir, "out2", "hostname")); err != nil {
		t.Error(err)
	}
	r = p.ok("cp", "web:/tmp/evil", "-")
	if got := p.input(r.stdout, "cp", "-", "web:/srv"); got.code != 0 {
		t.Errorf("the archive did not go back: %s", got.stderr)
	}
	if got := p.ok("exec", "web", "readlink", "/srv/evil/abs").stdout; got != "/etc/passwd\n" {
		t.Errorf("by the stream: %q", got)
	}
}
