package plan

import (
	"slices"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

// onTwo is a box on the project's own network and on "back", where it has an alias and an address.
func onTwo(name string, edit ...func(*resource.BoxWanted)) resource.BoxWanted {
	return wantBox(name, "debian:12", append([]func(*resource.BoxWanted){spec(func(s *resource.BoxSpec) {
		s.Networks = append(s.Networks, resource.NetworkJoin{Network: "back", Aliases: []string{"store"}, IP: "10.0.0.7"})
	})}, edit...)...)
}

// lose is what somebody does by hand: networks are removed, and what runs is taken off them for that.
func (w *world) lose(names ...string) {
	for _, name := range names {
		id := w.network("", name)
		for i := range w.observed.Boxes {
			if b := &w.observed.Boxes[i]; isUp(b.State) {
				w.disconnect(b, w.details[b.ID], id)
			}
		}
		w.removeNetwork(id)
		delete(w.others, name)
	}
}

// wantOn checks that a box is on the networks of these names as they are now, and on no other.
func (w *world) wantOn(box string, names ...string) {
	w.t.Helper()
	b := w.box("", box)
	for _, name := range names {
		id := w.network("", name)
		if !slices.ContainsFunc(b.Networks, func(a resource.NetworkAttached) bool { return a.ID == id }) {
			w.t.Errorf("%s is not on %s: %+v", box, name, b.Networks)
		}
	}
	if len(b.Networks) != len(names) {
		w.t.Errorf("%s is on %+v, want %v", box, b.Networks, names)
	}
}

// A network that is gone is made anew under its name, and boxes are on it again before they start, whatever an interrupt
// left undone (§6).
func TestNetworkGone(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lost  []string
		state resource.State
	}{
		{"the first, stopped", []string{"shop"}, resource.StateExited},
		{"a further one, stopped", []string{"shop.back"}, resource.StateExited},
		{"both, stopped", []string{"shop", "shop.back"}, resource.StateExited},
		{"the first, running", []string{"shop"}, resource.StateRunning},
		{"both, running", []string{"shop", "shop.back"}, resource.StateRunning},
		{"both, paused", []string{"shop", "shop.back"}, resource.StatePaused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			box := onTwo("web")
			for stop := 0; ; stop++ {
				w := newWorld(t)
				w.up(box)
				id := w.observed.Boxes[0].ID
				w.observed.Boxes[0].State = tc.state
				w.lose(tc.lost...)
				p := w.plan(Options{}, box)
				if stop > len(p.Steps) {
					break
				}
				if tc.state == resource.StateExited {
					order(t, p, "create-network ", "connect web", "start web")
				}
				if stop > 0 {
					w.apply(p, stop)
				}
				w.up(box)
				w.wantOn("shop-web", "shop", "shop.back")
				joins := w.details[id].Networks
				i := slices.IndexFunc(joins, func(j resource.NetworkJoinObserved) bool { return j.Name == "shop.back" })
				if i < 0 || !slices.Contains(joins[i].Aliases, "store") {
					t.Errorf("aliases: %+v", joins)
				}
				if slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Op == OpDisconnect }) {
					t.Errorf("taken off what is gone:\n%s", steps(p))
				}
				if b := w.observed.Boxes[0]; b.ID != id || b.State != resource.StateRunning {
					t.Errorf("stopped after step %d: %s is %s\n%s", stop, b.ID, b.State, steps(p))
				}
			}
		})
	}
}

