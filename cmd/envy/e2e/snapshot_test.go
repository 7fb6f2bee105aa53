package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// snapshotProject: the health check of db holds once /srv/fine is there, which a provisioner sees to.
const snapshotProject = `
box "db" {
  image   = "%[1]s"
  command = ["sleep", "1000"]
  env     = { PASSWORD = "hunter2" }
  share "." { target = "/w" }
  volume "data" { target = "/data" }
  provision "fine" {
    run  = "touch /srv/fine; echo ran >> /srv/runs"
    user = "root"
  }
  healthcheck { command = "test -e /srv/fine" }
}
box "web" {
  image      = "%[1]s"
  depends_on = ["db"]
  volume "data" { target = "/data" }
}
`

// fill puts one of each that a box and a volume can hold below a folder.
const fill = `set -e; mkdir -p %[1]s/a/b; cd %[1]s; echo %[2]s > a/b/file; chown 1234:5678 a/b/file; chmod 6751 a/b/file; ln a/b/file hard
ln -s a/b/file soft; ln -s /nowhere dangling; chown -h 7:8 dangling; mkfifo pipe; mkdir sticky; chmod 3777 sticky; chown 11:12 sticky
truncate -s 30M sparse; echo end >> sparse; touch -d '2001-02-03 04:05:06' a/b/file a/b a; chown 21:22 .; chmod 2750 .`

// digest describes a tree: names, kinds, modes, owners, times, links, contents.
const digest = `cd %[1]s && find . -printf '%%p %%y %%m %%U:%%G %%T@ %%l %%s\n' | sort; find . -type f | sort | xargs -d '\n' -r md5sum; if [ x/hard -ef x/a/b/file ]; then echo linked; fi`

// tree is a digest, or one in whole seconds, as engines keep times of a box's own files. Sizes and links of folders are the
// file system's matter.
func (p *project) tree(box, dir string, nanoseconds bool) []string {
	p.t.Helper()
	var out []string
	for _, line := range strings.Split(p.ok("exec", box, "sh", "-c", fmt.Sprintf(digest, dir)).stdout, "\n") {
		f := strings.Split(line, " ")
		if len(f) > 5 && !nanoseconds {
			f[4], _, _ = strings.Cut(f[4], ".")
		}
		if len(f) > 5 && f[1] == "d" {
			f = f[:5]
		}
		out = append(out, box+" "+dir+" "+strings.Join(f, " "))
	}
	return out
}

// trees is all that the snapshot of these tests keeps.
func (p *project) trees() []string {
	return slices.Concat(p.tree("db", "/data", true), p.tree("db", "/srv", false), p.tree("db", "/usr/share/base-files", false),
		p.tree("web", "/data", true), p.tree("web", "/srv", false))
}

func (p *project) in(box, script string) {
	p.t.Helper()
	p.ok("exec", box, "sh", "-c", script)
}

func snapshotted(t *testing.T) *project {
	p := newProject(t, fmt.Sprintf(snapshotProject, debian))
	p.file("mine", "of the host")
	p.ok("up")
	p.in("db", fmt.Sprintf(fill, "/data/x", "one"))
	p.in("db", fmt.Sprintf(fill, "/srv/x", "two")+"; cd /usr/share/base-files; rm motd; echo changed > profile")
	p.in("web", fmt.Sprintf(fill, "/srv/x", "three"))
	return p
}

// ruin changes what a snapshot keeps.
func (p *project) ruin() {
	p.in("db", "rm -rf /data/x /srv/x; echo bad > /data/bad; chmod 700 /data; cd /usr/share/base-files; echo bad > profile; echo new > motd")
	p.in("web", "rm -rf /srv/x/a; echo bad > /srv/bad")
}

