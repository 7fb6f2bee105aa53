package plan

import (
	"slices"

	"github.com/envyhq/envy/provision/resource"
)

// create plans a box that is not there.
func (p *planner) create(w resource.BoxWanted, spec resource.BoxSpec, attrs []AttrChange, needs []int) {
	named := p.ask(Question{Kind: AskNames})
	target := Target{Name: resource.BoxName(p.in.Desired.Identity.Project, w.Replica())}
	unfinished := p.hasFirstRuns(w)
	final := target.Name
	if unfinished {
		target.Name = p.newName(w)
	}
	if named && p.nameTaken(w, final, target.Name) {
		return
	}
	made, release, ok := p.make(w, spec, target, needs)
	if !ok {
		return
	}
	p.change(Change{
		Address: boxAddress(w), Action: Create, Summary: p.imageText(w), Attrs: attrs, Notes: w.Notes,
		Origin: w.Origin, SpecHash: spec.Hash(),
	})
	p.remade[w.Key] = target.Name
	up := p.begin(w, target, append(p.dependencies(w), made), nil)
	last, done := p.inside(w, spec, target, resource.Record{Known: true}, release, true, up)
	if unfinished && done {
		last = p.rename(boxAddress(w), target, final, last)
	}
	p.ready[w.Key] = last
}

func (p *planner) imageText(w resource.BoxWanted) string {
	i := p.images[w.Image].wanted
	if i.Spec.Build != nil {
		return "built image"
	}
	text := "image " + i.Spec.Reference
	if i.Locked {
		text += " @ " + shortDigest(i.Digest) + " (locked)"
	}
	return text
}

// hasFirstRuns: such a box is .new until it was ready once (§5).
func (p *planner) hasFirstRuns(w resource.BoxWanted) bool {
	return bornGated(w.Spec) || w.Spec.Oneshot || p.health(w) != nil
}

func copies(s resource.BoxSpec) []resource.MountSpec {
	var out []resource.MountSpec
	for _, m := range s.Mounts {
		if m.Type == resource.MountCopy {
			out = append(out, m)
		}
	}
	return out
}

// nameTaken reports a container that is not this box and bears a name that it needs; envy never touches it (§6).
func (p *planner) nameTaken(w resource.BoxWanted, names ...string) bool {
	taken := false
	for _, name := range slices.Compact(names) {
		owner, ok := p.in.Answers.Names[name]
		id := p.in.Desired.Identity
		mine := id.Owns(owner) && id.Bears(name, owner)
		if !ok || mine && p.observedName(name) {
			continue
		}
		taken = true
		if mine {
			p.stale = true
			continue
		}
		p.problem(Problem{
			Summary: "the container name " + quote(name) + " is taken",
			Detail:  "box " + quote(w.Replica()) + " needs that name; the container that has it was not made by envy for this checkout, so envy leaves it alone",
			Hint:    "rename or remove it (docker rename " + name + " …), or give the project another name: envy { name = … }",
			Origin:  w.Origin,
		})
	}
	return taken
}

// foreign reports a network or volume that this plan would make and that somebody else has (§6).
func (p *planner) foreign(kind resource.Kind, name string, origin resource.Origin) {
	if !p.ask(Question{Kind: AskNames}) {
		return
	}
	taken := p.in.Answers.Volumes
	if kind == resource.KindNetwork {
		taken = p.in.Answers.Networks
	}
	if owner, ok := taken[name]; !ok || p.in.Desired.Identity.Owns(owner) {
		return
	}
	p.problem(Problem{
		Summary: "the " + string(kind) + " name " + quote(name) + " is taken",
		Detail:  "the " + string(kind) + " that has it was not made by envy for this checkout, so envy leaves it alone",
		Hint:    "look at it with: docker " + string(kind) + " inspect " + name + "; remove it, or give the project another name: envy { name = … }",
		Origin:  origin,
	})
}

func (p *planner) observedName(name string) bool {
	return slices.ContainsFunc(p.in.Observed.Boxes, func(b resource.BoxObserved) bool { return b.Name == name })
}

