package hostfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// DefaultLimit is the size, in bytes, up to which files are read whole unless a caller says otherwise.
const DefaultLimit = 1 << 20

// Tree is one directory that is read and written without ever leaving it: the inside of a checkout, a definition, a
// build context, a directory of state. Names are relative, with slashes; links inside it are followed when reading as
// long as they stay inside. It is safe for concurrent use. Close it.
type Tree struct {
	root  *os.Root
	dir   string
	info  fs.FileInfo
	owner owner
	left  error  // what root answers to a path that leaves it
	named string // an Envfile of another name, relative: it too may not be a link out of its folder
}

// OpenTree opens a directory, following the links of its path.
func OpenTree(dir string) (*Tree, error) {
	return openTree(dir, owner{})
}

func openTree(dir string, own owner) (*Tree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	r, err := resolve(abs)
	if err != nil {
		return nil, err
	}
	switch {
	case r.info == nil:
		return nil, &fs.PathError{Op: "open", Path: dir, Err: fs.ErrNotExist}
	case !r.info.IsDir(): // asked before opening: to open a FIFO blocks
		return nil, &fs.PathError{Op: "open", Path: dir, Err: ErrNotDirectory}
	}
	root, err := os.OpenRoot(r.real)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", dir, err)
	}
	t, err := newTree(root, r.real, own)
	if err == nil && !os.SameFile(t.info, r.info) { // a link took its place between the look and the opening
		err = errors.Join(&fs.PathError{Op: "open", Path: dir, Err: errSwapped}, t.Close())
		t = nil
	}
	return t, err
}

// newTree takes over root, closing it on failure.
func newTree(root *os.Root, dir string, own owner) (*Tree, error) {
	info, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open directory %s: %w", dir, err), root.Close())
	}
	return &Tree{root: root, dir: dir, info: info, owner: own, left: escapeOf(root)}, nil
}

// Dir is the tree's directory: absolute, without links.
func (t *Tree) Dir() string { return t.dir }

// Close releases the directory. Files opened before stay open.
func (t *Tree) Close() error { return t.root.Close() }

// Sub opens a directory within the tree as a tree of its own: nothing read through it leaves that directory.
func (t *Tree) Sub(name string) (*Tree, error) {
	var sub *Tree
	err := t.inside(name, func(rel string) error {
		info, err := t.root.Stat(rel)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return &fs.PathError{Op: "open", Path: name, Err: ErrNotDirectory}
		}
		root, err := t.root.OpenRoot(rel)
		if err != nil {
			return err
		}
		sub, err = newTree(root, filepath.Join(t.dir, filepath.FromSlash(rel)), t.owner)
		return err
	})
	return sub, err
}

// inside runs an operation on a name. An os.Root refuses every absolute link, even one that leads back inside; such a
// name is resolved and tried once more, still through the root.
func (t *Tree) inside(name string, op func(rel string) error) error {
	rel := path.Clean(name)
	err := op(rel)
	if !errors.Is(err, t.left) {
		return err
	}
	outside := &OutsideError{Path: name, Tree: t.dir}
	if path.IsAbs(rel) || rel == ".." || strings.HasPrefix(rel, "../") {
		return outside
	}
	r, err := resolve(filepath.Join(t.dir, filepath.FromSlash(rel)))
	if err != nil {
		return outside
	}
	outside.Real = r.real
	back, ok := r.relativeTo(t.info)
	if !ok {
		return outside
	}
	if err = op(back); errors.Is(err, t.left) { // swapped meanwhile
		return outside
	}
	return err
}

// Open opens a regular file for reading, to be streamed; the caller closes it. A FIFO, device, socket or directory is
// [ErrNotRegular] and is never waited for.
func (t *Tree) Open(name string) (*os.File, error) {
	if clean := path.Clean(name); path.Dir(clean) != "." && (clean == t.named || inFolder(path.Base(clean))) {
		folder, err := t.Sub(path.Dir(clean))
		if err != nil {
			return nil, err
		}
		defer folder.Close()
		return folder.Open(path.Base(clean))
	}
	var file *os.File
	err := t.inside(name, func(rel string) error {
		f, err := t.root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return irregular(name, err)
		}
		info, err := f.Stat()
		if err == nil && !info.Mode().IsRegular() {
			err = &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
		file = f
		return nil
	})
	return file, err
}

