package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
)

// listen takes a port of this machine's loopback until the test's end, or until it is closed: none that the system gives to
// connections, which may have the next one.
func listen(t *testing.T) (net.Listener, int) {
	t.Helper()
	for range 100 {
		port := 10000 + rand.IntN(9000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			t.Cleanup(func() { _ = l.Close() }) // it may be closed by then
			return l, port
		}
	}
	t.Fatal("no free port among a hundred")
	return nil, 0
}

// published is what the engine really publishes of a box.
func (p *project) published(box string) string {
	p.t.Helper()
	return strings.Join(strings.Fields(p.docker("port", p.container(box))), " ")
}

// ports has a port of each kind. The number of the last two is filled in.
const ports = `
box "web" {
  image   = "%s"
  command = ["httpd", "-f", "-p", "80"]
  env     = { V = "1" }
  port "free" { guest = 80 }
  port "more" { guest = 81 }
  port "auto" {
    guest = 82
    host  = %d
    auto  = true
  }
  port "fixed" {
    guest = 83
    host  = %d
  }
}
`

// TestPortsStay: free, auto and fixed ports are the same after a reload, a replacement and a halt, whatever became free
// meanwhile; a fixed one that is taken is an error that names who has it, in the plan already.
func TestPortsStay(t *testing.T) {
	t.Parallel()
	_, taken := listen(t)
	inWay, number := listen(t)
	text := fmt.Sprintf(ports, tiny, number, taken)
	p := newProject(t, text)
	for _, args := range [][]string{{"plan"}, {"up"}} {
		r := p.want(1, args...)
		if said := r.stdout + r.stderr; !strings.Contains(said, fmt.Sprintf("port %d on the host is taken", taken)) || !strings.Contains(said, "; e2e.test (process ") {
			t.Errorf("%v does not name who has port %d:\n%s", args, taken, said)
		}
	}
	free, port := listen(t)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	text = fmt.Sprintf(ports, tiny, number, port)
	p.write(text)
	p.ok("up")
	was := p.published("web")
	if strings.Contains(was, fmt.Sprintf("82/tcp -> 127.0.0.1:%d", number)) || !strings.Contains(was, fmt.Sprintf("83/tcp -> 127.0.0.1:%d", port)) {
		t.Errorf("the ports are %s", was)
	}
	if err := inWay.Close(); err != nil {
		t.Fatal(err)
	}
	id := p.inspect("web", "{{.Id}}")
	for _, step := range []func(){
		func() { p.ok("reload") },
		func() { p.ok("halt"); p.ok("up") },
		func() { p.write(strings.Replace(text, `"1"`, `"2"`, 1)); p.ok("up") },
		func() { p.ok("up", "--recreate") },
	} {
		step()
		if now := p.published("web"); now != was {
			t.Errorf("the ports were\n%s\nnow they are\n%s", was, now)
		}
	}
	if p.inspect("web", "{{.Id}}") == id {
		t.Error("the box was never replaced")
	}
	other := newProject(t, fmt.Sprintf(ports, tiny, number, port))
	r := other.want(1, "plan")
	if want := fmt.Sprintf("; container %s of project %s in %s has it", p.container("web"), p.name, p.real()); !strings.Contains(r.stdout, want) {
		t.Errorf("the plan does not name the project that has the port:\n%s", r.stdout)
	}
}