// make plans the container itself: image, networks, volumes, create, copies. release is true where a baseline must be
// recorded or the command waits for its provisioners.
func (p *planner) make(w resource.BoxWanted, spec resource.BoxSpec, target Target, needs []int) (step int, release, ok bool) {
	image, fact, imageStep, ok := p.imageFor(w)
	if !ok {
		return 0, false, false
	}
	volumes, volumeSteps := p.volumesFor(w, spec)
	first := bornGated(spec)
	c := &BoxCreate{
		Wanted: w, Spec: spec, Image: image, Fact: fact, Volumes: volumes, Aliases: p.aliases(w), Gate: first && Runs(w.Spec),
		Networks: map[string]string{}, NetIDs: map[string]string{}, GitSafe: gitSafe(spec), Labels: p.boxLabels(w, spec),
	}
	needs = append(slices.Clone(needs), append(volumeSteps, imageStep, p.claimStep)...)
	for _, j := range w.Spec.Networks {
		n := p.nets[j.Network]
		c.Networks[j.Network], c.NetIDs[j.Network] = n.name, n.id
		needs = append(needs, n.step)
	}
	if peer, ok := p.peer(w); ok {
		c.Peer = p.standIn(peer)
		needs = append(needs, p.ready[peer])
	}
	step = p.step(Step{
		Op: OpCreateBox, Address: boxAddress(w), Target: target, Name: image, Needs: needs, Origin: w.Origin, Create: c,
	})
	for _, m := range copies(w.Spec) {
		step = p.step(Step{
			Op: OpCopyIn, Address: resource.Address{Kind: resource.KindShare, Box: w.Replica(), Name: m.Name}, Target: target,
			Name: m.Source, Needs: []int{step}, Origin: w.OriginOf("share." + m.Name), Copy: &m,
		})
	}
	return step, first, true
}

// standIn is the container that stands for a box after this plan.
func (p *planner) standIn(k resource.Key) Target {
	if name := p.remade[k]; name != "" {
		return Target{Name: name}
	}
	if n := p.now[k]; n != nil && n.final != nil {
		return Target{n.final.ID, n.final.Name}
	}
	return Target{Name: resource.BoxName(p.in.Desired.Identity.Project, p.wanted[k].Replica())}
}

func (p *planner) boxLabels(w resource.BoxWanted, spec resource.BoxSpec) map[string]string {
	l := p.labels(resource.Owner{Box: w.Key.Box, Index: w.Key.Index})
	for k, v := range spec.Labels {
		l[k] = v
	}
	l[resource.LabelSpec], l[resource.LabelSpecHash] = spec.Encode(), spec.Hash()
	l[resource.LabelComposeProject] = p.in.Desired.Identity.Project + ".envy"
	l[resource.LabelComposeService] = w.Key.Box
	return l
}

// gitSafe are the targets of bind shares: where the box's user does not own one, git must be told that it is safe.
func gitSafe(s resource.BoxSpec) []string {
	var out []string
	for _, m := range s.Mounts {
		if m.Type == resource.MountBind && !m.ReadOnly {
			out = append(out, m.Target)
		}
	}
	return out
}

// volumesFor finds or plans the volumes of a box: by label, so that they survive a change of the project's name.
func (p *planner) volumesFor(w resource.BoxWanted, spec resource.BoxSpec) (names map[string]string, steps []int) {
	names = map[string]string{}
	for _, m := range spec.Mounts {
		if m.Type != resource.MountVolume {
			continue
		}
		v := p.volume(w, m)
		names[m.Target] = v.name
		steps = append(steps, v.step)
	}
	return names, steps
}

func (p *planner) volume(w resource.BoxWanted, m resource.MountSpec) volumeState {
	if m.External != "" {
		return volumeState{name: m.External}
	}
	owner := resource.Owner{Box: w.Key.Box, Index: w.Key.Index, Volume: m.Name}
	replica := w.Replica()
	if m.Shared {
		owner, replica = resource.Owner{Volume: m.Name}, ""
	}
	addr := resource.Address{Kind: resource.KindVolume, Box: replica, Name: m.Name}
	if v, ok := p.volumes[addr.String()]; ok {
		return v
	}
	v := volumeState{name: p.observedVolume(owner)}
	if v.name == "" {
		v.name = resource.VolumeName(p.in.Desired.Identity.Project, replica, m.Name)
		p.foreign(resource.KindVolume, v.name, w.OriginOf("volume."+m.Name))
		v.step = p.step(Step{
			Op: OpCreateVolume, Address: addr, Name: v.name, Needs: []int{p.claimStep}, Origin: w.OriginOf("volume." + m.Name),
			Volume: &VolumeArgs{Name: v.name, Labels: p.labels(owner)},
		})
		p.change(Change{Address: addr, Action: Create, Summary: v.name, Origin: w.OriginOf("volume." + m.Name)})
	}
	p.volumes[addr.String()] = v
	return v
}

