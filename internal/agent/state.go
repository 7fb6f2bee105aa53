//go:build linux

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/envyhq/envy/internal/agent/wire"
)

// Limits of waiting and reading.
const (
	readyWithin = 60 * time.Second // PID 1's set-up
	maxRecord   = 64 << 20
)

// state is the agent's own directory, as one process found it.
type state struct{ dir string }

// stateDirs are the places for it, best first: the box's own file system, else
// something that lasts as long as this start of the box.
func (a *Agent) stateDirs() []string {
	return []string{
		a.at(wire.StateDir),
		a.at("/dev/.envy"),
		a.at("/dev/shm/.envy-" + strconv.Itoa(os.Geteuid())),
	}
}

// makeState makes the first of the places that can be written to.
func (a *Agent) makeState() (state, error) {
	var problems []error
	for _, dir := range a.stateDirs() {
		err := ownDir(dir)
		if err == nil {
			return state{dir}, nil
		}
		problems = append(problems, err)
	}
	return state{}, fmt.Errorf("no place for the agent's record: %w", errors.Join(problems...))
}

// ownDir makes a directory that is the caller's alone and can be written to.
func ownDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() || ownerOf(info).uid != os.Geteuid() {
		return fmt.Errorf("%s is not a directory of uid %d", dir, os.Geteuid())
	}
	if info.Mode().Perm() != 0o700 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return err
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	return lock.Close()
}

// markReady says that this start's set-up is complete. The mark names PID 1's
// start, so that one left from an earlier start says nothing.
func (a *Agent) markReady(s state) error {
	start, err := a.thisStart()
	if err != nil {
		return err
	}
	return replace(filepath.Join(s.dir, "ready"), []byte(start), attributes{mode: 0o600, uid: os.Geteuid(), gid: os.Getegid()})
}

// awaitReady waits until PID 1's set-up is complete and returns where its
// state is.
func (a *Agent) awaitReady(limit time.Duration) (state, error) {
	start, err := a.thisStart()
	if err != nil {
		return state{}, err
	}
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		for _, dir := range a.stateDirs() {
			if mark, err := os.ReadFile(filepath.Join(dir, "ready")); err == nil && string(mark) == start {
				return state{dir}, nil
			}
		}
		if time.Now().After(deadline) {
			return state{}, fmt.Errorf("the box's set-up was not complete after %v", limit)
		}
		time.Sleep(pause)
	}
}

// thisStart names the start of PID 1: its time since the machine's boot, and
// which boot.
func (a *Agent) thisStart() (string, error) {
	start, err := a.startOf(1)
	if err != nil {
		return "", err
	}
	boot, err := os.ReadFile(a.at("/proc/sys/kernel/random/boot_id"))
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(boot)) + " " + start, nil
}

// startOf is when a process started, in the kernel's own words. With its
// number that names it for good.
func (a *Agent) startOf(pid int) (string, error) {
	path := fmt.Sprintf("/proc/%d/stat", pid)
	stat, err := os.ReadFile(a.at(path))
	if err != nil {
		return "", err
	}
	// The second field is a name in parentheses that may hold anything; the
	// start time is the 22nd.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("%s is not understood", path)
	}
	return fields[19], nil
}

func (s state) recordPath() string { return filepath.Join(s.dir, filepath.Base(wire.RecordPath)) }

// record reads what was recorded; nothing yet is an empty record. So is an
// empty file: only the first one, with nothing of worth in it, is written
// without waiting for the disk, and a machine that crashed may leave it empty.
func (s state) record() (wire.Record, error) {
	data, err := readBounded(s.recordPath(), maxRecord)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(data) == 0) {
		return wire.Record{}, nil
	}
	if err != nil {
		return wire.Record{}, fmt.Errorf("read the box's record: %w", err)
	}
	return wire.Decode[wire.Record](data)
}

// update changes the record, alone. A record that cannot be read is not
// overwritten: what it says is unknown, which is not the same as nothing.
func (s state) update(change func(*wire.Record)) error {
	unlock, err := lockFile(filepath.Join(s.dir, "lock"), true)
	if err != nil {
		return err
	}
	defer unlock()
	record, err := s.record()
	if err != nil {
		return err
	}
	change(&record)
	return s.save(record, true)
}

func (s state) save(record wire.Record, sync bool) error {
	data, err := wire.Encode(record)
	if err != nil {
		return err
	}
	if err := replace(s.recordPath(), data, attributes{mode: 0o600, uid: os.Geteuid(), gid: os.Getegid(), sync: sync}); err != nil {
		return fmt.Errorf("write the box's record: %w", err)
	}
	return nil
}

// errLocked says that somebody else has the lock.
var errLocked = errors.New("locked")

// lockFile locks a file among processes; the lock ends with the process, too.
func lockFile(path string, wait bool) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		err = syscall.Flock(int(file.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = file.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil // the lock goes with it, whatever Close says
}
