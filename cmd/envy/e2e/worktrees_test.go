package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// worktree serves where it was made, to this machine and to its own other box.
const worktree = `
box "db" {
  image   = "%[1]s"
  command = ["httpd", "-f", "-p", "80", "-h", "/data"]
  volume "data" { target = "/data" }
  provision "content" {
    run = "echo \"db of $DIR\" > /data/index.html"
    env = { DIR = project.dir }
  }
  healthcheck { command = "wget -q -O /dev/null http://127.0.0.1/" }
}
box "web" {
  image      = "%[1]s"
  command    = ["httpd", "-f", "-p", "80", "-h", "/data"]
  depends_on = ["db"]
  share "." { target = "/workspace" }
  volume "data" { target = "/data" }
  port "free" { guest = 80 }
  port "auto" {
    guest = 80
    host  = %[2]d
    auto  = true
  }
  provision "content" { run = "cat /workspace/who > /data/index.html" }
  healthcheck { command = "wget -q -O /dev/null http://127.0.0.1/ && wget -q -O /dev/null http://db/" }
}
`

// worktrees are linked git worktrees of the project's checkout, and that itself.
func (p *project) worktrees(n int) []*project {
	p.t.Helper()
	git := func(args ...string) {
		p.t.Helper()
		c := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"}, args...)...)
		c.Dir, c.Env = p.dir, append(p.env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		if out, err := c.CombinedOutput(); err != nil {
			p.t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	git("add", "Envfile")
	git("commit", "-q", "-m", "one Envfile for all")
	all := []*project{p}
	for i := 1; i < n; i++ {
		w := *p
		w.dir = filepath.Join(filepath.Dir(p.dir), fmt.Sprintf("tree-%d", i))
		git("worktree", "add", "-q", w.dir)
		p.t.Cleanup(w.clean)
		all = append(all, &w)
	}
	for _, w := range all {
		w.file("who", "web of "+w.dir+"\n")
	}
	return all
}

// TestWorktrees: five git worktrees of one repository come up at the same moment from one Envfile, each with names, networks,
// volumes and ports of its own; what is done to one touches nothing of the others.
func TestWorktrees(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git makes the worktrees: ", err)
	}
	l, number := listen(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	trees := newProject(t, fmt.Sprintf(worktree, tiny, number)).worktrees(5)
	var ups sync.WaitGroup
	for _, w := range trees {
		ups.Go(func() {
			if out, err := w.command("up").CombinedOutput(); err != nil {
				t.Errorf("up in %s: %v\n%s", w.dir, err, out)
			}
		})
	}
	ups.Wait()
	if t.Failed() {
		return
	}
	held := map[string]string{}
	for _, w := range trees {
		w.healthy()
		for kind, n := range map[string]int{"container": 2, "network": 1, "volume": 3} {
			names := w.labelled(kind)
			if len(names) != n {
				t.Errorf("%s has %ss %v, want %d", w.dir, kind, names, n)
			}
			for _, name := range names {
				w.alone(held, kind+" "+name)
			}
		}
		for _, port := range []string{"free", "auto"} {
			address := strings.TrimSpace(w.ok("port", "web", port).stdout)
			w.alone(held, "address "+address)
			w.serves(address)
		}
		if got := w.ok("exec", "web", "wget", "-q", "-O", "-", "http://db/").stdout; got != "db of "+w.real()+"\n" {
			t.Errorf("the db of %s says %q", w.dir, got)
		}
		w.quiet()
	}
	if held[fmt.Sprintf("address 127.0.0.1:%d", number)] == "" {
		t.Errorf("no worktree has the port %d that the Envfile gives", number)
	}
	kept := make([]string, len(trees))
	for i, w := range trees {
		kept[i] = w.whole()
	}
	trees[2].ok("reload")
	trees[2].ok("destroy", "--yes", "--volumes")
	for i, w := range trees {
		if i != 2 {
			w.is(kept[i], "a reload and a destroy --volumes in another worktree")
			w.healthy()
			w.serves(strings.TrimSpace(w.ok("port", "web", "free").stdout))
		}
	}
}

// alone notes that a checkout has something, which no other may have.
func (p *project) alone(held map[string]string, what string) {
	p.t.Helper()
	if other := held[what]; other != "" {
		p.t.Errorf("%s and %s both have %s", other, p.dir, what)
	}
	held[what] = p.dir
}

func (p *project) healthy() {
	p.t.Helper()
	var status struct {
		Boxes []struct{ Name, State, Health string }
	}
	if err := json.Unmarshal([]byte(p.ok("status", "--format", "json").stdout), &status); err != nil {
		p.t.Fatal(err)
	}
	for _, b := range status.Boxes {
		if b.State != "running" || b.Health == "unhealthy" || b.Health == "" {
			p.t.Errorf("%s of %s is %s, %s", b.Name, p.dir, b.State, b.Health)
		}
	}
	if len(status.Boxes) != 2 {
		p.t.Errorf("%s has boxes %v", p.dir, status.Boxes)
	}
}

// serves asks the web of a worktree from this machine.
func (p *project) serves(address string) {
	p.t.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get("http://" + address + "/")
	if err != nil {
		p.t.Error(err)
		return
	}
	defer answer.Body.Close() // only read from
	said, err := io.ReadAll(answer.Body)
	if err != nil || string(said) != "web of "+p.dir+"\n" {
		p.t.Errorf("the web of %s says %q, %v", p.dir, said, err)
	}
}
