//go:build linux

package agent_test

import (
	"io"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/agent/wire"
)

// output is written by a client and read by the test at the same time.
type output struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (o *output) Write(data []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(data)
}

func (o *output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

// client is a `docker exec` whose stdin stays open.
type client struct {
	*exec.Cmd
	stdin  io.WriteCloser
	output output
}

// begin gives a verb its order and does not wait for it.
func (b *testBox) begin(verb string, order []byte) *client {
	b.t.Helper()
	c := &client{Cmd: exec.CommandContext(b.t.Context(), "docker", "exec", "-i", b.name, wire.Path, verb)}
	c.Stdout, c.Stderr, c.WaitDelay = &c.output, &c.output, time.Second
	var err error
	if c.stdin, err = c.StdinPipe(); err != nil {
		b.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if _, err := c.stdin.Write(append(order, '\n')); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// end waits for the client and returns its exit code.
func (c *client) end() int {
	_ = c.Wait() // the code says it
	return c.ProcessState.ExitCode()
}

// provision runs a provisioner to its end.
func (b *testBox) provision(order wire.Provision) (int, string) {
	b.t.Helper()
	c := b.begin(wire.VerbProvision, encode(b.t, order))
	return c.end(), c.output.String()
}

func testProvision(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{Users: []wire.UserBoot{dev}})
	script := "id -u; pwd; echo $SECRET $HOME >/dev/stdout; false; echo not here"
	order := wire.Provision{Name: "deps", Hash: "h1", User: "dev", Dir: "/home/dev", Env: []string{"SECRET=x"}, Script: script}
	code, out := b.provision(order)
	if want := "4321\n/home/dev\nx /home/dev\n"; code != 1 || out != want {
		t.Errorf("failing script: exit %d, %q, want 1, %q", code, out, want)
	}
	if runs := b.record().Runs; len(runs) != 0 {
		t.Errorf("a failed run was recorded: %v", runs)
	}
	order.Script = "#! /bin/sh -u\necho $0 >/tmp/name; false; true"
	if code, out := b.provision(order); code != 0 {
		t.Errorf("script with an interpreter of its own: exit %d, %q", code, out)
	}
	record := b.record()
	if run := record.Runs["deps"]; run.Hash != "h1" || run.Start == 0 || run.End < run.Start || len(record.Spans) != 0 {
		t.Errorf("record after success: %+v", record)
	}
	if got := b.sh("cat /tmp/name; ls /tmp"); !strings.HasPrefix(got, "/tmp/envy-deps-") || strings.Count(got, "envy-") != 1 {
		t.Errorf("the script was called, and left behind: %q", got)
	}
	if r := b.agent(wire.VerbRelease, encode(t, wire.Release{})); r.code != 0 {
		t.Fatal(r.stderr)
	}
	if code, _ := b.provision(wire.Provision{Name: "late", Script: "exit 9"}); code != 9 {
		t.Errorf("exit %d, want the script's 9", code)
	}
	if spans := b.record().Spans; len(spans) != 1 || spans[0].Name != "late" || spans[0].Start == 0 {
		t.Errorf("spans after the release: %v", spans)
	}
	if code, out := b.provision(wire.Provision{Name: "x", Script: "#!/no/interpreter\n"}); code != wire.ExitNotFound || !strings.Contains(out, "/no/interpreter") {
		t.Errorf("missing interpreter: exit %d, %q", code, out)
	}
}

// running reports whether the box has a process with this name.
func (b *testBox) running(name string) bool {
	b.t.Helper()
	return strings.Contains(b.sh("cat /proc/[0-9]*/stat 2>/dev/null; true"), "("+name+")")
}

func testClientDies(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{})
	c := b.begin(wire.VerbProvision, encode(t, wire.Provision{Name: "deps", Script: "sleep 1000 & trap '' TERM; while :; do sleep 999; done"}))
	poll(t, "the script runs", func() bool { return b.running("sleep") })
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	poll(t, "the script's processes end", func() bool { return !b.running("sleep") })
	if runs := b.record().Runs; len(runs) != 0 {
		t.Errorf("a run that was cut off was recorded: %v", runs)
	}
	if code, out := b.provision(wire.Provision{Name: "deps", Script: "true"}); code != 0 {
		t.Errorf("the next one: exit %d, %s", code, out)
	}
}

func testOneAtATime(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{})
	first := b.begin(wire.VerbProvision, encode(t, wire.Provision{
		Name: "a", Script: "touch /tmp/a; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo a >>/tmp/order",
	}))
	poll(t, "the first runs", func() bool { return b.sh("ls /tmp/a 2>/dev/null; true") != "" })
	second := b.begin(wire.VerbProvision, encode(t, wire.Provision{Name: "b", Script: "echo b >>/tmp/order"}))
	poll(t, "the second says that it waits", func() bool { return strings.Contains(second.output.String(), `"b" waits`) })
	b.sh("touch /tmp/go")
	if a, b := first.end(), second.end(); a != 0 || b != 0 {
		t.Errorf("exit %d and %d: %s%s", a, b, first.output.String(), second.output.String())
	}
	if got := b.sh("cat /tmp/order"); got != "a\nb" {
		t.Errorf("order %q", got)
	}
}

