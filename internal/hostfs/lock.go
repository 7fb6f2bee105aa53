package hostfs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
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

// Lock takes the lock called name in the directory dir of t, waiting for whoever has it. It lasts until unlock or the
// end of the process, whatever way that ends. waiting is called with the holder when the wait begins and whenever
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
	defer folder.Close()
	f, err := folder.openLock(name)
	if err != nil {
		return nil, err
	}
	if err := acquire(ctx, f, waiting); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	if err := writeHolder(f, me); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", name, err), f.Close())
	}
	return func() error {
		// The file stays: to remove it would let two processes hold a lock of the same name. Closing frees the lock.
		return errors.Join(f.Truncate(0), f.Close())
	}, nil
}

// Abandoned reports whether a lock's file is there and nobody holds it: whoever made it is gone, whatever way it ended.
func (t *Tree) Abandoned(dir, name string) (bool, error) {
	folder, err := t.Sub(dir)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer folder.Close()
	f, err := folder.root.OpenFile(name, os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open lock: %w", err)
	}
	defer f.Close()
	err = flock(f)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func (t *Tree) openLock(name string) (*os.File, error) {
	f, err := t.root.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if uid, _ := ownerOf(info); err == nil && t.owner.set && uid == os.Geteuid() {
		err = t.owner.take(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open lock %s: %w", name, err), f.Close())
	}
	return f, nil
}

// acquire polls: a blocking flock cannot be given up when ctx ends.
func acquire(ctx context.Context, f *os.File, waiting func(Holder)) error {
	told := false
	last := Holder{}
	for pause := lockPolls; ; pause = min(pause*2, lockPollsX) {
		err := flock(f)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if h := readHolder(f); waiting != nil && (!told || h != last && h != Holder{}) {
			told, last = true, h
			waiting(h)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
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