// irregular names the reason when a socket or a device without driver could not even be opened.
func irregular(name string, err error) error {
	if errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENODEV) {
		return &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	return err
}

// inFolder names the files that may not be links out of their own folder, not even within the tree: what they say
// decides what is done to the host, so they have to be where they are seen.
func inFolder(base string) bool {
	switch base {
	case Envfile, EnvfileJSON, EnvfileLocal, EnvfileLock, BoxFile:
		return true
	}
	return false
}

// ReadFile reads a regular file of at most limit bytes; a limit of 0 is [DefaultLimit]. A larger one is a
// [TooLargeError].
func (t *Tree) ReadFile(name string, limit int64) ([]byte, error) {
	f, err := t.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name, limit)
}

func readAll(r io.Reader, name string, limit int64) ([]byte, error) {
	if limit == 0 {
		limit = DefaultLimit
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case int64(len(data)) > limit:
		return nil, &TooLargeError{Path: name, Limit: limit}
	}
	return data, nil
}

// ReadOwn is ReadFile for what only the caller may have written. A link in any part of name is [ErrNotRegular] or
// [ErrNotDirectory], a file of somebody else's [ErrForeign], and one that others may write [ErrExposed].
func (t *Tree) ReadOwn(name string, limit int64) ([]byte, error) {
	return t.readOwn(name, limit, 0o022)
}

// ReadSecret is ReadOwn for what nobody else may read either: such a file is [ErrReadable].
func (t *Tree) ReadSecret(name string, limit int64) ([]byte, error) {
	return t.readOwn(name, limit, 0o077)
}

func (t *Tree) readOwn(name string, limit int64, shut fs.FileMode) ([]byte, error) {
	folder, err := t.descend(path.Dir(path.Clean(name)), nil)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	base := path.Base(path.Clean(name))
	named, err := folder.root.Lstat(base)
	if err != nil {
		return nil, err
	}
	if !named.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrNotRegular}
	}
	f, err := folder.Open(base)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch uid, _ := ownerOf(info); {
	case err != nil:
		return nil, err
	case !os.SameFile(named, info):
		return nil, &fs.PathError{Op: "read", Path: name, Err: errSwapped}
	case !t.owner.owns(uid):
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrForeign}
	case info.Mode().Perm()&0o022 != 0:
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrExposed}
	case info.Mode().Perm()&shut != 0:
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrReadable}
	}
	return readAll(f, name, limit)
}

// ReadPath reads a regular file anywhere on the host: only for a path that the user typed on the command line.
func ReadPath(name string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, irregular(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrNotRegular}
	}
	return readAll(f, name, limit)
}

// Stat describes what a name leads to, following links inside the tree.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	var info fs.FileInfo
	err := t.inside(name, func(rel string) (err error) {
		info, err = t.root.Stat(rel)
		return err
	})
	return info, err
}

// Lstat describes a name itself, be it a link.
func (t *Tree) Lstat(name string) (fs.FileInfo, error) {
	var info fs.FileInfo
	err := t.inside(name, func(rel string) (err error) {
		info, err = t.root.Lstat(rel)
		return err
	})
	return info, err
}

// ReadLink gives the target of a link as it is written, wherever it leads.
func (t *Tree) ReadLink(name string) (string, error) {
	var target string
	err := t.inside(name, func(rel string) (err error) {
		target, err = t.root.Readlink(rel)
		return err
	})
	return target, err
}

// ReadDir lists a directory, sorted by name.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	f, err := t.openDir(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

func (t *Tree) openDir(name string) (*os.File, error) {
	var dir *os.File
	err := t.inside(name, func(rel string) (err error) {
		dir, err = t.root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_DIRECTORY, 0)
		return err
	})
	return dir, err
}
