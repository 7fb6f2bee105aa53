package timing_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
	"github.com/envyhq/envy/provision/timing"
)

// bench is a recorder by a clock that the test moves.
type bench struct {
	*timing.Recorder
	now  time.Time
	sent event.Recorder
}

func newBench(rebuild bool) *bench {
	b := &bench{now: time.Unix(1000, 0)}
	b.Recorder = timing.New(&b.sent, b.now, func() time.Time { return b.now }, rebuild)
	return b
}

// at moves the clock to so many seconds after the beginning.
func (b *bench) at(seconds int) *bench {
	b.now = time.Unix(1000+int64(seconds), 0)
	return b
}

func (b *bench) start(id, subject, op string) {
	b.Send(event.Event{ID: id, Kind: event.Start, Subject: subject, Text: op})
}
func (b *bench) done(id, text string) { b.Send(event.Event{ID: id, Kind: event.Done, Text: text}) }

func step(id int, op plan.Op, box string, needs ...int) plan.Step {
	return plan.Step{ID: id, Op: op, Address: resource.Address{Kind: resource.KindBox, Box: box}, Needs: needs}
}

func named(r timing.Report) map[string]timing.Step {
	out := map[string]timing.Step{}
	for _, s := range r.Steps {
		out[s.Subject+" "+s.Op] = s
	}
	return out
}

func TestPhases(t *testing.T) {
	t.Parallel()
	b := newBench(false)
	b.at(1).Phase("read")
	b.at(3).Phase("plan")
	b.at(4).Phase("fetch")
	b.at(10).Phase("plan")
	r := b.at(12).Report()
	want := []timing.Phase{
		{Name: "read", Took: 3 * time.Second},
		{Name: "fetch", Began: 4 * time.Second, Took: 6 * time.Second},
		{Name: "plan", Began: 3 * time.Second, Took: 3 * time.Second},
	}
	if d := cmp.Diff(want, r.Phases); d != "" {
		t.Errorf("phases: %s", d)
	}
	if r.Total != 12*time.Second {
		t.Errorf("total %s", r.Total)
	}
}

// db is made and started while web's image is built; web waits for db, which takes longer.
func TestChain(t *testing.T) {
	t.Parallel()
	b := newBench(false)
	b.Phase("apply")
	b.Plan(&plan.Plan{Steps: []plan.Step{
		step(1, plan.OpBuildLayers, "image"), step(2, plan.OpCreateBox, "db"), step(3, plan.OpStart, "db", 2),
		step(4, plan.OpCreateBox, "web", 1), step(5, plan.OpStart, "web", 4, 3), step(6, plan.OpStart, "side"),
	}})
	b.at(0).start("step-1", "image.x", "add-layers")
	b.start("step-2", "box.db", "create-box")
	b.at(1).done("step-2", "create-box")
	b.at(3).start("step-3", "box.db", "start") // two seconds after it could have
	b.at(4).done("step-1", "add-layers")
	b.start("step-4", "box.web", "create-box")
	b.at(5).done("step-4", "create-box")
	b.at(9).done("step-3", "start")
	b.start("step-5", "box.web", "start")
	b.at(11).done("step-5", "start")
	b.Send(event.Event{ID: "step-6", Kind: event.Skipped, Subject: "box.side", Text: "start"})
	got := named(b.at(12).Report())
	for name, critical := range map[string]bool{
		"box.db create-box": true, "box.db start": true, "box.web start": true,
		"image.x add-layers": false, "box.web create-box": false, "box.side start": false,
	} {
		if got[name].Critical != critical {
			t.Errorf("%s is critical: %t", name, got[name].Critical)
		}
	}
	if s := got["box.db start"]; s.Waited != 2*time.Second || s.Took != 6*time.Second || s.Result != timing.Done {
		t.Errorf("start of db: %+v", s)
	}
	if s := got["box.web create-box"]; s.Waited != 0 {
		t.Errorf("create of web: %+v", s)
	}
	if s := got["box.side start"]; s.Result != timing.Skipped {
		t.Errorf("start of side: %+v", s)
	}
	if n := len(b.sent.Events()); n != 11 {
		t.Errorf("%d events were passed on", n)
	}
}

