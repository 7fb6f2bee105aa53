package git

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// The limits of a repository in a folder.
const (
	maxRefFile  = 64 << 10
	maxIndex    = 128 << 20 // of all packs together
	maxPacks    = 1000
	maxLoose    = 100_000 // references in files of their own
	maxChain    = 4096    // deltas above each other, git's own limit and one
	maxRefDepth = 16
)

// folder is a repository in a directory of the host, whose files are read where they are.
type folder struct {
	fs        fs.FS
	close     func() error
	refs      references
	packs     []*pack
	indexLeft int64 // bytes of indexes that may still be read
	budget    budget
	scratch   bytes.Buffer
	depth     int // of bases by hash that are being looked up
}

// openFolder opens a bare repository, or one with a `.git` directory in it.
func (f *Fetcher) openFolder(dir string) (*folder, error) {
	if f.cfg.Open == nil || !path.IsAbs(dir) {
		return nil, fail(Invalid, nil, "a folder cannot be opened here")
	}
	tree, err := f.cfg.Open(dir)
	if err != nil {
		return nil, fail(NotFound, err, "the folder cannot be opened")
	}
	r := &folder{fs: tree, close: tree.Close, refs: newReferences(), indexLeft: maxIndex, budget: budget{4 * maxInflated}}
	if err := r.open(); err != nil {
		return nil, errors.Join(err, tree.Close())
	}
	return r, nil
}

func (r *folder) open() error {
	info, err := fs.Stat(r.fs, ".git")
	switch {
	case err == nil && !info.IsDir():
		return fail(Invalid, nil, "it is a worktree of another repository").hint("name that repository's folder")
	case err == nil:
		if r.fs, err = fs.Sub(r.fs, ".git"); err != nil {
			return fail(Invalid, err, "it cannot be read")
		}
	}
	if info, err := fs.Stat(r.fs, "objects"); err != nil || !info.IsDir() {
		return fail(NotFound, nil, "there is no git repository")
	}
	if _, err := fs.Stat(r.fs, "objects/info/alternates"); err == nil {
		return fail(Invalid, nil, "it borrows objects from another repository, which is not followed").hint("git repack -a -d && rm .git/objects/info/alternates")
	}
	if _, err := fs.Stat(r.fs, "reftable"); err == nil {
		return fail(Invalid, nil, "its references are in a reftable, which is not read")
	}
	if err := r.readRefs(); err != nil {
		return err
	}
	return r.readPacks()
}

func (r *folder) advertised() references { return r.refs }

// Close closes the directory.
func (r *folder) Close() error { return r.close() }

// fetch has everything there already.
func (r *folder) fetch(context.Context, []plumbing.Hash, bool) (objects, error) { return r, nil }

func (r *folder) serves(plumbing.Hash) bool { return true }

func (r *folder) read(name string, limit int64) ([]byte, error) {
	file, err := r.fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fail(TooLarge, nil, "its file %s has more than %d bytes", name, limit)
	}
	return data, err
}

func (r *folder) readRefs() error {
	packed, err := r.read("packed-refs", maxAdvert)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return asRepository(err)
	}
	last := ""
	for line := range strings.Lines(string(packed)) {
		line = strings.TrimRight(line, "\r\n")
		if peeled, ok := strings.CutPrefix(line, "^"); ok && last != "" {
			r.refs.add(last+"^{}", peeled)
			continue
		}
		if hash, name, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, "refs/") {
			last = name
			r.refs.add(name, hash)
		}
	}
	if err := r.looseRefs(); err != nil {
		return asRepository(err)
	}
	return r.readHead()
}

// looseRefs replace packed ones of the same name.
func (r *folder) looseRefs() error {
	left := maxLoose
	return fs.WalkDir(r.fs, "refs", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if left--; left < 0 || strings.Count(name, "/") > maxRefDepth {
			return fail(TooLarge, nil, "it has more than %d references", maxLoose)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := r.read(name, maxRefFile)
		if err != nil {
			return err
		}
		if hash := strings.TrimSpace(string(data)); isHash(hash) {
			delete(r.refs.peeled, name)
			r.refs.add(name, hash)
		}
		return nil
	})
}

func (r *folder) readHead() error {
	data, err := r.read(head, maxRefFile)
	if err != nil {
		return asRepository(err)
	}
	text := strings.TrimSpace(string(data))
	if target, ok := strings.CutPrefix(text, "ref:"); ok {
		if h, ok := r.refs.hash[strings.TrimSpace(target)]; ok {
			r.refs.hash[head] = h
		}
		return nil
	}
	r.refs.add(head, text)
	return nil
}

func asRepository(err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return fail(Invalid, err, "it is no git repository that can be read")
}
