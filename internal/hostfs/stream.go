package hostfs

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// OpenPath opens a regular file anywhere on the host, to be streamed: only for a path that the user typed on the command
// line. What is none is [ErrNotRegular] and is never waited for. Close it.
func OpenPath(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, irregular(name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: name, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// oldTemp is how old a file without a name must be that is swept: what was just made may not be held yet.
const oldTemp = time.Minute

// CreatePath is [Caller.WritePath] for what is written piece by piece. Without replace a file that is there is
// [fs.ErrExist]. What an envy left there that was killed while it wrote goes. End it with Commit or Abort.
func (c Caller) CreatePath(name string, mode fs.FileMode, replace bool) (*Pending, error) {
	folder, err := openTree(filepath.Dir(name), c.owner())
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if info, err := folder.root.Lstat(filepath.Base(name)); err == nil && !replace && info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "write", Path: name, Err: fs.ErrExist}
	}
	folder.sweepTemp(time.Now().Add(-oldTemp))
	return folder.Create(filepath.Base(name), mode)
}

// Spool makes a file in the tree that has no name: it is gone once it is closed, or the process has ended.
func (t *Tree) Spool() (*os.File, error) {
	name := tempPrefix + rand.Text()
	f, err := t.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make a temporary file in %s: %w", t.dir, err)
	}
	if err := t.root.Remove(name); err != nil {
		return nil, errors.Join(fmt.Errorf("make a temporary file in %s: %w", t.dir, err), f.Close())
	}
	return f, nil
}
