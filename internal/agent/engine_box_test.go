//go:build linux

package agent_test

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/agent/wire"
)

func TestEngine(t *testing.T) {
	e := newEngine(t)
	for name, test := range map[string]func(*testing.T, *engine){
		"idle":             testIdle,
		"idle stop signal": testIdleStopSignal,
		"zombies":          testZombies,
		"user is made":     testUserMade,
		"uid is taken":     testUIDTaken,
		"user is adopted":  testAdopted,
		"volumes":          testVolumes,
		"login":            testLogin,
		"null":             testNull,
		"command":          testCommand,
		"command missing":  testCommandMissing,
		"terminal":         testTerminal,
		"gate":             testGate,
		"gate is stopped":  testGateStopped,
		"oneshot":          testOneshot,
		"read-only root":   testReadOnly,
		"unprivileged":     testUnprivileged,
		"no capabilities":  testNoCapabilities,
		"no shell":         testNoShell,
		"client dies":      testClientDies,
		"one at a time":    testOneAtATime,
		"timeout":          testTimeout,
		"provision":        testProvision,
		"wait":             testWait,
		"files":            testFiles,
		"stat":             testStat,
		"signal":           testSignal,
		"other record":     testOtherRecord,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, e)
		})
	}
}

func testIdle(t *testing.T, e *engine) {
	b := start(t, e.bare, wire.Boot{})
	b.record() // it listens to signals now
	must(t, "stop", "-t", "60", b.name)
	if code := b.ended(); code != 0 {
		t.Errorf("an idle box ended with %d, want 0 (137: it had to be killed)", code)
	}
}

func testIdleStopSignal(t *testing.T, e *engine) {
	b := start(t, e.bare, wire.Boot{StopSignal: "SIGRTMIN+3"}, "--stop-signal", "SIGRTMIN+3")
	b.record() // it listens to signals now
	must(t, "kill", "-s", "HUP", b.name)
	b.record() // it lives
	must(t, "stop", "-t", "60", b.name)
	if code := b.ended(); code != 0 {
		t.Errorf("ended with %d, want 0", code)
	}
}

func testZombies(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{})
	b.sh("(sleep 0.3 &) ; (sleep 0.2 &)")
	poll(t, "orphans are buried", func() bool {
		// The name and state of every process: PID 1 and those of this exec.
		return !strings.Contains(b.sh("cat /proc/[0-9]*/stat 2>/dev/null; true"), "(sleep)")
	})
}

var dev = wire.UserBoot{Name: "dev", UID: 4321, GID: 4322, Groups: []string{"wheel"}}

func testUserMade(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{Users: []wire.UserBoot{dev}, User: "dev"}, "-v", "/home/dev/.cache/go")
	check := func() {
		t.Helper()
		r := b.exec(wire.Exec{User: "dev", Argv: []string{"sh", "-c",
			"id -un; id -u; id -g; id -Gn; echo $HOME $USER $LOGNAME; cat ~/.greeting; touch ~/mine ~/.cache/mine && echo writable"}})
		want := "dev\n4321\n4322\ndev wheel\n/home/dev dev dev\nhello\nwritable\n"
		if diff := cmp.Diff(want, r.stdout); diff != "" {
			t.Errorf("exec as dev (-want +got), stderr %q:\n%s", r.stderr, diff)
		}
	}
	check()
	record := b.record()
	if len(record.Notes) != 0 {
		t.Errorf("notes: %q", record.Notes)
	}
	if want := "/home/dev/.greeting"; !slices.Contains(record.Own, want) {
		t.Errorf("own paths %q lack %s", record.Own, want)
	}
	if got := b.sh("cat /etc/sudoers.d/90-envy-dev"); got != "dev ALL=(ALL:ALL) NOPASSWD: ALL" {
		t.Errorf("sudoers drop-in: %q", got)
	}
	before := b.sh("cat /etc/passwd /etc/group /etc/shadow")
	must(t, "restart", "-t", "60", b.name)
	check()
	if diff := cmp.Diff(before, b.sh("cat /etc/passwd /etc/group /etc/shadow")); diff != "" {
		t.Errorf("a restart changed the users:\n%s", diff)
	}
	if diff := cmp.Diff(record, b.record()); diff != "" {
		t.Errorf("a restart changed the record:\n%s", diff)
	}
}

func testUIDTaken(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{Users: []wire.UserBoot{{Name: "dev", UID: 1000, GID: 1000}}})
	r := b.exec(wire.Exec{User: "dev", Argv: []string{"id"}})
	if want := "uid=1000(dev) gid=1000(node) groups=1000(node)\n"; r.stdout != want {
		t.Errorf("id: %q, want %q", r.stdout, want)
	}
	rootless := start(t, e.shell, wire.Boot{Users: []wire.UserBoot{{Name: "dev"}}, User: "dev"})
	r = rootless.exec(wire.Exec{User: "dev", Argv: []string{"sh", "-c", "id -un; id -u; echo $HOME"}})
	if want := "dev\n0\n/home/dev\n"; r.stdout != want {
		t.Errorf("a user with root's uid: %q, want %q", r.stdout, want)
	}
	if got := b.sh("cat /etc/passwd"); !strings.Contains(got, "node:x:1000:1000") {
		t.Errorf("the other name of the uid is gone:\n%s", got)
	}
}

