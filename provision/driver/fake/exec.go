package fake

import (
	"bufio"
	"context"
	"errors"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// drive says how a process is run whose streams a caller holds.
type drive struct {
	life  int           // the box's start that it belongs to
	limit time.Duration // 0: none; then it ends with 124
	lease string        // the provisioner's lock that is kept while it runs
	begin func(s *state, b *box, now time.Time) (*process, error)
	end   func(s *state, b *box, code int, now time.Time)
	log   bool // output goes to the box's log, too
}

// drive runs a process to its end. It holds the engine only while the process does something.
func (e *Engine) drive(ctx context.Context, op, id string, st driver.Streams, d drive) (int, error) {
	var p *process
	var deadline time.Time
	err := e.do(ctx, op, func(s *state, now time.Time) error {
		b, err := s.running(op, id)
		if err != nil {
			return err
		}
		if p, err = d.begin(s, b, now); err != nil {
			return err
		}
		if b.Programs == nil {
			b.Programs = map[int]string{}
		}
		b.Programs[p.PID] = op
		p.Rows, p.Columns = st.Size.Rows, st.Size.Columns
		id, d.life = b.ID, b.Starts
		if d.limit > 0 {
			deadline = now.Add(d.limit)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	in := newInput(st.In)
	defer in.stop()
	tick := time.NewTicker(e.poll())
	defer tick.Stop()
	for {
		done, err := e.turn(op, id, p, st, d, deadline)
		if done || err != nil {
			return p.Code, err
		}
		if p.Wants != "" {
			in.ask(p.Wants)
		}
		select {
		case <-ctx.Done():
			e.endProcess(id, p, d)
			return 0, ended(ctx, op)
		case got := <-in.answers:
			p.Stdin, p.EOF, p.Wants, in.asked = p.Stdin+got.text, got.eof, "", false
		case size := <-st.Resize:
			p.Rows, p.Columns = size.Rows, size.Columns
		case signal := <-st.Signal:
			if n, ok := signalNumber(signal); ok && n > 0 {
				p.Done, p.Code = true, 128+n
			}
		case <-tick.C:
		}
	}
}

// turn lets the process go on once.
func (e *Engine) turn(op, id string, p *process, st driver.Streams, d drive, deadline time.Time) (bool, error) {
	var outputs []logLine
	err := e.atOnce(func(s *state, now time.Time) error {
		b := s.Boxes[id]
		if b == nil || !b.up() || b.Starts != d.life {
			p.Done, p.Code = true, 137
			return nil
		}
		if b.State == resource.StatePaused && !p.Done {
			return nil
		}
		m := machine{s: s, b: b, p: p, now: now, emit: func(fd int, text string) {
			outputs = append(outputs, logLine{FD: fd, Text: text})
			if d.log {
				b.print(now, fd, text)
			}
		}}
		if n := b.Signals[p.PID]; n > 0 {
			m.end(128 + n)
		}
		if !deadline.IsZero() && !now.Before(deadline) {
			m.end(124)
		}
		m.run()
		if held := s.Leases[b.ID]; held != nil && held.Token == d.lease {
			held.Until = now.Add(lease)
		}
		if p.Done {
			finish(s, b, p, d, now)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, o := range outputs {
		if err := write(st, p.TTY, o); err != nil {
			e.endProcess(id, p, d)
			return false, &driver.Error{Kind: driver.Failed, Op: op, Text: err.Error(), Err: err}
		}
	}
	return p.Done, nil
}

func write(st driver.Streams, tty bool, o logLine) error {
	w, text := st.Out, o.Text
	if o.FD == 2 && !tty {
		w = st.Err
	}
	if tty {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	if w == nil {
		return nil
	}
	_, err := io.WriteString(w, text)
	return err
}

func finish(s *state, b *box, p *process, d drive, now time.Time) {
	delete(b.Programs, p.PID)
	delete(b.Signals, p.PID)
	if d.end != nil {
		d.end(s, b, p.Code, now)
	}
}

// endProcess ends what ran when its caller left.
func (e *Engine) endProcess(id string, p *process, d drive) {
	p.Done, p.Code = true, 143
	d.end = nil
	_ = e.atOnce(func(s *state, now time.Time) error { // the file's error would come again at the next call
		if b := s.Boxes[id]; b != nil {
			finish(s, b, p, d, now)
		}
		return nil
	})
}

// execProcess is what Exec runs.
func (s *state) execProcess(b *box, x driver.Exec, dir string) (*process, error) {
	argv := x.Argv
	switch {
	case x.Login && len(argv) == 0:
		argv = []string{"true"}
	case x.Login && len(argv) == 1:
		argv = []string{"sh", "-lc", argv[0]}
	case len(argv) == 0:
		return nil, fail(driver.Invalid, "exec", object(b), "No exec command specified")
	}
	if x.User == "" {
		x.User = s.boxUser(b)
	}
	if _, ok := s.identify(b, x.User); !ok {
		return nil, fail(driver.Failed, "exec", object(b), "unable to find user "+x.User+": no matching entries in passwd file")
	}
	if x.Dir != "" {
		dir = x.Dir
	}
	p := s.newProcess(b, argv, x.User, dir)
	if x.Login && len(x.Argv) == 0 {
		p.Prompt, p.Frames[0].Todo = true, nil
	}
	maps.Copy(p.Env, x.Env)
	p.TTY = x.TTY
	if x.TTY {
		p.Env["TERM"] = "xterm"
	}
	return p, nil
}

// Exec implements driver.Execer.
func (e *Engine) Exec(ctx context.Context, id string, x driver.Exec, st driver.Streams) (int, error) {
	return e.drive(ctx, "exec", id, st, drive{begin: func(s *state, b *box, _ time.Time) (*process, error) {
		return s.execProcess(b, x, b.Spec.Workdir)
	}})
}

// Attach implements driver.Execer.
func (e *Engine) Attach(ctx context.Context, id string, st driver.Streams) (int, error) {
	err := e.do(ctx, "attach", func(s *state, now time.Time) error {
		b, err := s.find("attach", id)
		if err != nil {
			return err
		}
		b.Attached = true
		if err := s.start(b, now); err != nil {
			b.Attached = false
			return err
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return e.drive(ctx, "attach", id, st, drive{
		log: true,
		begin: func(s *state, b *box, _ time.Time) (*process, error) {
			dir := b.Spec.Workdir
			if b.Run != nil && b.Run.Dir != "" {
				dir = b.Run.Dir
			}
			p := s.newProcess(b, s.argv(b), s.boxUser(b), dir)
			if b.Run != nil {
				p.TTY, p.EOF = b.Run.TTY, !b.Run.Stdin
			}
			return p, nil
		},
		end: func(s *state, b *box, code int, now time.Time) {
			b.Attached = false
			s.exit(b, code, now)
		},
	})
}

// input reads a caller's stream as the process asks, beside the loop that runs it.
type input struct {
	asks    chan string
	answers chan answer
	quit    chan struct{}
	asked   bool
}

type answer struct {
	text string
	eof  bool
}

func newInput(r io.Reader) *input {
	in := &input{asks: make(chan string, 1), answers: make(chan answer), quit: make(chan struct{})}
	if r == nil {
		r = strings.NewReader("")
	}
	go in.serve(bufio.NewReader(r))
	return in
}

// serve ends with stop; a read that the caller's stream never answers keeps it until then.
func (in *input) serve(r *bufio.Reader) {
	for {
		var got answer
		var err error
		select {
		case <-in.quit:
			return
		case want := <-in.asks:
			if want == "line" {
				got.text, err = r.ReadString('\n')
			} else {
				var all []byte
				all, err = io.ReadAll(r)
				got.text = string(all)
				err = errors.Join(err, io.EOF)
			}
			got.eof = err != nil
		}
		select {
		case in.answers <- got:
		case <-in.quit:
			return
		}
	}
}

// ask wants more, once for each answer.
func (in *input) ask(what string) {
	if !in.asked {
		in.asked = true
		in.asks <- what
	}
}

func (in *input) stop() { close(in.quit) }
