package hostfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
	"unicode/utf8"
)

// Holder is who holds a lock, as its file says. Another program of the user's can have written it: show it with care.
type Holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

const (
	maxHolder  = 4096 // bytes of a lock file that are read
	maxCommand = 200  // bytes of a command that are kept
	lockPolls  = 20 * time.Millisecond
	lockPollsX = 250 * time.Millisecond
)

// Lock takes the lock called name in the directory dir of t, waiting for whoever has it. It lasts until unlock, which
// takes its file away, or the end of the process, whatever way that ends, which leaves the file. waiting is called with the holder when the wait begins and whenever
// another one has taken its place; the zero Holder is one that is not known. A ctx that ends the wait returns its
// cause. name must be a single file name.
func (t *Tree) Lock(ctx context.Context, dir, name string, me Holder, waiting func(Holder)) (unlock func() error, err error) {
	if err := t.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	folder, err := t.Sub(dir)
	if err != nil {
		return nil, err
	}
	f, err := folder.acquire(ctx, name, waiting)
	if err == nil && writeHolder(f, me) != nil {
		err = f.Truncate(0) // it is held all the same, by whom is not known: a full disk must not keep a destroy from making room
	}
	if err != nil {
		if of := (*fs.PathError)(nil); errors.As(err, &of) {
			err = of.Err
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", filepath.Join(folder.dir, name), err), folder.drop(name, f), folder.Close())
	}
	return func() error { return errors.Join(folder.drop(name, f), folder.Close()) }, nil
}

// Abandoned reports whether a lock's file is there and nobody holds it: whoever made it is gone, whatever way it ended.
func (t *Tree) Abandoned(dir, name string) (bool, error) {
	abandoned := false
	err := t.abandoned(dir, name, func(*Tree, *os.File) error {
		abandoned = true
		return nil
	})
	return abandoned, err
}

// Forget takes the file of a lock away where nobody holds it.
func (t *Tree) Forget(dir, name string) error {
	return t.abandoned(dir, name, func(folder *Tree, f *os.File) error { return folder.unlink(name, f) })
}

// Sweep forgets the locks in a directory that were last taken before a time.
func (t *Tree) Sweep(dir string, before time.Time) error {
	entries, err := t.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
			errs = append(errs, t.Forget(dir, e.Name()))
		}
	}
	return errors.Join(errs...)
}

// abandoned holds a lock that is there and that nobody holds while do runs.
func (t *Tree) abandoned(dir, name string, do func(folder *Tree, f *os.File) error) error {
	folder, err := t.Sub(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer folder.Close()
	f, err := folder.root.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open lock: %w", err)
	}
	defer f.Close()
	switch err := flock(f); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil
	case err != nil:
		return err
	}
	return do(folder, f)
}

// isNamed reports whether a file still has its name: it can have been taken away before it was locked.
func (t *Tree) isNamed(name string, f *os.File) bool {
	mine, err := f.Stat()
	there, missing := t.root.Lstat(name)
	return err == nil && missing == nil && os.SameFile(mine, there)
}

// unlink takes a lock's file away. It must be held: others who have it open then find that it is no longer the lock.
func (t *Tree) unlink(name string, f *os.File) error {
	if !t.isNamed(name, f) {
		return nil
	}
	return t.root.Remove(name)
}

// drop gives a lock back; f may be nil.
func (t *Tree) drop(name string, f *os.File) error {
	if f == nil {
		return nil
	}
	return errors.Join(t.unlink(name, f), f.Close())
}

func (t *Tree) openLock(name string) (*os.File, error) {
	f, err := t.root.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if uid, _ := ownerOf(info); err == nil && t.owner.set && uid == os.Geteuid() {
		err = t.owner.take(f)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// acquire polls: a blocking flock cannot be given up when ctx ends. The file is opened anew each time: whoever gives the
// lock back takes its file away.
func (t *Tree) acquire(ctx context.Context, name string, waiting func(Holder)) (*os.File, error) {
	told := false
	last := Holder{}
	for pause := lockPolls; ; pause = min(pause*2, lockPollsX) {
		f, err := t.openLock(name)
		if err != nil {
			return nil, err
		}
		err = flock(f)
		if err == nil && t.isNamed(name, f) {
			return f, nil
		}
		h := readHolder(f)
		switch closed := f.Close(); {
		case err == nil && closed == nil:
			continue // it was given back just now
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return nil, errors.Join(err, closed)
		}
		if waiting != nil && (!told || h != last && h != Holder{}) {
			told, last = true, h
			waiting(h)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// flock goes through the file's own connection: Fd would make the file blocking.
func flock(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var locked error
	if err := conn.Control(func(fd uintptr) {
		for {
			if locked = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB); locked != syscall.EINTR {
				return
			}
		}
	}); err != nil {
		return err
	}
	return locked
}

func writeHolder(f *os.File, h Holder) error {
	for len(h.Command) > maxCommand {
		_, size := utf8.DecodeLastRuneInString(h.Command)
		h.Command = h.Command[:len(h.Command)-size]
	}
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	return err
}

// readHolder reads what the holder wrote. It may be about to write it: then it is not known yet.
func readHolder(f *os.File) Holder {
	var h Holder
	data, err := io.ReadAll(io.NewSectionReader(f, 0, maxHolder))
	if err != nil || json.Unmarshal(data, &h) != nil {
		return Holder{}
	}
	return h
}
