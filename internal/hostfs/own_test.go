package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestReadOwn(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{
		"home/": "", "state/trust/a": "mine", "state/trust/link": "-> a", "state/trust/away": "-> ../../else", "else": "theirs", "state/trust/fifo": "fifo",
		"state/trust/dir/": "", "state/linked": "-> trust", "state/trust/open": "mine", "state/trust/group": "mine",
	})
	must(t, os.Chmod(filepath.Join(base, "state/trust/open"), 0o602))
	must(t, os.Chmod(filepath.Join(base, "state/trust/group"), 0o620))
	state, err := OpenTree(filepath.Join(base, "state"))
	must(t, err)
	defer state.Close()
	for name, want := range map[string]error{
		"trust/a": nil, "trust/../trust/a": nil, "trust/link": ErrNotRegular, "trust/away": ErrNotRegular, "trust/fifo": ErrNotRegular, "trust/dir": ErrNotRegular,
		"linked/a": ErrNotDirectory, "trust/open": ErrExposed, "trust/group": ErrExposed, "trust/none": fs.ErrNotExist, "none/a": fs.ErrNotExist,
	} {
		data, err := state.ReadOwn(name, 0)
		if !errors.Is(err, want) || want == nil && string(data) != "mine" {
			t.Errorf("%s: %q, %v, want %v", name, data, err, want)
		}
	}
	must(t, os.Chmod(filepath.Join(base, "state/trust/a"), 0o640))
	if _, err := state.ReadSecret("trust/a", 0); !errors.Is(err, ErrReadable) {
		t.Errorf("others may read it: %v", err)
	}
	must(t, os.Chmod(filepath.Join(base, "state/trust/a"), 0o600))
	if data, err := state.ReadSecret("trust/a", 0); err != nil || string(data) != "mine" {
		t.Errorf("a secret: %q, %v", data, err)
	}
	if _, err := state.ReadSecret("trust/open", 0); !errors.Is(err, ErrExposed) {
		t.Errorf("others may write it: %v", err)
	}
	var large *TooLargeError
	if _, err := state.ReadOwn("trust/a", 3); !errors.As(err, &large) {
		t.Errorf("too large: %v", err)
	}
	var outside *OutsideError
	if _, err := state.ReadOwn("../else", 0); !errors.As(err, &outside) {
		t.Errorf("outside: %v", err)
	}
	needRoot(t)
	must(t, os.Chown(filepath.Join(base, "state/trust/a"), 4321, 4321))
	if _, err := state.ReadOwn("trust/a", 0); !errors.Is(err, ErrForeign) {
		t.Errorf("another's: %v", err)
	}
	must(t, os.Chown(filepath.Join(base, "home"), 4321, 4321))
	theirs, err := openTree(filepath.Join(base, "state"), owner{set: true, uid: 4321, gid: 4321})
	must(t, err)
	defer theirs.Close()
	for _, name := range []string{"trust/a", "trust/dir/root's"} {
		must(t, os.WriteFile(filepath.Join(base, "state/trust/dir/root's"), []byte("mine"), 0o600))
		if data, err := theirs.ReadOwn(name, 0); err != nil || string(data) != "mine" {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}

func TestFindDirMakesNothing(t *testing.T) {
	t.Parallel()
	home := tempDir(t)
	c, err := me(home).Caller(home)
	must(t, err)
	if _, err := c.FindDir(c.Dirs.State); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Lstat(filepath.Join(home, ".local")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
	state, err := c.OpenDir(c.Dirs.State)
	must(t, err)
	must(t, state.Close())
	state, err = c.FindDir(c.Dirs.State)
	must(t, err)
	must(t, state.Close())
	c.foreign = true
	for _, dir := range []string{c.Dirs.Config, c.Dirs.Cache} {
		if _, err := c.FindDir(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("for another: %v", err)
		}
	}
}

// A tree is of the directory that it says, also while somebody swaps it for a link all the time.
func TestOpenTreeWhileItIsSwapped(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{"at/of": "at", "other/of": "other"})
	at, aside := filepath.Join(base, "at"), filepath.Join(base, "aside")
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := errors.Join(os.Rename(at, aside), os.Symlink("other", at), os.Remove(at), os.Rename(aside, at)); err != nil {
				done <- err
				return
			}
		}
	}()
	opened := 0
	for range 20_000 {
		tree, err := OpenTree(at)
		if err != nil {
			continue // it was not there, or was found out
		}
		opened++
		data, err := tree.ReadFile("of", 0)
		if want := filepath.Base(tree.Dir()); err != nil || string(data) != want {
			t.Fatal(fmt.Sprintf("the tree of %s holds %q, %v", want, data, err), tree.Close())
		}
		must(t, tree.Close())
	}
	close(stop)
	must(t, <-done)
	if opened == 0 {
		t.Error("it was never opened")
	}
}
