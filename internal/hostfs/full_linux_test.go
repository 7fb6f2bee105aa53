package hostfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// smallDisk is a folder on a file system of its own, of a few pages and files. Only this test sees it: its thread has its
// mounts for itself, and ends with the test.
func smallDisk(t *testing.T) string {
	t.Helper()
	needRoot(t)
	dir := tempDir(t)
	runtime.LockOSThread() // and never unlocked
	if err := errors.Join(
		syscall.Unshare(syscall.CLONE_NEWNS|syscall.CLONE_FS), syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("none", dir, "tmpfs", 0, "size=64k,nr_inodes=32"),
	); err != nil {
		t.Skipf("no mounts of a test's own: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	return dir
}

// fill leaves no room for a byte, or for a file.
func fill(t *testing.T, dir, what string) {
	t.Helper()
	must(t, os.Mkdir(filepath.Join(dir, "ballast"), 0o755))
	for i := 0; ; i++ {
		content := make([]byte, 4096)
		if what == "files" {
			content = nil
		}
		if err := os.WriteFile(fmt.Sprintf("%s/ballast/%d", dir, i), content, 0o644); err != nil {
			if !IsFull(err) {
				t.Fatal(err)
			}
			return
		}
	}
}

// On a full disk a file stays as it was, nothing half-written is left beside it, and the error names it.
func TestFullDisk(t *testing.T) {
	for _, what := range []string{"bytes", "files"} {
		t.Run(what, func(t *testing.T) {
			dir := smallDisk(t)
			write(t, dir, map[string]string{"f": "old", "locks/": ""})
			fill(t, dir, what)
			tree, err := OpenTree(dir)
			must(t, err)
			defer tree.Close()
			before := entriesOf(t, dir)
			err = tree.WriteFile("f", make([]byte, 8192), 0o644)
			if !IsFull(err) || err.Error() != "write "+dir+"/f: no space left on device" {
				t.Errorf("a write: %v", err)
			}
			if err := (Caller{}).WritePath(dir+"/new", []byte("x"), 0o644); !IsFull(err) {
				t.Errorf("a new file: %v", err)
			}
			if after := entriesOf(t, dir); after != before {
				t.Errorf("left there: %s, was %s", after, before)
			}
			if data, err := os.ReadFile(dir + "/f"); string(data) != "old" || err != nil {
				t.Errorf("the file holds %q (%v)", data, err)
			}
			testFullLock(t, tree, what)
		})
	}
}

// A lock needs a file, but no word of who holds it.
func testFullLock(t *testing.T, tree *Tree, what string) {
	t.Helper()
	unlock, err := tree.Lock(t.Context(), "locks", "one", Holder{PID: 7, Command: "envy up"}, nil)
	if what == "files" {
		if !IsFull(err) {
			t.Errorf("a lock without a file: %v", err)
		}
		return
	}
	must(t, err)
	if held, err := tree.Abandoned("locks", "one"); held || err != nil {
		t.Errorf("it is not held: %v", err)
	}
	must(t, unlock())
	if left := entriesOf(t, filepath.Join(tree.Dir(), "locks")); left != "" {
		t.Errorf("the lock left %s", left)
	}
}

func entriesOf(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	text := ""
	for _, e := range entries {
		text += e.Name() + " "
	}
	return text
}
