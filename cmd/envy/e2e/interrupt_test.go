package e2e

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestInterrupted sends SIGINT at random moments of an up, every third time twice. It ends with 130 where it was not done,
// and the next up finishes.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf(killProject, tiny, "0", alone))
	began := time.Now()
	p.ok("up", "--yes")
	whole := time.Since(began)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range 9 {
		if i%2 == 0 {
			p.ok("destroy", "--yes", "--volumes")
		}
		p.write(fmt.Sprintf(killProject, tiny, strconv.Itoa(i), alone))
		c := p.command("up", "--yes")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(r.Int64N(int64(whole)))
		time.Sleep(after)
		_ = c.Process.Signal(syscall.SIGINT)
		if i%3 == 0 {
			time.Sleep(20 * time.Millisecond)
			_ = c.Process.Signal(syscall.SIGINT)
		}
		_ = c.Wait()
		// -1: the signal came before the program listened for it.
		if code := c.ProcessState.ExitCode(); code != 130 && code != 0 && code != -1 {
			t.Errorf("interrupt %d after %s: exit code %d", i, after, code)
		}
		p.ok("up", "--yes")
		if got := p.names(); got != "api running, db running, web running" {
			t.Fatalf("interrupt %d after %s: containers %s", i, after, got)
		}
		p.quiet()
	}
}

// TestKilledInPlace kills envy while it changes memory, a file and a provisioner at once: each takes effect. The
// provisioner never runs beside itself; it runs again only where the kill met it before its end was recorded.
func TestKilledInPlace(t *testing.T) {
	t.Parallel()
	text := `box "web" {
  image  = %[1]q
  memory = "%[2]dm"
  file "/etc/n" { content = "%[3]d" }
  provision "count" { run = "echo %[3]d+ >> /count; echo %[3]d- >> /count" }
}
`
	write := func(p *project, n int) { p.write(fmt.Sprintf(text, tiny, 64+n, n)) }
	p := newProject(t, "")
	write(p, 0)
	p.ok("up")
	id := p.containers()[0]
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	want := `0\+\n0-\n`
	for n := 1; n <= 10; n++ {
		write(p, n)
		c := p.command("up")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(r.Int64N(int64(400 * time.Millisecond))))
		_ = c.Process.Signal(syscall.SIGKILL)
		_ = c.Wait()
		p.ok("up")
		want += fmt.Sprintf(`(%[1]d\+\n(%[1]d-\n)?)?%[1]d\+\n%[1]d-\n`, n)
		got := p.ok("exec", "web", "sh", "-c", "cat /count; cat /etc/n >&2")
		if !regexp.MustCompile("^"+want+"$").MatchString(got.stdout) || got.stderr != strconv.Itoa(n) {
			t.Fatalf("kill %d: the provisioner's runs %q (want %s), the file %q", n, got.stdout, want, got.stderr)
		}
		if got := p.docker("inspect", "-f", "{{.HostConfig.Memory}}", id); got != strconv.Itoa((64+n)<<20) {
			t.Fatalf("kill %d: memory %s", n, got)
		}
		p.quiet()
	}
}
