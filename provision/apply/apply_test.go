package apply

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
	"github.com/google/go-cmp/cmp"
)

// stage is an engine that only writes down what it is asked, and fails or blocks where a test says so.
type stage struct {
	driver.Engine // what no test uses panics

	mu    sync.Mutex
	calls []string
	fail  map[string]error
	block map[string]chan struct{} // closed by the test
	loss  []driver.Change
	busy  int
	most  int
}

// machine is a caller's machine whose paths lead where they led, but for those of the boxes that moved names.
type machine struct {
	Host // what no test uses panics

	moved map[string]error // by id
}

func (m *machine) Check(_, id string) error { return m.moved[id] }

func (s *stage) call(ctx context.Context, what string) error {
	s.mu.Lock()
	s.calls = append(s.calls, what)
	s.busy++
	s.most = max(s.most, s.busy)
	gate := s.block[what]
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.busy--
		s.mu.Unlock()
	}()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.fail[what]
}

func (s *stage) StartBox(ctx context.Context, id, _ string) error { return s.call(ctx, "start "+id) }
func (s *stage) StopBox(ctx context.Context, id string, _ time.Duration) error {
	return s.call(ctx, "stop "+id)
}
func (s *stage) RemoveBox(ctx context.Context, id string) error { return s.call(ctx, "remove "+id) }
func (s *stage) RenameBox(ctx context.Context, id, name string) error {
	return s.call(ctx, "rename "+id+" "+name)
}
func (s *stage) Provision(ctx context.Context, id string, p resource.ProvisionScript, _ io.Writer) error {
	return s.call(ctx, "provision "+id+" "+p.Name)
}
func (s *stage) WaitHealthy(ctx context.Context, id string, _ resource.HealthSpec) error {
	return s.call(ctx, "wait "+id)
}
func (s *stage) Logs(_ context.Context, _ string, _ driver.LogOptions, out, _ io.Writer) error {
	_, err := io.WriteString(out, "last words\n")
	return err
}
func (s *stage) Record(context.Context, string) (resource.Record, error) {
	return resource.Record{Known: true}, nil
}
func (s *stage) Detail(context.Context, string) (resource.BoxDetail, error) {
	return resource.BoxDetail{}, nil
}
func (s *stage) Changes(context.Context, string) ([]driver.Change, error) { return s.loss, nil }
func (s *stage) Stat(_ context.Context, _ string, paths []string) (map[string]driver.Stat, bool, error) {
	out := map[string]driver.Stat{}
	for _, p := range paths {
		out[p] = driver.Stat{Exists: true, Size: 1}
	}
	return out, true, nil
}

func (s *stage) said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func box(op plan.Op, id string, needs ...int) plan.Step {
	return plan.Step{Op: op, Address: resource.Address{Kind: resource.KindBox, Box: id}, Target: plan.Target{ID: id}, Needs: needs}
}

func number(steps ...plan.Step) *plan.Plan {
	for i := range steps {
		steps[i].ID = i + 1
	}
	return &plan.Plan{Steps: steps}
}

func TestFailureStopsOnlyWhatDependsOnIt(t *testing.T) {
	s := &stage{fail: map[string]error{"start db": errors.New("boom")}}
	sink := &event.Recorder{}
	r := Run(t.Context(), number(
		box(plan.OpStart, "db"), box(plan.OpStart, "web", 1), box(plan.OpStart, "cache"), box(plan.OpRemove, "old", 3),
	), s, &machine{}, Options{Sink: sink, Parallel: 1})
	if diff := cmp.Diff([]string{"start db", "start cache", "remove old"}, s.said()); diff != "" {
		t.Errorf("calls: %s", diff)
	}
	if len(r.Failures) != 1 || len(r.Skipped) != 1 || r.Skipped[0].Address.Box != "web" {
		t.Errorf("report: %+v", r)
	}
	if !slices.Equal(r.Failures[0].Logs, []string{"last words"}) {
		t.Errorf("a start that failed shows the box's last lines: %v", r.Failures[0].Logs)
	}
	kinds := map[event.Kind]int{}
	for _, e := range sink.Events() {
		kinds[e.Kind]++
	}
	if diff := cmp.Diff(map[event.Kind]int{event.Start: 3, event.Done: 2, event.Failed: 1, event.Skipped: 1}, kinds); diff != "" {
		t.Errorf("events: %s", diff)
	}
}

func TestUndo(t *testing.T) {
	s := &stage{fail: map[string]error{"start new": errors.New("port taken")}}
	start := box(plan.OpStart, "new", 1)
	start.OnFail = []plan.Undo{{Op: plan.OpRemove, Target: plan.Target{ID: "new"}}, {Op: plan.OpStart, Target: plan.Target{ID: "old"}}}
	Run(t.Context(), number(box(plan.OpStop, "old"), start, box(plan.OpRename, "new", 2)), s, &machine{}, Options{})
	if diff := cmp.Diff([]string{"stop old", "start new", "remove new", "start old"}, s.said()); diff != "" {
		t.Errorf("calls: %s", diff)
	}
}

