//go:build linux

package agent

import (
	"bufio"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/agent/wire"
)

func TestSafeDirectories(t *testing.T) {
	for name, c := range map[string]struct{ config, want string }{
		"none":           {"", "[safe]\n\tdirectory = \"/w\"\n"},
		"other sections": {"[user]\n\tdirectory = /w\n\tname = x", "[user]\n\tdirectory = /w\n\tname = x\n[safe]\n\tdirectory = \"/w\"\n"},
		"another one":    {"[safe]\ndirectory=/v\n", "[safe]\ndirectory=/v\n[safe]\n\tdirectory = \"/w\"\n"},
		"there":          {"[SAFE]\n  Directory = \"/w\" ; since ever\n", ""},
		"there, inline":  {"[safe] directory = /w\n", ""},
		"everything":     {"[safe]\n\tdirectory = *\n", ""},
		"reset after it": {"[safe]\n\tdirectory = /w\n\tdirectory =\n", "[safe]\n\tdirectory = /w\n\tdirectory =\n[safe]\n\tdirectory = \"/w\"\n"},
		"in a comment":   {"[safe]\n# directory = /w\n", "[safe]\n# directory = /w\n[safe]\n\tdirectory = \"/w\"\n"},
		"a subsection":   {"[safe \"x\"]\ndirectory = /w\n", "[safe \"x\"]\ndirectory = /w\n[safe]\n\tdirectory = \"/w\"\n"},
	} {
		want := c.want
		if want == "" {
			want = c.config
		}
		got := addSafeDirectories(c.config, []string{"/w"})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if again := addSafeDirectories(got, []string{"/w", "/w"}); again != got {
			t.Errorf("%s: not the same the second time: %q", name, again)
		}
	}
}

// What is written is read back, whatever the path.
func FuzzSafeDirectories(f *testing.F) {
	f.Add("[safe]\n", `/a "b" \c # d`)
	f.Fuzz(func(t *testing.T, config, dir string) {
		if dir == "" || strings.ContainsAny(dir, "\x00\r\v\f\b\u0085\u00a0") || !strings.HasPrefix(dir, "/") {
			return
		}
		got := addSafeDirectories(config, []string{dir})
		if !strings.HasPrefix(got, config) {
			t.Fatalf("%q was changed to %q", config, got)
		}
		if again := addSafeDirectories(got, []string{dir}); again != got {
			t.Fatalf("not the same the second time: %q, then %q", got, again)
		}
	})
}

func TestMounts(t *testing.T) {
	m := parseMounts("1 2 0:1 / / rw - overlay o rw\n3 1 0:2 / /a\\040b rw - x y\n4 1 0:3 / /home rw\n5 1 8:1 / /vol rw\nbroken\n6 1 0:4 / /no\u00a0break rw")
	want := mounts{"/": true, "/a b": true, "/home": true, "/vol": true, "/no\u00a0break": true}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
	for path, foreign := range map[string]bool{"/home/dev": true, "/home": true, "/homes": false, "/vol/x": false, "/etc": false} {
		if m.foreign(path, []string{"/vol"}) != foreign {
			t.Errorf("%s: foreign is not %v", path, foreign)
		}
	}
	if !m.leadTo("/vol") || m.leadTo("/vo") || m.leadTo("/vol/x") {
		t.Error("leadTo is wrong")
	}
	if diff := cmp.Diff([]string{"/h/a", "/h/a/b"}, between("/h", "/h/a/b/c")); diff != "" {
		t.Error(diff)
	}
	if got := between("/h", "/hh/a"); got != nil {
		t.Errorf("between: %q", got)
	}
}

func TestInterpreter(t *testing.T) {
	for script, want := range map[string][]string{
		"":                                  {"sh", "-e"},
		"echo #!":                           {"sh", "-e"},
		"#!/bin/bash\nx":                    {"/bin/bash"},
		"#! /usr/bin/env  -S node x \r\n":   {"/usr/bin/env", "-S node x"},
		"#!/usr/bin/env\tpython3\nprint(1)": {"/usr/bin/env", "python3"},
		"#!\nx":                             {"sh"},
	} {
		if diff := cmp.Diff(want, interpreter(script)); diff != "" {
			t.Errorf("%q:\n%s", script, diff)
		}
	}
}

func TestParseSignal(t *testing.T) {
	for name, want := range map[string]syscall.Signal{
		"TERM": 15, "SIGTERM": 15, "sigint": 2, "15": 15, "SIGRTMIN+3": 37, "RTMIN": 34, "RTMAX-1": 63, "SIGRTMAX": 64,
	} {
		if got, err := parseSignal(name); got != want || err != nil {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "0", "65", "-1", "SIGNOPE", "RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMIN+x"} {
		if got, err := parseSignal(name); err == nil {
			t.Errorf("%q is %d", name, got)
		}
	}
}

func TestReadLine(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	line, err := readLine(bufio.NewReader(strings.NewReader(long+"\nrest")), 20_000)
	if string(line) != long || err != nil {
		t.Errorf("%d bytes, %v", len(line), err)
	}
	if _, err := readLine(bufio.NewReader(strings.NewReader(long)), 100); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := readLine(bufio.NewReader(strings.NewReader("no end")), 100); err == nil {
		t.Error("a line without an end was taken")
	}
}

func TestProfileScript(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	run := exec.CommandContext(t.Context(), shell, "-c", profileScript("/it's mine:/usr/bin")+"echo \"$PATH\"; set | grep _envy")
	run.Env = []string{"PATH=/bin:/usr/bin:/opt/a b"}
	out, _ := run.Output() // grep finds nothing
	if want := "/it's mine:/usr/bin:/bin:/opt/a b\n"; string(out) != want {
		t.Errorf("PATH is %q, want %q", out, want)
	}
}

func TestOverlay(t *testing.T) {
	got := overlay([]string{"A=1", "B=2", "A=3"}, []string{"A=4", "C=", "=x"})
	if diff := cmp.Diff([]string{"B=2", "A=4", "C=", "=x"}, got); diff != "" {
		t.Error(diff)
	}
}