func testTimeout(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{})
	code, out := b.provision(wire.Provision{Name: "slow", Script: "sleep 1000", Timeout: int64(300 * time.Millisecond)})
	if code != wire.ExitTimeout || !strings.Contains(out, `"slow"`) {
		t.Errorf("exit %d, %q", code, out)
	}
	if b.running("sleep") {
		t.Error("the script still runs")
	}
}

func testWait(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{Gate: true, Argv: []string{"sleep", "1000"}}, "--stop-signal", "KILL")
	check := wire.Health{Argv: []string{"sh", "-c", "echo probed; [ -e /tmp/healthy ]"}}
	waits := b.begin(wire.VerbWait, encode(t, check))
	b.sh("touch /tmp/healthy")
	if code := waits.end(); code != 0 {
		t.Errorf("exit %d, %s", code, waits.output.String())
	}
	b.sh("rm /tmp/healthy")
	check.Limit = int64(3 * time.Second) // enough for one probe on a busy machine
	gaveUp := b.begin(wire.VerbWait, encode(t, check))
	if code := gaveUp.end(); code != wire.ExitFailed || !strings.Contains(gaveUp.output.String(), "probed\n") {
		t.Errorf("after the limit: exit %d, %q", code, gaveUp.output.String())
	}
	check = wire.Health{Argv: []string{"sleep", "1000"}, Limit: int64(200 * time.Millisecond)}
	hangs := b.begin(wire.VerbWait, encode(t, check))
	if code := hangs.end(); code != wire.ExitFailed {
		t.Errorf("a check that hangs: exit %d, %q", code, hangs.output.String())
	}
	cut := b.begin(wire.VerbWait, encode(t, wire.Health{Argv: []string{"sh", "-c", "exit 1"}}))
	if err := cut.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if code := cut.end(); code != wire.ExitEnded || !strings.Contains(cut.output.String(), "has not passed") {
		t.Errorf("after the lifeline: exit %d, %q", code, cut.output.String())
	}
	dies := b.begin(wire.VerbWait, encode(t, wire.Health{Argv: []string{"sh", "-c", "exit 1"}}))
	must(t, "kill", b.name)
	if code := dies.end(); code == 0 {
		t.Error("the box ended, and the wait says that it is healthy")
	}
}

