package drivertest

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/envyhq/envy/provision/driver"
)

func execTests() []test {
	return []test{
		{"exit codes", testExitCodes},
		{"streams", testStreams},
		{"input", testInput},
		{"directory and environment", testSurroundings},
		{"login shell", testLogin},
		{"terminal", testTerminal},
		{"signal", testSignal},
		{"cancelled", testExecCancelled},
		{"not running", testExecNotRunning},
	}
}

// run executes x with input and gives what it printed on both streams.
func (b *bench) run(id string, x driver.Exec, in io.Reader) (string, int) {
	b.Helper()
	var out bytes.Buffer
	code, err := b.d.Exec(b.ctx, id, x, driver.Streams{In: in, Out: &out, Err: &out})
	if err != nil {
		b.Fatalf("exec %q: %v", x.Argv, err)
	}
	return out.String(), code
}

func shell(script string) driver.Exec {
	return driver.Exec{Argv: []string{"sh", "-c", script}, User: "root"}
}

func testExitCodes(b *bench) {
	id := b.up("web")
	for _, c := range []struct {
		argv []string
		code int
	}{
		{[]string{"true"}, 0},
		{[]string{"sh", "-c", "exit 7"}, 7},
		{[]string{"sh", "-c", "exit 255"}, 255},
		{[]string{"sh", "-c", "kill -TERM $$"}, 143},
		{[]string{"no-such-program"}, 127},
	} {
		if out, code := b.run(id, driver.Exec{Argv: c.argv, User: "root"}, nil); code != c.code {
			b.Errorf("%q: exit code %d, want %d (%s)", c.argv, code, c.code, out)
		}
	}
}

func testStreams(b *bench) {
	id := b.up("web")
	var out, errOut bytes.Buffer
	code, err := b.d.Exec(b.ctx, id, shell("echo out; echo err >&2"), driver.Streams{Out: &out, Err: &errOut})
	if err != nil || code != 0 || out.String() != "out\n" || errOut.String() != "err\n" {
		b.Errorf("code %d, %v, printed %q and %q", code, err, out.String(), errOut.String())
	}
}

func testInput(b *bench) {
	id := b.up("web")
	large := strings.Repeat("0123456789abcdef\n", 20000)
	if out, code := b.run(id, driver.Exec{Argv: []string{"cat"}, User: "root"}, strings.NewReader(large)); code != 0 || out != large {
		b.Errorf("cat gives %d bytes of %d, code %d", len(out), len(large), code)
	}
	if out, code := b.run(id, driver.Exec{Argv: []string{"cat"}, User: "root"}, nil); code != 0 || out != "" {
		b.Errorf("cat without input gives %q, code %d", out, code)
	}
	// A command that ends before its input must not keep the call waiting for more.
	r, w := io.Pipe()
	defer w.Close()
	if _, code := b.run(id, driver.Exec{Argv: []string{"true"}, User: "root"}, r); code != 0 {
		b.Errorf("code %d", code)
	}
}

func testSurroundings(b *bench) {
	id := b.up("web")
	b.holds(id, "mkdir -p /srv/app")
	x := shell(`echo "$(pwd) $GREETING"`)
	x.Dir, x.Env = "/srv/app", map[string]string{"GREETING": "hello there"}
	if out, code := b.run(id, x, nil); code != 0 || out != "/srv/app hello there\n" {
		b.Errorf("code %d, printed %q", code, out)
	}
	if out, _ := b.run(id, driver.Exec{Argv: []string{"env"}, User: "root"}, nil); !strings.Contains(out, "PATH=") || strings.Contains(out, "ENVY_") {
		b.Errorf("the environment is %q; nothing of envy's own belongs there", out)
	}
	x.Dir = "/missing"
	if out, code := b.run(id, x, nil); code != 0 || strings.HasPrefix(out, "/missing") {
		b.Errorf("in a missing directory: code %d, printed %q", code, out)
	}
}

func testLogin(b *bench) {
	id := b.up("web")
	for _, c := range []struct {
		argv []string
		want string
	}{
		{[]string{"echo one; echo two"}, "one\ntwo\n"},
		{[]string{"echo", "one; echo", "two"}, "one; echo two\n"},
	} {
		if out, code := b.run(id, driver.Exec{Argv: c.argv, Login: true, User: "root"}, nil); code != 0 || out != c.want {
			b.Errorf("%q: code %d, printed %q, want %q", c.argv, code, out, c.want)
		}
	}
	if out, code := b.run(id, driver.Exec{Login: true, User: "root"}, strings.NewReader("echo typed\nexit 5\n")); code != 5 || !contains(out, "typed") {
		b.Errorf("interactive shell: code %d, printed %q", code, out)
	}
}

