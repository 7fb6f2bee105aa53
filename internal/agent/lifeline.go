//go:build linux

package agent

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/envyhq/envy/internal/agent/wire"
)

// grace is what a group of processes has between TERM and KILL.
const grace = 2 * time.Second

// errCut says that whoever asked for the work is gone.
var errCut = errors.New("ended, because the one who started it is gone")

// readOrder reads the first line of stdin. What follows is the lifeline: cut
// is closed once stdin has ended or the agent is told to end. The goroutines
// behind it end with the process.
func readOrder[M wire.Message](stdin io.Reader) (order M, cut <-chan struct{}, err error) {
	reader := bufio.NewReader(stdin)
	line, err := readLine(reader, wire.Limit[M]())
	if err != nil {
		return order, nil, fmt.Errorf("read the order: %w", err)
	}
	if order, err = wire.Decode[M](line); err != nil {
		return order, nil, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT)
	end := make(chan struct{}, 2)
	go func() {
		_, _ = io.Copy(io.Discard, reader) // an error is an end, too
		end <- struct{}{}
	}()
	go func() {
		<-signals
		end <- struct{}{}
	}()
	closed := make(chan struct{})
	go func() {
		<-end
		close(closed)
	}()
	return order, closed, nil
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

// finish waits for a process that leads its group until it ends, the time is
// over or the lifeline is cut. In the last two cases the group is ended, too.
// A limit of 0 is none.
func finish(pid int, limit time.Duration, cut <-chan struct{}) (code int, err error) {
	ended := make(chan int, 1)
	go func() { ended <- waitFor(pid) }()
	var timeout <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case code := <-ended:
		return code, nil
	case <-timeout:
		code, err = wire.ExitTimeout, fmt.Errorf("not done after %v", limit)
	case <-cut:
		code, err = wire.ExitEnded, errCut
	}
	endGroup(pid, ended)
	return code, err
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
