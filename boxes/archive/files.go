package archive

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// files is a definition in memory: regular files and the directories above them. It is read-only once it is made.
type files map[string]*node

type node struct {
	name     string // its last part
	dir      bool
	data     []byte
	children []fs.DirEntry // of a directory, sorted
}

// newFiles makes directories for paths that checkDefinition let pass.
func newFiles(content map[string][]byte) files {
	f := files{".": {name: ".", dir: true}}
	var add func(p string, n *node)
	add = func(p string, n *node) {
		f[p] = n
		dir := path.Dir(p)
		if f[dir] == nil {
			add(dir, &node{name: path.Base(dir), dir: true})
		}
		f[dir].children = append(f[dir].children, fs.FileInfoToDirEntry(info{n}))
	}
	for p, data := range content {
		add(p, &node{name: path.Base(p), data: data})
	}
	for _, n := range f {
		slices.SortFunc(n.children, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return f
}

// Open opens a file or a directory.
func (f files) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	n := f[name]
	if n == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return &open{Reader: bytes.NewReader(n.data), node: n}, nil
}

type open struct {
	*bytes.Reader
	node *node
	next int
}

// Stat is of the open file.
func (o *open) Stat() (fs.FileInfo, error) { return info{o.node}, nil }

// Close does nothing.
func (o *open) Close() error { return nil }

// Read is an error of a directory.
func (o *open) Read(p []byte) (int, error) {
	if o.node.dir {
		return 0, &fs.PathError{Op: "read", Path: o.node.name, Err: errors.New("is a directory")}
	}
	return o.Reader.Read(p)
}

// ReadDir goes on where it was.
func (o *open) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := o.node.children[o.next:]
	if n > 0 && len(rest) == 0 {
		return nil, io.EOF
	}
	if n > 0 {
		rest = rest[:min(n, len(rest))]
	}
	o.next += len(rest)
	return slices.Clone(rest), nil
}

type info struct{ *node }

// Name is the last part of the path.
func (i info) Name() string { return i.name }

// Size is in bytes.
func (i info) Size() int64 { return int64(len(i.data)) }

// Mode is the same for all.
func (i info) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// ModTime is not known: an archive has none.
func (i info) ModTime() time.Time { return time.Time{} }

// IsDir tells directories from files.
func (i info) IsDir() bool { return i.dir }

// Sys is nothing.
func (i info) Sys() any { return nil }