// TestSnapshot: what was saved is back, byte for byte, with owners, modes, times and links; what the host shares is not
// touched; the environment is in no image.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	p := snapshotted(t)
	saved := p.trees()
	p.ok("snapshot", "save", "before")
	if got := p.names(); got != "db running, web running" {
		t.Errorf("after the save: %s", got)
	}
	for _, image := range strings.Fields(p.docker("image", "ls", "-q", "--filter", "label=io.envy.project="+p.name)) {
		if said := p.docker("image", "inspect", image); strings.Contains(said, "hunter2") {
			t.Errorf("an image holds the environment's value: %s", said)
		}
	}
	p.quiet()
	p.ruin()
	p.file("mine", "changed on the host")
	if cmp.Equal(p.trees(), saved) {
		t.Fatal("nothing was broken")
	}
	p.ok("snapshot", "restore", "--yes", "before")
	if diff := cmp.Diff(saved, p.trees()); diff != "" {
		t.Errorf("restored: %s", diff)
	}
	if got := p.ok("exec", "db", "cat", "/w/mine", "/srv/runs").stdout; got != "changed on the hostran\n" {
		t.Errorf("the share and the provisioner's file: %q", got)
	}
	if got := p.ok("exec", "db", "sh", "-c", "echo $PASSWORD").stdout; got != "hunter2\n" {
		t.Errorf("the environment: %q", got)
	}
	p.quiet()
	p.want(1, "snapshot", "delete", "--yes", "before")
	p.ok("destroy", "--yes", "--volumes")
	if left := p.docker("image", "ls", "-q", "--filter", "label=io.envy.project="+p.name); left != "" {
		t.Errorf("images are left: %s", left)
	}
}

// TestFailedRestore: the box that the snapshot has never becomes healthy, so both boxes and the volume are as they were, in
// the very containers.
func TestFailedRestore(t *testing.T) {
	t.Parallel()
	p := snapshotted(t)
	p.in("db", "mv /srv/fine /srv/away")
	p.ok("snapshot", "save", "sick")
	p.ruin()
	p.in("db", "mv /srv/away /srv/fine; touch -d '2002-02-02' /srv")
	before, containers := p.trees(), p.containers()
	r := p.want(1, "snapshot", "restore", "--yes", "--timeout", "3s", "sick")
	if !strings.Contains(r.stderr, "not ready after 3s") || !strings.Contains(r.stderr, "undone") {
		t.Errorf("stderr:\n%s", r.stderr)
	}
	if diff := cmp.Diff(before, p.trees()); diff != "" {
		t.Errorf("after the failure: %s", diff)
	}
	if got := p.containers(); strings.Join(got, " ") != strings.Join(containers, " ") {
		t.Errorf("other containers: %v, were %v", got, containers)
	}
	p.quiet()
}

// TestKilledRestore: envy is killed when nothing is as it was any more; the next up undoes it.
func TestKilledRestore(t *testing.T) {
	t.Parallel()
	p := snapshotted(t)
	p.ok("snapshot", "save", "before")
	p.in("db", "dd if=/dev/zero of=/data/much bs=1M count=64 2>/dev/null")
	p.ruin()
	before := p.trees()
	c := p.command("snapshot", "restore", "--yes", "before")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait()
		close(ended)
	}()
	journal := func() bool {
		return p.docker(append([]string{"volume", "ls", "-q", "--filter", "label=io.envy.snapshot-part=journal"}, p.mine()...)...) != ""
	}
	deadline := time.Now().Add(time.Minute)
	for !journal() && time.Now().Before(deadline) {
		select {
		case <-ended:
			deadline = time.Time{}
		default:
		}
	}
	_ = c.Process.Signal(syscall.SIGKILL)
	<-ended
	if !journal() {
		t.Skip("it was over before it could be killed")
	}
	p.want(1, "plan")
	p.ok("up")
	if diff := cmp.Diff(before, p.trees()); diff != "" {
		t.Errorf("after the next up: %s", diff)
	}
	p.quiet()
	if left := p.docker(append([]string{"volume", "ls", "-q", "--filter", "label=io.envy.snapshot-part=backup"}, p.mine()...)...); left != "" {
		t.Errorf("left over: %s", left)
	}
}
