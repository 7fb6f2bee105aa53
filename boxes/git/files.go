package git

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// files is a file system in memory. It is written by put and arrange, and read-only from then on.
type files struct {
	nodes map[string]*node // by their path in the whole tree
	root  string           // the directory that is seen, which no link leads out of
	steps *int             // that looking at links may still take while it is built, nil from then on: readers share nothing
}

type node struct {
	name     string // its last part
	mode     fs.FileMode
	data     []byte // of a link, where it leads
	children []fs.DirEntry
}

const (
	maxLinks = 40 // followed for one name
	maxSteps = 4_000_000
)

var (
	errLoop   = errors.New("too many links")
	errLeaves = errors.New("the link leaves the tree")
)

func newFiles() files {
	steps := maxSteps
	return files{root: ".", nodes: map[string]*node{".": {name: ".", mode: fs.ModeDir | 0o755}}, steps: &steps}
}

// put is false for a path that is taken, or goes through what is no directory.
func (f files) put(e entry) bool {
	if f.nodes[e.path] != nil {
		return false
	}
	for dir := path.Dir(e.path); dir != "."; dir = path.Dir(dir) {
		if have := f.nodes[dir]; have == nil {
			f.nodes[dir] = &node{name: path.Base(dir), mode: fs.ModeDir | 0o755}
		} else if !have.mode.IsDir() {
			return false
		}
	}
	mode := fs.FileMode(0o644)
	switch e.mode {
	case modeExec:
		mode = 0o755
	case modeLink:
		mode = fs.ModeSymlink | 0o777
	}
	f.nodes[e.path] = &node{name: path.Base(e.path), mode: mode, data: e.data}
	return true
}

// arrange fills the directories, once everything is there.
func (f files) arrange() {
	for name, n := range f.nodes {
		if name != "." {
			dir := f.nodes[path.Dir(name)]
			dir.children = append(dir.children, fs.FileInfoToDirEntry(info{n}))
		}
	}
	for _, n := range f.nodes {
		slices.SortFunc(n.children, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
}

// checkLink says why a link cannot be; "" is no reason. One that leads to nothing may be.
func (f files) checkLink(name, target string) string {
	switch {
	case target == "" || len(target) > maxPath || strings.ContainsRune(target, 0):
		return "is none"
	case path.IsAbs(target):
		return "leaves the tree"
	}
	_, err := f.resolve(name)
	switch {
	case errors.Is(err, errLeaves):
		return "leaves the tree"
	case *f.steps <= 0:
		return "is one of too many"
	}
	return ""
}

// resolve is what a name leads to.
func (f files) resolve(name string) (*node, error) {
	_, n, err := f.follow(name)
	return n, err
}

// follow follows the links of a name, in all its parts, and says where that is in the whole tree. What is not there is
// followed by its letters, so that a name that would leave the tree is found out whatever is missing on the way.
func (f files) follow(name string) (string, *node, error) {
	todo := strings.Split(name, "/")
	at, links, missing := f.root, 0, false
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			if at == f.root {
				return "", nil, errLeaves
			}
			at = path.Dir(at)
			continue
		}
		at = path.Join(at, part)
		n := f.nodes[at]
		if n == nil {
			missing = true
			continue
		}
		if n.mode&fs.ModeSymlink == 0 {
			continue
		}
		if links++; links > maxLinks {
			return "", nil, errLoop
		}
		target := string(n.data)
		if path.IsAbs(target) {
			return "", nil, errLeaves
		}
		at = path.Dir(at)
		todo = slices.Concat(strings.Split(target, "/"), todo)
		if err := f.spend(len(todo)); err != nil {
			return "", nil, err
		}
	}
	if n := f.nodes[at]; n != nil && !missing {
		return at, n, nil
	}
	return "", nil, fs.ErrNotExist
}

// spend bounds what links cost while a tree is built; later reads are bounded by maxLinks alone.
func (f files) spend(n int) error {
	if f.steps == nil {
		return nil
	}
	if *f.steps -= n; *f.steps <= 0 {
		return errLoop
	}
	return nil
}

