package docker

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/versions"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
)

// Exec implements driver.Execer. The command is found again by a mark in its environment, because engines cannot signal
// an exec and it outlives its client.
func (e *Engine) Exec(ctx context.Context, id string, x driver.Exec, s driver.Streams) (int, error) {
	in, err := e.inside(ctx, id)
	if err != nil {
		return 0, err
	}
	argument, err := wire.Encode(wire.Exec{
		User: in.user(x.User), Groups: in.groups(x.User), Argv: x.Argv, Login: x.Login, Shell: x.Shell, Dir: x.Dir, Env: pairs(x.Env),
	})
	if err != nil {
		return 0, invalid("run in", id, err.Error(), err)
	}
	mark := randomHex(8)
	execID, st, err := e.startExec(ctx, id, container.ExecOptions{
		Cmd: []string{wire.Path, wire.VerbExec, string(argument)}, Env: []string{wire.MarkVariable + "=" + mark}, WorkingDir: "/", Tty: x.TTY,
		AttachStdin: s.In != nil, AttachStdout: true, AttachStderr: true, ConsoleSize: consoleSize(s.Size),
	})
	if err != nil {
		return 0, err
	}
	err = attend(ctx, st, s, control{
		size: e.late(s.Size),
		resize: func(ctx context.Context, size driver.Size) error {
			return e.api.ContainerExecResize(ctx, execID, resizeTo(size))
		},
		signal: func(ctx context.Context, name string) error { return e.signalExec(ctx, id, mark, name) },
	})
	if err != nil {
		return 0, e.classify(err, "run in", boxObject(id))
	}
	return e.execCode(ctx, id, execID)
}

// Attach implements driver.Execer. It waits for the box's end before it starts it, so that no end is missed.
func (e *Engine) Attach(ctx context.Context, id string, s driver.Streams) (int, error) {
	object := boxObject(id)
	now, err := e.inspect(ctx, id, "attach to")
	if err != nil {
		return 0, err
	}
	conn, err := e.open(ctx, "/containers/"+id+"/attach", func(ctx context.Context) (types.HijackedResponse, error) {
		return e.api.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdin: s.In != nil, Stdout: true, Stderr: true})
	})
	if err != nil {
		return 0, e.classify(err, "attach to", object)
	}
	st := &stream{conn: conn, tty: now.Config.Tty}
	defer st.cut()
	waiting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended, failed := e.api.ContainerWait(waiting, id, container.WaitConditionNextExit)
	if err := e.StartBox(ctx, id, ""); err != nil {
		return 0, err
	}
	err = attend(ctx, st, s, control{
		size: e.late(s.Size),
		resize: func(ctx context.Context, size driver.Size) error {
			return e.api.ContainerResize(ctx, id, resizeTo(size))
		},
		signal: func(ctx context.Context, name string) error { return e.KillBox(ctx, id, name) },
	})
	if err != nil {
		return 0, e.classify(err, "attach to", object)
	}
	return e.exitOf(ctx, id, ended, failed)
}

func resizeTo(s driver.Size) container.ResizeOptions {
	return container.ResizeOptions{Width: uint(max(s.Columns, 0)), Height: uint(max(s.Rows, 0))}
}

// consoleSize is a size as an engine takes it before the start, nil for none.
func consoleSize(s driver.Size) *[2]uint {
	if s == (driver.Size{}) {
		return nil
	}
	r := resizeTo(s)
	return &[2]uint{r.Height, r.Width}
}

// sizedVersion is the API from which a terminal has a size from its start.
const sizedVersion = "1.42"

// late is the size that a terminal must be told after its start.
func (e *Engine) late(s driver.Size) driver.Size {
	if versions.LessThan(e.api.ClientVersion(), sizedVersion) {
		return s
	}
	return driver.Size{}
}

// control is how a process behind a stream is reached beside the stream.
type control struct {
	size   driver.Size // to tell at once; zero: none
	resize func(context.Context, driver.Size) error
	signal func(ctx context.Context, name string) error
}

// attend serves a process until it has closed its streams. When ctx ends, or nobody can take the output any more, the
// process is ended, and the error says why. The copy of s.In may be left waiting in a Read.
func attend(ctx context.Context, st *stream, s driver.Streams, c control) error {
	defer st.cut()
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer cancel()
	helpers.Go(func() { c.follow(inner, s) })
	if s.In != nil {
		go st.feed(s.In)
	}
	drained := make(chan struct{})
	var err error
	go func() {
		defer close(drained)
		err = st.drain(s.Out, s.Err)
	}()
	select {
	case <-drained:
		var bad *writeError
		if errors.As(err, &bad) {
			dropped := make(chan struct{})
			go func() {
				defer close(dropped)
				_, _ = io.Copy(io.Discard, st.conn.Reader) // only its end counts
			}()
			c.end(inner, st, dropped)
		}
		return err
	case <-ctx.Done():
		c.end(inner, st, drained)
		return context.Cause(ctx)
	}
}

// follow passes on sizes and signals.
func (c control) follow(ctx context.Context, s driver.Streams) {
	if c.size != (driver.Size{}) {
		insist(ctx, func() error { return c.resize(ctx, c.size) })
	}
	sizes, signals := s.Resize, s.Signal
	for {
		select {
		case size, ok := <-sizes:
			if !ok {
				sizes = nil
				continue
			}
			insist(ctx, func() error { return c.resize(ctx, size) })
		case name, ok := <-signals:
			if !ok {
				signals = nil
				continue
			}
			insist(ctx, func() error { return c.signal(ctx, name) })
		case <-ctx.Done():
			return
		}
	}
}

// insist tries again where the process is not there yet: the engine makes the terminal, and the agent becomes the
// command, a moment after the stream stands. One that has ended meanwhile needs nothing.
func insist(ctx context.Context, try func() error) {
	for pause := 10 * time.Millisecond; pause < time.Second; pause *= 2 {
		if try() == nil {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// commandGrace is how long a command has after each of the signals that end it.
const commandGrace = 2 * time.Second

// end ends the process: HUP to what has a terminal (an interactive shell ignores TERM), then KILL; in the end the stream
// is cut, whoever still holds it.
func (c control) end(ctx context.Context, st *stream, drained <-chan struct{}) {
	first := "TERM"
	if st.tty {
		first = "HUP"
	}
	for _, name := range []string{first, "KILL"} {
		if c.ended(ctx, name, drained) {
			return
		}
	}
	st.cut()
	<-drained
}

// ended sends a signal and reports whether the process has closed its streams within the grace.
func (c control) ended(ctx context.Context, name string, drained <-chan struct{}) bool {
	ctx, cancel := context.WithTimeout(ctx, commandGrace)
	var sending sync.WaitGroup
	defer sending.Wait()
	defer cancel()
	sending.Go(func() { insist(ctx, func() error { return c.signal(ctx, name) }) })
	select {
	case <-drained:
		return true
	case <-ctx.Done():
		return false
	}
}

// signalExec reaches what a marked exec became, and its process group.
func (e *Engine) signalExec(ctx context.Context, id, mark, name string) error {
	stdin, err := wire.Encode(wire.Signal{Mark: mark, Signal: name})
	if err != nil {
		return invalid("signal", id, err.Error(), err)
	}
	return e.do(ctx, id, "signal", order{verb: wire.VerbSignal, stdin: stdin})
}
