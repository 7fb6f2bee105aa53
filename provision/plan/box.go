package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/envyhq/envy/provision/resource"
)

func boxAddress(w resource.BoxWanted) resource.Address {
	return resource.Address{Kind: resource.KindBox, Box: w.Replica()}
}

// box plans one box. Which case it is follows from the containers that stand for it (§5, "Done is in the name").
func (p *planner) box(w resource.BoxWanted) {
	n := p.now[w.Key]
	if n == nil {
		n = &boxNow{}
	}
	if n.bad {
		return
	}
	spec := p.specOf(w)
	p.tidy(w, n)
	anew := p.neverStarted(w, n)
	switch {
	case n.fresh != nil:
		p.unfinished(w, spec, n)
	case n.final != nil:
		p.standing(w, spec, n.final, n.specs[n.final.ID])
	default:
		p.create(w, spec, nil, nil)
	}
	anew()
	p.idleNote(w)
}

// neverStarted removes what was made and never started. It holds nothing but what a create puts there, perhaps half (a
// copied share, networks), and some engines never start it again after they died while they did: it is made anew. What
// is returned orders the removals before whatever needs their names.
func (p *planner) neverStarted(w resource.BoxWanted, n *boxNow) (order func()) {
	removed := map[string]int{}
	for _, b := range []**resource.BoxObserved{&n.fresh, &n.final} {
		if *b != nil && (*b).State == resource.StateCreated {
			removed[(*b).Name] = p.step(Step{Op: OpRemove, Address: boxAddress(w), Target: Target{(*b).ID, (*b).Name}})
			*b = nil
		}
	}
	return func() {
		for name, step := range removed {
			p.after(step, name)
			p.nameChange(w, "never started")
		}
	}
}

// tidy settles what an interrupted replacement left: .old exists only after the new one was ready.
func (p *planner) tidy(w resource.BoxWanted, n *boxNow) {
	if n.old != nil {
		switch {
		case n.final == nil && n.fresh != nil:
			n.final, n.fresh = n.fresh, nil
		case n.final == nil:
			n.final, n.old = n.old, nil
		}
	}
	if n.old != nil {
		p.removeBox(boxAddress(w), n.old, "left over from a replacement", nil)
	}
	for _, b := range n.extra {
		if loss, ok := p.loss(b); ok {
			p.removeBox(boxAddress(w), b, "a second container of this box", loss)
		}
	}
}

// removeBox plans a removal and its line in the plan, and returns the step.
func (p *planner) removeBox(addr resource.Address, b *resource.BoxObserved, reason string, loss *resource.Loss, needs ...int) int {
	p.change(Change{Address: addr, Action: Remove, Summary: b.Name, Reason: reason, Loss: loss})
	return p.step(Step{Op: OpRemove, Address: addr, Target: Target{b.ID, b.Name}, Needs: append(needs, p.stop(addr, b, needs...)), Loss: loss})
}

// stop plans the stop of a box that is up, or gives the one that is planned already; 0 where it is not up.
func (p *planner) stop(addr resource.Address, b *resource.BoxObserved, needs ...int) int {
	if step, ok := p.stopped[b.ID]; ok {
		return step
	}
	switch b.State {
	case resource.StatePaused:
		needs = []int{p.step(Step{Op: OpUnpause, Address: addr, Target: Target{b.ID, b.Name}, Needs: needs})}
	case resource.StateRunning, resource.StateRestarting:
	default:
		return 0
	}
	return p.step(Step{Op: OpStop, Address: addr, Target: Target{b.ID, b.Name}, Needs: needs})
}

// unfinished settles a box that was never ready (§5, Replace): go on with it where it is what is wanted, else remove it
// by the loss rule and go on with what stood before.
func (p *planner) unfinished(w resource.BoxWanted, spec resource.BoxSpec, n *boxNow) {
	if !forces(compare(*n.specs[n.fresh.ID], spec)) && !p.told(w, p.in.Options.Recreate) && n.fresh.State != resource.StateDead {
		p.goOn(w, spec, n)
		return
	}
	loss, ok := p.loss(n.fresh)
	if !ok {
		return
	}
	removed := p.removeBox(boxAddress(w), n.fresh, "never became ready, and is not what the Envfile asks for", loss)
	switch {
	case n.final != nil:
		p.standing(w, spec, n.final, n.specs[n.final.ID])
	default:
		p.create(w, spec, nil, nil)
	}
	p.after(removed, n.fresh.Name)
}

