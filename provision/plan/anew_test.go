package plan

import (
	"slices"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

// A box that an interrupt left before its first start is made anew: a share may be half copied into it.
func TestNeverStartedIsMadeAnew(t *testing.T) {
	w := newWorld(t)
	box := wantBox("web", "debian:12", func(b *resource.BoxWanted) {
		b.Spec.Mounts = []resource.MountSpec{{Type: resource.MountCopy, Name: "src", Source: "/src", Target: "/src"}}
	})
	first := w.plan(Options{}, box)
	for _, s := range first.Steps {
		if s.Op == OpCopyIn {
			w.apply(first, s.ID-1)
		}
	}
	again := w.plan(Options{}, box)
	var ops []Op
	for _, s := range again.Steps {
		ops = append(ops, s.Op)
	}
	for _, want := range []Op{OpRemove, OpCreateBox, OpCopyIn, OpStart} {
		if !slices.Contains(ops, want) {
			t.Errorf("no %s in the plan: %v", want, ops)
		}
	}
	w.apply(again, 0)
	if left := w.plan(Options{}, box); !left.Empty() {
		t.Errorf("not finished:\n%s", steps(left))
	}
}
