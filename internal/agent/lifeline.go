//go:build linux

package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/envyhq/envy/internal/agent/wire"
)

// grace is what a group of processes has between TERM and KILL.
const grace = 2 * time.Second

// Why work was ended before it was done.
var (
	errCut   = errors.New("ended, because the one who started it is gone")
	errLimit = errors.New("not done in time")
)

// readOrder reads the first line of stdin. What follows is the lifeline: ctx
// ends, with errCut as its cause, once stdin has ended or the agent is told to
// end. The goroutines behind it end with the process.
func readOrder[M wire.Message](stdin io.Reader) (ctx context.Context, order M, err error) {
	reader := bufio.NewReader(stdin)
	line, err := readLine(reader, wire.Limit[M]())
	if err != nil {
		return nil, order, fmt.Errorf("read the order: %w", err)
	}
	if order, err = wire.Decode[M](line); err != nil {
		return nil, order, err
	}
	ctx, cut := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	go func() {
		_, _ = io.Copy(io.Discard, reader) // an error is an end, too
		cut(errCut)
	}()
	go func() {
		<-signals
		cut(errCut)
	}()
	return ctx, order, nil
}

// within bounds ctx by a time in nanoseconds; 0 is none.
func within(ctx context.Context, limit int64) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, time.Duration(limit), fmt.Errorf("%w (%v)", errLimit, time.Duration(limit)))
}

// readLine reads up to a line break and no more than limit bytes.
func readLine(reader *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := reader.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > limit+1:
			return nil, wire.ErrTooLarge
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// finish waits for a process that leads its group until it ends or ctx does.
// Then the group is ended, too, and the error is ctx's cause. A process that had
// ended by itself by then counts as what it was: it is not to run again.
func finish(ctx context.Context, pid int) (code int, err error) {
	ended := make(chan int, 1)
	go func() { ended <- waitFor(pid) }()
	select {
	case code := <-ended:
		return code, nil
	case <-ctx.Done():
		if hasEnded(pid) {
			return <-ended, nil
		}
		endGroup(pid, ended)
		return cutCode(ctx), context.Cause(ctx)
	}
}

// hasEnded reports whether a child has ended, also when somebody else has been
// told of it already or will be.
func hasEnded(pid int) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return errors.Is(err, unix.ECHILD) || (err == nil && info.Signo != 0)
}

// cutCode is the exit code of work that ctx ended.
func cutCode(ctx context.Context) int {
	if errors.Is(context.Cause(ctx), errLimit) {
		return wire.ExitTimeout
	}
	return wire.ExitEnded
}

// endGroup asks a group of processes to end and kills what of it is left after
// the grace.
func endGroup(pgid int, ended <-chan int) {
	over := time.After(grace)
	_ = syscall.Kill(-pgid, syscall.SIGTERM)
	_ = syscall.Kill(-pgid, syscall.SIGCONT) // one that is stopped hears nothing
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	leader := ended
	for {
		select {
		case <-leader:
			leader = nil
		case <-tick.C:
		case <-over:
			_ = syscall.Kill(-pgid, syscall.SIGKILL)
			if leader != nil {
				<-leader
			}
			return
		}
		if leader == nil && errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH) {
			return
		}
	}
}
