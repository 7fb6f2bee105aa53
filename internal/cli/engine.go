package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// sink is where the session's events go; it draws from the first one on.
func (s *session) sink() *view.Progress {
	if s.progress == nil {
		s.progress = s.view.Progress()
		s.onClose(s.progress.Close)
	}
	return s.progress
}

// settle ends live progress, so that what follows stands below it.
func (s *session) settle() error {
	if s.progress == nil {
		return nil
	}
	return s.progress.Close()
}

// env opens the engine; nothing is sent to it yet.
func (s *session) env() (provision.Env, error) {
	p, err := s.open()
	if err != nil {
		return provision.Env{}, err
	}
	if err := s.openEngine(); err != nil {
		return provision.Env{}, err
	}
	env := provision.Env{
		Archives: namedArchives{s.archives(p.caller), p.checkout, s.engine, addedBoxes{p.caller}, s.registry, s.openWeb},
		Engine:   s.engine, Host: &host{checkout: p.checkout}, Sink: s.sink(), Now: s.app.m.Now, Version: s.app.m.Version,
		Output: s.sink().Output, RunGone: s.runGone, RunOver: s.runOver,
	}
	if s.times != nil {
		env.Sink, env.Watch = s.times, s.times
	}
	return env, nil
}

// openEngine prepares the connection, once.
func (s *session) openEngine() (err error) {
	if s.engine != nil {
		return nil
	}
	o := EngineOptions{Context: s.g.context, Getenv: s.app.getenv, Version: s.app.m.Version, Events: s.sink()}
	if s.g.debug {
		o.OnCall = s.debug()
	}
	if s.engine, err = s.app.m.Open(o); err != nil {
		return err
	}
	s.onClose(s.engine.Close)
	return nil
}

// debug tells of each call on stderr.
func (s *session) debug() func(method, path string, took time.Duration, err error) {
	var mu sync.Mutex
	return func(method, path string, took time.Duration, err error) {
		mu.Lock()
		defer mu.Unlock()
		failed := ""
		if err != nil {
			failed = ": " + err.Error()
		}
		t := s.view.Err.Text()
		t.Add(view.Line(fmt.Sprintf("engine %8.1f ms  %s %s%s", float64(took.Microseconds())/1000, method, path, failed)), "\n")
		_ = s.view.Err.Print(t) // a stream that is gone needs no debugging
	}
}

// reach is env with what only a ping tells; the driver would send that ping first in any case.
func (s *session) reach(ctx context.Context) (provision.Env, error) {
	env, err := s.env()
	if err != nil {
		return env, err
	}
	engine, err := env.Engine.Ping(ctx)
	env.Local, s.about = strings.HasPrefix(engine.Endpoint, "unix://"), engine
	return env, err
}

// makingEnv is lockedEnv for commands that make boxes.
func (s *session) makingEnv(ctx context.Context, command string) (provision.Env, error) {
	env, err := s.lockedEnv(ctx, command)
	if err != nil {
		return env, err
	}
	env.Gate, env.Bootstrap = s.gate, s.bootstrapBase
	if err := s.team(&env); err != nil {
		return env, err
	}
	return env, s.secrets(ctx, &env)
}

// lockedEnv is reach for commands that change things: one envy at a time for an engine and a checkout. It holds until
// unlock, or until the session is closed.
func (s *session) lockedEnv(ctx context.Context, command string) (provision.Env, error) {
	env, err := s.reach(ctx)
	if err != nil {
		return env, err
	}
	state, err := s.state()
	if err != nil {
		return env, err
	}
	defer state.Close()
	if s.unlock, err = s.lockCheckout(ctx, state, s.place.identity.Checkout, command); err != nil {
		return env, err
	}
	s.onClose(s.unlock)
	_ = state.Sweep(locks, s.app.m.Now().Add(-oldLock)) // what stays is swept the next time
	return env, nil
}

// lockCheckout keeps other envys from what a checkout has on the engine, which was pinged, until unlock.
func (s *session) lockCheckout(ctx context.Context, state *hostfs.Tree, checkout, command string) (unlock func() error, err error) {
	name := resource.Digest(s.about.Endpoint + "\x00" + checkout)[:32]
	me := hostfs.Holder{PID: s.app.m.PID, Command: "envy " + command, Since: s.app.m.Now()}
	unlock, err = state.Lock(ctx, locks, name, me, func(h hostfs.Holder) {
		s.waited = true
		s.waiting("another envy in this checkout")(h)
	})
	if err != nil {
		return nil, err
	}
	return sync.OnceValue(unlock), nil
}

