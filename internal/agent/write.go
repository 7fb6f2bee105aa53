//go:build linux

package agent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/envyhq/envy/internal/agent/wire"
)

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %s: not a regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("read %s: %w", path, wire.ErrTooLarge)
	}
	return data, err
}

// attributes of a file to write.
type attributes struct {
	mode     fs.FileMode
	uid, gid int
	sync     bool // survives a crash of the machine
}

// replace writes a file so that a reader sees the old content or the new. A
// link is replaced, not followed. A path that is a mount point, as the
// engine's /etc/hosts, cannot be replaced and is written in place.
func replace(path string, data []byte, attr attributes) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), ".envy-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already where all went well
	if err := errors.Join(fill(temp, data, attr), temp.Close()); err != nil {
		return err
	}
	err = os.Rename(temp.Name(), path)
	if !errors.Is(err, syscall.EBUSY) {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(fill(file, data, attr), file.Close())
}

// fill sets the owner before content and mode, so that nobody else ever reads it.
func fill(file *os.File, data []byte, attr attributes) error {
	if err := chown(file, attr.uid, attr.gid); err != nil {
		return err
	}
	if err := file.Chmod(attr.mode); err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return err
	}
	if attr.sync {
		return file.Sync()
	}
	return nil
}

// chown does nothing where the owner is right, which needs no privilege then.
func chown(file *os.File, uid, gid int) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if owner := ownerOf(info); owner.uid == uid && owner.gid == gid {
		return nil
	}
	return file.Chown(uid, gid)
}

type ids struct{ uid, gid int }

func ownerOf(info fs.FileInfo) ids {
	stat := info.Sys().(*syscall.Stat_t) // of every FileInfo on Linux
	return ids{int(stat.Uid), int(stat.Gid)}
}

// makeParents makes the folders above path that are missing, each owned as
// the one it is in.
func makeParents(path string) error {
	dir := filepath.Dir(path)
	_, err := os.Stat(dir)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeParents(dir); err != nil {
		return err
	}
	above, err := os.Stat(filepath.Dir(dir))
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil || ownerOf(info) == ownerOf(above) {
		return err
	}
	return os.Lchown(dir, ownerOf(above).uid, ownerOf(above).gid)
}
