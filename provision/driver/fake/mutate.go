package fake

import (
	"context"
	"fmt"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// StartBox implements driver.Mutator.
func (e *Engine) StartBox(ctx context.Context, id, restart string) error {
	return e.do(ctx, "start", func(s *state, now time.Time) error {
		b, err := s.find("start", id)
		if err != nil {
			return err
		}
		b.Restart, b.Retries = restart, 0
		return s.start(b, now)
	})
}

// StopBox implements driver.Mutator. What runs here ends at once, so timeout decides nothing.
func (e *Engine) StopBox(ctx context.Context, id string, _ time.Duration) error {
	return e.do(ctx, "stop", func(s *state, now time.Time) error {
		b, err := s.find("stop", id)
		if err != nil {
			return err
		}
		b.Restart = ""
		signal := 15
		if n, ok := signalNumber(b.Spec.StopSignal); ok && b.Spec.StopSignal != "" {
			signal = n
		}
		s.stop(b, signal, now)
		return nil
	})
}

// KillBox implements driver.Mutator. Error kind NotRunning when there is nothing to kill.
func (e *Engine) KillBox(ctx context.Context, id, signal string) error {
	return e.do(ctx, "kill", func(s *state, now time.Time) error {
		b, err := s.find("kill", id)
		if err != nil {
			return err
		}
		if !b.up() {
			return fail(driver.NotRunning, "kill", object(b), "Container "+b.ID+" is not running")
		}
		n, ok := signalNumber(signal)
		if !ok {
			return fail(driver.Invalid, "kill", object(b), "Invalid signal: "+signal)
		}
		s.killed(b, n, now)
		if n == 1 || n == 10 || n == 12 {
			return nil // passed on to a command, which may ignore it
		}
		s.stop(b, n, now)
		return nil
	})
}

// PauseBox implements driver.Mutator.
func (e *Engine) PauseBox(ctx context.Context, id string) error {
	return e.do(ctx, "pause", func(s *state, now time.Time) error {
		b, err := s.find("pause", id)
		if err != nil || b.State == resource.StatePaused {
			return err
		}
		if b.State != resource.StateRunning {
			return fail(driver.NotRunning, "pause", object(b), "Container "+b.ID+" is not running")
		}
		b.State = resource.StatePaused
		s.emit(b, "pause", now)
		return nil
	})
}

// UnpauseBox implements driver.Mutator.
func (e *Engine) UnpauseBox(ctx context.Context, id string) error {
	return e.do(ctx, "unpause", func(s *state, now time.Time) error {
		b, err := s.find("unpause", id)
		if err != nil || b.State == resource.StateRunning {
			return err
		}
		if b.State != resource.StatePaused {
			return fail(driver.NotRunning, "unpause", object(b), "Container "+b.ID+" is not paused")
		}
		b.State = resource.StateRunning
		s.emit(b, "unpause", now)
		return nil
	})
}

// RenameBox implements driver.Mutator.
func (e *Engine) RenameBox(ctx context.Context, id, name string) error {
	return e.do(ctx, "rename", func(s *state, now time.Time) error {
		b, err := s.find("rename", id)
		if err != nil || b.Name == name {
			return err
		}
		if err := s.nameFree("rename", name); err != nil {
			return err
		}
		s.rename(b, name, now)
		return nil
	})
}

func (s *state) nameFree(op, name string) error {
	for _, b := range s.Boxes {
		if b.Name == name {
			return fail(driver.Conflict, op, fmt.Sprintf("box %q", name),
				"The container name is already in use by container "+b.ID)
		}
	}
	return nil
}

// LimitBox implements driver.Mutator. An engine takes no limit away.
func (e *Engine) LimitBox(ctx context.Context, id string, l driver.Limits) error {
	return e.do(ctx, "limit", func(s *state, now time.Time) error {
		b, err := s.find("limit", id)
		if err != nil {
			return err
		}
		if l.Memory != 0 && l.Memory < minMemory {
			return fail(driver.Invalid, "limit", object(b), "Minimum memory limit allowed is 6MB")
		}
		if l.Memory != 0 {
			b.Memory = l.Memory
		}
		if l.NanoCPUs != 0 {
			b.NanoCPUs = l.NanoCPUs
		}
		b.Restart = l.Restart
		s.emit(b, "update", now)
		return nil
	})
}

const minMemory = 6 << 20

// RemoveBox implements driver.Mutator.
func (e *Engine) RemoveBox(ctx context.Context, id string) error {
	return e.do(ctx, "remove", func(s *state, now time.Time) error {
		b, err := s.find("remove", id)
		if driver.Is(err, driver.NotFound) {
			return nil
		}
		s.remove(b, now)
		return err
	})
}
