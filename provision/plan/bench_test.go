package plan

import (
	"fmt"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

func BenchmarkDiff(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			t := &testing.T{}
			w := newWorld(t)
			var boxes []resource.BoxWanted
			for i := range n {
				boxes = append(boxes, wantBox("web", "debian:12", func(x *resource.BoxWanted) { x.Key.Index, x.Counted = i+1, true }))
			}
			w.apply(w.plan(Options{}, boxes...), 0)
			in := Input{Desired: w.desired(boxes...), Observed: w.observed, Images: w.images}
			for b.Loop() {
				if r := Diff(in); r.Plan == nil || !r.Plan.Empty() {
					b.Fatal("not empty")
				}
			}
		})
	}
}
