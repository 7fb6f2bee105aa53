//go:build linux

package agent

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/envyhq/envy/internal/agent/wire"
)

// How `wait` asks.
const (
	firstPause   = 10 * time.Millisecond
	longestPause = 250 * time.Millisecond
	probeWithin  = 30 * time.Second
	maxOutput    = 4 << 10
)

// runWait runs a check until it passes. That the command ended needs no
// look: PID 1 ends with it and takes this process along.
func (a *Agent) runWait() (int, error) {
	order, cut, err := readOrder[wire.Health](a.Stdin)
	if err != nil {
		return wire.ExitAgent, err
	}
	if len(order.Argv) == 0 {
		return wire.ExitAgent, errors.New("wait: no check")
	}
	if _, err := a.awaitReady(readyWithin); err != nil {
		return wire.ExitAgent, err
	}
	who, err := a.identify(order.User, order.Groups)
	if err != nil {
		return wire.ExitAgent, err
	}
	var limit <-chan time.Time
	if order.Limit > 0 {
		limit = time.After(time.Duration(order.Limit))
	}
	for pause := firstPause; ; pause = min(pause*3/2, longestPause) {
		code, output, err := a.probe(order, who, limit, cut)
		if code == 0 && err == nil {
			return 0, nil
		}
		select {
		case <-cut:
			return wire.ExitEnded, errCut
		default:
		}
		var gone bool
		select {
		case <-limit:
			gone = true
		case <-time.After(pause):
		case <-cut:
			return wire.ExitEnded, errCut
		}
		if gone || errors.Is(err, errLimit) {
			return a.gaveUp(order, code, output, err)
		}
	}
}

// errLimit says that the limit came while a check ran.
var errLimit = errors.New("the limit came while it ran")

func (a *Agent) gaveUp(order wire.Health, code int, output []byte, err error) (int, error) {
	_, _ = a.Stdout.Write(output)
	if len(output) > 0 && output[len(output)-1] != '\n' {
		fmt.Fprintln(a.Stdout)
	}
	if err == nil {
		err = fmt.Errorf("exit code %d", code)
	}
	return wire.ExitFailed, fmt.Errorf("the check %q has not passed in %v; the last time: %w",
		order.Argv, time.Duration(order.Limit), err)
}

// probe runs the check once and returns the end of what it wrote.
func (a *Agent) probe(order wire.Health, who identity, limit <-chan time.Time, cut <-chan struct{}) (code int, output []byte, err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return 0, nil, err
	}
	defer null.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	defer reader.Close()
	dir := order.Dir
	if dir == "" || !a.isDir(dir) {
		dir = "/"
	}
	pid, err := a.start(program{
		argv: order.Argv, dir: a.at(dir), who: who, session: true,
		env:   overlay(who.environment(a.Environ), order.Env),
		stdin: null, stdout: writer, stderr: writer,
	})
	writer.Close()
	if err != nil {
		return codeOf(err), nil, err
	}
	tail := make(chan []byte, 1)
	go func() { tail <- readTail(reader, maxOutput) }()
	within := time.Duration(order.Timeout)
	if within <= 0 {
		within = probeWithin
	}
	over, stop := eitherOf(limit, cut)
	defer stop()
	code, err = finish(pid, within, over)
	if errors.Is(err, errCut) {
		err = errLimit // or cut, which the caller looks at first
	}
	// Something that the check left running may keep the pipe open.
	_ = reader.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	return code, <-tail, err
}

// eitherOf is closed at the first of the two. stop ends the waiting.
func eitherOf(limit <-chan time.Time, cut <-chan struct{}) (over <-chan struct{}, stop func()) {
	closed, done := make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case <-limit:
			close(closed)
		case <-cut:
			close(closed)
		case <-done:
		}
	}()
	return closed, func() { close(done) }
}

// readTail reads to the end and keeps the last size bytes.
func readTail(reader *os.File, size int) []byte {
	var tail []byte
	buffer := make([]byte, size)
	for {
		n, err := reader.Read(buffer)
		tail = append(tail, buffer[:n]...)
		if over := len(tail) - size; over > 0 {
			tail = slices.Delete(tail, 0, over)
		}
		if err != nil {
			return tail
		}
	}
}
