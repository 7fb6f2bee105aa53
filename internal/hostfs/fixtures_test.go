package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// tempDir is t.TempDir without links in its path.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// write makes files below dir; a name that ends in "/" is a directory, content "-> x" a link to x, "fifo" a FIFO.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		target, link := cutPrefix(content, "-> ")
		switch {
		case name[len(name)-1] == '/':
			must(t, os.MkdirAll(path, 0o755))
		case link:
			must(t, os.Symlink(target, path))
		case content == "fifo":
			must(t, syscall.Mkfifo(path, 0o644))
		default:
			must(t, os.WriteFile(path, []byte(content), 0o644))
		}
	}
}

func cutPrefix(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && s[:len(prefix)] == prefix {
		return s[len(prefix):], true
	}
	return s, false
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another user")
	}
}

// me is a process with the test's ids and a home of its own.
func me(home string) Process {
	return Process{
		UID: os.Geteuid(), GID: os.Getegid(), Home: home,
		Getenv: func(string) string { return "" },
		HomeOf: func(int) (string, bool) { return "", false },
	}
}

func open(t *testing.T, dir, home string) *Checkout {
	t.Helper()
	caller, err := me(home).Caller(dir)
	must(t, err)
	c, err := OpenCheckout(Found{Dir: dir, Name: Envfile}, caller)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	return c
}

func tree(t *testing.T, dir string) *Tree {
	t.Helper()
	tr, err := OpenTree(dir)
	must(t, err)
	t.Cleanup(func() { must(t, tr.Close()) })
	return tr
}

// repository makes what git takes for a repository.
func repository(t *testing.T, git string) {
	t.Helper()
	write(t, git, map[string]string{"HEAD": "ref: refs/heads/main\n", "objects/": "", "refs/": ""})
}

// swap makes name a link to one target after the other until stop is called; "" makes it a directory.
func swap(t *testing.T, name string, targets ...string) (stop func()) {
	t.Helper()
	done := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			if err := exchange(name, fmt.Sprint(name, ".", i), targets[i%len(targets)]); err != nil && !errors.Is(err, fs.ErrExist) {
				t.Error(err)
				return
			}
		}
	})
	return func() {
		close(done)
		swapper.Wait()
	}
}

// exchange moves the old one aside first: it may be a directory that is being filled. Whoever fills it may be the first
// to make it anew: [fs.ErrExist].
func exchange(name, spare, target string) error {
	if target == "" {
		return errors.Join(os.Rename(name, spare), os.Mkdir(name, 0o755))
	}
	if info, err := os.Lstat(name); err == nil && info.IsDir() {
		return errors.Join(os.Rename(name, spare), os.Symlink(target, name))
	}
	return errors.Join(os.Symlink(target, spare), os.Rename(spare, name))
}