func testFiles(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{Users: []wire.UserBoot{dev}})
	write := func(order wire.Files) result {
		t.Helper()
		return b.agent(wire.VerbFiles, encode(t, order))
	}
	r := write(wire.Files{Files: []wire.File{
		{Path: "/home/dev/.config/app/conf", Content: []byte("a\n"), Mode: 0o600, Owner: "dev", Hash: "h"},
		{Path: "/etc/hosts", Content: []byte("127.0.0.1 x\n")}, // a mount point of the engine's
		{Path: "/etc/two", Content: []byte("2")},
	}})
	if r.code != 0 {
		t.Fatalf("exit %d, %s", r.code, r.stderr)
	}
	got := b.sh("cd /home/dev; stat -c '%n %a %u:%g' .config .config/app/conf; cat .config/app/conf /etc/hosts")
	want := ".config 755 4321:4322\n.config/app/conf 600 4321:4322\na\n127.0.0.1 x"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if state := b.record().Files["/home/dev/.config/app/conf"]; state.Hash != "h" {
		t.Errorf("recorded: %+v", state)
	}
	b.sh("echo changed >/etc/two")
	r = write(wire.Files{Remove: []string{"/etc/two", "/home/dev/.config/app/conf", "/never/there"}})
	if r.code != 0 || !strings.Contains(r.stderr, "/etc/two") {
		t.Errorf("remove: exit %d, %q", r.code, r.stderr)
	}
	if got := b.sh("ls /etc/two /home/dev/.config/app"); got != "/etc/two\n\n/home/dev/.config/app:" {
		t.Errorf("left after the removal: %q", got)
	}
	r = write(wire.Files{Files: []wire.File{{Path: "/etc/new"}, {Path: "/etc"}}})
	if r.code != wire.ExitAgent || b.sh("ls /etc/new 2>/dev/null; true") != "" {
		t.Errorf("one of two is impossible: exit %d, %q", r.code, r.stderr)
	}
}

func testStat(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{})
	b.sh("echo abc >/tmp/f; touch -d @5 /tmp/f")
	r := b.agent(wire.VerbStat, encode(t, wire.StatRequest{Paths: []string{"/tmp/f", "/nowhere"}}))
	got, err := wire.Decode[wire.StatReply]([]byte(r.stdout))
	want := wire.StatReply{Stats: []wire.Stat{
		{Path: "/tmp/f", Exists: true, Size: 4, MTime: 5e9, Mode: 0o100644}, {Path: "/nowhere"},
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, %s\n%s", err, r.stderr, diff)
	}
}

func testSignal(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{Users: []wire.UserBoot{dev}})
	send := func(signal wire.Signal) result {
		t.Helper()
		return b.agent(wire.VerbSignal, encode(t, signal))
	}
	spec := encode(t, wire.Exec{User: "dev", Argv: []string{"sh", "-c", "trap 'exit 5' USR1; touch /tmp/up; while :; do sleep 0.05; done"}})
	command := exec.CommandContext(t.Context(), "docker", "exec", "-e", wire.MarkVariable+"=m-1", b.name, wire.Path, wire.VerbExec, string(spec))
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	poll(t, "the command runs", func() bool { return b.sh("ls /tmp/up 2>/dev/null; true") != "" })
	if r := send(wire.Signal{Mark: "m-2", Signal: "KILL"}); r.code != wire.ExitFailed {
		t.Errorf("a mark that nobody has: exit %d, %s", r.code, r.stderr)
	}
	if r := send(wire.Signal{Mark: "../ready", Signal: "KILL"}); r.code != wire.ExitAgent {
		t.Errorf("a mark that is a path: exit %d, %s", r.code, r.stderr)
	}
	if r := send(wire.Signal{Mark: "m-1", Signal: "USR1"}); r.code != 0 {
		t.Fatalf("exit %d, %s", r.code, r.stderr)
	}
	_ = command.Wait()
	if code := command.ProcessState.ExitCode(); code != 5 {
		t.Errorf("the command ended with %d, want 5", code)
	}
	if r := send(wire.Signal{Mark: "m-1", Signal: "USR1"}); r.code != wire.ExitFailed {
		t.Errorf("a command that has ended: exit %d, %s", r.code, r.stderr)
	}
}

