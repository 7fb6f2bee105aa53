package plan

import (
	"math"
	"slices"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

// A box that is stopped already must not let what it depends on go before what depends on it.
func TestOrderReachesThroughBoxesThatNeedNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		plan func(Scope) Result
		op   Op
	}{{"halt", Halt, OpStop}, {"suspend", Suspend, OpPause}} {
		w := newWorld(t)
		db, app := wantBox("db", "debian:12"), wantBox("app", "debian:12")
		web := wantBox("web", "debian:12")
		app.DependsOn, web.DependsOn = []resource.Key{db.Key}, []resource.Key{app.Key}
		app.Spec.Meta.DependsOn, web.Spec.Meta.DependsOn = []string{"db"}, []string{"app"}
		db.Spec.Meta.Order, app.Spec.Meta.Order, web.Spec.Meta.Order = 1, 2, 3
		w.up(db, app, web)
		w.box("", "shop-app").State = resource.StateExited

		steps := tc.plan(Scope{Observed: w.observed, Project: "shop"}).Plan.Steps
		of := func(box string) Step {
			i := slices.IndexFunc(steps, func(s Step) bool { return s.Op == tc.op && s.Address.Box == box })
			if i < 0 {
				t.Fatalf("%s: no step for %s in %+v", tc.name, box, steps)
			}
			return steps[i]
		}
		if !slices.Contains(of("db").Needs, of("web").ID) {
			t.Errorf("%s: db does not wait for web: %+v", tc.name, steps)
		}
	}
}

// The order comes from a label, which may hold any number.
func TestOrderOfAnyNumber(t *testing.T) {
	w := newWorld(t)
	first, last := wantBox("zoo", "debian:12"), wantBox("app", "debian:12")
	first.Spec.Meta.Order, last.Spec.Meta.Order = math.MinInt, 1
	w.up(first, last)
	var stopped []string
	for _, c := range Halt(Scope{Observed: w.observed, Project: "shop"}).Plan.Changes {
		stopped = append(stopped, c.Address.Box)
	}
	if !slices.Equal(stopped, []string{"app", "zoo"}) {
		t.Errorf("stopped in the order %q", stopped)
	}
}

func TestNetworksAndVolumesOfOthersAreProblems(t *testing.T) {
	w := newWorld(t)
	web := wantBox("web", "debian:12", spec(func(s *resource.BoxSpec) {
		s.Mounts = []resource.MountSpec{{Type: resource.MountVolume, Name: "data", Target: "/data"}}
	}))
	in := Input{Desired: w.desired(web), Images: w.images, Answers: Answers{Asked: map[Question]bool{{Kind: AskNames}: true}}}
	for _, tc := range []struct {
		name              string
		networks, volumes map[string]resource.Owner
		want              []string
	}{
		{"a volume", nil, map[string]resource.Owner{"shop-web.data": {}}, []string{`the volume name "shop-web.data" is taken`}},
		{"a network", map[string]resource.Owner{"shop": {}}, nil, []string{`the network name "shop" is taken`}},
		{"ours, made a moment ago", nil, map[string]resource.Owner{
			"shop-web.data": {Project: "shop", Box: "web", Index: 1, Volume: "data", Checkout: w.id.Checkout, User: w.id.User},
		}, nil},
	} {
		in.Answers.Networks, in.Answers.Volumes = tc.networks, tc.volumes
		r := Diff(in)
		if r.Plan == nil {
			t.Fatalf("%s: no plan: %+v", tc.name, r)
		}
		var got []string
		for _, p := range r.Plan.Problems {
			got = append(got, p.Summary)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestThrowAwayBoxesWhoseClientIsGone(t *testing.T) {
	w := newWorld(t)
	web := wantBox("web", "debian:12")
	w.up(web)
	run := *w.box("", "shop-web")
	run.ID, run.Name, run.Owner.Run, run.State = "run1", "shop-web.run-aaaaaa", "aaaaaa", resource.StateRunning
	w.observed.Boxes = append(w.observed.Boxes, run)
	if p := w.plan(Options{}, web); !p.Empty() {
		t.Errorf("its client lives: %+v", p.Steps)
	}
	for _, state := range []resource.State{resource.StateRunning, resource.StateCreated} {
		w.box("run1", "").State = state
		p := w.plan(Options{Gone: []string{"aaaaaa"}}, web)
		if !slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Op == OpRemove && s.Target.ID == "run1" }) {
			t.Errorf("%s, and its client is gone: %+v", state, p.Steps)
		}
	}
}
