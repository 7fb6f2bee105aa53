package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/envyhq/envy/provision/resource"
)

// adjust plans a box that stays: its state, its name, its in-place values, its networks. The list alone decides whether
// there is anything to do; only where it shows another name than wanted is the box looked at (§5, In place).
func (p *planner) adjust(w resource.BoxWanted, spec resource.BoxSpec, b *resource.BoxObserved, have *resource.BoxSpec, changes []AttrChange) {
	t := Target{b.ID, b.Name}
	final := p.finalName(w, spec, have)
	_, suffix, _ := resource.SplitName(b.Name)
	_, wantSuffix, _ := resource.SplitName(final)
	always := p.alwaysDue(w, b)
	forced := p.told(w, p.in.Options.Provision) && len(w.Spec.Provisions) > 0
	if suffix == wantSuffix && !always && !forced {
		p.quiet(w, spec, b, t, final)
		return
	}
	rec, detail, ok := p.look(w, b)
	if !ok {
		return
	}
	actual := inPlaceChanges(spec, *have, *detail, *rec)
	if suffix == resource.SuffixNew && len(changes) == 0 {
		changes = actual
	}
	addr := boxAddress(w)
	last := 0
	if suffix != wantSuffix && suffix != resource.SuffixNew {
		last = p.rename(addr, t, p.newName(w), 0)
	}
	at := len(p.plan.Changes)
	last, joined, started := p.bring(w, b, t, last)
	last = p.limit(w, spec, *detail, t, last)
	last = p.realias(w, b, *detail, t, last)
	last, done := p.inside(w, spec, t, *rec, bornGated(*have), false, last)
	if suffix != wantSuffix && done || b.Name != final && suffix == wantSuffix {
		last = p.rename(addr, t, final, last)
	}
	p.ready[w.Key] = last
	c := Change{Address: addr, Action: Update, Attrs: withJoins(shown(actual, changes), joined), Reason: started, Origin: w.Origin}
	if len(c.Attrs) > 0 || suffix != wantSuffix {
		p.plan.Changes = slices.Insert(p.plan.Changes, at, c)
	} else if started != "" {
		c.Action = startAction(b, p.told(w, p.in.Options.Restart))
		p.plan.Changes = slices.Insert(p.plan.Changes, at, c)
	}
}

// alwaysDue: a box that this plan starts runs its "always" provisioners again.
func (p *planner) alwaysDue(w resource.BoxWanted, b *resource.BoxObserved) bool {
	_, starts := p.startReason(w, b)
	return starts && !p.in.Options.NoProvision &&
		slices.ContainsFunc(w.Spec.Provisions, func(s resource.ProvisionSpec) bool { return s.When == "always" })
}

func (p *planner) peerTouched(w resource.BoxWanted) bool {
	peer, ok := p.peer(w)
	return ok && p.touched[peer]
}

// done: a one-shot that ended well is not run again (§2).
func (p *planner) done(w resource.BoxWanted, b *resource.BoxObserved) bool {
	return w.Spec.Oneshot && b.State == resource.StateExited && b.ExitCode == 0
}

// quiet plans a box that is what it should be but for its state, its networks or its project's name.
func (p *planner) quiet(w resource.BoxWanted, spec resource.BoxSpec, b *resource.BoxObserved, t Target, final string) {
	addr := boxAddress(w)
	last, attrs, began := p.bring(w, b, t, 0)
	if began != "" && !p.done(w, b) {
		last = p.readyAfterStart(w, spec, b, t, last)
	}
	if b.Name != final {
		attrs = append(attrs, AttrChange{Path: "name", Old: b.Name, New: final})
		last = p.rename(addr, t, final, last)
	}
	if last != 0 {
		p.ready[w.Key] = last
	}
	switch {
	case len(attrs) > 0:
		p.change(Change{Address: addr, Action: Update, Reason: began, Attrs: attrs, Origin: w.Origin})
	case began != "":
		p.change(Change{Address: addr, Action: startAction(b, p.told(w, p.in.Options.Restart)), Reason: began, Origin: w.Origin})
	case b.Health == resource.HealthUnhealthy:
		p.note("box " + quote(w.Replica()) + " runs but its healthcheck fails")
	}
}

