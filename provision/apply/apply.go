// Package apply runs a plan through a driver: steps whose needs are met run side by side, bounded; a failure stops what
// depends on it and nothing else. It makes no decisions: what to do, in which order, and what to do when a step fails
// stand in the plan. It must not know the Envfile, any engine, or how progress is drawn.
package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// Engine is the part of a driver that steps use.
type Engine interface {
	driver.Mutator
	driver.Images
	driver.Snapshotter
	driver.Inside
	driver.Inspector
	driver.Logger
}

// Host is what steps need from the caller's machine.
type Host interface {
	// Layers gives the build of an image's packages and setups, Build that of a build {}.
	Layers(ctx context.Context, w resource.ImageWanted) (driver.Build, error)
	Build(ctx context.Context, w resource.ImageWanted) (driver.Build, error)
	// Load gives the engine an image that lies in a box archive; how far it is becomes progress of the task.
	Load(ctx context.Context, w resource.ImageWanted, task string) error
	// Cached brings an image with packages and setups from where others put it, and reports whether it is there now. An
	// error is the engine's, or the end of ctx: what a cache lacks or cannot do is none.
	Cached(ctx context.Context, w resource.ImageWanted) (bool, error)
	// Prepare makes mount points and `create` folders before a box is made, and checks that its sources are there and lead
	// where they led. box is the replica's name.
	Prepare(box string, spec resource.BoxSpec) error
	// Check is that last check for a box that is made already, right before it is started: by id, or, where that is new,
	// as the box is wanted.
	Check(box, id string) error
	// Archive is a share of mode copy as a tar stream.
	Archive(m resource.MountSpec) (io.ReadCloser, error)
}

// Options say how to run a plan.
type Options struct {
	Parallel int           // steps at once; 0 is DefaultParallel
	Timeout  time.Duration // for each box to become ready; 0 is DefaultTimeout
	Answer   time.Duration // for the engine to answer a call, which an interrupt does not cut off; 0 is DefaultAnswer
	Sink     event.Sink
	Now      func() time.Time
	Output   func(subject string) io.Writer // where a provisioner's output goes
}

// The defaults. Eight at a time is where engines stop getting faster.
const (
	DefaultParallel = 8
	DefaultTimeout  = 5 * time.Minute
	DefaultAnswer   = 2 * time.Minute
)

