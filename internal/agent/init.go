//go:build linux

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/envyhq/envy/internal/agent/wire"
)

// opened is the signal by which `release` tells PID 1 to look at the record. A
// command that runs already gets it, too, to which it means nothing.
const opened = syscall.SIGCONT

// pidOne is the box while it runs.
type pidOne struct {
	*Agent
	boot     wire.Boot
	state    state // without a directory: nothing can be recorded
	signals  chan os.Signal
	children chan os.Signal
	command  int // its process; 0: none
}

func (a *Agent) runInit(argument string) (int, error) {
	p := &pidOne{Agent: a, signals: make(chan os.Signal, 64), children: make(chan os.Signal, 1)}
	signal.Notify(p.signals, forwarded()...)
	signal.Notify(p.children, syscall.SIGCHLD)
	var err error
	if p.boot, err = wire.Decode[wire.Boot]([]byte(argument)); err != nil {
		return wire.ExitAgent, err
	}
	stops, err := stopSignals(p.boot.StopSignal)
	if err != nil {
		return wire.ExitAgent, err
	}
	record, err := p.prepare()
	if err != nil {
		return wire.ExitAgent, err
	}
	switch {
	case len(p.boot.Argv) == 0:
		p.idle(stops)
		return 0, nil
	case p.boot.Oneshot != "" && record.Oneshot == p.boot.Oneshot:
		return 0, nil
	}
	if stopped := p.gate(record.Released != 0, stops); stopped != 0 {
		return stopped, nil
	}
	return p.run()
}

// forwarded are the signals that the command gets. Those of the Go runtime and
// of PID 1's own affairs are not among them.
func forwarded() []os.Signal {
	kept := []syscall.Signal{syscall.SIGCHLD, syscall.SIGURG, syscall.SIGKILL, syscall.SIGSTOP,
		syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGPROF}
	var signals []os.Signal
	for number := syscall.Signal(1); number <= 64; number++ {
		if !slices.Contains(kept, number) {
			signals = append(signals, number)
		}
	}
	return signals
}

// stopSignals are the signals on which a box without a running command ends.
func stopSignals(name string) ([]syscall.Signal, error) {
	stops := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT}
	if name == "" {
		return stops, nil
	}
	number, err := parseSignal(name)
	if err != nil {
		return nil, err
	}
	return append(stops, number), nil
}

// parseSignal reads a signal as the engine does: "TERM", "SIGTERM", "15",
// "SIGRTMIN+3", "SIGRTMAX-1".
func parseSignal(name string) (syscall.Signal, error) {
	bad := fmt.Errorf("signal %q is none", name)
	if number, err := strconv.Atoi(name); err == nil {
		if number < 1 || number > 64 {
			return 0, bad
		}
		return syscall.Signal(number), nil
	}
	short := strings.TrimPrefix(strings.ToUpper(name), "SIG")
	for _, end := range []struct {
		name  string
		base  int
		first string
	}{{"RTMIN", 34, "+"}, {"RTMAX", 64, "-"}} {
		offset, ok := strings.CutPrefix(short, end.name)
		if !ok {
			continue
		}
		number := 0
		if offset != "" {
			var err error
			if number, err = strconv.Atoi(offset); err != nil || !strings.HasPrefix(offset, end.first) {
				return 0, bad
			}
		}
		if number += end.base; number < 34 || number > 64 {
			return 0, bad
		}
		return syscall.Signal(number), nil
	}
	if number := unix.SignalNum("SIG" + short); number != 0 {
		return number, nil
	}
	return 0, bad
}

// prepare sets the box up, keeps the record and marks the box as ready.
func (p *pidOne) prepare() (wire.Record, error) {
	work := p.newSetup(p.boot)
	work.run()
	var err error
	if p.state, err = p.makeState(); err != nil {
		return wire.Record{}, err // without it nobody could enter
	}
	if err := os.RemoveAll(p.state.marks()); err != nil { // of an earlier start
		work.note("%v", err)
	}
	record, err := p.keep(work)
	if err != nil {
		// What the record says is unknown. It is left as it is, and the
		// box can be entered.
		work.note("%v", err)
	}
	for _, note := range work.notes {
		p.complain(errors.New(note))
	}
	return record, p.markReady(p.state)
}