func startAction(b *resource.BoxObserved, restart bool) Action {
	switch {
	case b.State == resource.StatePaused && !restart:
		return Unpause
	case b.State == resource.StateRunning || restart:
		return Restart
	}
	return Start
}

// bring plans what makes a box run on its networks, and says why it does not yet; "" where it does or has ended for good.
// What starts is connected before, because an engine starts no box that was on a network which is gone.
func (p *planner) bring(w resource.BoxWanted, b *resource.BoxObserved, t Target, last int) (step int, joined []AttrChange, reason string) {
	reason, starts := p.startReason(w, b)
	needs := []int{last}
	switch {
	case starts && isUp(b.State):
		p.touched[w.Key] = true
		needs = append(needs, p.stop(boxAddress(w), b, append(p.down.before(w.Key), last)...))
	case reason != "" && !starts:
		p.touched[w.Key] = false
		needs = []int{p.step(Step{Op: OpUnpause, Address: boxAddress(w), Target: t, Needs: needs, Origin: w.Origin})}
	}
	needs, joined = p.joins(w, *b, starts, needs...)
	if !starts {
		return needs[0], joined, reason
	}
	return p.begin(w, t, append(p.dependencies(w), needs...), nil), joined, reason
}

// startReason says why a box that stays does not run as it should, and whether that takes a start.
func (p *planner) startReason(w resource.BoxWanted, b *resource.BoxObserved) (reason string, starts bool) {
	switch {
	case p.done(w, b):
		return "", false
	case !isUp(b.State):
		return "stopped", true
	case p.peerTouched(w):
		return "shares the network of a box that is restarted", true
	case p.told(w, p.in.Options.Restart):
		return "reload", true
	case b.State == resource.StatePaused:
		return "paused", false
	}
	return "", false
}

// readyAfterStart is the wait after a start under the final name: nothing of its first runs is left to do.
func (p *planner) readyAfterStart(w resource.BoxWanted, spec resource.BoxSpec, b *resource.BoxObserved, t Target, last int) int {
	h := p.health(w)
	switch {
	case b.State == resource.StatePaused && !p.told(w, p.in.Options.Restart):
		return last
	case spec.Oneshot:
		return p.step(Step{Op: OpWaitExit, Address: boxAddress(w), Target: t, Needs: []int{last}, Origin: w.Origin, Timeout: spec.Meta.WaitTimeout})
	case h != nil:
		return p.step(Step{Op: OpWaitHealthy, Address: boxAddress(w), Target: t, Health: h, Needs: []int{last}, Origin: w.OriginOf("healthcheck"), Timeout: spec.Meta.WaitTimeout})
	}
	return last
}

// look asks for the record and an inspect of a box whose name does not say that it is done. A record that cannot be read
// is a problem, because "unknown" must never become "did not run".
func (p *planner) look(w resource.BoxWanted, b *resource.BoxObserved) (*resource.Record, *resource.BoxDetail, bool) {
	askedDetail := p.ask(Question{Kind: AskDetail, Box: b.ID})
	askedRecord := p.ask(Question{Kind: AskRecord, Box: b.ID})
	if !askedDetail || !askedRecord {
		return nil, nil, false
	}
	rec, detail := p.in.Answers.Records[b.ID], p.in.Answers.Details[b.ID]
	if detail == nil {
		p.problem(Problem{Summary: "box " + quote(w.Replica()) + " went away while it was looked at", Hint: "run the command again", Origin: w.Origin})
		return nil, nil, false
	}
	if rec == nil || !rec.Known {
		if len(w.Spec.Provisions)+len(w.Spec.Files) == 0 {
			return &resource.Record{Known: true, Released: true}, detail, true
		}
		p.problem(Problem{
			Summary: "what ran in box " + quote(w.Replica()) + " cannot be read",
			Detail:  "its record is missing or damaged, so envy cannot tell which provisioners ran",
			Hint:    "run them all with: envy up --provision; or make the box anew with: envy up --recreate " + w.Replica(),
			Origin:  w.Origin,
		})
		return nil, nil, false
	}
	return rec, detail, true
}