// An engine that does not answer ends a step when its time is up, an interrupt or not; what follows from a failure is done.
func TestSilentEngine(t *testing.T) {
	s := &stage{block: map[string]chan struct{}{"start new": make(chan struct{})}}
	start := box(plan.OpStart, "new")
	start.OnFail = []plan.Undo{{Op: plan.OpRemove, Target: plan.Target{ID: "new"}}}
	r := Run(t.Context(), number(start, box(plan.OpRename, "new", 1)), s, &machine{}, Options{Answer: 20 * time.Millisecond})
	if err := r.Err(t.Context()); !errors.Is(err, context.DeadlineExceeded) || len(r.Skipped) != 1 {
		t.Errorf("error = %v, skipped %v", err, r.Skipped)
	}
	if diff := cmp.Diff([]string{"start new", "remove new"}, s.said()); diff != "" {
		t.Errorf("calls: %s", diff)
	}
}

// A box whose paths lead elsewhere by now is not started, not even to undo something.
func TestMovedBoxIsNotStarted(t *testing.T) {
	moved := errors.New("leads elsewhere")
	s := &stage{}
	start := box(plan.OpStart, "new", 1)
	start.OnFail = []plan.Undo{{Op: plan.OpRemove, Target: plan.Target{ID: "new"}}, {Op: plan.OpStart, Target: plan.Target{ID: "old"}}}
	sink := &event.Recorder{}
	r := Run(t.Context(), number(box(plan.OpStop, "old"), start), s, &machine{moved: map[string]error{"new": moved, "old": moved}}, Options{Sink: sink})
	if diff := cmp.Diff([]string{"stop old", "remove new"}, s.said()); diff != "" {
		t.Errorf("calls: %s", diff)
	}
	if err := r.Err(t.Context()); !errors.Is(err, moved) {
		t.Errorf("error = %v", err)
	}
	if !slices.ContainsFunc(sink.Events(), func(e event.Event) bool {
		return e.Kind == event.Warning && strings.Contains(e.Text, "start after a failure: leads elsewhere")
	}) {
		t.Errorf("nothing is said of the old box: %+v", sink.Events())
	}
}

func TestMoreLostThanConfirmed(t *testing.T) {
	s := &stage{loss: []driver.Change{{Path: "/opt/a"}, {Path: "/opt/b"}}}
	check := box(plan.OpRecheckLoss, "old")
	check.Loss = &resource.Loss{Count: 1, Paths: []string{"/opt/a"}}
	check.OnFail = []plan.Undo{{Op: plan.OpStart, Target: plan.Target{ID: "old"}}}
	r := Run(t.Context(), number(check, box(plan.OpStart, "new", 1)), s, &machine{}, Options{})
	var more *MoreLostError
	if err := r.Err(t.Context()); !errors.As(err, &more) || more.Loss.Count != 2 {
		t.Errorf("error = %v", err)
	}
	if diff := cmp.Diff([]string{"start old"}, s.said()); diff != "" {
		t.Errorf("calls: %s", diff)
	}
}

func TestInterrupt(t *testing.T) {
	stop := make(chan struct{})
	s := &stage{block: map[string]chan struct{}{"stop slow": stop, "wait web": make(chan struct{})}}
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupt")
	done := make(chan *Report)
	go func() {
		wait := box(plan.OpWaitHealthy, "web")
		wait.Health = &resource.HealthSpec{}
		done <- Run(ctx, number(box(plan.OpStop, "slow"), wait, box(plan.OpStart, "next", 1)), s, &machine{}, Options{})
	}()
	for deadline := time.Now().Add(10 * time.Second); len(s.said()) < 2; {
		if time.Now().After(deadline) {
			t.Fatal("the steps did not begin")
		}
		time.Sleep(time.Millisecond)
	}
	cancel(interrupted)
	for deadline := time.Now().Add(10 * time.Second); ; { // the wait ends at once, the stop runs on
		s.mu.Lock()
		busy := s.busy
		s.mu.Unlock()
		if busy == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the wait was not cancelled")
		}
		time.Sleep(time.Millisecond)
	}
	close(stop)
	r := <-done
	if len(r.Done) != 1 || r.Done[0].Op != plan.OpStop || len(r.Skipped) != 1 || len(r.Failures) != 1 {
		t.Errorf("done %d, skipped %d, failed %d", len(r.Done), len(r.Skipped), len(r.Failures))
	}
	if err := r.Err(ctx); !errors.Is(err, interrupted) {
		t.Errorf("error = %v", err)
	}
}

func TestTimeout(t *testing.T) {
	s := &stage{block: map[string]chan struct{}{"wait web": make(chan struct{})}}
	wait := box(plan.OpWaitHealthy, "web")
	wait.Health = &resource.HealthSpec{}
	r := Run(t.Context(), number(wait), s, &machine{}, Options{Timeout: time.Millisecond})
	var timeout *TimeoutError
	if err := r.Err(t.Context()); !errors.As(err, &timeout) || !strings.Contains(err.Error(), "not ready after 1ms") {
		t.Errorf("error = %v", err)
	}
}

func TestBounded(t *testing.T) {
	s := &stage{}
	var steps []plan.Step
	for range 50 {
		steps = append(steps, box(plan.OpStart, "x"))
	}
	r := Run(t.Context(), number(steps...), s, &machine{}, Options{Parallel: 3})
	if len(r.Done) != 50 || s.most > 3 {
		t.Errorf("%d done, %d at once", len(r.Done), s.most)
	}
}
