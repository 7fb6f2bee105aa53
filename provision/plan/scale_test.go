package plan

import (
	"slices"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

// replicas are boxes of one block, numbered where there are several.
func replicas(name string, n int) []resource.BoxWanted {
	var out []resource.BoxWanted
	for i := 1; i <= n; i++ {
		out = append(out, wantBox(name, "debian:12", func(w *resource.BoxWanted) {
			w.Key.Index, w.Counted, w.Spec.Meta.Counted = i, n > 1, n > 1
			w.Spec.Mounts = []resource.MountSpec{{Type: resource.MountVolume, Name: "data", Target: "/data"}}
		}))
	}
	return out
}

func (w *world) ids() map[resource.Key]string {
	out := map[resource.Key]string{}
	for _, b := range w.observed.Boxes {
		out[b.Key()] = b.ID
	}
	return out
}

// TestScale: another count makes or removes the difference; what stays keeps its container, from one without a number too.
func TestScale(t *testing.T) {
	w := newWorld(t)
	w.up(replicas("web", 1)...)
	for _, n := range []int{5, 3, 20, 1} {
		before := w.ids()
		p := w.up(replicas("web", n)...)
		after := w.ids()
		if len(after) != n {
			t.Fatalf("%d boxes, want %d", len(after), n)
		}
		for key, id := range before {
			if now, ok := after[key]; ok && now != id {
				t.Errorf("at a count of %d, %v was made anew", n, key)
			}
		}
		for _, s := range p.Steps {
			stays := slices.ContainsFunc(w.observed.Boxes, func(b resource.BoxObserved) bool { return b.ID == s.Target.ID && before[b.Key()] == b.ID })
			if stays && s.Op != OpRename {
				t.Errorf("at a count of %d, %s of a box that stays (%s)", n, s.Op, s.Address)
			}
		}
		if len(before) > n && p.Changes[len(p.Changes)-1].Reason == "no longer in the Envfile" {
			t.Errorf("a replica too many goes because it is %s", p.Changes[len(p.Changes)-1].Reason)
		}
	}
	if n := len(w.observed.Volumes); n != 21 {
		t.Errorf("%d volumes are left, want that of each replica and the claim", n)
	}
}

// TestScaleOnly: with names, what is too many of a box whose count was typed goes, and nothing else does.
func TestScaleOnly(t *testing.T) {
	w := newWorld(t)
	w.up(append(replicas("web", 3), append(replicas("api", 2), wantBox("old", "debian:12"))...)...)
	wanted := append(replicas("web", 2), replicas("api", 1)...)
	only := []resource.Key{{Box: "web", Index: 1}, {Box: "web", Index: 2}}
	if p := w.plan(Options{Only: only}, wanted...); len(p.Steps) != 0 {
		t.Errorf("an up of some boxes removes:\n%s", draw(p))
	}
	p := w.plan(Options{Only: only, Scaled: []string{"web"}}, wanted...)
	if len(p.Changes) != 1 || p.Changes[0].Address.Box != "web-3" || p.Changes[0].Action != Remove || p.Changes[0].Reason != "the count of web is 2" {
		t.Errorf("an up of web, scaled to 2:\n%s", draw(p))
	}
	p = w.plan(Options{Scaled: []string{"web"}}, replicas("api", 2)...)
	var reasons []string
	for _, c := range p.Changes {
		reasons = append(reasons, c.Address.Box+": "+c.Reason)
	}
	want := []string{"old: no longer in the Envfile", "web-1: the count of web is 0", "web-2: the count of web is 0", "web-3: the count of web is 0"}
	if !slices.Equal(reasons, want) {
		t.Errorf("reasons %q, want %q", reasons, want)
	}
}