func testTerminal(b *bench) {
	id := b.up("web")
	x := shell("test -t 0 && test -t 1 && echo tty")
	if out, code := b.run(id, x, nil); code == 0 {
		b.Errorf("a terminal where none was asked for: %q", out)
	}
	x.TTY = true
	first := driver.Size{Columns: 101, Rows: 37}
	var out bytes.Buffer
	code, err := b.d.Exec(b.ctx, id, x, driver.Streams{Out: &out, Size: first})
	if err != nil || code != 0 || !strings.Contains(out.String(), "tty\r\n") {
		b.Errorf("code %d, %v, printed %q", code, err, out.String())
	}
	x = sized("37 101")
	if code, err := b.d.Exec(b.ctx, id, x, driver.Streams{Out: &out, Size: first}); err != nil || code != 0 {
		b.Errorf("size: code %d, %v, printed %q", code, err, out.String())
	}
	x = sized("40 120")
	sizes := make(chan driver.Size, 1)
	sizes <- driver.Size{Columns: 120, Rows: 40}
	if code, err := b.d.Exec(b.ctx, id, x, driver.Streams{Out: &out, Size: first, Resize: sizes}); err != nil || code != 0 {
		b.Errorf("resize: code %d, %v, printed %q", code, err, out.String())
	}
}

// sized ends once its terminal has a size.
func sized(size string) driver.Exec {
	x := shell(`until test "$(stty size)" = "` + size + `"; do sleep 0.05; done`)
	x.TTY = true
	return x
}

func testSignal(b *bench) {
	id := b.up("web")
	signals := make(chan string, 1)
	type result struct {
		code int
		err  error
	}
	done := make(chan result, 1)
	go func() {
		x := shell("echo $$ > /pid; exec sleep 1000")
		code, err := b.d.Exec(b.ctx, id, x, driver.Streams{Signal: signals})
		done <- result{code, err}
	}()
	b.eventuallyIn(id, "kill -0 $(cat /pid)")
	signals <- "TERM"
	if got := <-done; got.err != nil || got.code != 143 {
		b.Errorf("code %d, %v; want 143", got.code, got.err)
	}
}

func testExecCancelled(b *bench) {
	id := b.up("web")
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := b.d.Exec(ctx, id, shell("echo $$ > /pid; exec sleep 1000"), driver.Streams{})
		done <- err
	}()
	b.eventuallyIn(id, "kill -0 $(cat /pid)")
	cancel()
	if err := <-done; err == nil {
		b.Error("a cancelled command has no error")
	}
	b.eventuallyIn(id, "! kill -0 $(cat /pid)")
}

func testExecNotRunning(b *bench) {
	id := b.create(b.newBox("web"))
	_, err := b.d.Exec(b.ctx, id, shell("true"), driver.Streams{})
	b.wantKind("exec in a created box", err, driver.NotRunning)
	b.start(id)
	b.must(b.d.StopBox(b.ctx, id, 0))
	_, err = b.d.Exec(b.ctx, id, shell("true"), driver.Streams{})
	b.wantKind("exec in a stopped box", err, driver.NotRunning)
}

func attachTests() []test {
	return []test{
		{"input and output", testAttach},
		{"exit code", testAttachCode},
		{"terminal", testAttachTTY},
		{"cancelled", testAttachCancelled},
	}
}

func override(r driver.Override) func(*driver.NewBox) {
	return func(n *driver.NewBox) { n.Name += ".run-0a1b2c"; n.Run = &r }
}

func testAttach(b *bench) {
	id := b.create(b.newBox("web", override(driver.Override{Command: []string{"cat"}, Stdin: true})))
	var out bytes.Buffer
	code, err := b.d.Attach(b.ctx, id, driver.Streams{In: strings.NewReader("one\ntwo\n"), Out: &out, Err: &out})
	if err != nil || code != 0 || out.String() != "one\ntwo\n" {
		b.Errorf("code %d, %v, printed %q", code, err, out.String())
	}
}

func testAttachCode(b *bench) {
	id := b.create(b.newBox("web", command("sleep 1000"), override(driver.Override{
		Command: []string{"sh", "-c", "echo $(pwd) $GREETING; echo err >&2; exit 9"}, Dir: "/tmp", Env: map[string]string{"GREETING": "hello"},
	})))
	var out, errOut bytes.Buffer
	code, err := b.d.Attach(b.ctx, id, driver.Streams{Out: &out, Err: &errOut})
	if err != nil || code != 9 || errOut.String() != "err\n" || !strings.HasSuffix(out.String(), " hello\n") {
		b.Errorf("code %d, %v, printed %q and %q", code, err, out.String(), errOut.String())
	}
}

func testAttachTTY(b *bench) {
	size := driver.Size{Columns: 101, Rows: 37}
	script := sized("37 101").Argv[2] + "; test -t 0 && echo tty"
	id := b.create(b.newBox("web", override(driver.Override{Command: []string{"sh", "-c", script}, TTY: true, Size: size, Stdin: true})))
	var out bytes.Buffer
	r, w := io.Pipe()
	defer w.Close()
	code, err := b.d.Attach(b.ctx, id, driver.Streams{In: r, Out: &out, Size: size})
	if err != nil || code != 0 || !strings.Contains(out.String(), "tty\r\n") {
		b.Errorf("code %d, %v, printed %q", code, err, out.String())
	}
}

func testAttachCancelled(b *bench) {
	id := b.create(b.newBox("web", override(driver.Override{Command: []string{"sh", "-c", "touch /on; sleep 1000"}})))
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := b.d.Attach(ctx, id, driver.Streams{})
		done <- err
	}()
	b.eventually("start", func() bool {
		code, err := b.d.Exec(b.ctx, id, shell("test -e /on"), driver.Streams{})
		return err == nil && code == 0
	})
	cancel()
	if err := <-done; err == nil {
		b.Error("a cancelled attach has no error")
	}
}
