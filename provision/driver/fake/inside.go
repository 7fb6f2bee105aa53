package fake

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// WriteFiles implements driver.Inside.
func (e *Engine) WriteFiles(ctx context.Context, id string, files []resource.FileContent) error {
	return e.do(ctx, "write files", func(s *state, now time.Time) error {
		b, err := s.running("write files", id)
		if err != nil {
			return err
		}
		for _, f := range files {
			if f.Remove {
				s.takeAway(b, f.Target)
				continue
			}
			mode, err := strconv.ParseUint(f.Mode, 8, 12)
			if f.Mode == "" {
				mode, err = 0o644, nil
			}
			if err == nil {
				err = s.putAll(b, f.Target, &file{Content: slices.Clone(f.Content), MTime: now, Mode: uint32(mode), Owner: f.Owner})
			}
			if err != nil {
				return fail(driver.Failed, "write", f.Target, err.Error())
			}
			if b.Record.Files == nil {
				b.Record.Files = map[string]string{}
			}
			if b.Written == nil {
				b.Written = map[string]time.Time{}
			}
			b.Record.Files[f.Target], b.Written[f.Target] = f.Hash, now
		}
		return nil
	})
}

// takeAway removes a file that envy wrote and nobody has changed.
func (s *state) takeAway(b *box, target string) {
	written, ours := b.Written[target]
	if f, err := s.lookUp(b, target); ours && err == nil && f.MTime.Equal(written) {
		_ = s.drop(b, target) // what cannot be removed stays, as a changed one does
	}
	delete(b.Record.Files, target)
	delete(b.Written, target)
}

// lease is how long the lock of a provisioner outlives its process.
const lease = 2 * time.Second

// Provision implements driver.Inside.
func (e *Engine) Provision(ctx context.Context, id string, p resource.ProvisionScript, out io.Writer) error {
	token, start := "", time.Time{}
	err := e.until(ctx, "provision", func(s *state, now time.Time) (bool, error) {
		b, err := s.running("provision", id)
		if err != nil {
			return false, err
		}
		if held := s.Leases[b.ID]; held != nil && now.Before(held.Until) {
			return false, nil
		}
		_, token = s.next("lease")
		s.Leases[b.ID] = &provision{Token: token, Until: now.Add(lease)}
		id, start = b.ID, now
		return true, nil
	})
	if err != nil {
		return err
	}
	var tail tailBuffer
	code, err := e.runScript(ctx, id, token, p, io.MultiWriter(out, &tail))
	free := e.atOnce(func(s *state, now time.Time) error {
		if held := s.Leases[id]; held != nil && held.Token == token {
			delete(s.Leases, id)
		}
		b := s.Boxes[id]
		if b == nil {
			return nil
		}
		run := resource.Run{Hash: p.Hash, Start: start, End: now}
		if b.Record.Released {
			b.Record.Spans = append(b.Record.Spans, run)
		}
		if err == nil && code == 0 {
			if b.Record.Runs == nil {
				b.Record.Runs = map[string]resource.Run{}
			}
			b.Record.Runs[p.Name] = run
		}
		return nil
	})
	if err = errors.Join(err, free); err != nil {
		return err
	}
	if code != 0 {
		return &driver.ScriptError{Code: code, Output: tail.String()}
	}
	return nil
}

// runScript runs a provisioner's script, in the interpreter or by the function of Options.
func (e *Engine) runScript(ctx context.Context, id, token string, p resource.ProvisionScript, out io.Writer) (int, error) {
	if e.script != nil {
		name := ""
		if err := e.do(ctx, "provision", func(s *state, _ time.Time) error {
			b, err := s.running("provision", id)
			if err == nil {
				name = b.Name
			}
			return err
		}); err != nil {
			return 0, err
		}
		text, code := e.script(name, p.Script)
		_, err := io.WriteString(out, text)
		return code, err
	}
	x := driver.Exec{Argv: []string{"sh", "-e", "-c", p.Script}, User: p.User, Dir: p.Dir, Env: p.Env}
	limit := time.Duration(p.Timeout) * time.Second
	return e.drive(ctx, "provision", id, driver.Streams{Out: out, Err: out}, drive{limit: limit, lease: token,
		begin: func(s *state, b *box, _ time.Time) (*process, error) {
			return s.execProcess(b, x, b.Spec.Workdir)
		}})
}

// tailBuffer keeps the last 4 KiB.
type tailBuffer struct{ strings.Builder }

