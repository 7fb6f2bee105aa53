package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestEngineRestarts kills the engine under an up and stops it under boxes that are up. It needs an engine that is this
// test's own to stop: .ci/engine gives it, and ENVY_ENGINE_RESTARTS says that nobody else is on it.
func TestEngineRestarts(t *testing.T) {
	control := os.Getenv("ENVY_ENGINE_CONTROL")
	if control == "" || os.Getenv("ENVY_ENGINE_RESTARTS") == "" {
		t.Skip("no engine that may be stopped; .ci/engine graph env ENVY_ENGINE_RESTARTS=1 go test … gives one")
	}
	inWay, number := listen(t)
	p := newProject(t, fmt.Sprintf(`box "web" {
  image   = %q
  command = ["sh", "-c", "echo x >> /data/starts; sleep 1000"]
  restart = "always"
  volume "data" { target = "/data" }
  port "http" { guest = 80 }
  port "auto" {
    guest = 81
    host  = %d
    auto  = true
  }
  provision "init" { run = "echo x >> /data/runs; sleep 5; echo x >> /data/done" }
}
box "plain" {
  image = "%[1]s"
  port "http" { guest = 80 }
}
`, tiny, number))
	engine := func(verb string) {
		t.Helper()
		if out, err := exec.Command(control, verb).CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s", control, verb, err, out)
		}
		if verb != "start" {
			return
		}
		for deadline := time.Now().Add(time.Minute); exec.Command("docker", "version").Run() != nil; {
			if time.Now().After(deadline) {
				t.Fatal("the engine does not come back")
			}
		}
	}
	up := p.command("up")
	var said strings.Builder
	up.Stderr = &said
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !strings.Contains(p.docker("exec", p.container("web.new"), "cat", "/data/runs"), "x"); {
		if time.Now().After(deadline) {
			t.Fatal("the provisioner does not start")
		}
	}
	engine("kill")
	_ = up.Wait()
	if code := up.ProcessState.ExitCode(); code != 4 {
		t.Errorf("an up whose engine died exits with %d:\n%s", code, said.String())
	}
	for _, args := range [][]string{{"status"}, {"plan"}, {"up"}, {"halt"}, {"destroy", "--yes"}} {
		if r := p.want(4, args...); !strings.Contains(r.stderr, os.Getenv("DOCKER_HOST")) {
			t.Errorf("%v does not name the engine:\n%s", args, r.stderr)
		}
	}
	engine("start")
	p.ok("up")
	p.quiet()
	address, was, plain := p.ok("port", "web", "http").stdout, p.published("web"), p.published("plain")
	if strings.Contains(was, fmt.Sprintf(":%d", number)) {
		t.Errorf("the auto port is taken, and was not moved: %s", was)
	}
	if err := inWay.Close(); err != nil {
		t.Fatal(err)
	}
	starts := p.ok("exec", "web", "cat", "/data/starts").stdout
	engine("stop")
	engine("start")
	for deadline := time.Now().Add(time.Minute); p.run("exec", "web", "cat", "/data/starts").stdout != starts+"x\n"; {
		if time.Now().After(deadline) {
			t.Fatalf("the command did not start again with the engine:\n%s", p.names())
		}
	}
	if got := p.ok("exec", "web", "cat", "/data/done").stdout; got != "x\n" {
		t.Errorf("the provisioner ended %d times, want once", strings.Count(got, "x"))
	}
	if got := p.ok("port", "web", "http").stdout; got != address {
		t.Errorf("the port moved from %s to %s", address, got)
	}
	if now := p.published("web"); now != was {
		t.Errorf("the ports were %s, now they are %s", was, now)
	}
	p.ok("up") // one without a restart policy ended with the engine
	if now := p.published("plain"); now != plain {
		t.Errorf("the ports of a box that up started again were %s, now they are %s", plain, now)
	}
	p.quiet()
}