func testAdopted(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{Users: []wire.UserBoot{{Name: "node", UID: 4321, GID: 4322, Adopt: true}}, User: "node", Volumes: []string{"/home/node/empty"}}, "-v", "/home/node/empty")
	r := b.exec(wire.Exec{User: "node", Argv: []string{"id"}})
	if want := "uid=4321(node) gid=4322(node) groups=4322(node)\n"; r.stdout != want {
		t.Errorf("id: %q, want %q (%s)", r.stdout, want, r.stderr)
	}
	got := b.sh("stat -c '%n %u:%g' /home/node /home/node/.npmrc /home/node/of-root /home/node/empty")
	want := "/home/node 4321:4322\n/home/node/.npmrc 4321:4322\n/home/node/of-root 0:0\n/home/node/empty 4321:4322"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("owners in the home (-want +got):\n%s", diff)
	}
	// Handed over once: what root makes of it later stays.
	b.sh("touch /home/node/later")
	must(t, "restart", "-t", "60", b.name)
	if got := b.sh("stat -c %u /home/node/later"); got != "0" {
		t.Errorf("a restart handed the home over again, to uid %s", got)
	}
}

func testVolumes(t *testing.T, e *engine) {
	boot := wire.Boot{
		Users: []wire.UserBoot{dev}, User: "dev",
		Volumes: []string{"/data"}, SafeDirs: []string{"/data", "/other"},
	}
	b := start(t, e.shell, boot, "-v", "/data", "-v", "/other")
	if got := b.sh("stat -c %u:%g /data /other"); got != "4321:4322\n0:0" {
		t.Errorf("owners of the volumes: %q", got)
	}
	if got, want := b.sh("cat /etc/gitconfig"), "[safe]\n\tdirectory = \"/other\""; got != want {
		t.Errorf("git's configuration: %q, want %q", got, want)
	}
}

func testLogin(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{Users: []wire.UserBoot{dev}}, "-e", "PATH=/box/bin:/bin")
	for _, c := range []struct {
		name string
		spec wire.Exec
		want string
	}{
		{"a word is a script", wire.Exec{Argv: []string{"echo $0 $PATH"}}, "-sh /box/bin:/bin:/profile\n"},
		{"words are a command", wire.Exec{Argv: []string{"sh", "-c", "echo $SHELL $HOME"}}, "/bin/sh /home/dev\n"},
		{"directory", wire.Exec{Argv: []string{"pwd"}, Dir: "/etc"}, "/etc\n"},
		{"directory missing", wire.Exec{Argv: []string{"pwd"}, Dir: "/nowhere"}, "/home/dev\n"},
		{"environment", wire.Exec{Argv: []string{"echo $TERM"}, Env: []string{"TERM=vt52"}}, "vt52\n"},
	} {
		c.spec.Login, c.spec.User = true, "dev"
		if r := b.exec(c.spec); r.stdout != c.want || r.code != 0 {
			t.Errorf("%s: exit %d, %q, want %q (%s)", c.name, r.code, r.stdout, c.want, r.stderr)
		}
	}
	if r := b.exec(wire.Exec{Argv: []string{"nothing-here"}}); r.code != wire.ExitNotFound {
		t.Errorf("a missing command: exit %d", r.code)
	}
	if r := b.exec(wire.Exec{User: "nobody-here", Argv: []string{"id"}}); r.code != wire.ExitAgent {
		t.Errorf("a missing user: exit %d", r.code)
	}
}

// testNull: an exec without stdin has the host's own /dev/null there, which no user of a box may be given.
func testNull(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{})
	owner := func() string { return must(t, "exec", b.name, "sh", "-c", "stat -L -c '%t:%T %u' /proc/self/fd/0") }
	before := owner()
	uid := strconv.Itoa(100_000 + os.Getpid())
	must(t, "exec", b.name, wire.Path, wire.VerbExec, string(encode(t, wire.Exec{User: uid, Argv: []string{"id"}})))
	if after := owner(); after != before || !strings.HasPrefix(after, "1:3 ") {
		t.Errorf("/dev/null, by device and owner: %q, then %q", before, after)
	}
}

