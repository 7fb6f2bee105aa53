package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/envyhq/envy/provision/resource"
)

// Restoration is what is put back.
type Restoration struct {
	Snapshot string // name
	Run      string // of this restore
	Boxes    map[resource.Key]RestoredBox
	Volumes  []resource.SnapshotCopy
}

// RestoredBox is one box of a snapshot.
type RestoredBox struct {
	Image string // reference
	Data  resource.SnapshotBox
}

// Restore plans boxes of a snapshot in the place of those that are there. All steps go one after the other, so that there is
// one order in which they are undone (UndoRestore): what stands is stopped, what volumes hold is copied aside, and only when that is
// whole a journal says so, before anything is overwritten. Once every box is ready the journal goes, and with it the way
// back; the rest is what a replacement does, which up can finish.
//
// A box is made as the Envfile says, on the snapshot's file system: where the Envfile asks for another image than then, the
// label tells of the one from then, and the next up says so. Steps of the journal and what it tells are in the result.
func Restore(in Input, r Restoration) (Result, *resource.RestoreJournal) {
	p := &restorer{planner: newPlanner(in), r: r}
	p.claim()
	p.networks()
	for _, s := range p.plan.Steps {
		if s.Op == OpRemoveNetwork {
			p.problem(Problem{Summary: "the network " + quote(s.Name) + " is not what the Envfile says", Hint: "envy up makes it anew; then restore"})
		}
	}
	p.peersLeft()
	p.restoreAll()
	switch {
	case p.stale:
		return Result{Stale: true}, nil
	case len(p.questions) > 0:
		return Result{Questions: p.questions}, nil
	}
	for i := range p.plan.Steps {
		p.plan.Steps[i].Needs = nil
		if i > 0 {
			p.plan.Steps[i].Needs = []int{i}
		}
	}
	return Result{Plan: p.plan}, &p.journal
}

type restorer struct {
	*planner
	r       Restoration
	journal resource.RestoreJournal
	made    []made
}

// made is a box that is put back.
type made struct {
	w      resource.BoxWanted
	spec   resource.BoxSpec
	fresh  Target
	old    *resource.BoxObserved
	loss   *resource.Loss
	before *boxNow
}

func (p *restorer) restoreAll() {
	p.journal = resource.RestoreJournal{Version: resource.SnapshotVersion}
	for _, w := range p.in.Desired.Boxes {
		if b, ok := p.r.Boxes[w.Key]; ok {
			p.journal.Image = b.Image
			p.box(w, b)
		}
	}
	if len(p.questions) > 0 || p.stale {
		return
	}
	volumes := p.targets()
	p.stopAll(volumes)
	for _, m := range p.made {
		if m.old != nil {
			p.step(Step{Op: OpRecheckLoss, Address: boxAddress(m.w), Target: Target{m.old.ID, m.old.Name}, Loss: lossOrNone(m.loss)})
		}
	}
	p.aside(volumes)
	for _, v := range volumes {
		p.step(Step{Op: OpCopyVolume, Address: v.addr, Name: v.name, VolumeCopy: &CopyArgs{From: v.copy.Name, To: v.name, Image: p.journal.Image}})
	}
	for _, m := range p.made {
		rec := p.r.Boxes[m.w.Key].record(m.w)
		up := p.begin(m.w, m.fresh, nil, nil)
		p.inside(m.w, m.spec, m.fresh, rec, bornGated(m.spec), false, up)
	}
	p.others()
	p.step(Step{Op: OpRemoveVolume, Address: p.journalAddress(), Name: p.journalName(), Volume: &VolumeArgs{Name: p.journalName()}})
	for _, m := range p.made {
		p.settle(m)
	}
	for _, b := range p.journal.Backups {
		p.step(Step{Op: OpRemoveVolume, Address: volumeAddress(b.Backup), Name: b.Backup, Volume: &VolumeArgs{Name: b.Backup}})
	}
}