// Failure is a step that could not be done.
type Failure struct {
	Step plan.Step
	Err  error
	Logs []string // last lines that the box printed, where that helps
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s %s: %v", f.Step.Op, f.Step.Address, f.Err)
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Report is what became of a plan. Skipped steps were not begun.
type Report struct {
	Done     []plan.Step
	Failures []*Failure
	Skipped  []plan.Step
	Started  []string // ids of boxes that were started
}

// Err is nil when every step was done; else all failures, or the context's cause where nothing failed.
func (r *Report) Err(ctx context.Context) error {
	errs := make([]error, 0, len(r.Failures))
	for _, f := range r.Failures {
		errs = append(errs, f)
	}
	if len(errs) == 0 && len(r.Skipped) > 0 {
		return context.Cause(ctx)
	}
	return errors.Join(errs...)
}

// MoreLostError says that a box would lose more than was confirmed; it was started again (§5, Replace; exit 5).
type MoreLostError struct {
	Box  string
	Loss resource.Loss
}

func (e *MoreLostError) Error() string {
	return "more changed in the box since the plan was confirmed: " + plan.LossText(e.Loss, e.Box)
}

// LostClaimError says that another checkout took the project's name at the same moment: plan again.
type LostClaimError struct {
	Name  string
	Owner resource.Owner
}

func (e *LostClaimError) Error() string {
	return fmt.Sprintf("the project name was taken by %s at the same moment", e.Owner.Path)
}

// Run does the steps of p. When ctx ends nothing new starts, engine calls in flight finish, pulls, builds, provisioners
// and waits are cancelled, and the report says what was left (§5).
func Run(ctx context.Context, p *plan.Plan, e Engine, h Host, o Options) *Report {
	r := &runner{
		engine: e, host: h, o: o, plan: p, report: &Report{}, ids: map[string]string{}, networks: map[string]string{}, taken: map[int]bool{},
		state: make([]stepState, len(p.Steps)), finished: make(chan int),
	}
	if r.o.Parallel <= 0 {
		r.o.Parallel = DefaultParallel
	}
	if r.o.Timeout <= 0 {
		r.o.Timeout = DefaultTimeout
	}
	if r.o.Answer <= 0 {
		r.o.Answer = DefaultAnswer
	}
	if r.o.Sink == nil {
		r.o.Sink = event.Discard{}
	}
	if r.o.Now == nil {
		r.o.Now = time.Now
	}
	r.loop(ctx)
	return r.report
}

type stepState int

const (
	waiting stepState = iota
	running
	done
	failed
	skipped
)

type runner struct {
	engine   Engine
	host     Host
	o        Options
	plan     *plan.Plan
	report   *Report
	finished chan int

	mu       sync.Mutex
	state    []stepState
	ids      map[string]string // container name at creation → id
	networks map[string]string // network label → id, of those made here
	taken    map[int]bool      // steps whose image came from a cache
}

// loop owns every goroutine: it starts one for each step that is ready and leaves when all have reported.
func (r *runner) loop(ctx context.Context) {
	active, stopped := 0, false
	interrupted := ctx.Done()
	for {
		for i := range r.plan.Steps {
			if stopped || active >= r.o.Parallel {
				break
			}
			if r.claim(i) {
				active++
				go func() {
					r.step(ctx, r.plan.Steps[i])
					r.finished <- i
				}()
			}
		}
		if active == 0 {
			break
		}
		select {
		case <-r.finished:
			active--
		case <-interrupted:
			stopped, interrupted = true, nil
		}
	}
	r.skipRest()
}

// claim marks a step as running where it waits and all it needs is done.
func (r *runner) claim(i int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state[i] != waiting {
		return false
	}
	for _, n := range r.plan.Steps[i].Needs {
		if r.state[n-1] != done {
			return false
		}
	}
	r.state[i] = running
	return true
}

func (r *runner) skipRest() {
	for i, s := range r.plan.Steps {
		if r.state[i] == waiting {
			r.state[i] = skipped
			r.report.Skipped = append(r.report.Skipped, s)
			r.o.Sink.Send(event.Event{ID: taskID(s), Kind: event.Skipped, Subject: s.Address.String(), Text: string(s.Op)})
		}
	}
}

func taskID(s plan.Step) string { return fmt.Sprintf("step-%d", s.ID) }

// step does one step and what its plan says for a failure. The state is set before the loop hears of it, so that a
// dependent never starts after a failure.
func (r *runner) step(ctx context.Context, s plan.Step) {
	began := r.o.Now()
	r.o.Sink.Send(event.Event{ID: taskID(s), Kind: event.Start, Subject: s.Address.String(), Text: string(s.Op), Limit: r.limit(s)})
	err := r.do(ctx, s)
	took := r.o.Now().Sub(began)
	if err == nil {
		r.mu.Lock()
		r.state[s.ID-1] = done
		r.report.Done = append(r.report.Done, s)
		text := string(s.Op)
		if r.taken[s.ID] {
			text = event.Cached
		}
		r.mu.Unlock()
		r.o.Sink.Send(event.Event{ID: taskID(s), Kind: event.Done, Subject: s.Address.String(), Text: text, Elapsed: took})
		return
	}
	f := &Failure{Step: s, Err: err, Logs: append(redactLines(checkLines(err), s.Secrets), r.lastLines(ctx, s)...)}
	f.Step.Origin = originOf(s, err)
	r.undo(ctx, s)
	r.mu.Lock()
	r.state[s.ID-1] = failed
	r.report.Failures = append(r.report.Failures, f)
	r.mu.Unlock()
	r.o.Sink.Send(event.Event{ID: taskID(s), Kind: event.Failed, Subject: s.Address.String(), Text: err.Error(), Elapsed: took})
}

// limit is how long a wait may take; 0 for steps that are no wait.
func (r *runner) limit(s plan.Step) time.Duration {
	switch s.Op {
	case plan.OpWaitHealthy, plan.OpWaitExit:
		if s.Timeout > 0 {
			return time.Duration(s.Timeout) * time.Second
		}
		return r.o.Timeout
	}
	return 0
}

func (r *runner) undo(ctx context.Context, s plan.Step) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.Answer/2)
	defer cancel()
	for _, u := range s.OnFail {
		id := r.id(u.Target)
		var err error
		switch u.Op {
		case plan.OpRemove:
			err = r.engine.RemoveBox(ctx, id)
		case plan.OpStart:
			err = r.start(ctx, s.Address.Box, id, u.Restart)
		}
		if err != nil {
			r.o.Sink.Send(event.Event{Kind: event.Warning, Subject: s.Address.String(), Text: fmt.Sprintf("%s after a failure: %v", u.Op, err)})
		}
	}
}

// id is the container of a target: known when the plan was made, or made since.
func (r *runner) id(t plan.Target) string {
	if t.ID != "" {
		return t.ID
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if id := r.ids[t.Name]; id != "" {
		return id
	}
	return t.Name
}

// lastLines is what the box printed last, for steps that fail because of what runs in it.
func (r *runner) lastLines(ctx context.Context, s plan.Step) []string {
	switch s.Op {
	case plan.OpStart, plan.OpWaitHealthy, plan.OpWaitExit:
	default:
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return LastLines(ctx, r.engine, r.id(s.Target), s.Secrets)
}

// checkLines is what a healthcheck that never passed said last.
func checkLines(err error) []string {
	var timeout *TimeoutError
	if !errors.As(err, &timeout) || strings.TrimSpace(timeout.Output) == "" {
		return nil
	}
	var out []string
	for _, l := range strings.Split(strings.TrimRight(timeout.Output, "\n"), "\n") {
		out = append(out, "healthcheck: "+l)
	}
	return out
}

// LastLines gives the last lines of a box's log, at most ten, without its sensitive values; nil when they cannot be had.
func LastLines(ctx context.Context, l driver.Logger, id string, secrets []string) []string {
	var out bounded
	if err := l.Logs(ctx, id, driver.LogOptions{Tail: 10}, &out, &out); err != nil {
		return nil
	}
	text := strings.TrimRight(string(out.data), "\n")
	if text == "" {
		return nil
	}
	return redactLines(strings.Split(text, "\n"), secrets)
}

// bounded keeps the first 64 KiB that are written and is safe for two streams.
type bounded struct {
	mu   sync.Mutex
	data []byte
}

func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if room := 64<<10 - len(b.data); room > 0 {
		b.data = append(b.data, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

// originOf points a failed build at the line that asked for the part that failed.
func originOf(s plan.Step, err error) resource.Origin {
	var b *driver.BuildError
	if errors.As(err, &b) && s.Image != nil {
		if o, ok := s.Image.Origins[b.Part]; ok {
			return o
		}
	}
	return s.Origin
}
