package fake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/envyhq/envy/provision/driver"
)

// Options of a new engine. The zero value is an empty engine by the system's clock.
type Options struct {
	// Clock is the engine's time; nil is the system's. A sleep in a box ends when this clock says so.
	Clock func() time.Time
	// Images are on the engine, Registry can be pulled; both by reference.
	Images   map[string]Image
	Registry map[string]Image
	// Script, where set, stands for the interpreter in Provision: it is given the box's name and the script, and gives
	// the output and the exit code. It is not called for a box that does not run.
	Script func(box, script string) (output string, code int)
}

// Engine is the fake. It is safe for concurrent use, and with Open for use by several processes.
type Engine struct {
	clock  func() time.Time
	script func(box, script string) (string, int)
	path   string // "" in memory

	mu sync.Mutex
	s  *state // in memory
}

var _ driver.Engine = (*Engine)(nil)

// New makes an engine in memory.
func New(o Options) *Engine {
	e := &Engine{clock: o.Clock, script: o.Script, s: newState()}
	if e.clock == nil {
		e.clock = time.Now
	}
	e.s.stock(o)
	return e
}

// Open makes an engine that lives in a file, which each call locks, reads and writes; a new file is filled with what
// Options say. Processes that open the same path share the engine.
func Open(path string, o Options) (*Engine, error) {
	e := New(o)
	e.path = path
	lock, err := e.lock()
	if err != nil {
		return nil, err
	}
	defer lock.Close() // gives the lock back
	if _, err := os.Stat(path); err == nil {
		_, _, err := e.load()
		return e, err
	}
	return e, e.save(e.s, nil)
}

// Close has nothing to give back.
func (e *Engine) Close() error { return nil }

// poll is how often a waiting call looks again; a file is looked at less often.
const (
	poll     = 3 * time.Millisecond
	pollFile = 20 * time.Millisecond
)

func (e *Engine) poll() time.Duration {
	if e.path == "" {
		return poll
	}
	return pollFile
}

// do runs f on the engine's state as one operation: whatever happened by itself until now comes first.
func (e *Engine) do(ctx context.Context, op string, f func(s *state, now time.Time) error) error {
	if err := ctx.Err(); err != nil {
		return ended(ctx, op)
	}
	return e.atOnce(func(s *state, now time.Time) error {
		if s.Down {
			return &driver.Error{Kind: driver.Unreachable, Op: op, Text: "Cannot connect to the engine. Is it running?"}
		}
		return f(s, now)
	})
}

func ended(ctx context.Context, op string) error {
	return &driver.Error{Kind: driver.Failed, Op: op, Text: context.Cause(ctx).Error(), Err: ctx.Err()}
}

func (e *Engine) atOnce(f func(s *state, now time.Time) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.clock()
	if e.path == "" {
		e.s.settle(now)
		return f(e.s, now)
	}
	lock, err := e.lock()
	if err != nil {
		return err
	}
	defer lock.Close() // gives the lock back
	s, before, err := e.load()
	if err != nil {
		return err
	}
	s.settle(now)
	return errors.Join(f(s, now), e.save(s, before))
}

// until polls f until it says that it is done.
func (e *Engine) until(ctx context.Context, op string, f func(s *state, now time.Time) (bool, error)) error {
	tick := time.NewTicker(e.poll())
	defer tick.Stop()
	for {
		done := false
		err := e.do(ctx, op, func(s *state, now time.Time) (err error) {
			done, err = f(s, now)
			return err
		})
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ended(ctx, op)
		case <-tick.C:
		}
	}
}

// lock keeps other processes out until the file is closed.
func (e *Engine) lock() (*os.File, error) {
	f, err := os.OpenFile(e.path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("fake engine: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock fake engine %s: %w", e.path, err), f.Close())
	}
	return f, nil
}

func (e *Engine) load() (*state, []byte, error) {
	data, err := os.ReadFile(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return newState(), nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("fake engine: %w", err)
	}
	s := newState()
	if err := json.Unmarshal(data, s); err != nil {
		return nil, nil, fmt.Errorf("fake engine %s: %w", e.path, err)
	}
	if s.Version != stateVersion {
		return nil, nil, fmt.Errorf("fake engine %s: version %d is not %d", e.path, s.Version, stateVersion)
	}
	return s, data, nil
}

// save replaces the file, unless nothing changed.
func (e *Engine) save(s *state, before []byte) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("fake engine: %w", err)
	}
	if bytes.Equal(data, before) {
		return nil
	}
	if err := os.WriteFile(e.path+".new", data, 0o600); err != nil {
		return fmt.Errorf("fake engine: %w", err)
	}
	if err := os.Rename(e.path+".new", e.path); err != nil {
		return fmt.Errorf("fake engine: %w", err)
	}
	return nil
}

// object names a box in errors.
func object(b *box) string { return fmt.Sprintf("box %q", b.Name) }
