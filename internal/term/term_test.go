package term

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for _, p := range pairs {
			if n, v, _ := strings.Cut(p, "="); n == name {
				return v
			}
		}
		return ""
	}
}

// terminal gives both ends of a pseudo-terminal.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = tty.Close()
		_ = screen.Close()
	})
	return screen, tty
}

func TestColorAndLife(t *testing.T) {
	t.Parallel()
	_, tty := terminal(t)
	pipe, _, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	for _, test := range []struct {
		name        string
		file        *os.File
		env         []string
		noColor     bool
		color, live bool
	}{
		{"terminal", tty, []string{"TERM=xterm"}, false, true, true},
		{"no TERM", tty, nil, false, true, true},
		{"dumb terminal", tty, []string{"TERM=dumb"}, false, false, false},
		{"NO_COLOR", tty, []string{"NO_COLOR=1"}, false, false, true},
		{"empty NO_COLOR", tty, []string{"NO_COLOR="}, false, true, true},
		{"--no-color", tty, []string{"CLICOLOR_FORCE=1"}, true, false, true},
		{"NO_COLOR and CLICOLOR_FORCE", tty, []string{"NO_COLOR=1", "CLICOLOR_FORCE=1"}, false, false, true},
		{"CI", tty, []string{"CI=true"}, false, true, false},
		{"CI=false", tty, []string{"CI=false"}, false, true, true},
		{"pipe", pipe, nil, false, false, false},
		{"pipe, forced", pipe, []string{"CLICOLOR_FORCE=1"}, false, true, false},
		{"pipe, force is 0", pipe, []string{"CLICOLOR_FORCE=0"}, false, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Open(test.file, test.file, pipe, Options{Getenv: env(test.env...), NoColor: test.noColor})
			if s.Out.Color != test.color || s.Out.Live != test.live || s.Out.Terminal != (test.file == tty) {
				t.Errorf("color %v, live %v, terminal %v", s.Out.Color, s.Out.Live, s.Out.Terminal)
			}
			if s.Err.Terminal || s.Err.Live || s.Interactive() {
				t.Error("took a pipe for a terminal")
			}
		})
	}
}

func TestInteractive(t *testing.T) {
	t.Parallel()
	_, tty := terminal(t)
	if !Open(tty, os.NewFile(^uintptr(0), "closed"), tty, Options{Getenv: env()}).Interactive() {
		t.Error("a terminal on both sides is not interactive")
	}
	if Open(tty, tty, tty, Options{Getenv: env("CI=1")}).Interactive() {
		t.Error("a build service is interactive")
	}
}

func TestWidth(t *testing.T) {
	t.Parallel()
	screen, tty := terminal(t)
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 12, Cols: 34}); err != nil {
		t.Fatal(err)
	}
	s := Open(tty, tty, tty, Options{Getenv: env()})
	if got := s.Out.Width(); got != 34 {
		t.Errorf("width %d", got)
	}
	if got, ok := s.Size(); !ok || got != (Size{34, 12}) {
		t.Errorf("size %v, %v", got, ok)
	}
	if got := (Output{}).Width(); got != 0 {
		t.Errorf("width of a pipe %d", got)
	}
	if got := (Output{}).WithWidth(72).Width(); got != 72 {
		t.Errorf("injected width %d", got)
	}
	if _, ok := Injected(Input{}, Output{}, Output{}).Size(); ok {
		t.Error("an injected stream has a size")
	}
}

// Not parallel: the signal goes to the whole test process.
func TestResizes(t *testing.T) {
	screen, tty := terminal(t)
	sizes, stop := Open(tty, tty, tty, Options{Getenv: env()}).Resizes()
	want := Size{50, 20}
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 20, Cols: 50}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-sizes:
		if got != want {
			t.Errorf("size %v", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("nothing was told")
	}
	stop()
	if _, open := <-sizes; open {
		t.Error("the channel is still open")
	}
}

func injected(input string) (*Streams, *bytes.Buffer) {
	var shown bytes.Buffer
	return Injected(Input{Reader: strings.NewReader(input), Terminal: true}, Output{Writer: io.Discard},
		Output{Writer: &shown, Terminal: true}), &shown
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]bool{
		"y\n": true, "yes\n": true, " YES \r\n": true, "y": true, "n\n": false, "\n": false, "": false, "yess\n": false, "no": false,
	} {
		s, shown := injected(input)
		got, err := s.Confirm(t.Context(), "Remove it?")
		if got != want || err != nil {
			t.Errorf("%q: %v, %v", input, got, err)
		}
		if !strings.HasPrefix(shown.String(), "Remove it? [y/N] ") {
			t.Errorf("%q: showed %q", input, shown)
		}
	}
}

