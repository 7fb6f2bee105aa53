package git_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/envyhq/envy/boxes/git"
)

// TestTree holds the tree to what file systems promise, with links as they are read.
func TestTree(t *testing.T) {
	r := newRepo(t)
	r.commit(map[string]string{"a/b/c": "c", "a/d": "d", "!e": "e", "link": "-> a/b", "a/up": "-> ../e"})
	tree, _, err := fetch(t, git.New(git.Config{Open: openFolder}), "git::file://"+r.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(tree, "a/b/c", "a/d", "e", "link", "a/up"); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{"link/c": "c", "a/up": "e"} {
		if got, err := tree.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	if i, err := fs.Stat(tree, "link"); err != nil || !i.IsDir() {
		t.Error(i, err)
	}
	if i, err := tree.Lstat("link"); err != nil || i.Mode()&fs.ModeSymlink == 0 {
		t.Error(i, err)
	}
	sub, err := fs.Sub(tree, "a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fs.ReadFile(sub, "up"); err != nil || string(got) != "e" {
		t.Errorf("%q %v", got, err)
	}
	data, _ := tree.ReadFile("a/d")
	data[0] = 'x'
	if got, _ := tree.ReadFile("a/d"); string(got) != "d" {
		t.Error("the tree was written to")
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() { _, _ = tree.ReadFile("link/c") })
	}
	wait.Wait()
}

// TestHash pins the form of the hash: what locks hold must stay true.
func TestHash(t *testing.T) {
	r := newRepo(t)
	r.commit(map[string]string{"a/b": "one\n", "!a.sh": "two\n", "l": "-> a/b"})
	_, pin, err := fetch(t, git.New(git.Config{Open: openFolder}), "git::file://"+r.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := "envy tree 1\n" + "100755 4 a.sh\x00two\n" + "100644 4 a/b\x00one\n" + "120000 3 l\x00a/b"
	if want := "sha256:" + sha256hex(text); pin.Hash != want {
		t.Errorf("%s, want %s", pin.Hash, want)
	}
	if golden := "sha256:a2375f437da948541f52d714024a4fb6ffe35974820a88d18ad65b4eed9d9f62"; pin.Hash != golden {
		t.Errorf("%s, want %s", pin.Hash, golden)
	}
}

func sha256hex(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// TestBelow: a directory of a tree is one of its own, which no link leads out of.
func TestBelow(t *testing.T) {
	r := newRepo(t)
	r.commit(map[string]string{"a/b/c": "c", "a/d": "d", "e": "e", "to-b": "-> a/b", "a/up": "-> ../e", "a/in": "-> b/c", "a/b/back": "-> ../d", "a/folder": "-> ../a/b"})
	tree, _, err := fetch(t, git.New(git.Config{Open: openFolder}), "git::file://"+r.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	below := func(from interface {
		Below(dir string) (fs.FS, error)
	}, dir string) fs.FS {
		t.Helper()
		sub, err := from.Below(dir)
		if err != nil {
			t.Fatal(err)
		}
		return sub
	}
	a := below(tree, "a")
	for name, want := range map[string]string{"d": "d", "in": "c", "b/c": "c", "b/back": "d"} {
		if got, err := fs.ReadFile(a, name); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	for _, name := range []string{"up", "folder", "folder/c", "../e", "/e"} {
		if got, err := fs.ReadFile(a, name); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	if l, err := fs.ReadLink(a, "up"); err != nil || l != "../e" {
		t.Errorf("%q %v", l, err)
	}
	b := below(tree, "to-b")
	if got, err := fs.ReadFile(b, "c"); err != nil || string(got) != "c" {
		t.Errorf("behind a link: %q %v", got, err)
	}
	if got, err := fs.ReadFile(b, "back"); err == nil {
		t.Errorf("behind a link, and out: %q", got)
	}
	if list, err := fs.ReadDir(a, "."); err != nil || len(list) != 5 {
		t.Error(list, err)
	}
	for _, dir := range []string{"e", "a/d", "nowhere", "..", "/", "a/../a"} {
		if sub, err := tree.Below(dir); err == nil {
			t.Errorf("%s: %v", dir, sub)
		}
	}
}
