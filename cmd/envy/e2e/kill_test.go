package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
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
    run = "%[3]s; test -e /data/first || cat /proc/sys/kernel/random/uuid > /data/first; touch /data/ready"
  }
}
box "api" {
  image      = "%[1]s"
  depends_on = ["db"]
  env        = { A = "%[2]s" }
  volume "data" { target = "/data" }
  provision "one" { run = "%[3]s; echo done >> /one" }
  provision "two" { run = "sleep 0.05" }
}
box "web" {
  image      = "%[1]s"
  depends_on = ["api"]
  env        = { A = "%[2]s" }
  port "http" { guest = 80 }
  share "." { target = "/w" }
}
`

// alone is a script that leaves a mark where another one of this box is under way: its process lives.
const alone = `if [ -e /running ] && kill -0 $(cat /running) 2>/dev/null; then echo twice >> /data/twice; fi; echo $$ > /running; sleep 0.1; rm /running`

// kills is how often envy is killed: ENVY_KILLS, or 20.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("ENVY_KILLS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("ENVY_KILLS: %v", err)
	}
	return n
}

// TestKilled kills envy with SIGKILL at random moments: of a first up, of one with replacements, of one that makes
// everything anew, and of a destroy. Each time the next up converges, no provisioner ran beside itself, no byte of a
// volume or share is lost, and nothing is orphaned or doubled.
func TestKilled(t *testing.T) {
	p := newProject(t, fmt.Sprintf(killProject, tiny, "0", alone))
	p.file("kept", "mine")
	began := time.Now()
	p.ok("up", "--yes")
	whole := time.Since(began)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, a whole up takes %s", seed, whole.Round(time.Millisecond))
	r := rand.New(rand.NewPCG(seed, 1))
	first, again, late := p.ok("exec", "db", "cat", "/data/first").stdout, 0, 0
	for i := range kills(t) {
		p.write(fmt.Sprintf(killProject, tiny, strconv.Itoa(i), alone))
		args, within := []string{"up", "--yes"}, whole
		switch i % 4 {
		case 0:
			p.ok("destroy", "--yes", "--volumes")
			first = "" // and whatever the next one writes stays
		case 2:
			args = append(args, "--recreate")
		case 3:
			args, within = []string{"destroy", "--yes"}, whole/3
		}
		c := p.command(args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(r.Int64N(int64(within)))
		timer := time.AfterFunc(after, func() { _ = c.Process.Signal(syscall.SIGKILL) })
		_ = c.Wait()
		timer.Stop()
		if args[0] == "destroy" {
			p.run("up", "--yes") // the engine may still be stopping what this one sees running
		}
		p.ok("up", "--yes")
		if strings.Contains(p.names(), ".new created") { // the engine made it only now; nobody could see it before
			late++
			p.ok("up", "--yes")
		}
		if first == "" {
			first = p.ok("exec", "db", "cat", "/data/first").stdout
		}
		again += p.afterKill(fmt.Sprintf("kill %d (%s) after %s", i, args[0], after), first)
	}
	t.Logf("%d kills; %d times a provisioner was met behind its last line and ran again; %d times the engine made a box only after the up behind the kill",
		kills(t), again, late)
}

// afterKill checks what must hold after a kill and the up behind it. It counts provisioners that ran to their end twice
// in one box: the kill met them between their last line and the end of their process.
func (p *project) afterKill(when, first string) (again int) {
	p.t.Helper()
	if got := p.names(); got != "api running, db running, web running" {
		p.t.Fatalf("%s: containers %s", when, got)
	}
	for _, box := range []string{"db", "api"} {
		if out := p.run("exec", box, "cat", "/data/twice"); out.code == 0 {
			p.t.Fatalf("%s: a provisioner of %s ran beside itself", when, box)
		}
	}
	if got := p.ok("exec", "db", "cat", "/data/first").stdout; got != first {
		p.t.Fatalf("%s: the volume holds %q, want %q", when, got, first)
	}
	if got := p.ok("exec", "web", "cat", "/w/kept").stdout; got != "mine" {
		p.t.Fatalf("%s: the share holds %q", when, got)
	}
	p.quiet()
	mine := "label=io.envy.path=" + p.real()
	if nets := strings.Fields(p.docker("network", "ls", "-q", "--filter", mine)); len(nets) != 1 {
		p.t.Fatalf("%s: %d networks", when, len(nets))
	}
	if volumes := strings.Fields(p.docker("volume", "ls", "-q", "--filter", mine)); len(volumes) != 3 {
		p.t.Fatalf("%s: volumes %q", when, volumes)
	}
	switch runs := strings.Count(p.ok("exec", "api", "cat", "/one").stdout, "done"); runs {
	case 1:
	case 2:
		again = 1
	default:
		p.t.Fatalf("%s: a provisioner ran to its end %d times", when, runs)
	}
	return again
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
