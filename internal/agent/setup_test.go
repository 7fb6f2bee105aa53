//go:build linux

package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/agent/wire"
)

// newRoot makes a root file system of files and an agent that works on it.
// Whose the files are does not matter to these tests: the ids of every user
// are the test's own, so that it needs no privilege.
func newRoot(t *testing.T, files map[string]string) *Agent {
	t.Helper()
	a := &Agent{Root: t.TempDir(), Stderr: os.Stderr}
	for name, content := range files {
		put(t, a, name, content)
	}
	return a
}

func put(t *testing.T, a *Agent, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(a.at(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.at(name), []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, a *Agent, name string) string {
	t.Helper()
	data, err := os.ReadFile(a.at(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func myself(name string) wire.UserBoot {
	return wire.UserBoot{Name: name, UID: os.Getuid(), GID: os.Getgid()}
}

func TestSetup(t *testing.T) {
	a := newRoot(t, map[string]string{
		"/etc/passwd": somePasswd, "/etc/group": someGroup, "/etc/skel/.bashrc": "b", "/etc/skel/.config/x": "x",
		"/home/dev/.config/x": "mine", "/bin/bash": "", "/usr/bin/sudo": "", "/etc/sudoers": "@includedir /etc/sudoers.d\n", "/etc/profile": ". /etc/profile.d/x",
	})
	a.Environ = []string{"PATH=/go/bin:/bin"}
	s := a.newSetup(wire.Boot{Users: []wire.UserBoot{myself("de.v"), myself("dev")}})
	s.run()
	if len(s.notes) != 0 {
		t.Fatalf("notes: %q", s.notes)
	}
	if got := get(t, a, "/home/dev/.config/x"); got != "mine" {
		t.Errorf("the skeleton went over what was there: %q", got)
	}
	if got := get(t, a, "/home/dev/.bashrc"); got != "b" {
		t.Errorf("skeleton: %q", got)
	}
	if got := get(t, a, "/etc/passwd"); !strings.HasPrefix(got, "dev:x:") || !strings.Contains(got, "::/home/dev:/bin/bash\n") {
		t.Errorf("passwd:\n%s", got)
	}
	if got := get(t, a, "/etc/sudoers.d/90-envy-de_v"); got != "de.v ALL=(ALL:ALL) NOPASSWD: ALL\n" {
		t.Errorf("sudoers: %q", got)
	}
	if got := get(t, a, "/etc/profile.d/00-envy.sh"); !strings.Contains(got, "'/go/bin:/bin'") {
		t.Errorf("profile:\n%s", got)
	}
	again := a.newSetup(s.boot)
	again.run()
	if len(again.own) != 0 || len(again.notes) != 0 {
		t.Errorf("the second start wrote %q, notes %q", again.own, again.notes)
	}
}

func TestSetupWithoutShellOrProfile(t *testing.T) {
	a := newRoot(t, nil)
	a.Environ = []string{"PATH=/go/bin"}
	s := a.newSetup(wire.Boot{Users: []wire.UserBoot{myself("dev")}})
	s.run()
	if len(s.notes) != 0 {
		t.Errorf("notes: %q", s.notes)
	}
	if got := get(t, a, "/etc/passwd"); !strings.HasSuffix(got, ":/home/dev:"+wire.Path+"\n") {
		t.Errorf("passwd: %q", got)
	}
	if a.isDir("/etc/profile.d") || a.isDir("/etc/sudoers.d") {
		t.Error("folders were made that nobody reads")
	}
}

func TestSetupUnprivileged(t *testing.T) {
	a := newRoot(t, nil)
	a.newSetup(wire.Boot{Unprivileged: true, Users: []wire.UserBoot{myself("dev")}}).run()
	if a.isDir("/etc") {
		t.Error("something was set up")
	}
}

func TestSetupLeavesShares(t *testing.T) {
	a := newRoot(t, map[string]string{
		"/etc/gitconfig": "", "/home/x": "", "/w/x": "",
		"/proc/self/mountinfo": "1 0 0:1 / / rw\n2 1 8:1 / /home rw\n3 1 8:1 / /etc/gitconfig rw\n",
	})
	user := myself("dev")
	s := a.newSetup(wire.Boot{Users: []wire.UserBoot{user}, User: "12345", SafeDirs: []string{"/w"}})
	s.run()
	if a.isDir("/home/dev") || get(t, a, "/etc/gitconfig") != "" {
		t.Error("a share was written to")
	}
	if len(s.notes) != 2 {
		t.Errorf("notes: %q", s.notes)
	}
}

func TestHomeTooLarge(t *testing.T) {
	to := ids{os.Getuid(), os.Getgid()}
	if to.uid == 0 { // who alone can give away
		to = ids{4321, 4321}
	}
	a := newRoot(t, nil)
	if err := os.MkdirAll(a.at("/home/node"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range maxHome {
		if err := os.Symlink("x", filepath.Join(a.at("/home/node"), "l"+time.Duration(i).String())); err != nil {
			t.Fatal(err)
		}
	}
	s := a.newSetup(wire.Boot{})
	s.home(change{
		adopted: true,
		account: account{name: "node", uid: to.uid, gid: to.gid, home: "/home/node"},
		old:     account{uid: os.Getuid(), gid: os.Getgid()},
	})
	if len(s.notes) != 1 || !strings.Contains(s.notes[0], "10000") {
		t.Errorf("notes: %q", s.notes)
	}
	if diff := cmp.Diff([]string{"/home/node"}, s.own); diff != "" {
		t.Errorf("handed over:\n%s", diff)
	}
	info, err := os.Lstat(a.at("/home/node"))
	if err != nil || ownerOf(info) != to {
		t.Errorf("the home belongs to %v, %v", ownerOf(info), err)
	}
}

// pidOneFiles are what names a start of PID 1.
func pidOneFiles(start string) map[string]string {
	return map[string]string{
		"/proc/1/stat":                    "1 (a) b) S 0 1 1 0 -1 4 1 1 1 1 1 1 1 1 20 0 8 0 " + start + " 1 1",
		"/proc/sys/kernel/random/boot_id": "boot\n",
	}
}

func TestReadyOfThisStartOnly(t *testing.T) {
	a := newRoot(t, pidOneFiles("100"))
	s, err := a.makeState()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.markReady(s); err != nil {
		t.Fatal(err)
	}
	if got, err := a.awaitReady(0); err != nil || got != s {
		t.Errorf("ready: %v, %v", got, err)
	}
	put(t, a, "/proc/1/stat", pidOneFiles("101")["/proc/1/stat"])
	if got, err := a.awaitReady(0); err == nil {
		t.Errorf("the mark of another start counts: %v", got)
	}
}

func TestStateElsewhere(t *testing.T) {
	a := newRoot(t, map[string]string{"/var/lib": "a file, so that nothing can be made below it"})
	s, err := a.makeState()
	if err != nil || s.dir != a.at("/dev/.envy") {
		t.Errorf("state in %q, %v", s.dir, err)
	}
}

func TestBrokenRecordIsKept(t *testing.T) {
	a := newRoot(t, map[string]string{wire.RecordPath: "{"})
	s, err := a.makeState()
	if err != nil {
		t.Fatal(err)
	}
	p := &pidOne{Agent: a, state: s, boot: wire.Boot{ID: "x"}}
	if _, err := p.keep(&setup{own: []string{"/etc/passwd"}}); err == nil {
		t.Error("a broken record was read")
	}
	if err := s.update(func(*wire.Record) {}); err == nil {
		t.Error("a broken record was changed")
	}
	if got := get(t, a, wire.RecordPath); got != "{" {
		t.Errorf("the record was overwritten: %q", got)
	}
}

func TestEmptyRecordIsNone(t *testing.T) {
	a := newRoot(t, map[string]string{wire.RecordPath: ""})
	s, err := a.makeState()
	if err != nil {
		t.Fatal(err)
	}
	p := &pidOne{Agent: a, state: s, boot: wire.Boot{ID: "x"}}
	if _, err := p.keep(&setup{}); err != nil {
		t.Fatal(err)
	}
	if record, err := s.record(); err != nil || record.ID != "x" {
		t.Errorf("record: %+v, %v", record, err)
	}
}

func TestNoteKeepsTheLatestSpans(t *testing.T) {
	record := wire.Record{Released: 1}
	for i := range wire.MaxSpans + 5 {
		note(&record, wire.Provision{Name: "p", Hash: "h"}, i%2, time.Unix(int64(i), 0), time.Unix(int64(i), 1))
	}
	if len(record.Spans) != wire.MaxSpans || record.Spans[0].Start != 5e9 {
		t.Errorf("%d spans, the first %+v", len(record.Spans), record.Spans[0])
	}
	last := int64(wire.MaxSpans+4) * 1e9
	if diff := cmp.Diff(map[string]wire.Run{"p": {Hash: "h", Start: last, End: last + 1}}, record.Runs); diff != "" {
		t.Errorf("last good run:\n%s", diff)
	}
}

// TestGroupsOfNobodyMade: a user that is not made has its groups made all the same.
func TestGroupsOfNobodyMade(t *testing.T) {
	a := newRoot(t, map[string]string{"/etc/passwd": somePasswd, "/etc/group": someGroup})
	s := a.newSetup(wire.Boot{User: "4567", Groups: []string{"made", "7777"}})
	s.run()
	who, err := a.identify("4567", []string{"made", "7777"})
	if os.Geteuid() != 0 {
		t.Skip("only root may be somebody else")
	}
	if err != nil || len(who.groups) < 2 || len(s.notes) != 0 {
		t.Errorf("%+v, %v, notes %q", who, err, s.notes)
	}
}
