package plan

import (
	"cmp"
	"slices"

	"github.com/envyhq/envy/provision/resource"
)

// networks plans those that a selected box joins.
func (p *planner) networks() {
	used := map[string]bool{}
	for _, w := range p.in.Desired.Boxes {
		if p.selected[w.Key] {
			for _, j := range w.Spec.Networks {
				used[j.Network] = true
			}
		}
	}
	for _, w := range p.in.Desired.Networks {
		if used[w.Label] {
			p.network(w)
		}
	}
}

func (p *planner) network(w resource.NetworkWanted) {
	n := &netState{wanted: w}
	p.nets[w.Label] = n
	if w.External != "" {
		n.id, n.name = w.External, w.External
		return
	}
	id := p.in.Desired.Identity
	n.name = resource.NetworkName(id.Project, w.Label)
	have := p.observedNetwork(w.Label)
	if have != nil {
		n.name = have.Name
		if attrs := compareNetwork(*have, w); len(attrs) == 0 {
			n.id = have.ID
		} else {
			p.replaceNetwork(n, *have, attrs)
		}
		return
	}
	p.foreign(resource.KindNetwork, n.name, w.Origin)
	n.step = p.createNetwork(n, p.claimStep)
	p.change(Change{Address: networkAddress(w.Label), Action: Create, Summary: n.name, Origin: w.Origin})
}

func networkAddress(label string) resource.Address {
	return resource.Address{Kind: resource.KindNetwork, Name: label}
}

// observedNetwork is the oldest of that label: doubles are possible, the oldest is the one that counts (§6).
func (p *planner) observedNetwork(label string) *resource.NetworkObserved {
	var best *resource.NetworkObserved
	for i := range p.in.Observed.Networks {
		n := &p.in.Observed.Networks[i]
		if n.Owner.Network == label && (best == nil || n.Created.Before(best.Created) || n.Created.Equal(best.Created) && n.ID < best.ID) {
			best = n
		}
	}
	return best
}

func compareNetwork(have resource.NetworkObserved, want resource.NetworkWanted) []AttrChange {
	var out []AttrChange
	flag := func(path string, old, now bool) {
		if old != now {
			out = append(out, AttrChange{Path: path, Old: boolText(old), New: boolText(now), Forces: true})
		}
	}
	flag("internal", have.Internal, want.Internal)
	flag("ipv6", have.IPv6, want.IPv6)
	if len(want.Subnets) > 0 { // an engine-chosen subnet is no difference
		old, now := slices.Sorted(slices.Values(have.Subnets)), slices.Sorted(slices.Values(want.Subnets))
		if !slices.Equal(old, now) {
			out = append(out, AttrChange{Path: "subnet", Old: list(old), New: list(now), Forces: true})
		}
	}
	return out
}

