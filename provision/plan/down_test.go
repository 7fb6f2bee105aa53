package plan

import (
	"slices"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

// chain are boxes of which each depends on the one before.
func chain(names ...string) []resource.BoxWanted {
	var out []resource.BoxWanted
	for i, name := range names {
		b := wantBox(name, "debian:12")
		b.Spec.Meta.Order = i + 1
		if i > 0 {
			b.DependsOn, b.Spec.Meta.DependsOn = []resource.Key{out[i-1].Key}, []string{names[i-1]}
		}
		out = append(out, b)
	}
	return out
}

// A reload stops what depends on a box before it, and starts it in dependency order (§4).
func TestReloadOrder(t *testing.T) {
	changed := spec(func(s *resource.BoxSpec) { s.Env = resource.StrMap{"A": "1"} })
	for _, tc := range []struct {
		name  string
		only  []string
		state map[string]resource.State
		edit  map[string]func(*resource.BoxWanted)
		want  []string
		not   string // a step that is not in the plan
	}{
		{name: "all", want: []string{"stop web", "stop app", "stop db", "start db", "start app", "start web"}},
		{name: "paused", state: map[string]resource.State{"web": resource.StatePaused}, want: []string{"unpause web", "stop web", "stop app", "stop db", "start db"}},
		{name: "reaches through a stopped one", state: map[string]resource.State{"app": resource.StateExited}, want: []string{"stop web", "stop db", "start db", "start app", "start web"}, not: "stop app"},
		{name: "reaches through one that is not named", only: []string{"db", "web"}, want: []string{"stop web", "stop db", "start db"}, not: "stop app"},
		{name: "of one alone", only: []string{"db"}, want: []string{"stop db", "start db"}, not: "stop web"},
		{name: "one that does not start by itself", edit: map[string]func(*resource.BoxWanted){"web": func(b *resource.BoxWanted) { b.Autostart = false }}, want: []string{"stop app", "stop db", "start db", "start app"}, not: "stop web"},
		{name: "in place", edit: map[string]func(*resource.BoxWanted){"web": spec(func(s *resource.BoxSpec) { s.Memory = 1 << 30 })}, want: []string{"stop web", "stop app", "stop db"}},
		{name: "what is depended on is replaced", edit: map[string]func(*resource.BoxWanted){"db": changed}, want: []string{"create-box db", "stop web", "stop app", "stop db", "start db", "start app", "start web"}},
		{name: "a dependent is replaced", edit: map[string]func(*resource.BoxWanted){"web": changed}, want: []string{"stop app", "stop db", "start db", "start app", "stop web", "start web"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			boxes := chain("db", "app", "web")
			for i := range boxes {
				boxes[i].Spec.Memory = 1 << 20
			}
			w.up(boxes...)
			for box, state := range tc.state {
				w.box("", "shop-"+box).State = state
			}
			o := Options{Restart: true}
			for i := range boxes {
				if edit := tc.edit[boxes[i].Key.Box]; edit != nil {
					edit(&boxes[i])
				}
				if slices.Contains(tc.only, boxes[i].Key.Box) {
					o.Only = append(o.Only, boxes[i].Key)
				}
			}
			p := w.plan(o, boxes...)
			order(t, p, tc.want...)
			if slices.ContainsFunc(p.Steps, func(s Step) bool { return string(s.Op)+" "+s.Address.Box == tc.not }) {
				t.Errorf("%s is in the plan:\n%s", tc.not, steps(p))
			}
			w.apply(p, 0)
			if again := w.plan(Options{}, boxes...); !again.Empty() {
				t.Errorf("there is more to do:\n%s", steps(again))
			}
		})
	}
}

// A box that shares the network of one that is reloaded goes with it, named or not: down before it and up behind it.
func TestReloadOrderOfPeer(t *testing.T) {
	w := newWorld(t)
	boxes := chain("app", "side")
	boxes[1].Spec.Networks, boxes[1].Spec.NetworkMode = nil, "box:app"
	w.up(boxes...)
	order(t, w.plan(Options{Restart: true, Only: []resource.Key{boxes[0].Key}}, boxes...), "stop side", "stop app", "start app", "start side")
}

// Labels tell the order of the Envfile of their day: one that was made anew since may bear an earlier place than what
// depends on it, or a later one.
func TestOrderOfLabels(t *testing.T) {
	for _, tc := range []struct {
		name       string
		plan       func(Scope) Result
		state      resource.State
		first, end string
	}{
		{"halt", Halt, resource.StateRunning, "stop web", "stop db"},
		{"suspend", Suspend, resource.StateRunning, "pause web", "pause db"},
		{"resume", Resume, resource.StatePaused, "unpause db", "unpause web"},
		{"destroy", Destroy, resource.StateRunning, "remove web", "stop db"},
	} {
		w := newWorld(t)
		boxes := chain("db", "app", "web")
		boxes[0].Spec.Meta.Order = 9
		w.up(boxes...)
		for i := range w.observed.Boxes {
			w.observed.Boxes[i].State = tc.state
		}
		s := Scope{Observed: w.observed, Project: "shop"}
		order(t, tc.plan(s).Plan, tc.first, tc.end)
		s.Only = []resource.Key{boxes[0].Key, boxes[2].Key}
		p := tc.plan(s).Plan
		order(t, p, tc.first, tc.end)
		if slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Address.Box == "app" }) {
			t.Errorf("%s: what is not named is touched:\n%s", tc.name, steps(p))
		}
	}
}

// Replicas may depend on each other: the labels, which name blocks, must not turn that round.
func TestOrderOfReplicas(t *testing.T) {
	w := newWorld(t)
	replica := func(box string, index, order int, on ...resource.Key) resource.BoxWanted {
		return wantBox(box, "debian:12", func(b *resource.BoxWanted) {
			b.Key.Index, b.Counted, b.DependsOn = index, true, on
			b.Spec.Meta = resource.Meta{Counted: true, Order: order}
			for _, k := range on {
				b.Spec.Meta.DependsOn = append(b.Spec.Meta.DependsOn, k.Box)
			}
		})
	}
	a1 := replica("a", 1, 1)
	a2 := replica("a", 2, 2, a1.Key)
	b1 := replica("b", 1, 3, a2.Key)
	a3 := replica("a", 3, 4, a2.Key, b1.Key)
	w.up(a1, a2, b1, a3)
	order(t, Halt(Scope{Observed: w.observed, Project: "shop"}).Plan, "stop a-3", "stop b-1", "stop a-2", "stop a-1")
}

// What the Envfile no longer names goes in the same order.
func TestRemovedOrder(t *testing.T) {
	w := newWorld(t)
	w.up(chain("db", "web")...)
	order(t, w.plan(Options{}), "stop web", "remove web", "stop db", "remove db")
}