// keep brings the record up to date and writes it where that changed it.
func (p *pidOne) keep(work *setup) (wire.Record, error) {
	old, err := p.state.record()
	if err != nil {
		return wire.Record{}, err
	}
	record := old
	if old.ID != p.boot.ID {
		record = wire.Record{ID: p.boot.ID}
	}
	if len(work.own) > 0 {
		record.Own = append(slices.Clone(record.Own), work.own...)
		slices.Sort(record.Own)
		record.Own = slices.Compact(record.Own)
		record.SetUp = time.Now().UnixNano()
	}
	record.Notes = work.notes
	if _, err := os.Stat(p.state.recordPath()); errors.Is(err, fs.ErrNotExist) ||
		old.ID != record.ID || len(work.own) > 0 || !slices.Equal(old.Notes, record.Notes) {
		return record, p.state.save(record, hasWorth(record))
	}
	return record, nil
}

// hasWorth reports whether a record says more than the set-up of this start.
func hasWorth(r wire.Record) bool {
	return r.Released != 0 || len(r.Runs) > 0 || len(r.Files) > 0 || r.Oneshot != ""
}

// reap buries every child that has ended and returns the command's exit code
// once it is among them.
func (p *pidOne) reap() (code int, ended bool) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil || pid == 0:
			return code, ended
		case pid == p.command:
			code, ended = exitCode(status), true
		}
	}
}

// idle lasts until the box is stopped.
func (p *pidOne) idle(stops []syscall.Signal) {
	for {
		select {
		case <-p.children:
			p.reap()
		case got := <-p.signals:
			if slices.Contains(stops, got.(syscall.Signal)) {
				return
			}
		}
	}
}

// gate waits until the box was released. Where it is stopped before, that is
// the exit code of a command that the signal ended.
func (p *pidOne) gate(released bool, stops []syscall.Signal) (stopped int) {
	if !p.boot.Gate {
		return 0
	}
	for !released {
		select {
		case <-p.children:
			p.reap()
		case got := <-p.signals:
			number := got.(syscall.Signal)
			if slices.Contains(stops, number) {
				return 128 + int(number)
			}
			if number == opened {
				record, err := p.state.record()
				released = err == nil && record.Released != 0
			}
		}
	}
	return 0
}

// run starts the command and stands for it until it ends.
func (p *pidOne) run() (int, error) {
	who, err := p.identify(p.boot.User, p.boot.Groups)
	if err != nil {
		return wire.ExitAgent, err
	}
	dir := p.boot.Dir
	if dir == "" || !p.isDir(dir) {
		if dir != "" {
			p.complain(fmt.Errorf("the box has no directory %s; the command starts in /", dir))
		}
		dir = "/"
	}
	handOver(who, p.Stdin, p.Stdout, p.Stderr)
	p.command, err = p.start(program{
		argv: p.boot.Argv, env: who.environment(p.Environ), dir: p.at(dir), who: who,
		stdin: p.Stdin, stdout: p.Stdout, stderr: p.Stderr, front: isTerminal(p.Stdin),
	})
	if err != nil {
		return codeOf(err), err
	}
	for {
		select {
		case <-p.children:
			if code, ended := p.reap(); ended {
				return p.ended(code)
			}
		case got := <-p.signals:
			// It may have ended a moment ago; then its SIGCHLD is here, too.
			_ = syscall.Kill(p.command, got.(syscall.Signal))
		}
	}
}

// ended records a oneshot's success, without which it would run again.
func (p *pidOne) ended(code int) (int, error) {
	if code != 0 || p.boot.Oneshot == "" {
		return code, nil
	}
	err := p.state.update(func(record *wire.Record) { record.Oneshot = p.boot.Oneshot })
	if err != nil {
		return wire.ExitAgent, fmt.Errorf("the command ended well: %w", err)
	}
	return 0, nil
}

// codeOf is the exit code for an error.
func codeOf(err error) int {
	var failed *startError
	if errors.As(err, &failed) {
		return failed.code
	}
	return wire.ExitAgent
}

func isTerminal(file *os.File) bool {
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}
