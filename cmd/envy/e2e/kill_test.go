package e2e

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const killProject = `
box "db" {
  image   = "%[1]s"
  command = ["sleep", "1000"]
  volume "data" { target = "/data" }
  healthcheck { command = "test -e /data/ready" }
  provision "init" {
    run = "%[3]s; touch /data/ready"
  }
}
box "api" {
  image      = "%[1]s"
  depends_on = ["db"]
  env        = { A = "%[2]s" }
  volume "data" { target = "/data" }
  provision "one" { run = "%[3]s" }
  provision "two" { run = "sleep 0.05" }
}
box "web" {
  image      = "%[1]s"
  depends_on = ["api"]
  env        = { A = "%[2]s" }
  port "http" { guest = 80 }
}
`

// alone is a script that leaves a mark where another one of this box is under way: its process lives.
const alone = `if [ -e /running ] && kill -0 $(cat /running) 2>/dev/null; then echo twice >> /data/twice; fi; echo $$ > /running; sleep 0.1; rm /running`

// kills is how often an up is killed, half of them a first one and half a replacement.
const kills = 20

// TestKilled kills envy with SIGKILL at random moments of an up. Each time the next up converges, no provisioner ran
// beside itself, and nothing is orphaned or doubled.
func TestKilled(t *testing.T) {
	p := newProject(t, fmt.Sprintf(killProject, tiny, "0", alone))
	began := time.Now()
	p.ok("up", "--yes")
	whole := time.Since(began)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, a whole up takes %s", seed, whole.Round(time.Millisecond))
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range kills {
		if i%2 == 0 {
			p.ok("destroy", "--yes", "--volumes")
		}
		p.write(fmt.Sprintf(killProject, tiny, strconv.Itoa(i), alone))
		c := p.command("up", "--yes")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(r.Int64N(int64(whole)))
		timer := time.AfterFunc(after, func() { _ = c.Process.Signal(syscall.SIGKILL) })
		_ = c.Wait()
		timer.Stop()
		p.ok("up", "--yes")
		if got := p.names(); got != "api running, db running, web running" {
			t.Fatalf("kill %d after %s: containers %s", i, after, got)
		}
		for _, box := range []string{"db", "api"} {
			if out := p.run("exec", box, "cat", "/data/twice"); out.code == 0 {
				t.Fatalf("kill %d after %s: a provisioner of %s ran beside itself", i, after, box)
			}
		}
		p.quiet()
		nets := strings.Fields(p.docker("network", "ls", "-q", "--filter", "label=io.envy.path="+p.real()))
		if len(nets) != 1 {
			t.Fatalf("kill %d: %d networks", i, len(nets))
		}
	}
}

// TestKilledRun: a throw-away box whose envy was killed goes with the next up, another's stays, and no lock is left.
func TestKilledRun(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf("box \"web\" { image = %q }\n", tiny))
	p.ok("up")
	runs := func() []string {
		return strings.Fields(p.docker("ps", "-q", "--filter", "name="+p.container("web")+".run-"))
	}
	var clients []*exec.Cmd
	for n := range 2 {
		c := p.command("run", "web", "sleep", "1000")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
		for deadline := time.Now().Add(time.Minute); len(runs()) <= n; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("run %d makes no box", n)
			}
		}
	}
	_ = clients[0].Process.Kill()
	_ = clients[0].Wait()
	p.ok("up")
	if got := runs(); len(got) != 1 {
		t.Errorf("throw-away boxes after up: %v", got)
	}
	_ = clients[1].Process.Signal(syscall.SIGTERM)
	_ = clients[1].Wait()
	if got := p.names(); got != "web running" {
		t.Errorf("containers: %s", got)
	}
	left, err := filepath.Glob(filepath.Join(p.state, "envy", "locks", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("locks that are left: %v %v", left, err)
	}
}

// TestTwoAtOnce: the second waits, says for whom, and both end well.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf("box \"web\" {\n  image = %q\n  provision \"slow\" { run = \"sleep 1\" }\n}\n", tiny))
	first := p.command("up")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); len(p.containers()) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the first up made nothing")
		}
	}
	r := p.ok("up")
	if err := first.Wait(); err != nil {
		t.Errorf("the first up: %v", err)
	}
	if !strings.Contains(r.stderr, strconv.Itoa(first.Process.Pid)) {
		t.Errorf("the second does not say for whom it waits:\n%s", r.stderr)
	}
	if got := p.names(); got != "web running" {
		t.Errorf("containers: %s", got)
	}
}