func (t *tailBuffer) Write(p []byte) (int, error) {
	text := t.String() + string(p)
	t.Reset()
	t.WriteString(text[max(0, len(text)-4096):])
	return len(p), nil
}

// Release implements driver.Inside.
func (e *Engine) Release(ctx context.Context, id string, baseline []string) error {
	return e.do(ctx, "release", func(s *state, now time.Time) error {
		b, err := s.running("release", id)
		if err != nil || b.Record.Released {
			return err
		}
		b.Record.Released, b.Record.Baseline, b.Record.BaselineAt = true, slices.Clone(baseline), now
		if b.Gate {
			s.launch(b, now)
		}
		return nil
	})
}

// check runs a health check at once; what would wait in it does not.
func (s *state) check(b *box, h resource.HealthSpec, now time.Time) (string, int) {
	if len(h.Command) < 2 {
		return "no command", 1
	}
	argv := h.Command[1:]
	if h.Command[0] == "CMD-SHELL" {
		argv = []string{"sh", "-c", h.Command[1]}
	}
	p := s.newProcess(b, argv, s.boxUser(b), b.Spec.Workdir)
	p.EOF = true
	var out strings.Builder
	m := machine{s: s, b: b, p: p, now: now, nested: true, emit: func(_ int, text string) { out.WriteString(text) }}
	m.run()
	return out.String(), p.Code
}

// WaitHealthy implements driver.Inside: it ends with the check, with ctx, or with the box.
func (e *Engine) WaitHealthy(ctx context.Context, id string, h resource.HealthSpec) error {
	last, life := driver.ScriptError{Code: 1}, 0
	err := e.until(ctx, "wait", func(s *state, now time.Time) (bool, error) {
		b, err := s.running("wait", id)
		if driver.Is(err, driver.NotRunning) && life != 0 || err == nil && life != 0 && b.Starts != life {
			return false, &last
		}
		if err != nil {
			return false, err
		}
		life = b.Starts
		output, code := s.check(b, h, now)
		if code == 0 {
			return true, nil // what the engine says of its health waits for its own probe
		}
		last.Code, last.Output = code, output
		return false, nil
	})
	if errors.Is(err, context.DeadlineExceeded) && last.Output != "" {
		return errors.Join(&last, err)
	}
	return err
}

// WaitExit implements driver.Inside. A box that was never started has ended with 0, as engines see it.
func (e *Engine) WaitExit(ctx context.Context, id string) (int, error) {
	code := 0
	err := e.until(ctx, "wait", func(s *state, _ time.Time) (bool, error) {
		b, err := s.find("wait", id)
		if err != nil {
			return false, err
		}
		code = b.Code
		return !b.up() && b.State != resource.StateRestarting, nil
	})
	return code, err
}

// healthcheck is the one the engine runs: the box's own, else its image's; never for an idle box.
func (b *box) healthcheck(s *state) *resource.HealthSpec {
	switch img := s.Images[b.ImageID]; {
	case b.Run != nil || !b.runsCommand():
		return nil
	case b.Spec.Healthcheck != nil:
		return b.Spec.Healthcheck
	case img != nil:
		return img.Fact.Healthcheck
	}
	return nil
}

func interval(h *resource.HealthSpec) time.Duration {
	if h.Interval > 0 {
		return time.Duration(h.Interval) * time.Millisecond
	}
	return 30 * time.Second
}

// probe is the engine's own look at a box's health, when it is due.
func (s *state) probe(b *box, now time.Time) {
	h := b.healthcheck(s)
	if b.State != resource.StateRunning || h == nil || b.Probe.IsZero() || now.Before(b.Probe) {
		return
	}
	b.Probe = now.Add(interval(h))
	if _, code := s.check(b, *h, now); code == 0 {
		b.BadProbes = 0
		s.health(b, resource.HealthHealthy, now)
		return
	}
	b.BadProbes++
	grace := time.Duration(h.StartPeriod) * time.Millisecond
	retries := h.Retries
	if retries == 0 {
		retries = 3
	}
	if b.BadProbes >= retries && now.Sub(b.Started) >= grace {
		s.health(b, resource.HealthUnhealthy, now)
	}
}

func (s *state) health(b *box, h resource.Health, now time.Time) {
	if b.Health != h {
		b.Health = h
		s.emit(b, "health_status: "+string(h), now)
	}
}
