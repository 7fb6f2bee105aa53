package term

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Until reads the input until ctx ends; Read then returns its cause. Nothing is read ahead, so that what comes after
// is left for whoever reads next. A Read of an injected input cannot be broken off in the middle.
func (i Input) Until(ctx context.Context) io.Reader {
	if i.file == nil {
		return &injectedReader{ctx: ctx, r: i.Reader}
	}
	return &fileReader{ctx: ctx, file: i.file}
}

type injectedReader struct {
	ctx context.Context //nolint:containedctx // as fileReader's
	r   io.Reader
}

func (r *injectedReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}

// fileReader waits for input and for the end of ctx at once. A reader is made for one piece of work and belongs to
// its context, which is why it keeps one.
type fileReader struct {
	ctx  context.Context //nolint:containedctx // an io.Reader is given none
	file *os.File
}

func (r *fileReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	if err := r.wait(); err != nil {
		return 0, err
	}
	return r.file.Read(p)
}

// wait uses select: macOS cannot poll a terminal.
func (r *fileReader) wait() error {
	woken, wake, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("wait for input: %w", err)
	}
	defer woken.Close()
	ended := make(chan struct{})
	stop := context.AfterFunc(r.ctx, func() {
		defer close(ended)
		_ = wake.Close() // the other end becomes readable
	})
	defer func() {
		if stop() {
			_ = wake.Close()
		} else {
			<-ended
		}
	}()
	in, end := int(r.file.Fd()), int(woken.Fd())
	if max(in, end) >= unix.FD_SETSIZE {
		return fmt.Errorf("wait for input: over %d files are open", unix.FD_SETSIZE)
	}
	for {
		var set unix.FdSet
		set.Set(in)
		set.Set(end)
		switch _, err := unix.Select(max(in, end)+1, &set, nil, nil, nil); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for input: %w", err)
		case set.IsSet(end):
			return context.Cause(r.ctx)
		default:
			return nil
		}
	}
}

// ErrNoTerminal means that there is no terminal for what was asked of it.
var ErrNoTerminal = errors.New("no terminal")

// Raw hands every keystroke through, Ctrl-C included, until restore is called: once, whatever happens in between.
func (i Input) Raw() (restore func() error, err error) {
	if i.file == nil || !i.Terminal {
		return nil, ErrNoTerminal
	}
	fd := int(i.file.Fd())
	state, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("set the terminal to raw mode: %w", err)
	}
	return func() error { return term.Restore(fd, state) }, nil
}

// withoutEcho keeps what is typed off the screen; lines and Ctrl-C work as ever.
func (i Input) withoutEcho() (restore func() error, err error) {
	if i.file == nil {
		return func() error { return nil }, nil
	}
	fd := int(i.file.Fd())
	before, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, fmt.Errorf("turn the terminal's echo off: %w", err)
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	silent.Lflag |= unix.ICANON | unix.ISIG
	silent.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, setTermios, &silent); err != nil {
		return nil, fmt.Errorf("turn the terminal's echo off: %w", err)
	}
	return func() error { return unix.IoctlSetTermios(fd, setTermios, before) }, nil
}
