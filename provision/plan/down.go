package plan

import (
	"slices"

	"github.com/envyhq/envy/provision/resource"
)

// wayDown orders stops: what depends on something is stopped before it (§4). What needs no stop itself stands for its
// dependents, so that these come before what it depends on all the same.
type wayDown[T comparable] struct {
	dependents func(T) []T
	stop       func(t T, needs []int) int // the last step; 0 where there is none
	done       map[T][]int
}

// of plans the stop of t behind the stops of its dependents, once, none of them before needs. It returns the last steps.
func (d *wayDown[T]) of(t T, needs ...int) []int {
	if steps, ok := d.done[t]; ok {
		return steps
	}
	d.done[t] = nil // labels may depend on each other; this ends it
	last := d.before(t, needs...)
	if s := d.stop(t, append(slices.Clone(needs), last...)); s != 0 {
		last = []int{s}
	}
	d.done[t] = last
	return last
}

// before plans the stops of what depends on t.
func (d *wayDown[T]) before(t T, needs ...int) []int {
	var out []int
	for _, x := range d.dependents(t) {
		out = append(out, d.of(x, needs...)...)
	}
	return compactNeeds(out)
}

// restarts is the way down of boxes that stay and that this plan restarts.
func (p *planner) restarts() *wayDown[resource.Key] {
	var dependents map[resource.Key][]resource.Key // made when something is stopped
	return &wayDown[resource.Key]{done: map[resource.Key][]int{}, stop: p.stopRestarted, dependents: func(k resource.Key) []resource.Key {
		if dependents == nil {
			dependents = map[resource.Key][]resource.Key{}
			for _, w := range p.in.Desired.Boxes {
				for _, d := range w.DependsOn {
					dependents[d] = append(dependents[d], w.Key)
				}
			}
		}
		return dependents[k]
	}}
}

// stopRestarted plans the stop of a box ahead of the rest of its restart. One that is replaced runs until its successor
// is made.
func (p *planner) stopRestarted(k resource.Key, needs []int) int {
	w, n := p.wanted[k], p.now[k]
	if n == nil || n.bad || n.final == nil || n.fresh != nil || n.old != nil || !p.selected[k] && !p.follows(w) {
		return 0
	}
	spec := p.specOf(w)
	if _, starts := p.startReason(w, n.final); !starts {
		return 0
	}
	if _, replaced := p.replaceReason(w, n.final, p.changes(w, spec, n.final, n.specs[n.final.ID])); replaced {
		return 0
	}
	step := p.stop(boxAddress(w), n.final, needs...)
	p.stopped[n.final.ID] = step
	return step
}