func (f files) at(op, name string, follow bool) (*node, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	find := f.last
	if follow {
		find = f.resolve
	}
	n, err := find(name)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return n, nil
}

// last is a name whose last part is not followed.
func (f files) last(name string) (*node, error) {
	dir, err := f.resolve(path.Dir(name))
	if err != nil {
		return nil, err
	}
	if name == "." {
		return dir, nil
	}
	for _, c := range dir.children {
		if c.Name() == path.Base(name) {
			i, err := c.Info()
			if err != nil {
				return nil, err
			}
			return i.(info).node, nil
		}
	}
	return nil, fs.ErrNotExist
}

// Open opens a file or a directory, which can seek.
func (f files) Open(name string) (fs.File, error) {
	n, err := f.at("open", name, true)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		return &openDir{node: n}, nil
	}
	return &openFile{Reader: bytes.NewReader(n.data), node: n}, nil
}

// Below is a directory as a tree of its own: unlike [fs.Sub]'s, no link leads out of it.
func (f files) Below(dir string) (fs.FS, error) {
	if !fs.ValidPath(dir) {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: fs.ErrInvalid}
	}
	at, n, err := f.follow(dir)
	switch {
	case err != nil:
		return nil, &fs.PathError{Op: "open", Path: dir, Err: err}
	case !n.mode.IsDir():
		return nil, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	f.root = at
	return f, nil
}

// ReadFile is the content of a file, in memory of its own.
func (f files) ReadFile(name string) ([]byte, error) {
	n, err := f.at("read", name, true)
	if err != nil {
		return nil, err
	}
	if n.mode.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	}
	return bytes.Clone(n.data), nil
}

// ReadDir lists a directory, sorted.
func (f files) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := f.at("open", name, true)
	if err != nil {
		return nil, err
	}
	if !n.mode.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOTDIR}
	}
	return slices.Clone(n.children), nil
}

// Stat follows links.
func (f files) Stat(name string) (fs.FileInfo, error) {
	n, err := f.at("stat", name, true)
	if err != nil {
		return nil, err
	}
	return info{n}, nil
}

// Lstat does not follow the last part.
func (f files) Lstat(name string) (fs.FileInfo, error) {
	n, err := f.at("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return info{n}, nil
}

// ReadLink is where a link leads, as it was written.
func (f files) ReadLink(name string) (string, error) {
	n, err := f.at("readlink", name, false)
	if err != nil {
		return "", err
	}
	if n.mode&fs.ModeSymlink == 0 {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return string(n.data), nil
}

type info struct{ *node }

// Name is the last part of the path.
func (i info) Name() string { return i.name }

// Size is in bytes.
func (i info) Size() int64 { return int64(len(i.data)) }

// Mode has the permissions that git knows.
func (i info) Mode() fs.FileMode { return i.mode }

// ModTime is not known: git keeps none.
func (i info) ModTime() time.Time { return time.Time{} }

// IsDir is of the mode.
func (i info) IsDir() bool { return i.mode.IsDir() }

// Sys is nothing.
func (i info) Sys() any { return nil }

type openFile struct {
	*bytes.Reader
	node *node
}

// Stat is of the open file.
func (f *openFile) Stat() (fs.FileInfo, error) { return info{f.node}, nil }

// Close does nothing.
func (f *openFile) Close() error { return nil }

type openDir struct {
	node *node
	next int
}

// Stat is of the open directory.
func (d *openDir) Stat() (fs.FileInfo, error) { return info{d.node}, nil }

// Close does nothing.
func (d *openDir) Close() error { return nil }

// Read is an error.
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.node.name, Err: errors.New("is a directory")}
}

// ReadDir goes on where it was.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := d.node.children[d.next:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 {
		rest = rest[:min(n, len(rest))]
	}
	d.next += len(rest)
	return slices.Clone(rest), nil
}
