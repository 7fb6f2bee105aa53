package hostfs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestBlobsGoOnWhereTheyEnded(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	tree, err := OpenTree(dir)
	must(t, err)
	defer tree.Close()
	blobs, err := tree.Blobs("fetched")
	must(t, err)
	defer blobs.Close()
	if _, err := blobs.Read("abc", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
	p, err := blobs.Partial(t.Context(), "abc")
	must(t, err)
	_, err = p.Write([]byte("one "))
	must(t, err)
	waiting, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := blobs.Partial(waiting, "abc"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second holder: %v", err)
	}
	must(t, p.Close())

	p, err = blobs.Partial(t.Context(), "abc")
	must(t, err)
	before, err := io.ReadAll(p)
	must(t, err)
	if string(before) != "one " {
		t.Errorf("before came %q", before)
	}
	_, err = p.Write([]byte("two"))
	must(t, err)
	must(t, p.Commit())
	must(t, p.Close())
	if data, err := blobs.Read("abc", 7); err != nil || string(data) != "one two" {
		t.Errorf("%q, %v", data, err)
	}
	var large *TooLargeError
	if _, err := blobs.Read("abc", 6); !errors.As(err, &large) {
		t.Errorf("over its size: %v", err)
	}

	p, err = blobs.Partial(t.Context(), "def")
	must(t, err)
	_, err = p.Write([]byte("wrong"))
	must(t, err)
	must(t, p.Reset())
	must(t, p.Close())
	if entries, _ := os.ReadDir(filepath.Join(dir, "fetched")); len(entries) != 1 {
		t.Errorf("left: %v", entries)
	}
	must(t, blobs.Sweep(time.Now().Add(-time.Hour)))
	must(t, blobs.Sweep(time.Now().Add(time.Hour)))
	if entries, _ := os.ReadDir(filepath.Join(dir, "fetched")); len(entries) != 0 {
		t.Errorf("swept, and left: %v", entries)
	}
}

func TestSystemFoldersAreReadAsFarAsTheyCan(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"b.list": "b", "a.list": "a", "c.save": "c", "fifo.list": "fifo", "large.list": "0123456789"})
	list := func(name string) bool { return filepath.Ext(name) == ".list" }
	files, err := ReadSystemFolder(dir, 5, list)
	var large *TooLargeError
	if !errors.As(err, &large) {
		t.Errorf("error %v", err)
	}
	if len(files) != 2 && len(files) != 3 || string(files[0].Data) != "a" || files[1].Path != dir+"/b.list" {
		t.Errorf("files %+v", files)
	}
	if files, err := ReadSystemFolder(dir+"/none", 5, list); files != nil || err != nil {
		t.Errorf("no folder: %v, %v", files, err)
	}
}