// The same for a box whose first runs were interrupted, and for a replacement beside the box that it replaces.
func TestNetworkGoneBeforeReady(t *testing.T) {
	before := onTwo("web", provisioned("deps", "p1"))
	after := onTwo("web", provisioned("deps", "p1"), spec(func(s *resource.BoxSpec) { s.Env = resource.StrMap{"A": "1"} }))
	for _, tc := range []struct {
		name  string
		ready bool
		want  resource.BoxWanted
	}{{"create", false, before}, {"replacement", true, after}} {
		w := newWorld(t)
		if tc.ready {
			w.up(before)
		}
		p := w.plan(Options{}, tc.want)
		w.apply(p, slices.IndexFunc(p.Steps, func(s Step) bool { return s.Op == OpProvision }))
		for i := range w.observed.Boxes {
			w.observed.Boxes[i].State = resource.StateExited
		}
		w.lose("shop", "shop.back")
		order(t, w.up(tc.want), "create-network ", "connect web", "start web")
		w.wantOn("shop-web", "shop", "shop.back")
		if len(w.observed.Boxes) != 1 {
			t.Errorf("%s: boxes %+v", tc.name, w.observed.Boxes)
		}
	}
}

// A network is replaced for all who are on it, also those that the command is not about.
func TestNetworkReplaced(t *testing.T) {
	boxes := []resource.BoxWanted{wantBox("db", "debian:12"), wantBox("web", "debian:12")}
	w := newWorld(t)
	w.up(boxes...)
	w.internal = true
	w.apply(w.plan(Options{Only: []resource.Key{boxes[0].Key}}, boxes...), 0)
	w.wantOn("shop-db", "shop")
	w.wantOn("shop-web", "shop")
	if p := w.plan(Options{}, boxes...); !p.Empty() {
		t.Errorf("there is more to do:\n%s", steps(p))
	}
}

// A stopped box that was on a network which nobody wants any more starts without it.
func TestLeftoverNetworkGone(t *testing.T) {
	w := newWorld(t)
	w.up(onTwo("web"))
	w.box("", "shop-web").State = resource.StateExited
	w.lose("shop.back")
	w.up(wantBox("web", "debian:12"))
	w.wantOn(w.observed.Boxes[0].Name, "shop")
}

// The list may leave out the id of a network that a box has not run on.
func TestConnectionWithoutID(t *testing.T) {
	w := newWorld(t)
	once := wantBox("once", "debian:12", spec(func(s *resource.BoxSpec) { s.Oneshot, s.Command = true, &resource.Argv{"true"} }))
	w.up(once)
	w.observed.Boxes[0].Networks[0].ID = ""
	if p := w.plan(Options{}, once); !p.Empty() {
		t.Errorf("there is something to do:\n%s", steps(p))
	}
}

// Others' networks are known by name alone: one that they made anew while the box was stopped is joined before the start.
func TestExternalNetworkMadeAnew(t *testing.T) {
	box := wantBox("web", "debian:12", spec(func(s *resource.BoxSpec) { s.Networks = append(s.Networks, resource.NetworkJoin{Network: "theirs"}) }))
	w := newWorld(t)
	w.others["theirs"] = "theirs1"
	w.up(box)
	w.box("", "shop-web").State = resource.StateExited
	w.others["theirs"] = "theirs2"
	p := w.up(box)
	w.wantOn("shop-web", "shop", "theirs")
	if len(p.Changes) != 1 || p.Changes[0].Action != Start {
		t.Errorf("not just started:\n%s", draw(p))
	}
}

// A box that shares another's network starts behind it, also where that is on networks that are made anew.
func TestNetworkGoneUnderPeer(t *testing.T) {
	app := onTwo("app")
	side := wantBox("side", "debian:12", spec(func(s *resource.BoxSpec) { s.Networks, s.NetworkMode = nil, "box:app" }), func(w *resource.BoxWanted) {
		w.DependsOn = []resource.Key{app.Key}
	})
	w := newWorld(t)
	w.up(app, side)
	w.box("", "shop-app").State = resource.StateExited
	w.lose("shop", "shop.back")
	p := w.up(app, side)
	w.wantOn("shop-app", "shop", "shop.back")
	w.wantOn("shop-side")
	order(t, p, "stop side", "start side")
	order(t, p, "create-network ", "start app", "start side")
}