func testReadOnly(t *testing.T, e *engine) {
	boot := wire.Boot{Users: []wire.UserBoot{dev}, User: "1000", Gate: true, Argv: []string{"sh", "-c", "id -u; sleep 1000"}}
	b := start(t, e.shell, boot, "--read-only", "--stop-signal", "KILL")
	if code, out := b.provision(wire.Provision{Name: "deps", User: "1000", Script: "id -u"}); code != 0 || out != "1000\n" {
		t.Errorf("provision: exit %d, %q", code, out)
	}
	record := b.record()
	if _, ran := record.Runs["deps"]; !ran || len(record.Notes) == 0 {
		t.Errorf("record: %+v", record)
	}
	if r := b.agent(wire.VerbRelease, encode(t, wire.Release{})); r.code != 0 {
		t.Fatalf("release: exit %d, %s", r.code, r.stderr)
	}
	poll(t, "the command starts", func() bool { return strings.Contains(b.logs(), "1000\n") })
}

func testUnprivileged(t *testing.T, e *engine) {
	boot := wire.Boot{Unprivileged: true, User: "1000", Gate: true, Argv: []string{"sh", "-c", "id -u; sleep 1000"}}
	b := start(t, e.shell, boot, "--user", "1000:1000", "--cap-drop", "ALL", "--stop-signal", "KILL")
	if code, out := b.provision(wire.Provision{Name: "deps", User: "1000", Script: "id -u"}); code != 0 || out != "1000\n" {
		t.Errorf("provision: exit %d, %q", code, out)
	}
	if r := b.exec(wire.Exec{User: "root", Argv: []string{"id"}}); r.code != wire.ExitAgent {
		t.Errorf("exec as root: exit %d, %q", r.code, r.stdout)
	}
	if r := b.agent(wire.VerbFiles, encode(t, wire.Files{Files: []wire.File{{Path: "/tmp/f"}}})); r.code != 0 {
		t.Errorf("files: exit %d, %s", r.code, r.stderr)
	}
	if r := b.agent(wire.VerbRelease, encode(t, wire.Release{})); r.code != 0 {
		t.Fatalf("release: exit %d, %s", r.code, r.stderr)
	}
	poll(t, "the command starts", func() bool { return strings.Contains(b.logs(), "1000\n") })
}

func testNoCapabilities(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{Users: []wire.UserBoot{{Name: "node", UID: 4321, Adopt: true}}}, "--cap-drop", "ALL")
	if got := b.sh("id -u"); got != "0" {
		t.Errorf("uid %s", got)
	}
	if notes := b.record().Notes; len(notes) == 0 {
		t.Error("no note says that the home was not handed over")
	}
}

func testNoShell(t *testing.T, e *engine) {
	b := start(t, e.bare, wire.Boot{Users: []wire.UserBoot{dev}, User: "dev"})
	r := b.exec(wire.Exec{User: "dev", Argv: []string{wire.Path}})
	if r.code != wire.ExitNotFound || !strings.Contains(r.stderr, "no shell") {
		t.Errorf("the agent as a program: exit %d, %q", r.code, r.stderr)
	}
	r = b.exec(wire.Exec{User: "dev", Login: true})
	if r.code != wire.ExitNotFound || !strings.Contains(r.stderr, "no shell") {
		t.Errorf("login: exit %d, %q", r.code, r.stderr)
	}
	code, out := b.provision(wire.Provision{Name: "deps", Script: "true"})
	if code != wire.ExitNotFound || !strings.Contains(out, `"sh"`) {
		t.Errorf("provision: exit %d, %q", code, out)
	}
}

func testOtherRecord(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{ID: "one"})
	if code, out := b.provision(wire.Provision{Name: "deps", Script: "true"}); code != 0 {
		t.Fatal(out)
	}
	must(t, "restart", "-t", "60", b.name)
	if len(b.record().Runs) != 1 {
		t.Error("a restart lost the record")
	}
	snapshot := e.shell + "-snapshot"
	must(t, "commit", b.name, snapshot)
	t.Cleanup(func() { docker(t, nil, "rmi", "-f", snapshot) })
	other := start(t, snapshot, wire.Boot{ID: "two"})
	if record := other.record(); len(record.Runs) != 0 || record.ID != "two" {
		t.Errorf("another container's record counts: %+v", record)
	}
}