func TestAskLeavesTheRest(t *testing.T) {
	t.Parallel()
	s, _ := injected("one\n\nthree")
	for _, want := range []string{"one", "", "three"} {
		if got, err := s.Ask(t.Context(), "?"); got != want || err != nil {
			t.Errorf("answer %q, %v, want %q", got, err, want)
		}
	}
	if got, err := s.Ask(t.Context(), "?"); !errors.Is(err, io.EOF) {
		t.Errorf("answer %q, %v at the end", got, err)
	}
}

func TestNobodyToAsk(t *testing.T) {
	t.Parallel()
	var shown bytes.Buffer
	s := Injected(Input{Reader: strings.NewReader("yes\n")}, Output{}, Output{Writer: &shown, Terminal: true})
	if _, err := s.Confirm(t.Context(), "Sure?"); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("error %v", err)
	}
	if _, err := s.AskSecret(t.Context(), "Password?"); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("error %v", err)
	}
	if _, err := s.In.Raw(); !errors.Is(err, ErrNoTerminal) {
		t.Errorf("error %v", err)
	}
	if shown.Len() > 0 {
		t.Errorf("showed %q", shown.String())
	}
}

func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	s, _ := injected(strings.Repeat("x", maxAnswer+1))
	if _, err := s.Ask(t.Context(), "?"); err == nil {
		t.Error("took an endless line")
	}
}

// typist reads the screen and types once the prompt is there.
func typist(t *testing.T, screen *os.File, prompt, keys string) <-chan string {
	t.Helper()
	seen := make(chan string, 1)
	go func() {
		var all []byte
		buf := make([]byte, 256)
		typed := false
		for {
			n, err := screen.Read(buf)
			all = append(all, buf[:n]...)
			if err != nil || bytes.HasSuffix(all, []byte("end")) {
				seen <- string(all)
				return
			}
			if !typed && bytes.Contains(all, []byte(prompt)) {
				typed = true
				if _, err := screen.WriteString(keys); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	return seen
}

func TestAskOnATerminal(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ask  func(*Streams, context.Context, string) (string, error)
		want string
	}{
		"plain":  {(*Streams).Ask, "Name? hunter2\r\nend"},
		"secret": {(*Streams).AskSecret, "Name? \r\nend"},
	} {
		t.Run(name, func(t *testing.T) {
			screen, tty := terminal(t)
			before := termios(t, tty)
			s := Open(tty, tty, tty, Options{Getenv: env()})
			seen := typist(t, screen, "Name? ", "hunter2\n")
			got, err := test.ask(s, t.Context(), "Name?")
			if got != "hunter2" || err != nil {
				t.Errorf("answer %q, %v", got, err)
			}
			if termios(t, tty) != before {
				t.Error("the terminal was not restored")
			}
			if _, err := tty.WriteString("end"); err != nil {
				t.Fatal(err)
			}
			if shown := <-seen; shown != test.want {
				t.Errorf("screen %q, want %q", shown, test.want)
			}
		})
	}
}

func termios(t *testing.T, f *os.File) unix.Termios {
	t.Helper()
	got, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	if err != nil {
		t.Fatal(err)
	}
	return *got
}

func TestAnInterruptEndsThePrompt(t *testing.T) {
	t.Parallel()
	screen, tty := terminal(t)
	before := termios(t, tty)
	s := Open(tty, tty, tty, Options{Getenv: env()})
	reason := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		_, _ = screen.Read(make([]byte, 64)) // the prompt is on the screen
		cancel(reason)
	}()
	if _, err := s.AskSecret(ctx, "Password?"); !errors.Is(err, reason) {
		t.Errorf("error %v", err)
	}
	if termios(t, tty) != before {
		t.Error("the terminal was not restored")
	}
	if _, err := screen.WriteString("kept\n"); err != nil { // what is typed later is for the next reader
		t.Fatal(err)
	}
	if got, err := s.Ask(t.Context(), "?"); got != "kept" || err != nil {
		t.Errorf("answer %q, %v", got, err)
	}
}

func TestRaw(t *testing.T) {
	t.Parallel()
	screen, tty := terminal(t)
	before := termios(t, tty)
	s := Open(tty, tty, tty, Options{Getenv: env()})
	restore, err := s.In.Raw()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := screen.WriteString("\x03\x04a"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 3)
	if _, err := io.ReadFull(s.In.Until(t.Context()), got); err != nil || string(got) != "\x03\x04a" {
		t.Errorf("keys %q, %v", got, err)
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	if termios(t, tty) != before {
		t.Error("the terminal was not restored")
	}
}

func TestUntilOnAPipe(t *testing.T) {
	t.Parallel()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s := Open(in, out, out, Options{Getenv: env()})
	if _, err := out.WriteString("data"); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(s.In.Until(t.Context())); string(got) != "data" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.In.Until(ctx).Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