// Two plans in a row use the same ids for their steps; pulls before them have none.
func TestSeveralPlans(t *testing.T) {
	t.Parallel()
	b := newBench(false)
	b.Phase("fetch")
	b.start("pull-a", "image.a", "pull")
	b.at(1).done("pull-a", "pull")
	b.start("pull-b", "image.b", "pull")
	b.at(2).done("pull-b", "pull")
	b.Phase("apply")
	for i, box := range []string{"one", "two"} {
		b.Plan(&plan.Plan{Steps: []plan.Step{step(1, plan.OpStart, box)}})
		b.at(2+i).start("step-1", "box."+box, "start")
		b.at(3+i).done("step-1", "start")
	}
	for name, s := range named(b.Report()) {
		if !s.Critical || s.Took != time.Second || s.Waited != 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

func TestCaches(t *testing.T) {
	t.Parallel()
	create := step(4, plan.OpCreateBox, "web")
	create.Create = &plan.BoxCreate{Image: "envy.local/recipe:1"}
	other := step(5, plan.OpCreateBox, "db")
	other.Create = &plan.BoxCreate{Image: "postgres:16"}
	p := &plan.Plan{
		Steps: []plan.Step{step(1, plan.OpBuildLayers, "x"), step(2, plan.OpBuild, "y"), step(3, plan.OpBuildLayers, "z"), create, other, step(6, plan.OpProvision, "db")},
		Changes: []plan.Change{{
			Address: resource.Address{Kind: resource.KindProvision, Box: "db", Name: "deps"}, Reason: "script, env or inputs changed",
		}},
	}
	b := newBench(true)
	b.Phase("apply")
	b.Plan(p)
	b.start("step-1", "image.envy.local/recipe:1", "add-layers")
	b.start("cache-1", "image.envy.local/recipe:1", "cache")
	b.Send(event.Event{ID: "cache-1", Kind: event.Done, Text: "cache", Cause: "the team cache does not have it"})
	for _, part := range []struct{ id, text, done string }{
		{"f", "FROM debian", event.Cached}, {"p", "packages", event.Cached}, {"s", "setup.one", ""}, {"t", "setup.two", ""},
	} {
		b.Send(event.Event{ID: "step-1/" + part.id, Parent: "step-1", Kind: event.Start, Text: part.text})
		b.Send(event.Event{ID: "step-1/" + part.id, Parent: "step-1", Kind: event.Done, Text: part.done})
	}
	b.done("step-1", "add-layers")
	b.start("step-2", "image.built", "build")
	b.done("step-2", "build")
	b.start("step-3", "image.envy.local/recipe:3", "add-layers")
	b.done("step-3", event.Cached)
	b.start("step-6", "provision.db.deps", "provision")
	b.done("step-6", "provision")
	r := b.Report()
	got := named(r)
	for name, want := range map[string]string{
		"image.envy.local/recipe:1 add-layers": "miss: no image of this recipe is on the engine; the team cache does not have it",
		"image.built build":                    "miss: --build",
		"image.envy.local/recipe:3 add-layers": "hit: taken from the team cache",
		"provision.db.deps provision":          "miss: script, env or inputs changed",
	} {
		if s := got[name]; string(s.Cache)+": "+s.Why != want {
			t.Errorf("%s: %s: %s", name, s.Cache, s.Why)
		}
	}
	var parts []string
	for _, s := range got["image.envy.local/recipe:1 add-layers"].Parts {
		parts = append(parts, s.Op+" "+string(s.Cache)+" "+s.Why)
	}
	if d := cmp.Diff([]string{
		"FROM debian  ", "packages hit in the engine's build cache", "setup.one miss not in the engine's build cache",
		"setup.two miss what it stands on was made anew",
	}, parts); d != "" {
		t.Errorf("parts: %s", d)
	}
	if d := cmp.Diff([]timing.Hits{{Subject: "image.postgres:16", Why: "on the engine"}}, r.Hits); d != "" {
		t.Errorf("hits: %s", d)
	}
}

// What failed or was interrupted leaves a report too.
func TestUnfinished(t *testing.T) {
	t.Parallel()
	b := newBench(false)
	b.Phase("apply")
	b.Plan(&plan.Plan{Steps: []plan.Step{step(1, plan.OpStart, "web"), step(2, plan.OpStart, "db")}})
	b.start("step-1", "box.web", "start")
	b.start("step-2", "box.db", "start")
	b.at(2).Send(event.Event{ID: "step-1", Kind: event.Failed, Text: "no"})
	b.done("step-9", "never begun")
	got := named(b.at(3).Report())
	if s := got["box.web start"]; s.Result != timing.Failed || s.Took != 2*time.Second {
		t.Errorf("failed: %+v", s)
	}
	if s := got["box.db start"]; s.Result != "" {
		t.Errorf("under way: %+v", s)
	}
}
