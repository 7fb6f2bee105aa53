package git_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/envyhq/envy/boxes/git"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/internal/hostfs"
)

// repo is a real repository with a worktree.
type repo struct {
	t   *testing.T
	dir string
	r   *gogit.Repository
	n   int
}

func newRepo(t *testing.T) *repo {
	t.Helper()
	dir := t.TempDir()
	r, err := gogit.PlainInitWithOptions(dir, &gogit.PlainInitOptions{InitOptions: gogit.InitOptions{DefaultBranch: "refs/heads/main"}})
	if err != nil {
		t.Fatal(err)
	}
	return &repo{t: t, dir: dir, r: r}
}

func (r *repo) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// commit writes files ("LINK -> TARGET" makes a link, "!x" an executable) and commits them.
func (r *repo) commit(files map[string]string) string {
	r.t.Helper()
	w, err := r.r.Worktree()
	r.must(err)
	for name, content := range files {
		exec := strings.HasPrefix(name, "!")
		name = strings.TrimPrefix(name, "!")
		full := filepath.Join(r.dir, filepath.FromSlash(name))
		r.must(os.MkdirAll(filepath.Dir(full), 0o755))
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			r.must(os.Symlink(target, full))
		} else {
			mode := os.FileMode(0o644)
			if exec {
				mode = 0o755
			}
			r.must(os.WriteFile(full, []byte(content), mode))
		}
		_, err = w.Add(name)
		r.must(err)
	}
	h, err := w.Commit("a change", &gogit.CommitOptions{Author: r.who(), AllowEmptyCommits: true})
	r.must(err)
	return h.String()
}

func (r *repo) who() *object.Signature {
	r.n++
	return &object.Signature{Name: "Somebody", Email: "somebody@example.com", When: time.Unix(int64(1_700_000_000+r.n), 0)}
}

func (r *repo) tag(name, commit string, annotated bool) {
	r.t.Helper()
	_ = r.r.DeleteTag(name)
	var opts *gogit.CreateTagOptions
	if annotated {
		opts = &gogit.CreateTagOptions{Tagger: r.who(), Message: name}
	}
	_, err := r.r.CreateTag(name, plumbing.NewHash(commit), opts)
	r.must(err)
}

func (r *repo) ref(name, hash string) {
	r.t.Helper()
	r.must(r.r.Storer.SetReference(plumbing.NewHashReference(plumbing.ReferenceName(name), plumbing.NewHash(hash))))
}

// raw stores an object as it is.
func (r *repo) raw(kind plumbing.ObjectType, data []byte) plumbing.Hash {
	r.t.Helper()
	o := r.r.Storer.NewEncodedObject()
	o.SetType(kind)
	w, err := o.Writer()
	r.must(err)
	_, err = w.Write(data)
	r.must(errors.Join(err, w.Close()))
	h, err := r.r.Storer.SetEncodedObject(o)
	r.must(err)
	return h
}

// rawEntry is one of a raw tree.
type rawEntry struct {
	mode, name string
	hash       plumbing.Hash
}

func (r *repo) rawTree(entries ...rawEntry) plumbing.Hash {
	r.t.Helper()
	var b []byte
	for _, e := range entries {
		b = append(b, e.mode+" "+e.name+"\x00"...)
		b = append(b, e.hash[:]...)
	}
	return r.raw(plumbing.TreeObject, b)
}

// rawCommit points main to a tree.
func (r *repo) rawCommit(tree plumbing.Hash) string {
	r.t.Helper()
	h := r.raw(plumbing.CommitObject, fmt.Appendf(nil, "tree %s\nauthor A <a@example.com> 1 +0000\ncommitter A <a@example.com> 1 +0000\n\nx\n", tree))
	r.ref("refs/heads/main", h.String())
	return h.String()
}

// folder is a hostfs tree as the fetcher wants one.
type folder struct {
	hostfs.FS
	tree *hostfs.Tree
}

func (f folder) Close() error { return f.tree.Close() }

func openFolder(dir string) (git.Folder, error) {
	t, err := hostfs.OpenTree(dir)
	if err != nil {
		return nil, err
	}
	return folder{t.FS(), t}, nil
}

// cache is one in a directory of the host.
type cache struct{ tree *hostfs.Tree }

func newCache(t *testing.T) *cache {
	t.Helper()
	tree, err := hostfs.OpenTree(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return &cache{tree}
}

func (c *cache) Get(key string, limit int64) ([]byte, error) { return c.tree.ReadFile(key, limit) }
func (c *cache) Put(key string, data []byte) error           { return c.tree.WriteFile(key, data, 0o600) }

func (c *cache) keys(t *testing.T) []string {
	t.Helper()
	entries, err := c.tree.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func parse(t *testing.T, s string) source.Git {
	t.Helper()
	src, err := source.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return src.(source.Git)
}

// wantKind checks an error's kind and texts, hint included.
func wantKind(t *testing.T, err error, kind git.Kind, texts ...string) {
	t.Helper()
	e, ok := errors.AsType[*git.Error](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	if e.Kind != kind {
		t.Errorf("kind %d of %v, want %d", e.Kind, err, kind)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error()+" "+e.Hint, text) {
			t.Errorf("%v (%s) does not say %q", err, e.Hint, text)
		}
	}
}

// list is what a tree has: paths with modes and contents.
func list(t *testing.T, tree git.Tree) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		i, err := d.Info()
		if err != nil {
			return err
		}
		var content string
		if i.Mode()&fs.ModeSymlink != 0 {
			content, err = tree.ReadLink(name)
		} else {
			var data []byte
			data, err = tree.ReadFile(name)
			content = string(data)
		}
		all = append(all, fmt.Sprintf("%s %s %q", i.Mode(), name, content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// counter counts what is used at once by several goroutines.
type counter struct {
	sync.Mutex
	n int
}

func (c *counter) add() {
	c.Lock()
	defer c.Unlock()
	c.n++
}

func (c *counter) get() int {
	c.Lock()
	defer c.Unlock()
	return c.n
}

func fetch(t *testing.T, f *git.Fetcher, from string, locked *git.Pin) (git.Tree, git.Pin, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return f.Fetch(ctx, parse(t, from), locked)
}