// peersLeft: a box that shares the network of one that is put back would have none any more.
func (p *restorer) peersLeft() {
	for _, w := range p.in.Desired.Boxes {
		peer, shares := p.peer(w)
		_, put := p.r.Boxes[peer]
		if _, too := p.r.Boxes[w.Key]; shares && put && !too && p.now[w.Key] != nil {
			p.problem(Problem{
				Summary: "box " + quote(w.Replica()) + " shares the network of box " + quote(p.wanted[peer].Replica()) + ", which is to be restored without it",
				Hint:    "restore all boxes, of a snapshot that has both; or envy destroy " + w.Replica() + ", restore, envy up", Origin: w.Origin,
			})
		}
	}
}

// box plans the container of one box beside the one that stands.
func (p *restorer) box(w resource.BoxWanted, b RestoredBox) {
	n := p.now[w.Key]
	if n == nil {
		n = &boxNow{}
	}
	if n.bad {
		return
	}
	if n.fresh != nil || n.old != nil || len(n.extra) > 0 {
		p.problem(Problem{Summary: "box " + quote(w.Replica()) + " is not finished", Hint: "envy up " + w.Replica() + " finishes it; then restore", Origin: w.Origin})
		return
	}
	m := made{w: w, fresh: Target{Name: p.newName(w)}, old: n.final, before: n}
	if n.final != nil {
		var ok bool
		if m.loss, ok = p.loss(n.final); !ok {
			return
		}
	}
	if p.ask(Question{Kind: AskNames}) && p.nameTaken(w, resource.BoxName(p.in.Desired.Identity.Project, w.Replica()), m.fresh.Name) {
		return
	}
	image := "snapshot." + w.Replica()
	fact := b.Data.Fact
	p.images[image] = &imageState{wanted: resource.ImageWanted{ID: image, Reference: b.Image}, fact: &fact}
	w.Image = image
	m.spec = p.specOf(w)
	m.spec.Image = b.Data.Image
	delete(p.specs, w.Key)
	m.w = w
	bare := w // what a share of mode copy brought is in the snapshot
	bare.Spec.Mounts = slices.DeleteFunc(slices.Clone(w.Spec.Mounts), func(s resource.MountSpec) bool { return s.Type == resource.MountCopy })
	step, _, _ := p.make(bare, m.spec, m.fresh, nil)
	c := p.plan.Steps[step-1].Create
	c.Wanted, c.Life = w, b.Data.Life
	c.Labels[resource.LabelSnapshot], c.Labels[resource.LabelSnapshotRun] = p.r.Snapshot, p.r.Run
	c.Labels[resource.LabelSnapshotData] = resource.EncodeSnapshot(resource.SnapshotBox{Version: resource.SnapshotVersion, Lost: b.Data.Lost})
	p.journal.Fresh = append(p.journal.Fresh, m.fresh.Name)
	p.remade[w.Key] = m.fresh.Name
	p.made = append(p.made, m)
	p.line(m)
}

// line is the line of a box in the plan.
func (p *restorer) line(m made) {
	c := Change{
		Address: boxAddress(m.w), Action: Create, Reason: "from snapshot " + p.r.Snapshot, Loss: m.loss, Origin: m.w.Origin, SpecHash: m.spec.Hash(),
	}
	if m.old != nil {
		c.Action = Replace
	}
	for _, a := range compare(m.spec, p.specOf(p.wanted[m.w.Key])) {
		if a.Forces {
			c.Notes = append(c.Notes, "the Envfile asks for another image than it did then: the next up replaces it")
			break
		}
	}
	p.change(c)
}

// record is what the box's own record will say, as far as a plan asks; a read-only root has none.
func (b RestoredBox) record(w resource.BoxWanted) resource.Record {
	if w.Spec.ReadOnly {
		return resource.Record{Known: true}
	}
	return resource.Record{Known: true, Released: b.Data.Ready, Files: b.Data.Files, Runs: b.Data.Runs}
}