// after makes the creation of a name wait for the removal of who has it.
func (p *planner) after(removed int, name string) {
	for i := range p.plan.Steps {
		s := &p.plan.Steps[i]
		if s.Op == OpCreateBox && s.Target.Name == name || s.Op == OpRename && s.Name == name {
			s.Needs = compactNeeds(append(s.Needs, removed))
		}
	}
}

// standing plans a box that was ready once.
func (p *planner) standing(w resource.BoxWanted, spec resource.BoxSpec, b *resource.BoxObserved, have *resource.BoxSpec) {
	changes := p.changes(w, spec, b, have)
	if reason, replaced := p.replaceReason(w, b, changes); replaced {
		p.replace(w, spec, b, notStale(changes, b, spec), reason)
		return
	}
	p.adjust(w, spec, b, have, changes)
}

// changes are the attributes in which a box is not what is wanted.
func (p *planner) changes(w resource.BoxWanted, spec resource.BoxSpec, b *resource.BoxObserved, have *resource.BoxSpec) []AttrChange {
	return ignoreHostSized(p.compareBox(b, *have, spec), w.HostSized)
}

// replaceReason says whether a box is replaced, and why where no attribute says it.
func (p *planner) replaceReason(w resource.BoxWanted, b *resource.BoxObserved, changes []AttrChange) (reason string, replaced bool) {
	switch {
	case forces(changes):
		return "", true
	case p.told(w, p.in.Options.Recreate):
		return "--recreate", true
	case b.State == resource.StateDead || b.State == resource.StateRemoving:
		return "the engine reports it as " + string(b.State), true
	case p.peerRemade(w):
		return "shares the network of a box that is replaced", true
	case p.told(w, p.in.Options.Build) && w.Spec.Image.Build != nil:
		return "--build", true
	}
	return "", false
}

// compareBox is compare with the fast path of equal fingerprints.
func (p *planner) compareBox(b *resource.BoxObserved, have, want resource.BoxSpec) []AttrChange {
	if h, ok := p.hashed(b.Key()); ok && h.hash == b.SpecHash {
		return nil
	}
	return compare(have, want)
}

func (p *planner) peerRemade(w resource.BoxWanted) bool {
	peer, ok := p.peer(w)
	return ok && p.remade[peer] != ""
}

// peer is the box whose network w shares.
func (p *planner) peer(w resource.BoxWanted) (resource.Key, bool) {
	const prefix = "box:"
	mode := w.Spec.NetworkMode
	if len(mode) <= len(prefix) || mode[:len(prefix)] != prefix {
		return resource.Key{}, false
	}
	for _, d := range p.in.Desired.Boxes {
		if d.Replica() == mode[len(prefix):] || d.Key.Box == mode[len(prefix):] && d.Key.Index == 1 {
			return d.Key, true
		}
	}
	return resource.Key{}, false
}

// finalName is the name of a box that is done: plain where its label says what it is, else with the digits of its
// in-place values.
func (p *planner) finalName(w resource.BoxWanted, want resource.BoxSpec, label *resource.BoxSpec) string {
	name := resource.BoxName(p.in.Desired.Identity.Project, w.Replica())
	if label == nil {
		return name
	}
	if id := inPlaceID(want); id != inPlaceID(*label) {
		return name + "." + id
	}
	return name
}

func (p *planner) newName(w resource.BoxWanted) string {
	return resource.BoxName(p.in.Desired.Identity.Project, w.Replica()) + "." + string(resource.SuffixNew)
}

// aliases are the names by which other boxes reach a box: the block's label, for a replica its own too.
func (p *planner) aliases(w resource.BoxWanted) []string {
	out := []string{w.Key.Box}
	if r := w.Key.ReplicaName(true); w.Key.Index == 1 || w.Counted {
		out = append(out, r)
	}
	return append(out, w.Spec.Aliases...)
}