func boolText(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func (p *planner) createNetwork(n *netState, needs ...int) int {
	return p.step(Step{
		Op: OpCreateNetwork, Address: networkAddress(n.wanted.Label), Name: n.name, Needs: needs, Origin: n.wanted.Origin,
		Network: &NetworkArgs{
			Label: n.wanted.Label, Name: n.name, Internal: n.wanted.Internal, IPv6: n.wanted.IPv6, Subnets: n.wanted.Subnets,
			Labels: p.labels(resource.Owner{Network: n.wanted.Label}),
		},
	})
}

// replaceNetwork takes every box off and makes the network anew under its name. What this plan is about is put back with
// the box, the others here.
func (p *planner) replaceNetwork(n *netState, have resource.NetworkObserved, attrs []AttrChange) {
	label := n.wanted.Label
	var off []int
	for _, b := range p.on(have.ID) {
		off = append(off, p.step(Step{
			Op: OpDisconnect, Address: networkAddress(label), Target: Target{b.ID, b.Name}, Needs: []int{p.claimStep},
			Network: &NetworkArgs{Label: label, ID: have.ID, Name: have.Name},
		}))
	}
	gone := p.step(Step{Op: OpRemoveNetwork, Address: networkAddress(label), Name: have.Name, Needs: off, Network: &NetworkArgs{ID: have.ID, Name: have.Name}})
	n.step = p.createNetwork(n, gone)
	for _, b := range p.on(have.ID) {
		w := p.wanted[b.Key()]
		i := slices.IndexFunc(w.Spec.Networks, func(j resource.NetworkJoin) bool { return j.Network == label })
		if i >= 0 && !p.selected[b.Key()] && b.Owner.Run == "" {
			p.connect(w, Target{b.ID, b.Name}, w.Spec.Networks[i], []int{n.step})
		}
	}
	p.change(Change{Address: networkAddress(label), Action: Replace, Summary: n.name, Attrs: attrs, Origin: n.wanted.Origin})
}

// on lists the boxes that are attached to a network.
func (p *planner) on(network string) []resource.BoxObserved {
	var out []resource.BoxObserved
	for _, b := range p.in.Observed.Boxes {
		if slices.ContainsFunc(b.Networks, func(a resource.NetworkAttached) bool { return a.ID == network }) {
			out = append(out, b)
		}
	}
	return out
}

// staleNetworks removes networks that the Envfile no longer names, once no box that stays is on them, and doubles.
func (p *planner) staleNetworks() {
	wanted := map[string]bool{}
	for _, w := range p.in.Desired.Networks {
		wanted[w.Label] = w.External == ""
	}
	used := map[string]bool{}
	for _, w := range p.in.Desired.Boxes {
		for _, j := range w.Spec.Networks {
			used[j.Network] = true
		}
	}
	for _, n := range p.in.Observed.Networks {
		label := n.Owner.Network
		double := p.observedNetwork(label).ID != n.ID
		if wanted[label] && used[label] && !double {
			continue
		}
		reason := "no box is on it any more"
		if !wanted[label] {
			reason = "no longer in the Envfile"
		}
		if double {
			reason = "a second network of that name"
		}
		needs := p.leaving(n.ID)
		p.step(Step{Op: OpRemoveNetwork, Address: networkAddress(label), Name: n.Name, Needs: needs, Network: &NetworkArgs{Label: label, ID: n.ID, Name: n.Name}})
		p.change(Change{Address: networkAddress(label), Action: Remove, Summary: n.Name, Reason: reason})
	}
}

// leaving are the steps after which nobody is on a network any more: removals and disconnects of those who are.
func (p *planner) leaving(network string) []int {
	ids := map[string]bool{}
	for _, b := range p.on(network) {
		ids[b.ID] = true
	}
	var needs []int
	for _, s := range p.plan.Steps {
		if ids[s.Target.ID] && (s.Op == OpRemove || s.Op == OpDisconnect && s.Network.ID == network) {
			needs = append(needs, s.ID)
		}
	}
	return needs
}

// joins compares a box's connections with the list, never with its label (§5): what is missing is connected, what is too
// much is taken off, one after the other. starts is true where the box is started then. An engine knows the networks that
// a stopped box was on by their ids, and starts it on no other: connecting it replaces what the engine knows of a network
// of that name (§6). What is returned are the last steps, needs where there are none.
func (p *planner) joins(w resource.BoxWanted, b resource.BoxObserved, starts bool, needs ...int) (last []int, attrs []AttrChange) {
	up := !starts && isUp(b.State)
	var missing []resource.NetworkJoin
	named := map[string]bool{}
	stays := map[int]bool{}
	for _, j := range w.Spec.Networks {
		n := p.nets[j.Network]
		if n == nil {
			continue
		}
		i := slices.IndexFunc(b.Networks, func(a resource.NetworkAttached) bool { return n.is(a.ID, a.Name) })
		stays[i] = true
		if i < 0 || n.wanted.External != "" && starts { // whoever has it may have made it anew: its id is not known
			missing, named[n.name] = append(missing, j), true
		}
		if i < 0 {
			attrs = append(attrs, AttrChange{Path: "network." + j.Network, New: "joined"})
		}
	}
	var off []resource.NetworkAttached
	for i, a := range b.Networks {
		switch {
		case stays[i] || p.planned(a.ID) || w.Spec.NetworkMode != "":
		case named[a.Name] && !up: // replaced by the connect
		default:
			off = append(off, a)
			attrs = append(attrs, AttrChange{Path: "network." + a.Name, Old: "joined"})
		}
	}
	for _, j := range missing {
		needs = []int{p.connect(w, Target{b.ID, b.Name}, j, append(needs, p.nets[j.Network].step))}
	}
	for _, a := range off {
		needs = []int{p.disconnect(w, b, a, needs)}
	}
	return needs, attrs
}

func isUp(s resource.State) bool {
	return s == resource.StateRunning || s == resource.StatePaused || s == resource.StateRestarting
}

// is reports whether a connection is one to this network. The list leaves out some ids of boxes that do not run, and
// those of networks of others are not known.
func (n *netState) is(id, name string) bool {
	if n.wanted.External != "" {
		return name == n.name || id == n.name
	}
	return n.id != "" && (id == n.id || id == "" && name == n.name)
}

func (p *planner) connect(w resource.BoxWanted, t Target, j resource.NetworkJoin, needs []int) int {
	n := p.nets[j.Network]
	j.Aliases = append(p.aliases(w), j.Aliases...)
	return p.step(Step{
		Op: OpConnect, Address: boxAddress(w), Target: t, Name: n.name, Needs: needs, Origin: w.OriginOf("network." + j.Network),
		Network: &NetworkArgs{Label: j.Network, ID: n.id, Name: n.name, Join: j},
	})
}

func (p *planner) disconnect(w resource.BoxWanted, b resource.BoxObserved, a resource.NetworkAttached, needs []int) int {
	return p.step(Step{
		Op: OpDisconnect, Address: boxAddress(w), Target: Target{b.ID, b.Name}, Name: a.Name, Needs: needs,
		Network: &NetworkArgs{ID: cmp.Or(a.ID, a.Name), Name: a.Name},
	})
}

// planned reports whether this plan takes all boxes off the network of that id.
func (p *planner) planned(id string) bool {
	for _, s := range p.plan.Steps {
		if s.Op == OpRemoveNetwork && s.Network.ID == id {
			return true
		}
	}
	return false
}
