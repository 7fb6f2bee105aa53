// Package timing tells where the time of a command went: it hears the events of its work, and of the plans that are
// followed, and makes a report of phases, of steps, and of the chain of steps that nothing else could have shortened. It
// measures and counts; it must not know an engine, or how a report is shown.
package timing

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
)

// Recorder hears what happens. It is an event.Sink that passes everything on. Safe for concurrent use.
type Recorder struct {
	next    event.Sink
	now     func() time.Time
	began   time.Time
	rebuild bool

	mu     sync.Mutex
	phases []Phase
	since  time.Time        // when the last phase began
	plans  []*plan.Plan     // that were followed, in order
	tasks  []*task          // in the order they began
	open   map[string]*task // by id of the event
	causes map[string]string
}

// task is a task that was begun, and the plan that it is a step of: 0 is none, else they are counted from 1.
type task struct {
	Step
	id, parent string
	plan, step int
	phase      string
}

// New makes a recorder for a command that began at a time. rebuild is whether images are made anew though they are there.
func New(next event.Sink, began time.Time, now func() time.Time, rebuild bool) *Recorder {
	return &Recorder{
		next: next, now: now, began: began, since: began, rebuild: rebuild, open: map[string]*task{}, causes: map[string]string{},
	}
}

// Phase begins a phase, and ends the one before. What comes back to a phase adds to it.
func (r *Recorder) Phase(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endPhase()
	for i, p := range r.phases {
		if p.Name == name {
			r.phases = append(append(r.phases[:i:i], r.phases[i+1:]...), p)
			return
		}
	}
	r.phases = append(r.phases, Phase{Name: name, Began: r.since.Sub(r.began)})
}

// endPhase adds to the phase that runs, which is the last of the list.
func (r *Recorder) endPhase() {
	n := len(r.phases)
	if n == 0 {
		return // the first one is from the beginning
	}
	now := r.now()
	r.phases[n-1].Took += now.Sub(r.since)
	r.since = now
}

// Plan says that the steps that begin from now on are those of p.
func (r *Recorder) Plan(p *plan.Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plans = append(r.plans, p)
}

// Send implements event.Sink.
func (r *Recorder) Send(e event.Event) {
	r.take(e)
	r.next.Send(e)
}

func (r *Recorder) take(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Kind {
	case event.Start:
		r.start(e)
	case event.Done, event.Failed:
		r.end(e)
	case event.Skipped:
		t := r.start(e)
		delete(r.open, e.ID)
		t.Result = Skipped
	}
}

// start begins a task. The layers of a pull are too many to tell anything: of what has a parent, only parts of builds count.
func (r *Recorder) start(e event.Event) *task {
	t := &task{id: e.ID, parent: e.Parent, Step: Step{Subject: e.Subject, Op: e.Text, Began: r.now().Sub(r.began)}}
	if n := len(r.phases); n > 0 {
		t.phase = r.phases[n-1].Name
	}
	r.open[e.ID] = t
	if e.Parent != "" {
		if p := r.open[e.Parent]; p != nil && isBuild(p.Op) {
			p.parts = append(p.parts, t)
		}
		return t
	}
	if n, ok := stepNumber(e.ID); ok && len(r.plans) > 0 {
		t.plan, t.step = len(r.plans), n
	}
	r.tasks = append(r.tasks, t)
	return t
}

func (r *Recorder) end(e event.Event) {
	t := r.open[e.ID]
	if t == nil {
		return
	}
	delete(r.open, e.ID)
	t.Result = Done
	if e.Kind == event.Failed {
		t.Result = Failed
	}
	if t.Took = e.Elapsed; t.Took == 0 {
		t.Took = r.now().Sub(r.began) - t.Began
	}
	if e.Text == event.Cached {
		t.Cache = Hit
	}
	if e.Cause != "" {
		r.causes[t.Subject] = e.Cause
	}
}

func isBuild(op string) bool { return op == string(plan.OpBuild) || op == string(plan.OpBuildLayers) }

// stepNumber reads the id that apply gives to the tasks of steps.
func stepNumber(id string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(id, "step-")
	if !ok {
		return 0, false
	}
	_, err := fmt.Sscanf(digits, "%d", &n)
	return n, err == nil
}
