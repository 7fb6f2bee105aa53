package plan

import (
	"cmp"
	"slices"

	"github.com/envyhq/envy/provision/resource"
)

// The plans in this file come from what is there alone, so that they work when the Envfile is broken (§4).

// Scope is what a command that needs no Envfile is about.
type Scope struct {
	Observed resource.Observed
	Project  string
	Only     []resource.Key // nil: all
	Volumes  bool           // destroy: named volumes too
	Named    []string       // destroy: instead, the volumes of these names on the engine
	Answers  Answers
	AskLoss  bool // destroy: say what would be lost
	Kill     bool // halt: do not wait for the boxes to stop by themselves
	Images   []SnapshotImage
}

type scopePlanner struct {
	*planner
	s     Scope
	boxes []*resource.BoxObserved // all there are, in dependency order as far as one Envfile knew it
	specs map[string]*resource.BoxSpec
}

func newScope(s Scope) *scopePlanner {
	in := Input{Observed: s.Observed, Answers: s.Answers}
	in.Desired.Identity.Project = s.Project
	p := &scopePlanner{
		planner: &planner{in: in, plan: &Plan{Version: Version, Project: s.Project}}, s: s, specs: map[string]*resource.BoxSpec{},
	}
	for i := range s.Observed.Boxes {
		b := &s.Observed.Boxes[i]
		spec, err := resource.DecodeSpec(b.Spec)
		if err != nil { // its order is unknown; it can be stopped and removed all the same
			spec = &resource.BoxSpec{}
		}
		p.specs[b.ID] = spec
		p.boxes = append(p.boxes, b)
	}
	slices.SortStableFunc(p.boxes, func(a, b *resource.BoxObserved) int {
		return cmp.Or(cmp.Compare(p.specs[a.ID].Meta.Order, p.specs[b.ID].Meta.Order), cmp.Compare(a.Name, b.Name))
	})
	return p
}

func (p *scopePlanner) address(b *resource.BoxObserved) resource.Address {
	a := resource.Address{Kind: resource.KindBox, Box: b.Key().ReplicaName(p.specs[b.ID].Meta.Counted)}
	if b.Owner.Run != "" {
		a.Name = "run-" + b.Owner.Run
	}
	return a
}

// chosen reports whether the command is about a box.
func (p *scopePlanner) chosen(b *resource.BoxObserved) bool {
	return p.s.Only == nil || slices.Contains(p.s.Only, b.Key())
}

// apart: labels say which blocks a box depends on, not which replicas. Of two that name each other's block the one that
// comes later in dependency order is the dependent.
func (p *scopePlanner) apart(d, b *resource.BoxObserved) bool {
	mine, other := p.specs[d.ID].Meta, p.specs[b.ID].Meta
	return slices.Contains(other.DependsOn, d.Owner.Box) && mine.Order <= other.Order
}

// down calls stop for each chosen box, dependents first, with the steps that come before.
func (p *scopePlanner) down(stop func(b *resource.BoxObserved, needs []int) int) {
	on := map[string][]*resource.BoxObserved{} // who depends on a box of that name
	for _, b := range slices.Backward(p.boxes) {
		for _, name := range p.specs[b.ID].Meta.DependsOn {
			on[name] = append(on[name], b)
		}
	}
	d := wayDown[*resource.BoxObserved]{
		done: map[*resource.BoxObserved][]int{},
		dependents: func(b *resource.BoxObserved) []*resource.BoxObserved {
			return slices.DeleteFunc(slices.Clone(on[b.Owner.Box]), func(d *resource.BoxObserved) bool { return p.apart(d, b) })
		},
		stop: func(b *resource.BoxObserved, needs []int) int {
			if !p.chosen(b) {
				return 0
			}
			return stop(b, needs)
		},
	}
	for _, b := range slices.Backward(p.boxes) {
		d.of(b)
	}
}

// Halt stops boxes, dependents first.
func Halt(s Scope) Result {
	p := newScope(s)
	p.down(func(b *resource.BoxObserved, needs []int) int {
		step := p.stop(p.address(b), b, needs...)
		if step == 0 {
			return 0
		}
		if s.Kill {
			p.plan.Steps[step-1].Timeout = -1
		}
		p.change(Change{Address: p.address(b), Action: Stop, Summary: b.Name})
		return step
	})
	return Result{Plan: p.plan}
}

