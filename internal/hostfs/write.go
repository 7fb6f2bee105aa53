package hostfs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Pending is a file being written: nothing is seen under its name before Commit.
type Pending struct {
	*os.File
	folder *Tree
	name   string
	temp   string
}

// WriteFile replaces a file with data, all or nothing: a temporary file in the same folder, synced, renamed. mode is
// the new file's, less the umask. It never writes through a link, in whatever part of name, nor over what is not a
// regular file ([ErrNotRegular]). The folder must exist.
func (t *Tree) WriteFile(name string, data []byte, mode fs.FileMode) error {
	p, err := t.Create(name, mode)
	if err != nil {
		return err
	}
	if _, err := p.Write(data); err != nil {
		return errors.Join(p.failed(err), p.Abort())
	}
	return p.Commit()
}

// Create is [Tree.WriteFile] for what is written piece by piece. End it with Commit or Abort.
func (t *Tree) Create(name string, mode fs.FileMode) (*Pending, error) {
	clean := path.Clean(name)
	if clean == "." || path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
		return nil, &OutsideError{Path: name, Tree: t.dir}
	}
	folder, err := t.descend(path.Dir(clean), nil)
	if err != nil {
		return nil, err
	}
	p := &Pending{folder: folder, name: path.Base(clean)}
	if err := p.open(mode); err != nil {
		return nil, errors.Join(err, folder.Close())
	}
	return p, nil
}

func (p *Pending) open(mode fs.FileMode) error {
	if err := p.replaceable(); err != nil {
		return err
	}
	p.temp = tempPrefix + rand.Text()
	f, err := p.folder.root.OpenFile(p.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm())
	if err != nil {
		return p.failed(err)
	}
	p.File = f
	_ = flock(f) // tells sweepTemp that it is being written; where there are no locks nothing is swept
	if err := p.folder.owner.take(f); err != nil {
		return errors.Join(p.failed(err), f.Close(), p.folder.root.Remove(p.temp))
	}
	return nil
}

// tempPrefix begins the names of files that have none yet.
const tempPrefix = ".envy-"

// sweepTemp removes what envys that were killed left in a folder: files of the process's own user that nobody holds, and that
// were written before a time. What stays is swept by another one.
func (t *Tree) sweepTemp(before time.Time) {
	entries, err := t.ReadDir(".")
	if err != nil {
		return
	}
	for _, e := range entries {
		digits, ours := strings.CutPrefix(e.Name(), tempPrefix)
		if !ours || len(digits) != len(rand.Text()) || strings.Trim(digits, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
			continue
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !info.ModTime().Before(before) {
			continue
		}
		if uid, _ := ownerOf(info); uid == os.Geteuid() || t.owner.set && uid == t.owner.uid {
			_ = t.Forget(".", e.Name())
		}
	}
}

// Write adds to the file. Its error names the file that is to be.
func (p *Pending) Write(b []byte) (int, error) {
	n, err := p.File.Write(b)
	if err != nil {
		err = p.failed(err)
	}
	return n, err
}

// failed is an error of the temporary file, of which nobody knows, as one of the file that was to be written.
func (p *Pending) failed(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		err = of.Err
	}
	return &fs.PathError{Op: "write", Path: filepath.Join(p.folder.dir, p.name), Err: err}
}

// replaceable allows only for nothing or a regular file under the final name.
func (p *Pending) replaceable() error {
	info, err := p.folder.root.Lstat(p.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return p.failed(err)
	case !info.Mode().IsRegular():
		return &fs.PathError{Op: "write", Path: filepath.Join(p.folder.dir, p.name), Err: ErrNotRegular}
	}
	return nil
}

// Commit makes the file appear under its name, whole and on disk. The Pending is of no use afterwards.
func (p *Pending) Commit() error {
	err := p.Sync()
	if err == nil {
		err = p.replaceable()
	}
	if err == nil {
		err = p.folder.root.Rename(p.temp, p.name)
	}
	if err != nil {
		return errors.Join(p.failed(err), p.Abort())
	}
	return errors.Join(p.File.Close(), syncDir(p.folder), p.folder.Close())
}

