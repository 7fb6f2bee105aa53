//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/envyhq/envy/internal/agent/wire"
)

// runMirror makes one directory what another is. It runs in a container of its own, where two volumes are mounted and
// nothing else runs; what it was told stands on stdin, whose end is the end of the work.
func (a *Agent) runMirror() (int, error) {
	ctx, _, err := readOrder[wire.Mirror](a.Stdin)
	if err != nil {
		return wire.ExitAgent, err
	}
	done, err := mirror(ctx, a.at(wire.MirrorFrom), a.at(wire.MirrorTo))
	if err != nil {
		if ctx.Err() != nil {
			return wire.ExitEnded, context.Cause(ctx)
		}
		return wire.ExitAgent, err
	}
	data, err := wire.Encode(done)
	if err == nil {
		_, err = a.Stdout.Write(append(data, '\n'))
	}
	if err != nil {
		return wire.ExitAgent, err
	}
	return 0, nil
}

// mirror empties to and copies from into it: names, contents with their holes, owners, modes, times to the nanosecond,
// extended attributes, links, pipes, sockets and devices, and what the two directories themselves are.
func mirror(ctx context.Context, from, to string) (wire.Mirrored, error) {
	m := &mirroring{ctx: ctx, links: map[inode]string{}}
	if err := m.empty(to); err != nil {
		return wire.Mirrored{}, err
	}
	if err := m.children(from, to); err != nil {
		return wire.Mirrored{}, err
	}
	if err := m.dress(from, to); err != nil {
		return wire.Mirrored{}, err
	}
	return m.done, syncAll(to)
}

// syncAll waits until the file system has it all: what it takes the place of is thrown away next.
func syncAll(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}

// inode names a file that has several names.
type inode struct{ dev, ino uint64 }

type mirroring struct {
	ctx   context.Context //nolint:containedctx // of the one piece of work that this value stands for
	links map[inode]string
	done  wire.Mirrored
}

// empty removes all that is in a directory.
func (m *mirroring) empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if m.ctx.Err() != nil {
			return context.Cause(m.ctx)
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (m *mirroring) children(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if m.ctx.Err() != nil {
			return context.Cause(m.ctx)
		}
		if err := m.entry(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// entry copies one thing, with what is below it.
func (m *mirroring) entry(from, to string) error {
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return &os.PathError{Op: "stat", Path: from, Err: err}
	}
	m.done.Files++
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR && st.Nlink > 1 {
		key := inode{st.Dev, st.Ino}
		if first, ok := m.links[key]; ok {
			return os.Link(first, to)
		}
		m.links[key] = to
	}
	var err error
	switch kind {
	case unix.S_IFDIR:
		if err = os.Mkdir(to, 0o700); err == nil {
			err = m.children(from, to)
		}
	case unix.S_IFREG:
		err = m.file(from, to, st.Size)
	case unix.S_IFLNK:
		var target string
		if target, err = os.Readlink(from); err == nil {
			err = os.Symlink(target, to)
		}
	default:
		if err = unix.Mknod(to, st.Mode, int(st.Rdev)); err != nil { //nolint:gosec // as the kernel gave it
			err = &os.PathError{Op: "mknod", Path: to, Err: err}
		}
	}
	if err != nil {
		return err
	}
	return m.dress(from, to)
}

// file copies a regular file's content. Where the file system can, the two share it; else holes stay holes.
func (m *mirroring) file(from, to string, size int64) error {
	in, err := openQuietly(from)
	if err != nil {
		return err
	}
	defer in.Close() // it was read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	if err = unix.IoctlFileClone(int(out.Fd()), int(in.Fd())); err != nil {
		err = m.extents(in, out, size)
	}
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(int(out.Fd()), &st)
	}
	m.done.Bytes += st.Blocks * 512
	return errors.Join(err, out.Close())
}

// openQuietly opens a file without a trace in its access time, where that is allowed.
func openQuietly(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		f, err = os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	}
	return f, err
}

// mirrorStep is how much of a file is copied before it is asked whether to go on.
const mirrorStep = 64 << 20

// extents copies what is not a hole. What a file grows by meanwhile is left out.
func (m *mirroring) extents(in, out *os.File, size int64) error {
	for at := int64(0); at < size; {
		data, err := unix.Seek(int(in.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // nothing but a hole is left
			break
		}
		if err != nil {
			data = at // a file system without holes
		}
		end, err := unix.Seek(int(in.Fd()), data, unix.SEEK_HOLE)
		if err != nil || end <= data {
			end = size
		}
		end = min(end, size, data+mirrorStep)
		if m.ctx.Err() != nil {
			return context.Cause(m.ctx)
		}
		section := io.NewSectionReader(in, data, end-data)
		if _, err := io.Copy(io.NewOffsetWriter(out, data), section); err != nil {
			return err
		}
		at = end
	}
	return out.Truncate(size)
}

// dress gives to all that from has beside its content. The order matters: an owner's change takes capabilities and
// set-user-ID away, and everything touches times.
func (m *mirroring) dress(from, to string) error {
	var st unix.Stat_t
	if err := unix.Lstat(from, &st); err != nil {
		return &os.PathError{Op: "stat", Path: from, Err: err}
	}
	if err := os.Lchown(to, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	link := st.Mode&unix.S_IFMT == unix.S_IFLNK
	if !link {
		if err := unix.Chmod(to, st.Mode&0o7777); err != nil {
			return &os.PathError{Op: "chmod", Path: to, Err: err}
		}
	}
	if err := copyAttributes(from, to); err != nil {
		return fmt.Errorf("attributes of %s: %w", to, err)
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	if err := unix.UtimesNanoAt(unix.AT_FDCWD, to, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "utimes", Path: to, Err: err}
	}
	return nil
}

// copyAttributes makes the extended attributes of to those of from: one that to has of its own, as by an access list
// that its folder hands down, goes.
func copyAttributes(from, to string) error {
	want, err := attributeNames(from)
	if err != nil {
		return err
	}
	have, err := attributeNames(to)
	if err != nil {
		return err
	}
	for _, name := range have {
		if slices.Contains(want, name) {
			continue
		}
		if err := unix.Lremovexattr(to, name); err != nil && !unsettable(name, err) {
			return err
		}
	}
	for _, name := range want {
		value := make([]byte, 64<<10) // the kernel's limit
		n, err := unix.Lgetxattr(from, name, value)
		if err == nil {
			err = unix.Lsetxattr(to, name, value[:n], 0)
		}
		if err != nil && !errors.Is(err, unix.ENODATA) && !unsettable(name, err) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// unsettable: labels of a security module are the host's to give, and a volume's new files have them already.
func unsettable(name string, err error) bool {
	module := name == "security.selinux" || name == "security.SMACK64" || name == "security.apparmor"
	return module && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTSUP))
}

func attributeNames(path string) ([]string, error) {
	list := make([]byte, 64<<10) // the kernel's limit
	n, err := unix.Llistxattr(path, list)
	if errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for begin, i := 0, 0; i < n; i++ {
		if list[i] == 0 {
			names = append(names, string(list[begin:i]))
			begin = i + 1
		}
	}
	return names, nil
}
