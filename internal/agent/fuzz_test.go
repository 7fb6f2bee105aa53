//go:build linux

package agent

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/envyhq/envy/internal/agent/wire"
)

// FuzzOrder: the first line of stdin is the order, whole, and what follows stays for the lifeline; a line over the limit
// or without an end is none.
func FuzzOrder(f *testing.F) {
	f.Add([]byte(`{"version":1,"value":{"argv":["true"]}}`+"\nrest"), 100)
	f.Add([]byte("no end"), 100)
	f.Add([]byte(strings.Repeat("x", 5000)+"\n\n"), 4999)
	f.Fuzz(func(t *testing.T, stdin []byte, limit int) {
		limit = int(uint(limit) % (64 << 10))
		reader := bufio.NewReader(bytes.NewReader(stdin))
		line, err := readLine(reader, limit)
		want, rest, ended := bytes.Cut(stdin, []byte("\n"))
		switch {
		case err == nil && (!ended || len(want) > limit || !bytes.Equal(line, want)):
			t.Errorf("%q was read as %q", stdin, line)
		case err == nil:
			if left, err := io.ReadAll(reader); err != nil || !bytes.Equal(left, rest) {
				t.Errorf("%q was left of %q", left, stdin)
			}
			if order, err := wire.Decode[wire.Health](line); err != nil && (order.Argv != nil || err.Error() == "") {
				t.Errorf("an order beside the error %v", err)
			}
		case ended && len(want) <= limit, errors.Is(err, wire.ErrTooLarge) && len(want) <= limit, !errors.Is(err, wire.ErrTooLarge) && len(want) > limit+1:
			t.Errorf("%q with the limit %d: %v", stdin, limit, err)
		}
	})
}

// FuzzRecord: a record that cannot be read is an error and stays as it is; another comes back as it was, changed only by
// what changed it.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"value":{"id":"b","released_ns":5,"runs":{"a":{"hash":"h"}},"notes":["x"]}}`))
	f.Add([]byte(`{"version":1,"value":{"since":"later","spans":null}}`))
	f.Add([]byte(`{"version":2,"value":{}}`))
	f.Add([]byte{})
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte) {
		s := state{dir}
		if err := os.WriteFile(s.recordPath(), content, 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := s.record()
		if err != nil && cmp.Diff(wire.Record{}, before) != "" {
			t.Errorf("a record beside the error %v: %+v", err, before)
		}
		updated := s.update(func(r *wire.Record) {
			note(r, wire.Provision{Name: "n", Hash: "h"}, 0, time.Unix(1, 0), time.Unix(2, 0))
		})
		if (updated == nil) != (err == nil) {
			t.Fatalf("read: %v, updated: %v", err, updated)
		}
		if err != nil {
			if now, err := os.ReadFile(s.recordPath()); err != nil || !bytes.Equal(now, content) {
				t.Errorf("an unreadable record was overwritten with %q, %v", now, err)
			}
			return
		}
		after, err := s.record()
		if err != nil || after.Runs["n"].Hash != "h" {
			t.Errorf("record %+v, %v", after, err)
		}
		same := cmpopts.IgnoreFields(wire.Record{}, "Runs", "Spans")
		if diff := cmp.Diff(before, after, same, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("changed:\n%s", diff)
		}
	})
}

// FuzzSignal: a name is a signal from 1 to 64, or none.
func FuzzSignal(f *testing.F) {
	for _, s := range []string{"TERM", "sigkill", "15", "SIGRTMIN+3", "RTMAX-1", "RTMIN+99", "-1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if number, err := parseSignal(name); err == nil && (number < 1 || number > 64) || err != nil && number != 0 {
			t.Errorf("%q is %d, %v", name, number, err)
		}
	})
}

// FuzzMounts: a mount point comes back as it was, whatever blank space and backslashes are in it.
func FuzzMounts(f *testing.F) {
	f.Add("/a b", `1 2 0:1 / / rw`)
	f.Add(`/\040`, `\`)
	f.Fuzz(func(t *testing.T, point, other string) {
		if strings.ContainsRune(other, '\n') {
			return
		}
		escaped := point
		for _, c := range []struct{ plain, octal string }{ // as the kernel does, the backslash first
			{`\`, `\134`}, {" ", `\040`}, {"\t", `\011`}, {"\n", `\012`},
		} {
			escaped = strings.ReplaceAll(escaped, c.plain, c.octal)
		}
		m := parseMounts(other + "\n3 1 0:2 / " + escaped + " rw - x y\n")
		if !m[point] {
			t.Errorf("%q is not in %v", point, m)
		}
	})
}