// idleNote tells of an idle box whose image would run something (§2, What a box runs).
func (p *planner) idleNote(w resource.BoxWanted) {
	i := p.images[w.Image]
	if i == nil || i.fact == nil || Runs(w.Spec) {
		return
	}
	if len(i.fact.Entrypoint) == 0 && len(i.fact.ExposedPorts) == 0 {
		return
	}
	for n := range p.plan.Changes {
		c := &p.plan.Changes[n]
		if c.Address == boxAddress(w) && (c.Action == Create || c.Action == Replace) {
			c.Notes = append(c.Notes, fmt.Sprintf("idles although %s runs something of its own; to run that, write service = true", i.wanted.Reference))
		}
	}
}

// removed plans what the Envfile no longer names, dependents first. An up that is about some boxes removes of others
// nothing, and of those only what a typed count leaves over.
func (p *planner) removed() {
	var gone []*resource.BoxObserved
	for _, key := range sortedKeys(p.now) {
		n := p.now[key]
		if _, wanted := p.wanted[key]; wanted || n.bad || p.in.Options.Only != nil && !slices.Contains(p.in.Options.Scaled, key.Box) {
			continue
		}
		for _, b := range append([]*resource.BoxObserved{n.final, n.fresh, n.old}, n.extra...) {
			if b != nil {
				gone = append(gone, b)
			}
		}
	}
	meta := func(b *resource.BoxObserved) resource.Meta { return p.now[b.Key()].specs[b.ID].Meta }
	down := wayDown[*resource.BoxObserved]{
		done: map[*resource.BoxObserved][]int{},
		dependents: func(b *resource.BoxObserved) []*resource.BoxObserved {
			return slices.DeleteFunc(slices.Clone(gone), func(d *resource.BoxObserved) bool { return !slices.Contains(meta(d).DependsOn, b.Owner.Box) })
		},
		stop: func(b *resource.BoxObserved, needs []int) int {
			loss, ok := p.loss(b)
			if !ok {
				return 0
			}
			return p.removeBox(resource.Address{Kind: resource.KindBox, Box: b.Key().ReplicaName(meta(b).Counted)}, b, p.goneReason(b), loss, needs...)
		},
	}
	for _, b := range gone {
		down.of(b)
	}
}

// goneReason tells a replica too many from a box that the Envfile no longer has.
func (p *planner) goneReason(b *resource.BoxObserved) string {
	wanted := 0
	for _, w := range p.in.Desired.Boxes {
		if w.Key.Box == b.Owner.Box {
			wanted++
		}
	}
	switch {
	case wanted > 0:
		return fmt.Sprintf("the count of %s is %d", b.Owner.Box, wanted)
	case slices.Contains(p.in.Options.Scaled, b.Owner.Box):
		return "the count of " + b.Owner.Box + " is 0"
	}
	return "no longer in the Envfile"
}

// leftovers removes throw-away boxes whose client is gone.
func (p *planner) leftovers() {
	for _, key := range sortedKeys(p.now) {
		for _, b := range p.now[key].runs {
			var reason string
			switch {
			case b.State == resource.StateExited || b.State == resource.StateDead:
				reason = "a throw-away box that has ended"
			case slices.Contains(p.in.Options.Gone, b.Owner.Run):
				reason = "a throw-away box whose envy is gone"
			default:
				continue
			}
			p.removeBox(resource.Address{Kind: resource.KindBox, Box: key.Box, Name: "run-" + b.Owner.Run}, b, reason, nil)
		}
	}
}

// ignoreHostSized drops differences that come from the size of the machine (§2, Values in expressions).
func ignoreHostSized(changes []AttrChange, sized []string) []AttrChange {
	return slices.DeleteFunc(changes, func(c AttrChange) bool {
		return c.Forces && slices.ContainsFunc(sized, func(s string) bool { return c.Path == s || strings.HasPrefix(c.Path, s+".") })
	})
}

// notStale drops in-place attributes from what a replacement names where the box was changed to them already: its name
// says so, its label does not (§5, In place).
func notStale(changes []AttrChange, b *resource.BoxObserved, want resource.BoxSpec) []AttrChange {
	if _, suffix, _ := resource.SplitName(b.Name); string(suffix) != inPlaceID(want) {
		return changes
	}
	return slices.DeleteFunc(changes, func(c AttrChange) bool { return !c.Forces })
}
