package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/trust"
	"github.com/envyhq/envy/internal/view"
)

// Several that accept something at once lose nothing of each other, and leave nothing but the record.
func TestConcurrentAccepts(t *testing.T) {
	t.Parallel()
	const n = 12
	home := t.TempDir()
	process := hostfs.ThisProcess()
	process.Home, process.Getenv = home, func(string) string { return "" }
	caller, err := process.Caller(home)
	if err != nil {
		t.Fatal(err)
	}
	store := func() *trustStore {
		return &trustStore{caller: caller, now: time.Now, name: trustFolder + "/x.json", record: trust.Record{User: caller.UID, Path: "/shop"}}
	}
	gate := func(i int) view.Gate {
		return view.Gate{Entries: []view.GateEntry{{Kind: "device", What: fmt.Sprint(i)}}}
	}
	done := make(chan error)
	for i := range n {
		go func() { done <- store().accept(t.Context(), gate(i)) }()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	state, err := caller.FindDir(caller.Dirs.State)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	last := store()
	if err := last.read(state); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if !last.record.Trusts(entriesOf(gate(i))) {
			t.Errorf("%d is lost", i)
		}
	}
	left, err := os.ReadDir(filepath.Join(caller.Dirs.State, trustFolder))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestShellWord(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"a-b_c=1,2:3@4/5.6%7+8": "a-b_c=1,2:3@4/5.6%7+8", "": "''", "two words": "'two words'", "it's": `'it'\''s'`, "$x;`y`": "'$x;`y`'", "~": "'~'", "token=…": "token=…", "a\nb": "'a\nb'",
	} {
		if got := shellWord(word); got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