// limit sets what differs in place from what an inspect told.
func (p *planner) limit(w resource.BoxWanted, spec resource.BoxSpec, d resource.BoxDetail, t Target, last int) int {
	if d.Memory == spec.Memory && d.NanoCPUs == spec.NanoCPUs && cmp.Or(d.Restart, "no") == cmp.Or(spec.Restart, "no") {
		return last
	}
	return p.step(Step{
		Op: OpLimit, Address: boxAddress(w), Target: t, Needs: []int{last}, Origin: w.OriginOf("memory"),
		Limits: &LimitArgs{Memory: spec.Memory, NanoCPUs: spec.NanoCPUs, Restart: spec.Restart},
	})
}

// realias connects anew where the aliases differ: engines cannot change those of a connection.
func (p *planner) realias(w resource.BoxWanted, b *resource.BoxObserved, d resource.BoxDetail, t Target, last int) int {
	for _, j := range w.Spec.Networks {
		n := p.nets[j.Network]
		if n == nil {
			continue
		}
		i := slices.IndexFunc(d.Networks, func(x resource.NetworkJoinObserved) bool { return n.is(x.ID, x.Name) })
		if i < 0 || sameAliases(d.Networks[i].Aliases, append(p.aliases(w), j.Aliases...), b) {
			continue
		}
		off := p.disconnect(w, *b, resource.NetworkAttached{ID: n.id, Name: n.name}, []int{last})
		last = p.connect(w, t, j, []int{off})
	}
	return last
}

// sameAliases compares as sets; engines add the short id of the container by themselves.
func sameAliases(have, want []string, b *resource.BoxObserved) bool {
	clean := func(in []string) []string {
		var out []string
		for _, a := range in {
			if len(a) < 12 || !strings.HasPrefix(b.ID, a) {
				out = append(out, a)
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(clean(have), clean(want))
}

// inPlaceChanges is what really differs, from a closer look: the label says what the box was made as, not what was
// changed since.
func inPlaceChanges(spec, have resource.BoxSpec, d resource.BoxDetail, rec resource.Record) []AttrChange {
	have.Memory, have.NanoCPUs, have.Restart = d.Memory, d.NanoCPUs, d.Restart
	if have.Restart == "no" {
		have.Restart = ""
	}
	have.Files = slices.Clone(have.Files)
	for i := range have.Files {
		have.Files[i].Content = rec.Files[have.Files[i].Target]
	}
	have.Provisions = slices.Clone(have.Provisions)
	for i := range have.Provisions {
		if r, ok := rec.Runs[have.Provisions[i].Name]; ok && have.Provisions[i].Run != "" {
			have.Provisions[i].Run = r.Hash
		}
	}
	return compare(have, spec)
}

// shown prefers what really differs; where an earlier run had done all but the last rename, it is what the label says.
func shown(actual, label []AttrChange) []AttrChange {
	if len(actual) > 0 {
		return actual
	}
	return label
}

// bornGated: the box was made with first runs, so a baseline is recorded, and its command let go, once they are done. One
// that got its first provisioner later has a life of its own before it, which must not become baseline.
func bornGated(label resource.BoxSpec) bool {
	return len(label.Provisions)+len(label.Files)+len(copies(label)) > 0
}

// withJoins adds connections that a list showed missing to what a closer look told, each once.
func withJoins(attrs, joined []AttrChange) []AttrChange {
	for _, j := range joined {
		if !slices.ContainsFunc(attrs, func(a AttrChange) bool { return a.Path == j.Path }) {
			attrs = append(attrs, j)
		}
	}
	return attrs
}
