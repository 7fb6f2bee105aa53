package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

func TestEnter(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf("box \"web\" {\n  image = %q\n  user  = \"dev\"\n  share \".\" { target = \"/workspace\" }\n}\n", tiny))
	p.ok("up")
	p.want(7, "ssh", "--", "sh", "-c", "exit 7")
	p.want(7, "exec", "web", "sh", "-c", "exit 7")
	p.want(7, "run", "web", "sh", "-c", "exit 7")
	p.want(128+9, "exec", "web", "sh", "-c", "kill -9 $$")
	p.want(255, "exec", "nosuch", "true")
	if r := p.input("hi\n", "ssh", "--", "cat"); r.stdout != "hi\n" || r.code != 0 {
		t.Errorf("stdin from a pipe: %q %d %s", r.stdout, r.code, r.stderr)
	}
	if r := p.ok("ssh", "-c", "id -un; pwd"); r.stdout != "dev\n/workspace\n" {
		t.Errorf("ssh -c: %q", r.stdout)
	}
	if err := os.Mkdir(filepath.Join(p.dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"ssh", "--"}, {"exec", "web"}, {"run", "web"}} {
		r := p.ok(append(append([]string{"-C", "sub"}, args...), "sh", "-c", "pwd; env")...)
		if !strings.HasPrefix(r.stdout, "/workspace/sub\n") || strings.Contains(r.stdout, "ENVY_") {
			t.Errorf("%v from a folder of the share: %q", args, r.stdout)
		}
	}
}

func TestUnchangedCalls(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf("box \"web\" {\n  image = %q\n  count = 3\n}\nbox \"db\" { image = %q }\n", tiny, debian))
	p.ok("up")
	r := p.ok("up", "--debug")
	var calls []string
	for _, line := range strings.Split(r.stderr, "\n") {
		for _, word := range []string{"GET", "HEAD", "POST", "PUT", "DELETE"} {
			if i := strings.Index(line, word+" "); i >= 0 {
				calls = append(calls, strings.Fields(line[i:])[1])
			}
		}
	}
	var kinds []string
	for _, c := range calls {
		c, _, _ = strings.Cut(c, "?")
		if i := strings.Index(c, "/v1."); i == 0 {
			c = c[strings.Index(c[1:], "/")+1:]
		}
		kinds = append(kinds, c)
	}
	slices.Sort(kinds)
	want := "/_ping /containers/json /images/" + debian + "/json /images/" + tiny + "/json /networks /volumes"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("calls of an unchanged up:\n%s\nwant:\n%s", got, want)
	}
}

// TestTerminal: an interactive shell has the terminal's size, follows it, and survives Ctrl-C.
func TestTerminal(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf("box \"web\" { image = %q }\n", tiny))
	p.ok("up")
	c := p.command("ssh")
	c.Env = append(c.Env, "TERM=xterm")
	tty, err := pty.StartWithSize(c, &pty.Winsize{Rows: 33, Cols: 101})
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, tty: tty}
	go s.read()
	// On an older engine the size follows the start by a moment, so it is asked for until it is there.
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.text(), "33 101"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the shell does not get the size:\n%s", s.text())
		}
		s.say("stty size\n")
	}
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 44, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.text(), "44 120"); {
		if time.Now().After(deadline) {
			t.Fatalf("the shell does not follow the size:\n%s", s.text())
		}
		s.say("stty size\n")
		time.Sleep(100 * time.Millisecond)
	}
	s.say("sh -c 'echo sleeping-$((1+1)); exec sleep 1000'\n")
	s.expect("sleeping-2")
	s.say("\x03")
	s.say("echo still-$((1+1))-here\n")
	s.expect("still-2-here")
	s.say("exit 5\n")
	err = c.Wait()
	if c.ProcessState.ExitCode() != 5 {
		t.Errorf("the shell's exit code: %v\n%s", err, s.text())
	}
}

type screen struct {
	t   *testing.T
	tty *os.File
	buf lockedBuffer
}

func (s *screen) read()        { _, _ = io.Copy(&s.buf, s.tty) }
func (s *screen) text() string { return s.buf.String() }

func (s *screen) say(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.tty, text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *screen) expect(text string) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.text(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("no %q on the screen:\n%s", text, s.text())
		}
	}
}

// A throw-away box stands beside its box: it answers to none of that one's names, and takes no address that is that one's.
func TestRunBeside(t *testing.T) {
	t.Parallel()
	p := newProject(t, `network "back" { subnet = "10.213.57.0/24" }
box "web" {
  image   = "envy-test/tiny:1"
  aliases = ["www"]
  network "back" {
    aliases = ["api"]
    ip      = "10.213.57.9"
  }
}
`)
	p.ok("up")
	r := p.ok("run", "web", "sh", "-c", "hostname -i; for n in web www api; do nslookup $n | grep -A1 Name: | grep -o '10[.][0-9.]*'; done")
	lines := strings.Fields(r.stdout)
	if len(lines) != 4 || lines[0] == "10.213.57.9" {
		t.Fatalf("addresses: %q", r.stdout)
	}
	for _, address := range lines[1:] {
		if address != "10.213.57.9" {
			t.Errorf("a name of the box leads to %s", address)
		}
	}
	p.quiet()
}
