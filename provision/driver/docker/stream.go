package docker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"

	"github.com/envyhq/envy/provision/driver"
)

// stream is a hijacked connection to a process in a box: what is written goes to its stdin, and what it prints comes
// back, in frames unless it has a terminal.
type stream struct {
	conn types.HijackedResponse
	tty  bool
	once sync.Once
}

// cut closes the connection. The process may run on.
func (s *stream) cut() { s.once.Do(s.conn.Close) }

// endWith tells the process, when ctx ends, that there is no more input, and cuts the connection a farewell later. stop ends
// that, and waits for what of it runs.
func (s *stream) endWith(ctx context.Context) (stop func()) {
	over := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-over:
			return
		case <-ctx.Done():
		}
		_ = s.conn.CloseWrite()
		last := time.NewTimer(farewell)
		defer last.Stop()
		select {
		case <-over:
		case <-last.C:
			s.cut()
		}
	})
	return func() {
		close(over)
		watching.Wait()
	}
}

// feed copies in to the process and then tells it that there is no more. It may outlive the stream in a Read of in,
// which nobody but in's owner can end.
func (s *stream) feed(in io.Reader) {
	_, _ = io.Copy(s.conn.Conn, in) // a process that does not read is its own business
	_ = s.conn.CloseWrite()
}

// drain copies what the process prints until it has closed its streams. writeError is true when it was not the
// connection that failed.
func (s *stream) drain(out, errOut io.Writer) error {
	o, e := &sink{to: out}, &sink{to: errOut}
	var err error
	if s.tty {
		_, err = io.Copy(o, s.conn.Reader)
	} else {
		err = split(o, e, s.conn.Reader)
	}
	if failed := errors.Join(o.failed, e.failed); failed != nil {
		return &writeError{failed}
	}
	return streamEnd(err)
}

// split parts what a process without a terminal prints: frames of eight bytes (which stream, three unused, the length) and
// that many more. It holds no frame, so a length that lies costs nothing.
func split(out, errOut io.Writer, in io.Reader) error {
	var head [8]byte
	for {
		switch _, err := io.ReadFull(in, head[:]); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		length := int64(binary.BigEndian.Uint32(head[4:]))
		to := out
		switch head[0] {
		case 0, 1:
		case 2:
			to = errOut
		case 3: // the engine itself: why it can send no more
			text, err := io.ReadAll(io.LimitReader(in, min(length, tailBytes)))
			return errors.Join(errors.New(string(text)), err)
		default:
			return fmt.Errorf("output of stream %d, which there is none of", head[0])
		}
		if f, ok := to.(interface{ begin() }); ok {
			f.begin()
		}
		switch n, err := io.Copy(to, io.LimitReader(in, length)); {
		case err != nil:
			return err
		case n < length:
			return io.ErrUnexpectedEOF
		}
	}
}

// sink remembers its writer's failure, so that it can be told from the connection's. nil drops everything.
type sink struct {
	to     io.Writer
	failed error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.to == nil {
		return len(p), nil
	}
	n, err := s.to.Write(p)
	if err != nil {
		s.failed = err
	}
	return n, err
}

// writeError is a failure of the caller's own writer.
type writeError struct{ err error }

func (w *writeError) Error() string { return "write output: " + w.err.Error() }

func (w *writeError) Unwrap() error { return w.err }

// startExec creates an exec and begins it, attached.
func (e *Engine) startExec(ctx context.Context, id string, o container.ExecOptions) (execID string, s *stream, err error) {
	object := boxObject(id)
	made, err := e.api.ContainerExecCreate(ctx, id, o)
	if err != nil {
		return "", nil, e.classify(err, "run in", object)
	}
	conn, err := e.open(ctx, "/exec/"+made.ID+"/start", func(ctx context.Context) (types.HijackedResponse, error) {
		return e.api.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{Tty: o.Tty, ConsoleSize: o.ConsoleSize})
	})
	if err != nil {
		return "", nil, e.classify(err, "run in", object)
	}
	return made.ID, &stream{conn: conn, tty: o.Tty}, nil
}

// open gives the stream that call begins. The client library's calls for streams heed their context no more once they are
// connected: one that the engine does not answer ends with its connection, which is cut when ctx ends or the engine has had
// its time. A connection with TLS is the library's own: there the call is left alone, and closed should the answer come
// after all.
func (e *Engine) open(
	ctx context.Context, path string, call func(context.Context) (types.HijackedResponse, error),
) (types.HijackedResponse, error) {
	type answer struct {
		conn types.HijackedResponse
		err  error
	}
	begin := time.Now()
	waiting, cancel := context.WithTimeout(ctx, e.opts.Answer)
	defer cancel()
	d := &dialed{ctx: waiting}
	answers := make(chan answer, 1)
	go func() {
		conn, err := call(context.WithValue(waiting, dialedKey{}, d))
		answers <- answer{conn, err}
	}()
	var got answer
	select {
	case got = <-answers:
	case <-waiting.Done():
		if d.known() {
			got = <-answers
			break
		}
		got.err = context.Cause(waiting)
		go func() {
			if late := <-answers; late.err == nil {
				late.conn.Close()
			}
		}()
	}
	d.keep()
	if cause := context.Cause(waiting); cause != nil {
		if got.err == nil {
			got.conn.Close()
		}
		if got.err = cause; errors.Is(cause, context.DeadlineExceeded) {
			got.err = &unansweredError{after: time.Since(begin), err: cause}
		}
	}
	e.called("POST", path, time.Since(begin), got.err)
	return got.conn, got.err
}

// dialed is the connection that a call has made for its stream; it ends with ctx unless it is kept.
type dialed struct {
	ctx  context.Context //nolint:containedctx // of the call
	mu   sync.Mutex
	stop func() bool
}

// dialedKey is where a call's context holds it.
type dialedKey struct{}

// have is told of a new connection.
func (d *dialed) have(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop != nil {
		d.stop() // of a call before it, whose connection others may use by now
	}
	d.stop = context.AfterFunc(d.ctx, func() { _ = conn.Close() })
}

// known reports whether there is a connection, which then ends with ctx.
func (d *dialed) known() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stop != nil
}

// keep lets the connection stand beyond ctx.
func (d *dialed) keep() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop != nil {
		d.stop()
	}
}

// exitPoll bounds the wait between the end of an exec's output and its exit code.
const exitPoll = 10 * time.Second

// execCode is the exit code of an exec whose output has ended. The engine may need a moment to notice the end.
func (e *Engine) execCode(ctx context.Context, id, execID string) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exitPoll)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		got, err := e.api.ContainerExecInspect(ctx, execID)
		if err != nil {
			return 0, e.classify(err, "run in", boxObject(id))
		}
		if !got.Running {
			return got.ExitCode, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, &driver.Error{
				Kind: driver.Failed, Op: "run in", Object: boxObject(id), Err: ctx.Err(),
				Text: fmt.Sprintf("the command closed its output and had not ended %v later", exitPoll),
			}
		}
	}
}

// tail keeps the last bytes that were written, and passes everything on.
type tail struct {
	to   io.Writer // may be nil
	kept []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - tailBytes; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	if t.to == nil {
		return len(p), nil
	}
	return t.to.Write(p)
}

// text is what was kept, from the start of a line on.
func (t *tail) text() string {
	s := string(t.kept)
	if len(t.kept) == tailBytes {
		if _, rest, ok := strings.Cut(s, "\n"); ok {
			s = rest
		}
	}
	return strings.TrimRight(s, "\n")
}