// waiting tells for whom a command waits.
func (s *session) waiting(unknown string) func(hostfs.Holder) {
	return func(h hostfs.Holder) {
		text := "waiting for " + unknown
		if h.PID != 0 {
			text = fmt.Sprintf("waiting for %s (process %d%s)", h.Command, h.PID, since(s.app.m.Now(), h.Since))
		}
		s.sink().Send(event.Event{Kind: event.Note, Text: text})
	}
}

const (
	locks = "locks" // the folder of the state that they lie in
	// oldLock is when a lock that an envy which was killed left says nothing any more: in another checkout a throw-away
	// box may stand that only its lock tells to be left over.
	oldLock = 30 * 24 * time.Hour
)

// state opens the user's folder for what envy remembers; it is made where it is missing.
func (s *session) state() (*hostfs.Tree, error) { return openState(s.place.caller) }

func openState(caller hostfs.Caller) (*hostfs.Tree, error) {
	state, err := caller.OpenDir(caller.Dirs.State)
	if err != nil {
		return nil, fmt.Errorf("envy's folder for its state: %w", err)
	}
	return state, nil
}

// openCache opens the user's folder for what can be had again; it is made where it is missing.
func openCache(caller hostfs.Caller) (*hostfs.Tree, error) {
	cache, err := caller.OpenDir(caller.Dirs.Cache)
	if err != nil {
		return nil, fmt.Errorf("envy's folder for its cache: %w", err)
	}
	return cache, nil
}

// runLock is the lock that the client of a throw-away box holds as long as it lives. The engine cannot tell one that was
// killed from one that waits.
func runLock(id string) string { return "run-" + id }

// holdRun takes that lock, until it is given back or the process ends.
func (s *session) holdRun(ctx context.Context, id string) (giveBack func() error, err error) {
	state, err := s.state()
	if err != nil {
		return nil, err
	}
	defer state.Close()
	return state.Lock(ctx, locks, runLock(id), hostfs.Holder{PID: s.app.m.PID, Command: "envy run", Since: s.app.m.Now()}, nil)
}

// runGone reports whether the client of a throw-away box is known to be gone; where that cannot be told, it is not.
func (s *session) runGone(id string) bool {
	state, err := s.state()
	if err != nil {
		return false
	}
	defer state.Close()
	gone, err := state.Abandoned(locks, runLock(id))
	return err == nil && gone
}

// runOver takes away what a client that is gone left of its lock. Where that fails it is swept one day.
func (s *session) runOver(id string) { s.forgetRun(s.place.caller, id) }

func (s *session) forgetRun(caller hostfs.Caller, id string) {
	state, err := openState(caller)
	if err != nil {
		return
	}
	defer state.Close()
	_ = state.Forget(locks, runLock(id))
}

// secrets adds what only making boxes needs: the key of sensitive values and the secret of the package cache.
func (s *session) secrets(ctx context.Context, env *provision.Env) error {
	state, err := s.state()
	if err != nil {
		return err
	}
	defer state.Close()
	key, err := secret(ctx, state, "key")
	if err != nil {
		return err
	}
	cache, err := secret(ctx, state, "cache")
	if err != nil {
		return err
	}
	env.Key, env.Cache = key, hex.EncodeToString(cache)
	return nil
}

const secretBytes = 32

// secret reads random bytes that were made at first need. Under a lock, so that two first commands agree.
func secret(ctx context.Context, state *hostfs.Tree, name string) ([]byte, error) {
	if data, err := readSecret(state, name); !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	unlock, err := state.Lock(ctx, locks, "secrets", hostfs.Holder{}, func(hostfs.Holder) {})
	if err != nil {
		return nil, err
	}
	defer unlock() //nolint:errcheck // gives the lock back
	if data, err := readSecret(state, name); !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	data := make([]byte, secretBytes)
	_, _ = rand.Read(data) // never fails
	return data, state.WriteFile(name, data, 0o600)
}

func readSecret(state *hostfs.Tree, name string) ([]byte, error) {
	data, err := state.ReadFile(name, secretBytes)
	if err == nil && len(data) != secretBytes {
		err = fmt.Errorf("%s/%s is damaged: %d bytes instead of %d; remove it to have a new one made", state.Dir(), name, len(data), secretBytes)
	}
	return data, err
}

// loginHint says how to be let in by the registry that refused an image; "" for another refusal. Engines look up names
// without a host at their own registry.
func loginHint(err error) string {
	var e *driver.Error
	if !errors.As(err, &e) || e.Kind != driver.Denied || !slices.Contains([]string{"pull", "push", "look up"}, e.Op) {
		return ""
	}
	host, _, _ := strings.Cut(strings.Trim(strings.TrimPrefix(e.Object, "image "), `"`), "/")
	if host != "localhost" && !strings.ContainsAny(host, ".:") || !strings.Contains(e.Object, "/") {
		return "is its name right? Where its registry wants to know you: docker login"
	}
	return "docker login " + host
}
