package hostfs

import (
	"io/fs"
	"path"
)

// FS is a tree as an [fs.FS], so that a pure package can be given its files. Files are read whole, at most
// [DefaultLimit] bytes; what leaves the tree is an [OutsideError] inside the [fs.PathError].
type FS struct {
	tree *Tree
}

var (
	_ fs.ReadFileFS = FS{}
	_ fs.StatFS     = FS{}
	_ fs.ReadDirFS  = FS{}
	_ fs.ReadLinkFS = FS{}
)

// FS gives the tree to a package that must not touch the host itself.
func (t *Tree) FS() FS { return FS{tree: t} }

// Open opens a regular file or a directory.
func (f FS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	info, err := f.tree.Stat(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	open := f.tree.Open
	if info.IsDir() {
		open = f.tree.openDir
	}
	file, err := open(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return file, nil
}

// ReadFile reads a regular file of at most [DefaultLimit] bytes.
func (f FS) ReadFile(name string) ([]byte, error) {
	return f.ReadFileLimit(name, DefaultLimit)
}

// ReadFileLimit reads a regular file of at most limit bytes.
func (f FS) ReadFileLimit(name string, limit int64) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	data, err := f.tree.ReadFile(name, limit)
	if err != nil {
		return nil, pathError("read", name, err)
	}
	return data, nil
}

// Stat follows links inside the tree.
func (f FS) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	info, err := f.tree.Stat(name)
	if err != nil {
		return nil, pathError("stat", name, err)
	}
	return info, nil
}

// ReadDir lists a directory, sorted by name.
func (f FS) ReadDir(name string) ([]fs.DirEntry, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrInvalid}
	}
	entries, err := f.tree.ReadDir(path.Clean(name))
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	return entries, nil
}

// Lstat describes a name itself, be it a link.
func (f FS) Lstat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrInvalid}
	}
	info, err := f.tree.Lstat(name)
	if err != nil {
		return nil, pathError("lstat", name, err)
	}
	return info, nil
}

// ReadLink gives the target of a link as it is written, wherever it leads.
func (f FS) ReadLink(name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	target, err := f.tree.ReadLink(name)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	return target, nil
}

// Below is [Tree.Sub]; nobody need close it. Unlike [fs.Sub]'s, no link leads out of it.
func (f FS) Below(dir string) (fs.FS, error) {
	if !fs.ValidPath(dir) {
		return nil, &fs.PathError{Op: "sub", Path: dir, Err: fs.ErrInvalid}
	}
	sub, err := f.tree.Sub(dir)
	if err != nil {
		return nil, pathError("sub", dir, err)
	}
	return sub.FS(), nil
}

func pathError(op, name string, err error) error {
	if _, ok := err.(*fs.PathError); ok { //nolint:errorlint // fs.FS asks for the type itself, not one that wraps it
		return err
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