func testCommand(t *testing.T, e *engine) {
	script := "trap 'echo got HUP' HUP; trap 'exit 7' USR1; id -u; pwd; echo $HOME; echo ready >/dev/stdout; while :; do sleep 0.05; done"
	b := start(t, e.shell, wire.Boot{
		Users: []wire.UserBoot{dev}, User: "dev", Dir: "/etc", Argv: []string{"sh", "-c", script},
	})
	poll(t, "the command runs", func() bool { return strings.Contains(b.logs(), "ready") })
	must(t, "kill", "-s", "HUP", b.name)
	poll(t, "HUP arrives", func() bool { return strings.Contains(b.logs(), "got HUP") })
	must(t, "kill", "-s", "USR1", b.name)
	if code := b.ended(); code != 7 {
		t.Errorf("ended with %d, want the command's 7", code)
	}
	if want := "4321\n/etc\n/home/dev\nready\ngot HUP\n"; b.logs() != want {
		t.Errorf("the command wrote %q, want %q", b.logs(), want)
	}
}

func testCommandMissing(t *testing.T, e *engine) {
	b := start(t, e.bare, wire.Boot{Argv: []string{"/no/such"}})
	if code := b.ended(); code != wire.ExitNotFound {
		t.Errorf("ended with %d, want %d", code, wire.ExitNotFound)
	}
	killed := start(t, e.shell, wire.Boot{Argv: []string{"sh", "-c", "kill -KILL $$"}})
	if code := killed.ended(); code != 128+9 {
		t.Errorf("ended with %d, want 137", code)
	}
}

func testTerminal(t *testing.T, e *engine) {
	script := "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done"
	b := create(t, e.shell, wire.Boot{Argv: []string{"sh", "-c", script}}, "-t", "-i")
	client := exec.CommandContext(t.Context(), "docker", "start", "-a", "-i", b.name)
	terminal, err := pty.Start(client)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	poll(t, "the command runs", func() bool { return strings.Contains(b.logs(), "ready") })
	if _, err := terminal.Write([]byte("\x03")); err != nil {
		t.Fatal(err)
	}
	if code := b.ended(); code != 5 {
		t.Errorf("Ctrl-C on the terminal: ended with %d, want 5", code)
	}
	_ = client.Wait()
	if n := strings.Count(b.logs(), "interrupted"); n != 1 {
		t.Errorf("the command was interrupted %d times", n)
	}
}

func testGate(t *testing.T, e *engine) {
	b := start(t, e.shell, wire.Boot{Gate: true, Argv: []string{"sh", "-c", "echo started; sleep 1000"}}, "--stop-signal", "KILL")
	must(t, "kill", "-s", "CONT", b.name) // knocking is not enough
	b.sh("true")
	if got := b.logs(); got != "" {
		t.Fatalf("the command ran before the release: %q", got)
	}
	must(t, "restart", b.name)
	if record := b.record(); record.Released != 0 || b.logs() != "" {
		t.Fatalf("a restart opened the gate: %+v, %q", record, b.logs())
	}
	release := wire.Release{Baseline: []string{"/a", "/b"}}
	if r := b.agent(wire.VerbRelease, encode(t, release)); r.code != 0 {
		t.Fatalf("release: exit %d, %s", r.code, r.stderr)
	}
	poll(t, "the command starts", func() bool { return b.logs() == "started\n" })
	if r := b.agent(wire.VerbRelease, encode(t, wire.Release{})); r.code != 0 {
		t.Errorf("a second release: exit %d, %s", r.code, r.stderr)
	}
	must(t, "restart", b.name)
	poll(t, "the command starts again", func() bool { return b.logs() == "started\nstarted\n" })
	baseline, err := wire.Decode[wire.Release]([]byte(b.agent(wire.VerbBaseline, nil).stdout))
	if diff := cmp.Diff(release, baseline); diff != "" || err != nil {
		t.Errorf("baseline, %v:\n%s", err, diff)
	}
}

func testGateStopped(t *testing.T, e *engine) {
	b := start(t, e.bare, wire.Boot{Gate: true, Oneshot: "x", Argv: []string{"/no/such"}})
	b.record()
	must(t, "stop", "-t", "60", b.name)
	if code := b.ended(); code != 128+15 {
		t.Errorf("ended with %d; 0 would say that the oneshot ran", code)
	}
}

func testOneshot(t *testing.T, e *engine) {
	script := "echo run; [ -e /tmp/well ] || { touch /tmp/well; exit 3; }"
	b := create(t, e.shell, wire.Boot{Oneshot: "v1", Argv: []string{"sh", "-c", script}})
	for i, want := range []struct {
		code int
		logs string
	}{{3, "run\n"}, {0, "run\nrun\n"}, {0, "run\nrun\n"}} {
		must(t, "start", b.name)
		if code := b.ended(); code != want.code || b.logs() != want.logs {
			t.Fatalf("start %d: exit %d, %q; want %d, %q", i+1, code, b.logs(), want.code, want.logs)
		}
	}
}