// Abort takes the temporary file away and leaves the old file as it was.
func (p *Pending) Abort() error {
	return errors.Join(p.File.Close(), p.folder.root.Remove(p.temp), p.folder.Close())
}

// syncDir makes a rename last. Some file systems cannot; there it lasts as long as they let it.
func syncDir(t *Tree) error {
	d, err := t.root.Open(".")
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}

// MkdirAll makes a directory and those above it within the tree. mode is that of new ones, less the umask; new ones
// belong to the caller. A link anywhere in name, or a file, is [ErrNotDirectory].
func (t *Tree) MkdirAll(name string, mode fs.FileMode) error {
	sub, err := t.descend(path.Clean(name), &mode)
	if err != nil {
		return err
	}
	return sub.Close()
}

// descend opens a directory within the tree without following a single link, making missing ones where create is set.
func (t *Tree) descend(name string, create *fs.FileMode) (*Tree, error) {
	if path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") {
		return nil, &OutsideError{Path: name, Tree: t.dir}
	}
	root, err := t.root.OpenRoot(".")
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", t.dir, err)
	}
	at, err := newTree(root, t.dir, t.owner)
	if err != nil {
		return nil, err
	}
	for _, part := range components(name) {
		next, err := at.step(part, create)
		if err = errors.Join(err, at.Close()); err != nil {
			if next != nil {
				err = errors.Join(err, next.Close())
			}
			return nil, err
		}
		at = next
	}
	return at, nil
}

// step opens one directory of a tree. Its identity is compared afterwards: a link that was put in its place between
// the look and the opening is found out.
func (t *Tree) step(name string, create *fs.FileMode) (*Tree, error) {
	full := filepath.Join(t.dir, name)
	info, err := t.root.Lstat(name)
	made := false
	if errors.Is(err, fs.ErrNotExist) && create != nil {
		if err = t.root.Mkdir(name, create.Perm()); err == nil {
			made = true
		} else if !errors.Is(err, fs.ErrExist) { // made by another meanwhile
			return nil, fmt.Errorf("make directory %s: %w", full, err)
		}
		info, err = t.root.Lstat(name)
	}
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", full, err)
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: full, Err: ErrNotDirectory}
	}
	root, err := t.root.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", full, err)
	}
	next, err := newTree(root, full, t.owner)
	if err != nil {
		return nil, err
	}
	if !os.SameFile(info, next.info) {
		return nil, errors.Join(&fs.PathError{Op: "open", Path: full, Err: ErrNotDirectory}, next.Close())
	}
	if made {
		if err := next.handOver(); err != nil {
			return nil, errors.Join(fmt.Errorf("make directory %s: %w", full, err), next.Close())
		}
	}
	return next, nil
}

// handOver gives a directory that was just made to the caller. One that is not the process's own is not the one that
// was made.
func (t *Tree) handOver() error {
	if !t.owner.set {
		return nil
	}
	if uid, _ := ownerOf(t.info); uid != os.Geteuid() {
		return ErrForeign
	}
	d, err := t.root.Open(".")
	if err != nil {
		return err
	}
	if err := errors.Join(t.owner.take(d), d.Close()); err != nil {
		return err
	}
	t.info, err = t.root.Stat(".")
	return err
}

// Remove removes a file, link or empty directory. No link above it is followed; nothing there is no error.
func (t *Tree) Remove(name string) error {
	clean := path.Clean(name)
	folder, err := t.descend(path.Dir(clean), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err = folder.root.Remove(path.Base(clean)); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, folder.Close())
}

// WritePath writes a file anywhere on the host, with the rules of [Tree.WriteFile] for the file itself: only for a
// path that the user typed, on whose way links are followed.
func (c Caller) WritePath(name string, data []byte, mode fs.FileMode) error {
	folder, err := openTree(filepath.Dir(name), c.owner())
	if err != nil {
		return err
	}
	return errors.Join(folder.WriteFile(filepath.Base(name), data, mode), folder.Close())
}