// target is a volume that gets the content of a copy.
type target struct {
	name  string
	addr  resource.Address
	copy  resource.SnapshotCopy
	fresh bool // this plan makes it
}

func volumeAddress(name string) resource.Address {
	return resource.Address{Kind: resource.KindVolume, Name: name}
}

// targets are the volumes that boxes of this plan mount and the snapshot has.
func (p *restorer) targets() (out []target) {
	created := map[string]bool{}
	for _, s := range p.plan.Steps {
		if s.Op == OpCreateVolume {
			created[s.Name] = true
			p.journal.Made = append(p.journal.Made, s.Name)
		}
	}
	defer func() { p.keepVolumes(created, out) }()
	for _, addr := range slices.Sorted(maps.Keys(p.volumes)) {
		v := p.volumes[addr]
		i := slices.IndexFunc(p.r.Volumes, func(c resource.SnapshotCopy) bool { return p.addressOf(c) == addr })
		if i < 0 {
			continue
		}
		t := target{name: v.name, addr: volumeAddress(v.name), copy: p.r.Volumes[i], fresh: created[v.name]}
		out = append(out, t)
		if !t.fresh {
			p.change(Change{Address: t.addr, Action: Replace, Summary: "what it holds goes", Reason: "from snapshot " + p.r.Snapshot})
		}
	}
	return out
}

// keepVolumes: an engine gives an empty volume what the image has at its mount point, be it the bare folder that it made
// there itself. That is right for volumes that are new with the Envfile, and for no other.
func (p *restorer) keepVolumes(created map[string]bool, filled []target) {
	for _, s := range p.plan.Steps {
		if s.Create == nil {
			continue
		}
		for _, t := range slices.Sorted(maps.Keys(s.Create.Volumes)) {
			name := s.Create.Volumes[t]
			if !created[name] || slices.ContainsFunc(filled, func(f target) bool { return f.name == name }) {
				s.Create.Kept = append(s.Create.Kept, t)
			}
		}
	}
}

// addressOf is how the planner names the volume that was copied.
func (p *restorer) addressOf(c resource.SnapshotCopy) string {
	a := resource.Address{Kind: resource.KindVolume, Name: c.Volume}
	if c.Box != "" {
		a.Box = c.Box
		if w, ok := p.wanted[resource.Key{Box: c.Box, Index: c.Index}]; ok {
			a.Box = w.Replica()
		}
	}
	return a.String()
}

// stopAll stops what is put back and whatever else has one of the volumes, dependents first.
func (p *restorer) stopAll(volumes []target) {
	var all []*resource.BoxObserved
	for i := range p.in.Observed.Boxes {
		b := &p.in.Observed.Boxes[i]
		if !isUp(b.State) && b.State != resource.StateRestarting {
			continue
		}
		_, restored := p.r.Boxes[b.Key()]
		uses := p.mounts(b, volumes)
		if b.Owner.Run != "" {
			if uses {
				p.problem(Problem{Summary: "the throw-away box " + quote(b.Name) + " uses a volume that is to be restored", Hint: "end it first"})
			}
			continue
		}
		if restored || uses {
			all = append(all, b)
		}
	}
	slices.SortStableFunc(all, func(a, b *resource.BoxObserved) int {
		return cmp.Or(cmp.Compare(p.metaOf(a).Order, p.metaOf(b).Order), cmp.Compare(a.Name, b.Name))
	})
	for _, b := range all {
		p.journal.Ran = append(p.journal.Ran, resource.RestoreRan{
			Box: p.replicaOf(b), ID: b.ID, Name: b.Name, Restart: p.oldRestart(b), Paused: b.State == resource.StatePaused,
		})
	}
	for _, b := range slices.Backward(all) {
		addr := resource.Address{Kind: resource.KindBox, Box: p.replicaOf(b)}
		p.stop(addr, b)
		if _, restored := p.r.Boxes[b.Key()]; !restored {
			p.change(Change{Address: addr, Action: Restart, Reason: "has a volume that is restored"})
		}
	}
}

