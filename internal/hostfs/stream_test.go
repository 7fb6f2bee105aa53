package hostfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/envyhq/envy/internal/hostfs"
)

func TestOpenPath(t *testing.T) {
	dir := t.TempDir()
	file, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.WriteFile(file, []byte("content"), 0o600), syscall.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	f, err := hostfs.OpenPath(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); err != nil || string(data) != "content" {
		t.Errorf("%q, %v", data, err)
	}
	for name, want := range map[string]error{fifo: hostfs.ErrNotRegular, dir: hostfs.ErrNotRegular, filepath.Join(dir, "none"): fs.ErrNotExist} {
		if _, err := hostfs.OpenPath(name); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCreatePath(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "shop.box")
	write := func(text string, replace bool) error {
		p, err := hostfs.Caller{}.CreatePath(name, 0o644, replace)
		if err != nil {
			return err
		}
		if _, err := p.WriteString(text); err != nil {
			return err
		}
		if _, err := os.Lstat(name); text == "first" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is there before it is whole: %v", err)
		}
		return p.Commit()
	}
	if err := write("first", false); err != nil {
		t.Fatal(err)
	}
	if err := write("second", false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	if err := write("third", true); err != nil {
		t.Fatal(err)
	}
	broken, err := hostfs.Caller{}.CreatePath(name, 0o644, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := broken.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = broken.Write([]byte("x"))
	if of, ok := errors.AsType[*fs.PathError](err); !ok || of.Path != name {
		t.Errorf("a write that fails says %v", err)
	}
	_ = broken.Abort() // it is closed already
	entries, err := os.ReadDir(dir)
	if data, readErr := os.ReadFile(name); string(data) != "third" || len(entries) != 1 || errors.Join(err, readErr) != nil {
		t.Errorf("%q and %v", data, entries)
	}
}

// What a killed envy left goes with the next one; what another one writes, and what only looks like it, stays.
func TestCreatePathSweeps(t *testing.T) {
	dir := t.TempDir()
	const left, young = ".envy-ABCDEFGHIJKLMNOPQRSTUVWXY2", ".envy-ABCDEFGHIJKLMNOPQRSTUVWXY3"
	others := []string{".envy-short", ".envy-abcdefghijklmnopqrstuvwxy2", "envy-ABCDEFGHIJKLMNOPQRSTUVWXY2"}
	for _, name := range append(others, left, young) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writing, err := hostfs.Caller{}.CreatePath(filepath.Join(dir, "a.box"), 0o644, false)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	for _, name := range append(others, left, filepath.Base(writing.Name())) {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	next, err := hostfs.Caller{}.CreatePath(filepath.Join(dir, "b.box"), 0o644, false)
	if err == nil {
		err = errors.Join(next.Commit(), writing.Commit())
	}
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	want := append([]string{"a.box", "b.box", young}, others...)
	slices.Sort(want)
	if slices.Sort(names); err != nil || !slices.Equal(names, want) {
		t.Errorf("%q, %v, want %q", names, err, want)
	}
}

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	tree, err := hostfs.OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	f, err := tree.Spool()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	part := make([]byte, 4)
	if _, err := f.ReadAt(part, 3); err != nil || string(part) != "tent" {
		t.Errorf("%q, %v", part, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