func (p *planner) observedVolume(o resource.Owner) string {
	for _, v := range p.in.Observed.Volumes {
		if v.Owner.Volume == o.Volume && v.Owner.Box == o.Box && v.Owner.Index == o.Index {
			return v.Name
		}
	}
	return ""
}

// kept lists volumes that nothing names any more (§5, Volumes).
func (p *planner) kept() {
	named := map[string]bool{}
	for _, v := range p.in.Observed.Volumes {
		named[v.Name] = v.Owner.Volume == resource.ClaimVolume
	}
	for _, w := range p.in.Desired.Boxes {
		for _, m := range p.specOf(w).Mounts {
			owner := resource.Owner{Box: w.Key.Box, Index: w.Key.Index, Volume: m.Name}
			if m.Shared {
				owner = resource.Owner{Volume: m.Name}
			}
			if m.Type == resource.MountVolume {
				named[p.observedVolume(owner)] = true
			}
		}
	}
	for _, v := range p.in.Observed.Volumes {
		if !named[v.Name] && !p.unresolvedImageVolume(v) {
			p.plan.Kept = append(p.plan.Kept, v.Name)
		}
	}
	slices.Sort(p.plan.Kept)
}

// unresolvedImageVolume: while an image is not on the engine its VOLUME paths are unknown, and so is whether a volume
// still belongs to one.
func (p *planner) unresolvedImageVolume(v resource.VolumeObserved) bool {
	w, ok := p.wanted[resource.Key{Box: v.Owner.Box, Index: v.Owner.Index}]
	return ok && (p.images[w.Image] == nil || p.images[w.Image].fact == nil)
}

// begin plans the start of a box.
func (p *planner) begin(w resource.BoxWanted, t Target, needs []int, undo []Undo) int {
	p.touched[w.Key] = true
	p.starting = append(p.starting, starting{w: w, instead: p.holders(w)})
	return p.step(Step{
		Op: OpStart, Address: boxAddress(w), Target: t, Needs: needs, Restart: w.Spec.Restart, Origin: w.Origin, OnFail: undo,
	})
}

// holders are the ids of the box's own containers: ports that they hold are not taken.
func (p *planner) holders(w resource.BoxWanted) []string {
	n := p.now[w.Key]
	if n == nil {
		return nil
	}
	var out []string
	for _, b := range append([]*resource.BoxObserved{n.final, n.fresh, n.old}, n.extra...) {
		if b != nil {
			out = append(out, b.ID)
		}
	}
	return out
}

func (p *planner) rename(addr resource.Address, t Target, name string, needs ...int) int {
	return p.step(Step{Op: OpRename, Address: addr, Target: t, Name: name, Needs: needs})
}

// dependencies are the steps after which every box that w depends on is ready, with a wait for those that run already
// but are not known to be healthy (§5).
func (p *planner) dependencies(w resource.BoxWanted) []int {
	var out []int
	for _, d := range w.DependsOn {
		dw, ok := p.wanted[d]
		if !ok || !p.selected[d] {
			continue
		}
		if r, ok := p.ready[d]; ok {
			out = append(out, r)
			continue
		}
		n := p.now[d]
		if n == nil || n.final == nil {
			continue
		}
		out = append(out, p.waitFor(dw, n.final))
	}
	return out
}

// waitFor waits for a box that runs under its final name, because something that starts depends on it.
func (p *planner) waitFor(w resource.BoxWanted, b *resource.BoxObserved) int {
	step := 0
	t := Target{b.ID, b.Name}
	switch h := p.health(w); {
	case w.Spec.Oneshot && b.State == resource.StateRunning:
		step = p.step(Step{Op: OpWaitExit, Address: boxAddress(w), Target: t, Origin: w.Origin, Timeout: w.Spec.Meta.WaitTimeout})
	case h != nil && b.Health != resource.HealthHealthy && b.State == resource.StateRunning:
		step = p.step(Step{Op: OpWaitHealthy, Address: boxAddress(w), Target: t, Health: h, Origin: w.OriginOf("healthcheck"), Timeout: w.Spec.Meta.WaitTimeout})
	}
	p.ready[w.Key] = step
	return step
}
