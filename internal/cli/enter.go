package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
)

func (a *app) sshCommand() *cli.Command {
	return a.entering("ssh", "enter a box: a login shell, or a command", "[BOX] [-- CMD]", func(ctx context.Context, c *cli.Context, s *session) error {
		names, command, dashed := operands(c)
		if text := c.String("c"); c.IsSet("c") {
			if dashed {
				return &usageError{text: "-c and -- exclude each other"}
			}
			command = []string{text}
		}
		if len(names) > 1 {
			return &usageError{text: "envy ssh enters one box", hint: "a command stands behind --: envy ssh " + names[0] + " -- " + names[1] + " …"}
		}
		return s.exec(ctx, names, driver.Exec{Argv: command, Login: true})
	}, &cli.StringFlag{Name: "c", Usage: "run `CMD` in a login shell"})
}

func (a *app) execCommand() *cli.Command {
	return a.entering("exec", "run a command in a box, without a shell", "BOX CMD…", func(ctx context.Context, c *cli.Context, s *session) error {
		names, command, err := boxAndCommand(c)
		if err != nil {
			return err
		}
		return s.exec(ctx, names, driver.Exec{Argv: command})
	})
}

// boxAndCommand reads `BOX CMD…`, or `-- CMD…` for the primary box.
func boxAndCommand(c *cli.Context) (names, command []string, err error) {
	all := c.Args().Slice()
	switch {
	case len(all) > 0 && all[0] == endOfFlags:
		command = all[1:]
	case len(all) > 0:
		names, command = all[:1], all[1:]
		if len(command) > 0 && command[0] == endOfFlags {
			command = command[1:]
		}
	}
	if len(command) == 0 {
		return nil, nil, &usageError{text: "envy " + c.Command.Name + " needs a command", hint: "usage: " + usageLine(c)}
	}
	return names, command, nil
}

// exec runs a command in a box that is there. It makes no engine call but the lists and the exec's own.
func (s *session) exec(ctx context.Context, names []string, x driver.Exec) error {
	env, scene, err := s.lookAndCheck(ctx)
	if err != nil {
		return err
	}
	box, err := s.pickOne(ctx, scene, names)
	if err != nil {
		return err
	}
	x.User, x.Dir = provision.LoginOf(box), provision.WorkdirOf(*box.Spec, s.workingDir())
	t := s.attach(ctx)
	x.TTY, x.Env = t.tty, t.env
	if err := t.engage(); err != nil {
		return err
	}
	code, err := provision.Exec(ctx, env, box, x, t.streams)
	return ended(code, err, t.detach())
}

// ended is the exit code of a command as an error.
func ended(code int, errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if code != 0 {
		return &statusError{code}
	}
	return nil
}

// attachment is this terminal, or these pipes, lent to a command in a box.
type attachment struct {
	tty     bool
	env     map[string]string
	streams driver.Streams

	mu       sync.Mutex
	take     func() (giveBack func() error, err error)
	undo     []func() error
	detached bool
}

// attach prepares what is lent: a terminal with its size and every change of it, or pipes with signals. Nothing changes
// before engage.
func (s *session) attach(ctx context.Context) *attachment {
	t := &attachment{
		tty:     s.streams.In.Terminal && s.streams.Out.Terminal,
		streams: driver.Streams{In: s.streams.In.Until(ctx), Out: s.streams.Out, Err: s.streams.Err},
	}
	s.onClose(t.detach) // whatever happens in between
	if !t.tty {
		signals := make(chan string, 8)
		t.streams.Signal = signals
		t.take = func() (func() error, error) { return s.app.signals.passOn(signals), s.settle() }
		return t
	}
	t.env = map[string]string{"TERM": cmp.Or(s.app.getenv("TERM"), "xterm")}
	if size, ok := s.streams.Size(); ok {
		t.streams.Size = driver.Size(size)
	}
	sizes, stop := s.sizes()
	t.streams.Resize = sizes
	t.undo = append(t.undo, func() error { stop(); return nil })
	t.take = func() (func() error, error) {
		if err := s.settle(); err != nil {
			return nil, err
		}
		restore, err := s.streams.In.Raw()
		if err != nil {
			return nil, err
		}
		s.app.signals.beforeLeaving(func() { _ = restore() })
		return func() error {
			s.app.signals.beforeLeaving(nil)
			return restore()
		}, nil
	}
	return t
}

// engage gives the terminal, or the signals, away until detach.
func (t *attachment) engage() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.detached {
		return nil
	}
	giveBack, err := t.take()
	if giveBack != nil {
		t.undo = append(t.undo, giveBack)
	}
	return err
}

// detach takes everything back.
func (t *attachment) detach() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.detached = true
	var errs []error
	for _, f := range slices.Backward(t.undo) {
		errs = append(errs, f())
	}
	t.undo = nil
	return errors.Join(errs...)
}

// sizes tells each change of the terminal's size. Call stop to end it.
func (s *session) sizes() (<-chan driver.Size, func()) {
	changes, stop := s.streams.Resizes()
	out, done := make(chan driver.Size), make(chan struct{})
	var owner sync.WaitGroup
	owner.Go(func() { follow(changes, out, done) })
	return out, func() {
		close(done)
		stop()
		owner.Wait()
	}
}

func follow(changes <-chan term.Size, out chan<- driver.Size, done <-chan struct{}) {
	for size := range changes {
		select {
		case out <- driver.Size(size):
		case <-done:
			return
		}
	}
}

func (a *app) runCommand() *cli.Command {
	return a.entering("run", "run a command in a new, throw-away box", "BOX CMD…", func(ctx context.Context, c *cli.Context, s *session) error {
		names, command, err := boxAndCommand(c)
		if err != nil {
			return err
		}
		return s.run(ctx, names, command)
	})
}

func (s *session) run(ctx context.Context, names, command []string) error {
	project, err := s.projectAsking(ctx)
	if err != nil {
		return err
	}
	if err := s.gate(ctx, project.Config); err != nil {
		return err
	}
	box, err := runBox(project, names)
	if err != nil {
		return err
	}
	env, err := s.makingEnv(ctx, "run")
	if err != nil {
		return err
	}
	random := make([]byte, 3)
	_, _ = rand.Read(random) // never fails
	id := hex.EncodeToString(random)
	giveBack, err := s.holdRun(ctx, id)
	if err != nil {
		return err
	}
	t := s.attach(ctx)
	// The input is read once the box is made: only then the terminal is its own, and others need not wait for its end.
	t.streams.In = &onFirstRead{Reader: t.streams.In, do: func() error { return errors.Join(s.unlock(), t.engage()) }}
	code, err := provision.RunBox(ctx, env, project, box, provision.RunOptions{
		ID: id, Command: command, Cwd: s.workingDir(), TTY: t.tty, Env: t.env, Streams: t.streams,
	}, s.confirmLoss)
	if !is[*provision.LeftBehindError](err) { // else the lock is left, too, and says so
		_ = giveBack() // a file that stays is swept one day
	}
	return ended(code, err, t.detach())
}

// onFirstRead does something before anything is read.
type onFirstRead struct {
	io.Reader
	once sync.Once
	do   func() error
}

func (r *onFirstRead) Read(p []byte) (int, error) {
	var err error
	r.once.Do(func() { err = r.do() })
	if err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
