//go:build linux

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/envyhq/envy/internal/agent/wire"
)

// An exec is found again by a file that it leaves before it becomes its
// command. Its environment would not do: even root may not read that of
// another user's process where the box lacks the capability for it.

// markName is what a mark may be: it becomes a file's name.
var markName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (s state) marks() string { return filepath.Join(s.dir, "execs") }

// leaveMark names this process under the mark. Now and then it sweeps up the
// marks of execs that have ended.
func (a *Agent) leaveMark(s state, mark string) error {
	if !markName.MatchString(mark) {
		return fmt.Errorf("%s=%q is no mark", wire.MarkVariable, mark)
	}
	pid := os.Getpid()
	start, err := a.startOf(pid)
	if err != nil {
		return err
	}
	if err := os.Mkdir(s.marks(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if pid%64 == 0 {
		a.sweepMarks(s)
	}
	return os.WriteFile(filepath.Join(s.marks(), mark), fmt.Appendf(nil, "%d %s", pid, start), 0o600)
}

func (a *Agent) sweepMarks(s state) {
	entries, _ := os.ReadDir(s.marks())
	for _, entry := range entries {
		if _, err := a.marked(s, entry.Name()); errors.Is(err, errEnded) {
			_ = os.Remove(filepath.Join(s.marks(), entry.Name())) // it is looked at again
		}
	}
}

// errEnded says that what had a mark runs no longer, or never did.
var errEnded = errors.New("nothing runs with this mark")

// marked is the process with a mark.
func (a *Agent) marked(s state, mark string) (int, error) {
	data, err := os.ReadFile(filepath.Join(s.marks(), mark))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, errEnded
	}
	if err != nil {
		return 0, err
	}
	number, start, _ := strings.Cut(string(data), " ")
	pid, err := strconv.Atoi(number)
	if err != nil || pid < 2 {
		return 0, fmt.Errorf("mark %q is broken", mark) // or just being written
	}
	if now, err := a.startOf(pid); err != nil || now != start {
		return 0, errEnded
	}
	return pid, nil
}

// runSignal sends a signal to what an exec became, and its group.
func (a *Agent) runSignal() (int, error) {
	order, err := wire.Read[wire.Signal](a.Stdin)
	if err != nil {
		return wire.ExitAgent, err
	}
	if !markName.MatchString(order.Mark) {
		return wire.ExitAgent, fmt.Errorf("%q is no mark", order.Mark)
	}
	number, err := parseSignal(order.Signal)
	if err != nil {
		return wire.ExitAgent, err
	}
	s, err := a.awaitReady(readyWithin)
	if err != nil {
		return wire.ExitAgent, err
	}
	pid, err := a.marked(s, order.Mark)
	if errors.Is(err, errEnded) {
		return wire.ExitFailed, err
	}
	if err != nil {
		return wire.ExitAgent, err
	}
	if err := syscall.Kill(-pid, number); err != nil {
		return wire.ExitAgent, fmt.Errorf("signal %s: %w", order.Signal, err)
	}
	return 0, nil
}
