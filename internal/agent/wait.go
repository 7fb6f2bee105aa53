//go:build linux

package agent

import (
	"bytes"
	"context"
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
	ctx, order, err := readOrder[wire.Health](a.Stdin)
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
	ctx, stop := within(ctx, order.Limit)
	defer stop()
	var last *probed
	for pause := firstPause; ; pause = min(pause*3/2, longestPause) {
		now := a.probe(ctx, order, who)
		if now.passed() {
			return 0, nil
		}
		if ctx.Err() == nil || last == nil { // one that was cut short says less than the one before
			last = now
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return waitCode(ctx), a.gaveUp(ctx, order, last)
		}
	}
}

func waitCode(ctx context.Context) int {
	if code := cutCode(ctx); code != wire.ExitTimeout {
		return code
	}
	return wire.ExitFailed
}

// gaveUp shows the last output and says how the last probe went.
func (a *Agent) gaveUp(ctx context.Context, order wire.Health, last *probed) error {
	if len(last.output) > 0 {
		_, _ = a.Stdout.Write(append(bytes.TrimSuffix(last.output, []byte("\n")), '\n'))
	}
	if last.err == nil {
		last.err = fmt.Errorf("exit code %d", last.code)
	}
	return fmt.Errorf("the check %q has not passed: %w; the last time: %w", order.Argv, context.Cause(ctx), last.err)
}

// probed is how one probe went.
type probed struct {
	code   int
	output []byte // the end of it
	err    error  // it was not started, or ended before it was done
}

func (p *probed) passed() bool { return p.err == nil && p.code == 0 }

func (a *Agent) probe(ctx context.Context, order wire.Health, who identity) *probed {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return &probed{err: err}
	}
	defer null.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return &probed{err: err}
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
	_ = writer.Close() // the program has its own
	if err != nil {
		return &probed{err: err}
	}
	tail := make(chan []byte, 1)
	go func() { tail <- readTail(reader, maxOutput) }()
	timeout := order.Timeout
	if timeout <= 0 {
		timeout = int64(probeWithin)
	}
	ctx, stop := within(ctx, timeout)
	defer stop()
	code, err := finish(ctx, pid)
	// Something that the check left running may keep the pipe open.
	_ = reader.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	return &probed{code, <-tail, err}
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
