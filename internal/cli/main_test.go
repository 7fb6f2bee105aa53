package cli_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/envyhq/envy/internal/cli"
	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
)

// machine is a process that a test runs commands in, on an engine in memory. Such tests are not parallel: the flag
// library has variables of its own, made for one command line a process.
type machine struct {
	t        *testing.T
	dir      string
	env      map[string]string
	engine   driver.Engine
	terminal bool
	socket   string // of the engine
	signals  chan os.Signal
	left     chan int // exit codes of leaving at once
	out, err buffer
}

// buffer is a stream that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}

// await polls until the stream holds text.
func (b *buffer) await(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(b.String(), text); {
		if time.Now().After(deadline) {
			t.Fatalf("%q was never said:\n%s", text, b.String())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func newMachine(t *testing.T, envfile string) *machine {
	t.Helper()
	root := t.TempDir()
	m := &machine{
		t: t, dir: filepath.Join(root, "shop"), engine: fake.New(fake.Options{Images: fake.Stock()}),
		env: map[string]string{
			"HOME": root, "XDG_STATE_HOME": filepath.Join(root, "state"), "XDG_CACHE_HOME": filepath.Join(root, "cache"),
			"XDG_DATA_HOME": filepath.Join(root, "data"), "XDG_CONFIG_HOME": filepath.Join(root, "config"),
		},
		signals: make(chan os.Signal, 4), left: make(chan int, 1),
	}
	if err := os.Mkdir(m.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	m.write("Envfile", envfile)
	return m
}

func (m *machine) write(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// run is one command line, with what is typed or piped in.
func (m *machine) run(in string, args ...string) int {
	return m.start(strings.NewReader(in), args...)
}

func (m *machine) start(in io.Reader, args ...string) int {
	m.out.reset()
	m.err.reset()
	return cli.Main(context.Background(), cli.Machine{
		Args: args, Dir: m.dir, Version: "v0.1.0", Now: time.Now, PID: 4711, Signals: m.signals,
		Leave:     func(code int) { m.left <- code },
		LookupEnv: func(name string) (string, bool) { v, ok := m.env[name]; return v, ok },
		Open:      func(cli.EngineOptions) (driver.Engine, error) { return m.engine, nil },
		Socket:    func(string) string { return m.socket },
		Streams: func(bool) *term.Streams {
			return term.Injected(term.Input{Reader: in, Terminal: m.terminal}, term.Output{Writer: &m.out}, term.Output{Writer: &m.err, Terminal: m.terminal})
		},
	})
}

// want runs a command that must end with a code.
func (m *machine) want(code int, in string, args ...string) {
	m.t.Helper()
	if got := m.run(in, args...); got != code {
		m.t.Fatalf("envy %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, m.out.String(), m.err.String())
	}
}

// says fails unless stderr holds all texts.
func (m *machine) says(texts ...string) {
	m.t.Helper()
	for _, text := range texts {
		if !strings.Contains(m.err.String(), text) {
			m.t.Errorf("%q is not said:\n%s", text, m.err.String())
		}
	}
}

const oneBox = `box "web" { image = "debian:bookworm-slim" }`

func TestConfirm(t *testing.T) {
	m := newMachine(t, oneBox)
	m.terminal = true
	m.want(0, "", "up")
	m.want(5, "n\n", "destroy")
	m.says("Destroy 1 box of project shop? [y/N]", "declined; nothing was changed")
	m.want(5, "", "destroy") // the end of the input is no
	m.want(0, "y\n", "destroy")
	m.want(0, "", "destroy")
	if strings.Contains(m.err.String(), "?") {
		t.Errorf("asked about nothing:\n%s", m.err.String())
	}
}

func TestConfirmLoss(t *testing.T) {
	m := newMachine(t, oneBox)
	m.terminal = true
	m.want(0, "", "up")
	if err := m.engine.(*fake.Engine).ByHand("write", "shop-web", "/root/notes", "x"); err != nil {
		t.Fatal(err)
	}
	m.write("Envfile", `box "web" {
  image = "debian:bookworm-slim"
  env   = { A = "b" }
}`)
	m.want(5, "n\n", "up")
	m.says("1 file changed inside web would be lost", "lose what changed inside web? [y/N]")
	m.want(0, "yes\n", "up")
}

const asking = `variable "mode" {
  type        = string
  description = "which mode"
}
variable "token" { sensitive = true }
box "web" {
  image = "debian:bookworm-slim"
  env   = { MODE = var.mode, TOKEN = var.token }
}`

func TestVariablesAreAskedFor(t *testing.T) {
	m := newMachine(t, asking)
	m.want(3, "", "up")
	m.says("mode", "token")
	m.terminal = true
	m.want(0, "dev\ny\nhush ${x}\ny\n", "up")
	m.says("variable mode (string): which mode", "keep the answer in Envfile.local?", "variable token")
	if strings.Contains(m.err.String()+m.out.String(), "hush") {
		t.Errorf("the secret is shown:\n%s", m.err.String())
	}
	info, err := os.Stat(filepath.Join(m.dir, "Envfile.local"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("Envfile.local: %v, %v", info, err)
	}
	m.terminal = false
	m.want(0, "", "exec", "web", "sh", "-c", "echo $MODE $TOKEN")
	if got, want := m.out.String(), "dev hush ${x}\n"; got != want {
		t.Errorf("in the box: %q, want %q", got, want)
	}
	m.want(0, "", "up")
	if got := m.out.String(); !strings.Contains(got, "Nothing to do") {
		t.Errorf("kept answers make another plan: %s%s", got, m.err.String())
	}
}

func TestAnswersNeedNotBeKept(t *testing.T) {
	m := newMachine(t, asking)
	m.terminal = true
	m.want(0, "dev\nn\nhush\nn\n", "plan")
	if _, err := os.Stat(filepath.Join(m.dir, "Envfile.local")); err == nil {
		t.Error("kept though it was declined")
	}
	m.want(0, "", "status") // never asks
	m.says("Warning")
}

func TestPanic(t *testing.T) {
	m := newMachine(t, oneBox)
	m.engine = nil
	m.want(1, "", "status")
	m.says("envy has a bug", "internal/cli/")
	if m.out.String() != "" {
		t.Errorf("on stdout: %s", m.out.String())
	}
}

func TestInterrupt(t *testing.T) {
	m := newMachine(t, oneBox)
	entered := make(chan struct{})
	m.engine = fake.Intercept(m.engine, func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if c.Method == "Observe" {
			close(entered)
			<-ctx.Done()
			return context.Cause(ctx)
		}
		return next(ctx)
	})
	code := make(chan int, 1)
	go func() { code <- m.run("", "status") }()
	<-entered
	m.signals <- os.Interrupt
	if got := <-code; got != 130 {
		t.Errorf("exit code %d", got)
	}
	m.says("interrupted")
	if len(m.left) > 0 {
		t.Error("left at the first interrupt")
	}
}

func TestSecondInterruptLeaves(t *testing.T) {
	m := newMachine(t, oneBox)
	entered, release := make(chan struct{}), make(chan struct{})
	m.engine = fake.Intercept(m.engine, func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if c.Method == "Observe" {
			close(entered)
			<-release // hears nothing
		}
		return next(ctx)
	})
	code := make(chan int, 1)
	go func() { code <- m.run("", "status") }()
	<-entered
	m.signals <- os.Interrupt
	m.signals <- os.Interrupt
	if got := <-m.left; got != 130 {
		t.Errorf("left with %d", got)
	}
	close(release)
	<-code
}

func TestSignalsGoToTheCommand(t *testing.T) {
	m := newMachine(t, oneBox)
	m.want(0, "", "up")
	code := make(chan int, 1)
	go func() {
		code <- m.start(strings.NewReader(""), "exec", "web", "sh", "-c", "echo ready; sleep 1000; echo over")
	}()
	m.out.await(t, "ready")
	m.signals <- syscall.SIGTERM
	if got := <-code; got != 143 {
		t.Errorf("exit code %d\n%s", got, m.err.String())
	}
}

// behind runs a command behind an up that does not go on until finish, which waits for both to end well.
func (m *machine) behind(command string) (second *machine, finish func()) {
	m.t.Helper()
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	slow := fake.Intercept(m.engine, func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if c.Method == "CreateBox" {
			once.Do(func() { close(entered); <-release })
		}
		return next(ctx)
	})
	first := &machine{t: m.t, dir: m.dir, env: m.env, engine: slow, signals: make(chan os.Signal)}
	second = &machine{t: m.t, dir: m.dir, env: m.env, engine: m.engine, signals: make(chan os.Signal)}
	codes := make(chan int, 2)
	go func() { codes <- first.run("", "up") }()
	<-entered
	go func() { codes <- second.run("", command) }()
	return second, func() {
		m.t.Helper()
		close(release)
		for range 2 {
			if got := <-codes; got != 0 {
				m.t.Errorf("exit code %d\n%s%s", got, first.err.String(), second.err.String())
			}
		}
	}
}

// A second envy waits for the first, and says for whom.
func TestLock(t *testing.T) {
	m := newMachine(t, oneBox)
	second, finish := m.behind("halt")
	second.err.await(t, "waiting for envy up (process 4711")
	finish()
	if got := second.out.String(); !strings.Contains(got, "halted web") {
		t.Errorf("the second did not see what the first made: %s", got)
	}
}

// An up that waited for another goes by what is there then: the lock that the other wrote, the Envfile that was edited.
func TestWaitedUpReadsAnew(t *testing.T) {
	m := newMachine(t, oneBox)
	second, finish := m.behind("up")
	second.err.await(t, "waiting for envy up")
	m.write("Envfile", oneBox+strings.Replace("\n"+oneBox, "web", "api", 1))
	finish()
	if got := second.out.String(); !strings.Contains(got, "api") {
		t.Errorf("the second brought up what it had read before it waited: %s", got)
	}
}

// An up that changes nothing asks the engine as little as the reference allows (§7).
func TestCallsOfAnUnchangedUp(t *testing.T) {
	m := newMachine(t, `box "web" {
  image = "debian:bookworm-slim"
  count = 20
}`)
	m.want(0, "", "up")
	calls := &fake.Calls{}
	m.engine = fake.Intercept(m.engine, calls.Hook)
	m.want(0, "", "up")
	if got, want := calls.String(), "Image 1, Observe 1, Ping 1"; got != want {
		t.Errorf("up: %s, want %s", got, want)
	}
	calls.Reset()
	m.want(0, "", "ssh", "--", "true")
	if got, want := calls.String(), "Exec 1, Observe 1"; got != want {
		t.Errorf("ssh: %s, want %s", got, want)
	}
}

// An engine that goes away in the middle of an up is told with what was asked of it, and the next up goes on.
func TestEngineGoesAway(t *testing.T) {
	m := newMachine(t, oneBox)
	whole := m.engine
	gone := &driver.Error{Kind: driver.Unreachable, Op: "start", Object: "box x", Text: "the engine at unix:///x did not answer within 2m0s"}
	m.engine = fake.Intercept(whole, fake.Fail(1, fake.Method("StartBox"), gone))
	m.want(4, "", "up")
	m.says(`Error: start box "web": the engine at unix:///x did not answer within 2m0s`, "at Envfile:1", "see to the engine; once it answers")
	m.engine = whole
	m.want(0, "", "up")
}

// Whatever does not need an engine never opens one.
func TestNoEngine(t *testing.T) {
	m := newMachine(t, oneBox)
	m.engine = nil // using it is a panic, exit code 1
	for _, args := range [][]string{
		{"version"}, {"--version"}, {"help"}, {"validate"}, {"fmt"}, {"completion", "bash"}, {"__complete", "--", "ssh", ""}, {"init", "--output", "-"},
	} {
		m.want(0, "", args...)
	}
	m.want(5, "", "up", "--locked")
	m.want(5, "", "validate", "--locked")
	m.want(5, "", "box", "outdated")
}