// Suspend pauses what runs, dependents first; Resume is its reverse.
func Suspend(s Scope) Result {
	p := newScope(s)
	p.down(func(b *resource.BoxObserved, needs []int) int {
		if b.State != resource.StateRunning {
			return 0
		}
		p.change(Change{Address: p.address(b), Action: Pause, Summary: b.Name})
		return p.step(Step{Op: OpPause, Address: p.address(b), Target: Target{b.ID, b.Name}, Needs: needs})
	})
	return Result{Plan: p.plan}
}

// Resume lets go what is paused, dependents last.
func Resume(s Scope) Result {
	p := newScope(s)
	var paused []*resource.BoxObserved
	p.down(func(b *resource.BoxObserved, _ []int) int {
		if b.State == resource.StatePaused {
			paused = append(paused, b)
		}
		return 0
	})
	last := 0
	for _, b := range slices.Backward(paused) {
		p.change(Change{Address: p.address(b), Action: Unpause, Summary: b.Name})
		last = p.step(Step{Op: OpUnpause, Address: p.address(b), Target: Target{b.ID, b.Name}, Needs: []int{last}})
	}
	return Result{Plan: p.plan}
}

// Destroy removes boxes, dependents first, and with all of them the networks; volumes only when asked to. A claim on the
// project's name goes when nothing else of the project is left.
func Destroy(s Scope) Result {
	p := newScope(s)
	var removals []int
	p.down(func(b *resource.BoxObserved, needs []int) int {
		var loss *resource.Loss
		if s.AskLoss {
			var ok bool
			if loss, ok = p.loss(b); !ok {
				return 0
			}
		}
		p.change(Change{Address: p.address(b), Action: Remove, Summary: b.Name, Loss: loss})
		stopped := p.stop(p.address(b), b, needs...)
		removed := p.step(Step{Op: OpRemove, Address: p.address(b), Target: Target{b.ID, b.Name}, Needs: append(needs, stopped)})
		removals = append(removals, removed)
		return removed
	})
	if len(p.questions) > 0 {
		return Result{Questions: p.questions}
	}
	if s.Only == nil {
		p.destroyNetworks(removals)
	}
	p.destroyVolumes(removals)
	return Result{Plan: p.plan}
}

func (p *scopePlanner) destroyNetworks(needs []int) {
	for _, n := range p.s.Observed.Networks {
		p.change(Change{Address: networkAddress(n.Owner.Network), Action: Remove, Summary: n.Name})
		p.step(Step{Op: OpRemoveNetwork, Address: networkAddress(n.Owner.Network), Name: n.Name, Needs: needs, Network: &NetworkArgs{Label: n.Owner.Network, ID: n.ID, Name: n.Name}})
	}
}

func (p *scopePlanner) destroyVolumes(needs []int) {
	var claims []resource.VolumeObserved
	kept := p.destroySnapshots(needs)
	for _, v := range p.s.Observed.Volumes {
		key := resource.Key{Box: v.Owner.Box, Index: v.Owner.Index}
		switch {
		case v.Owner.Volume == resource.ClaimVolume:
			claims = append(claims, v)
			continue
		case p.s.Only != nil && !slices.Contains(p.s.Only, key):
			kept++
			continue
		case !p.s.Volumes && !slices.Contains(p.s.Named, v.Name):
			p.plan.Kept = append(p.plan.Kept, v.Name)
			kept++
			continue
		}
		p.removeVolume(v, needs)
	}
	if kept == 0 && p.s.Only == nil {
		for _, v := range claims {
			all := make([]int, len(p.plan.Steps))
			for i := range all {
				all[i] = i + 1
			}
			p.step(Step{Op: OpRemoveVolume, Address: resource.Address{Kind: resource.KindVolume, Name: v.Name}, Name: v.Name, Needs: all, Volume: &VolumeArgs{Name: v.Name}})
		}
	}
}

func (p *scopePlanner) removeVolume(v resource.VolumeObserved, needs []int) {
	addr := resource.Address{Kind: resource.KindVolume, Box: v.Owner.Box, Name: v.Owner.Volume}
	p.change(Change{Address: addr, Action: Remove, Summary: v.Name})
	p.step(Step{Op: OpRemoveVolume, Address: addr, Name: v.Name, Needs: needs, Volume: &VolumeArgs{Name: v.Name}})
}