func (p *restorer) metaOf(b *resource.BoxObserved) resource.Meta {
	if n := p.now[b.Key()]; n != nil && n.specs[b.ID] != nil {
		return n.specs[b.ID].Meta
	}
	return resource.Meta{}
}

func (p *restorer) replicaOf(b *resource.BoxObserved) string {
	return b.Key().ReplicaName(p.metaOf(b).Counted)
}

// mounts reports whether a container has one of the volumes.
func (p *restorer) mounts(b *resource.BoxObserved, volumes []target) bool {
	spec, err := resource.DecodeSpec(b.Spec)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(volumes, func(t target) bool {
		return slices.ContainsFunc(spec.Mounts, func(m resource.MountSpec) bool {
			o, ok := VolumeOf(b.Key(), m)
			return ok && o == t.copy.Owner()
		})
	})
}

// VolumeOf is whose volume a mount is of, by its label; not ok for what is no volume of the project's.
func VolumeOf(k resource.Key, m resource.MountSpec) (resource.Owner, bool) {
	switch {
	case m.Type != resource.MountVolume || m.External != "":
		return resource.Owner{}, false
	case m.Shared:
		return resource.Owner{Volume: m.Name}, true
	}
	return resource.Owner{Box: k.Box, Index: k.Index, Volume: m.Name}, true
}

func (p *restorer) journalName() string {
	return resource.SnapshotVolumeName(p.in.Desired.Identity, resource.Owner{SnapshotPart: resource.SnapshotJournal})
}

func (p *restorer) journalAddress() resource.Address { return volumeAddress(p.journalName()) }

// aside copies what the volumes hold, and writes the journal when all of that is there.
func (p *restorer) aside(volumes []target) {
	for _, v := range volumes {
		if v.fresh {
			continue
		}
		owner := v.copy.Owner()
		owner.Snapshot, owner.SnapshotRun, owner.SnapshotPart = p.r.Snapshot, p.r.Run, resource.SnapshotBackup
		name := resource.SnapshotVolumeName(p.in.Desired.Identity, owner)
		p.step(Step{Op: OpCreateVolume, Address: volumeAddress(name), Name: name, Volume: &VolumeArgs{Name: name, Labels: p.labels(owner)}})
		p.step(Step{Op: OpCopyVolume, Address: volumeAddress(name), Name: name, VolumeCopy: &CopyArgs{From: v.name, To: name, Image: p.journal.Image}})
		p.journal.Backups = append(p.journal.Backups, resource.RestoreBackup{Volume: v.name, Backup: name})
	}
	labels := p.labels(resource.Owner{Snapshot: p.r.Snapshot, SnapshotRun: p.r.Run, SnapshotPart: resource.SnapshotJournal})
	labels[resource.LabelSnapshotData] = resource.EncodeSnapshot(p.journal)
	p.step(Step{Op: OpCreateVolume, Address: p.journalAddress(), Name: p.journalName(), Volume: &VolumeArgs{Name: p.journalName(), Labels: labels}})
}

// others starts again what was stopped for its volumes alone.
func (p *restorer) others() {
	for _, ran := range p.journal.Ran {
		i := slices.IndexFunc(p.in.Observed.Boxes, func(b resource.BoxObserved) bool { return b.ID == ran.ID })
		if _, restored := p.r.Boxes[p.in.Observed.Boxes[i].Key()]; restored {
			continue
		}
		startAgain(p.planner, ran)
	}
}

// settle gives a box its name, as a replacement does.
func (p *restorer) settle(m made) {
	addr := boxAddress(m.w)
	final := resource.BoxName(p.in.Desired.Identity.Project, m.w.Replica())
	if m.old == nil {
		p.rename(addr, m.fresh, final)
		return
	}
	was := Target{m.old.ID, m.old.Name}
	p.rename(addr, was, final+"."+string(resource.SuffixOld))
	p.rename(addr, m.fresh, final)
	p.step(Step{Op: OpRemove, Address: addr, Target: was})
}
