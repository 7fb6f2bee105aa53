package plan

import (
	"slices"
	"strings"

	"github.com/envyhq/envy/provision/resource"
)

// UndoRestore plans the way back of a restore that is not done: o is what is there now. Without whole, the copies of what volumes
// held are not complete, and no volume was touched. What is gone already needs nothing.
func UndoRestore(o resource.Observed, project, run string, j resource.RestoreJournal, whole bool) *Plan {
	p := &planner{in: Input{Observed: o}, plan: &Plan{Version: Version, Project: project}}
	last := 0
	after := func(s Step) {
		s.Needs = []int{last}
		last = p.step(s)
	}
	for _, b := range o.Boxes {
		if slices.Contains(j.Fresh, b.Name) && b.Owner.SnapshotRun == run {
			after(Step{Op: OpRemove, Address: resource.Address{Kind: resource.KindBox, Box: b.Owner.Box}, Target: Target{b.ID, b.Name}})
		}
	}
	if whole {
		p.copyBack(o, run, j, after)
	}
	for _, name := range j.Made {
		if hasVolume(o, name) {
			after(Step{Op: OpRemoveVolume, Address: volumeAddress(name), Name: name, Volume: &VolumeArgs{Name: name}})
		}
	}
	for _, ran := range j.Ran {
		if i := slices.IndexFunc(o.Boxes, func(b resource.BoxObserved) bool { return b.ID == ran.ID }); i >= 0 && !isUp(o.Boxes[i].State) {
			last = startAgain(p, ran, last)
		}
	}
	for _, part := range []resource.SnapshotPart{resource.SnapshotJournal, resource.SnapshotBackup} {
		for _, v := range o.Snapshots {
			if v.Owner.SnapshotPart == part && v.Owner.SnapshotRun == run {
				after(Step{Op: OpRemoveVolume, Address: volumeAddress(v.Name), Name: v.Name, Volume: &VolumeArgs{Name: v.Name}})
			}
		}
	}
	return p.plan
}

// copyBack gives volumes what they held. One that somebody removed is made anew: its copy says whose it is.
func (p *planner) copyBack(o resource.Observed, run string, j resource.RestoreJournal, after func(Step)) {
	image := j.Image
	for _, b := range o.Boxes { // more certain to be there
		if !slices.Contains(j.Fresh, b.Name) {
			image = b.ImageID
			break
		}
	}
	for _, b := range j.Backups {
		i := slices.IndexFunc(o.Snapshots, func(v resource.SnapshotVolume) bool {
			return v.Name == b.Backup && v.Owner.SnapshotPart == resource.SnapshotBackup && v.Owner.SnapshotRun == run
		})
		if i < 0 {
			p.note("what volume " + b.Volume + " held before the restore is gone: somebody removed " + b.Backup)
			continue
		}
		if of := o.Snapshots[i].Owner; !hasVolume(o, b.Volume) {
			id := resource.Identity{Checkout: of.Checkout, HostID: of.HostID, User: of.User, Path: of.Path, Project: of.Project}
			labels := id.Labels(resource.Owner{Box: of.Box, Index: of.Index, Volume: of.Volume, Version: of.Version})
			after(Step{Op: OpCreateVolume, Address: volumeAddress(b.Volume), Name: b.Volume, Volume: &VolumeArgs{Name: b.Volume, Labels: labels}})
		}
		after(Step{Op: OpCopyVolume, Address: volumeAddress(b.Volume), Name: b.Volume, VolumeCopy: &CopyArgs{From: b.Backup, To: b.Volume, Image: image}})
	}
}

func hasVolume(o resource.Observed, name string) bool {
	return slices.ContainsFunc(o.Volumes, func(v resource.VolumeObserved) bool { return v.Name == name })
}

// startAgain plans the start of a container that ran, paused if it was.
func startAgain(p *planner, ran resource.RestoreRan, needs ...int) int {
	addr := resource.Address{Kind: resource.KindBox, Box: ran.Box}
	last := p.step(Step{Op: OpStart, Address: addr, Target: Target{ran.ID, ran.Name}, Restart: ran.Restart, Needs: needs})
	if ran.Paused {
		last = p.step(Step{Op: OpPause, Address: addr, Target: Target{ran.ID, ran.Name}, Needs: []int{last}})
	}
	return last
}

// unfinishedRestore says what up does before it plans: without that nothing is as it should be.
func (p *planner) unfinishedRestore() {
	for _, v := range p.in.Observed.Snapshots {
		if v.Owner.SnapshotPart == resource.SnapshotJournal {
			p.problem(Problem{Summary: "the restore of snapshot " + quote(v.Owner.Snapshot) + " was not finished", Hint: "envy up undoes it before all else"})
		}
	}
}

// leavings removes volumes that nothing belongs to: of saves that were killed, and of restores that are done or undone. What
// tells that there may be images, too, stays until these are gone.
func (p *planner) leavings() {
	for _, v := range Leavings(p.in.Observed) {
		if v.Owner.SnapshotPart == resource.SnapshotBegun {
			continue
		}
		p.step(Step{Op: OpRemoveVolume, Address: volumeAddress(v.Name), Name: v.Name, Volume: &VolumeArgs{Name: v.Name}})
	}
}

// Leavings are volumes of a run that neither a snapshot nor a journal speaks for.
func Leavings(o resource.Observed) []resource.SnapshotVolume {
	whole := map[string]bool{}
	for _, v := range o.Snapshots {
		if v.Owner.SnapshotPart == resource.SnapshotWhole || v.Owner.SnapshotPart == resource.SnapshotJournal {
			whole[v.Owner.SnapshotRun] = true
		}
	}
	var out []resource.SnapshotVolume
	for _, v := range o.Snapshots {
		if !whole[v.Owner.SnapshotRun] {
			out = append(out, v)
		}
	}
	return out
}

// fromSnapshot is what a box that runs from one would lose: its own layer has only what changed since.
func fromSnapshot(b *resource.BoxObserved, l *resource.Loss) *resource.Loss {
	if b.Owner.Snapshot == "" {
		return l
	}
	data, err := resource.DecodeSnapshot[resource.SnapshotBox](b.Labels[resource.LabelSnapshotData])
	if err != nil {
		return &resource.Loss{Unknown: true}
	}
	now := resource.Loss{}
	if l != nil {
		now = *l
	}
	all := data.Lost.With(now)
	return &all
}

// keepHint says how what would be lost is kept.
func keepHint(c Change) string {
	if c.Action != Replace || c.Address.Kind != resource.KindBox || strings.Contains(c.Reason, "from snapshot") {
		return ""
	}
	them := "them"
	if c.Loss.Count == 1 && !c.Loss.AtLeast {
		them = "it"
	}
	return "; keep " + them + " with: envy snapshot save " + c.Address.Box + " NAME"
}
