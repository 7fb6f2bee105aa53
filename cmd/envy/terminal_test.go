package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// terminal is envy at a terminal, on an engine of its own.
type terminal struct {
	t    *testing.T
	dir  string
	file *os.File
	cmd  *exec.Cmd
	env  []string // beside what a terminal has

	mu   sync.Mutex
	seen string
	end  chan struct{}
}

func newTerminal(t *testing.T, envfile string) *terminal {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Envfile"), []byte(envfile), 0o644); err != nil {
		t.Fatal(err)
	}
	return &terminal{t: t, dir: dir}
}

func (x *terminal) command(args ...string) *exec.Cmd {
	x.t.Helper()
	self, err := os.Executable()
	if err != nil {
		x.t.Fatal(err)
	}
	cmd := exec.CommandContext(x.t.Context(), self, args...)
	cmd.Args[0] = "envy" // by this name the test binary is envy
	cmd.Dir = x.dir
	root := filepath.Dir(x.dir)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + root, "TERM=xterm", "GORACE=" + quickRace, engineFile + "=" + filepath.Join(root, "engine.json"),
	}
	cmd.Env = append(cmd.Env, x.env...)
	return cmd
}

// start begins a command at a terminal of 100 columns and 30 rows.
func (x *terminal) start(args ...string) {
	x.t.Helper()
	x.cmd, x.seen, x.end = x.command(args...), "", make(chan struct{})
	file, err := pty.StartWithSize(x.cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		x.t.Skipf("no terminal can be had here: %v", err)
	}
	x.file = file
	go func() {
		defer close(x.end)
		chunk := make([]byte, 4096)
		for {
			n, err := file.Read(chunk)
			x.mu.Lock()
			x.seen += string(chunk[:n])
			x.mu.Unlock()
			if err != nil { // EIO once nobody holds the other end
				return
			}
		}
	}()
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen
}

// await waits until the terminal shows text.
func (x *terminal) await(text string) {
	x.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(x.text(), text); {
		if time.Now().After(deadline) {
			x.t.Fatalf("%q does not appear:\n%q", text, x.text())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (x *terminal) write(text string) {
	x.t.Helper()
	if _, err := io.WriteString(x.file, text); err != nil {
		x.t.Fatal(err)
	}
}

// ends waits for the command's exit code.
func (x *terminal) ends(want int) {
	x.t.Helper()
	err := x.cmd.Wait()
	<-x.end
	_ = x.file.Close()
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		x.t.Fatal(err)
	}
	if got != want {
		x.t.Errorf("exit code %d, want %d:\n%q", got, want, x.text())
	}
}

func TestTerminalSession(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, `box "web" { image = "debian:bookworm-slim" }`)
	x.start("up")
	x.ends(0)
	if !strings.Contains(x.text(), "\x1b[") {
		t.Errorf("no colours at a terminal: %q", x.text())
	}
	x.start("ssh")
	x.write("stty size\n")
	x.await("30 100")
	if err := pty.Setsize(x.file, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(x.text(), "40 120"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the new size does not arrive: %q", x.text())
		}
		x.write("stty size\n") // it may be asked before the box has heard
	}
	x.write("exit 5\n")
	x.ends(5)
	x.start("exec", "web", "tty")
	x.ends(0)
	x.start("run", "web", "tty")
	x.ends(0)
}

func TestTerminalConfirmation(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, `box "web" { image = "debian:bookworm-slim" }`)
	x.start("up")
	x.ends(0)
	x.start("destroy")
	x.await("[y/N]")
	x.write("n\n")
	x.ends(5)
	x.start("destroy")
	x.await("[y/N]")
	x.write("\x03")
	x.ends(130)
	x.start("status")
	x.ends(0)
	if !strings.Contains(x.text(), "running") {
		t.Errorf("the box is gone: %q", x.text())
	}
	x.start("destroy")
	x.await("[y/N]")
	x.write("y\n")
	x.ends(0)
}

// Somebody at the terminal is asked once; CI has a terminal where nobody sits.
func TestTerminalTrust(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, "box \"web\" {\n  image = \"debian:bookworm-slim\"\n  privileged = true\n}")
	x.start("up", "--yes")
	x.await("Envfile:3")
	x.await("Trust this? [y/N]")
	x.write("\n")
	x.ends(5)
	x.start("up")
	x.await("Trust this? [y/N]")
	x.write("\x03")
	x.ends(130)
	x.start("up")
	x.await("Trust this? [y/N]")
	x.write("\x04") // the end of the input
	x.ends(5)
	x.env = []string{"CI=true"}
	x.start("up")
	x.ends(5)
	if !strings.Contains(x.text(), "envy trust --accept ") || strings.Contains(x.text(), "[y/N]") {
		t.Errorf("%q", x.text())
	}
	x.env = nil
	x.start("up")
	x.await("Trust this? [y/N]")
	x.write("y\n")
	x.ends(0)
	x.start("reload")
	x.ends(0)
	if strings.Contains(x.text(), "Trust this?") {
		t.Errorf("asked again: %q", x.text())
	}
	x.start("trust", "--revoke")
	x.ends(0)
	x.start("trust")
	x.await("Trust this? [y/N]")
	x.write("yes\n")
	x.ends(0)
	x.env = []string{"CI=true"}
	x.start("up")
	x.ends(0)
}

// A status that is watched is drawn over the last one, and ends with ^C.
func TestTerminalWatch(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, `box "web" { image = "debian:bookworm-slim" }`)
	x.start("up")
	x.ends(0)
	x.start("status", "--watch")
	x.await("running")
	if out, err := x.command("suspend").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	x.await("paused")
	x.write("\x03")
	x.ends(130)
	if !strings.Contains(x.text(), "\x1b[2A\x1b[J") || strings.Contains(x.text(), "Error") {
		t.Errorf("%q", x.text())
	}
}

// At a terminal top draws over itself until Ctrl-C.
func TestTerminalTop(t *testing.T) {
	t.Parallel()
	x := newTerminal(t, `box "web" { image = "debian:bookworm-slim" }`)
	x.start("up")
	x.ends(0)
	x.start("top")
	x.await("COMMAND")
	x.await("\r\x1b[5A") // two tables of two lines, and one between
	x.write("\x03")
	x.ends(130)
	if strings.Contains(x.text(), "Error") || strings.Contains(x.text(), "interrupted") {
		t.Errorf("%q", x.text())
	}
	x.start("top", "--no-stream")
	x.ends(0)
}
