package plan

import (
	"github.com/envyhq/envy/provision/resource"
)

// loss asks what a container would lose; nil where it never ran or nothing would be. ok is false while it is open.
func (p *planner) loss(b *resource.BoxObserved) (*resource.Loss, bool) {
	if b.State == resource.StateCreated {
		return nil, true
	}
	if !p.ask(Question{Kind: AskLoss, Box: b.ID}) {
		return nil, false
	}
	l := fromSnapshot(b, p.in.Answers.Losses[b.ID])
	if l == nil || l.Count == 0 && !l.Unknown {
		return nil, true
	}
	return l, true
}

// replace plans a new box in the place of one that stands: made beside it, started when the old one has stopped and was
// looked at once more, renamed when it is ready (§5, Replace).
func (p *planner) replace(w resource.BoxWanted, spec resource.BoxSpec, old *resource.BoxObserved, attrs []AttrChange, reason string) {
	loss, ok := p.loss(old)
	if !ok {
		return
	}
	fresh := Target{Name: p.newName(w)}
	made, release, ok := p.make(w, spec, fresh, nil)
	if !ok {
		return
	}
	p.change(Change{
		Address: boxAddress(w), Action: Replace, Reason: reason, Attrs: attrs, Loss: loss, Notes: w.Notes, Origin: w.Origin,
		SpecHash: spec.Hash(),
	})
	p.remade[w.Key] = fresh.Name
	p.swap(w, spec, old, fresh, made, loss, release, resource.Record{Known: true}, true)
}

// swap is the second half of a replacement: from a new box that is made to the old one removed.
func (p *planner) swap(w resource.BoxWanted, spec resource.BoxSpec, old *resource.BoxObserved, fresh Target, made int, loss *resource.Loss, release bool, rec resource.Record, starts bool) {
	addr := boxAddress(w)
	was := Target{old.ID, old.Name}
	up := made
	if starts {
		before := append(p.dependencies(w), made)
		if isUp(old.State) {
			before = append(before, p.stop(addr, old, append(before, p.down.before(w.Key, before...)...)...))
		}
		undo := []Undo{{Op: OpRemove, Target: fresh}}
		if old.State == resource.StateRunning || old.State == resource.StateRestarting {
			undo = append(undo, Undo{Op: OpStart, Target: was, Restart: p.oldRestart(old)})
		}
		before = []int{p.step(Step{Op: OpRecheckLoss, Address: addr, Target: was, Needs: before, Loss: lossOrNone(loss), OnFail: undo})}
		up = p.begin(w, fresh, before, undo)
	}
	last, done := p.inside(w, spec, fresh, rec, release, true, up)
	if !done {
		p.ready[w.Key] = last
		return
	}
	aside := p.rename(addr, was, resource.BoxName(p.in.Desired.Identity.Project, w.Replica())+"."+string(resource.SuffixOld), last)
	named := p.rename(addr, fresh, resource.BoxName(p.in.Desired.Identity.Project, w.Replica()), aside)
	p.step(Step{Op: OpRemove, Address: addr, Target: was, Needs: []int{named}})
	p.ready[w.Key] = named
}

func (p *planner) oldRestart(b *resource.BoxObserved) string {
	if s := p.now[b.Key()].specs[b.ID]; s != nil {
		return s.Restart
	}
	return ""
}

func lossOrNone(l *resource.Loss) *resource.Loss {
	if l == nil {
		return &resource.Loss{}
	}
	return l
}

// goOn finishes a box that is what is wanted but was never ready: an interrupted create, replacement or in-place change.
func (p *planner) goOn(w resource.BoxWanted, spec resource.BoxSpec, n *boxNow) {
	b, have := n.fresh, n.specs[n.fresh.ID]
	if n.final == nil {
		p.adjust(w, spec, b, have, p.compareBox(b, *have, spec))
		p.nameChange(w, "was not finished")
		return
	}
	rec, _, ok := p.look(w, b)
	loss, lok := p.loss(n.final)
	if !ok || !lok {
		return
	}
	fresh := Target{b.ID, b.Name}
	p.change(Change{
		Address: boxAddress(w), Action: Replace, Reason: "the replacement was not finished", Loss: loss, Origin: w.Origin, SpecHash: spec.Hash(),
	})
	p.remade[w.Key] = b.Name
	starts := b.State != resource.StateRunning && b.State != resource.StatePaused && !p.done(w, b)
	made := 0
	if b.State == resource.StatePaused {
		made = p.step(Step{Op: OpUnpause, Address: boxAddress(w), Target: fresh, Origin: w.Origin})
	}
	last, _ := p.joins(w, *b, starts, made)
	p.swap(w, spec, n.final, fresh, last[0], loss, bornGated(*have), *rec, starts)
}

// nameChange says why a box that differs in nothing is touched.
func (p *planner) nameChange(w resource.BoxWanted, reason string) {
	for i := range p.plan.Changes {
		c := &p.plan.Changes[i]
		if c.Address == boxAddress(w) && c.Reason == "" {
			c.Reason = reason
		}
	}
}
