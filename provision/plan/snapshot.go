package plan

import (
	"slices"

	"github.com/envyhq/envy/provision/resource"
)

// SnapshotImage is an image of a snapshot that the engine has, by all its names, or by its id where it has none.
type SnapshotImage struct {
	Snapshot string
	Names    []string
}

// DeleteSnapshot removes a snapshot: first what makes it one, so that none is ever listed of which something is gone.
func DeleteSnapshot(s Scope, name string) Result {
	p := newScope(s)
	for _, b := range p.boxes {
		if b.Owner.Snapshot == name {
			p.problem(Problem{
				Summary: "box " + quote(p.address(b).Box) + " runs from snapshot " + quote(name),
				Hint:    "envy up --recreate " + p.address(b).Box + " makes it from its image, envy snapshot restore from another snapshot; then delete",
			})
		}
	}
	p.removeSnapshots(func(of string) bool { return of == name }, nil)
	return Result{Plan: p.plan}
}

// removeSnapshots plans the removal of all that belongs to some snapshots.
func (p *scopePlanner) removeSnapshots(chosen func(name string) bool, needs []int) {
	addr := func(name string) resource.Address { return resource.Address{Kind: resource.KindSnapshot, Name: name} }
	first := slices.Clone(needs)
	remove := func(v resource.SnapshotVolume, after []int) int {
		return p.step(Step{Op: OpRemoveVolume, Address: addr(v.Owner.Snapshot), Name: v.Name, Needs: after, Volume: &VolumeArgs{Name: v.Name}})
	}
	for _, v := range p.s.Observed.Snapshots {
		if v.Owner.SnapshotPart == resource.SnapshotWhole && chosen(v.Owner.Snapshot) {
			p.change(Change{Address: addr(v.Owner.Snapshot), Action: Remove})
			first = append(first, remove(v, needs))
		}
	}
	for _, i := range p.s.Images {
		if !chosen(i.Snapshot) {
			continue
		}
		for _, name := range i.Names {
			p.step(Step{Op: OpRemoveImage, Address: addr(i.Snapshot), Name: name, Needs: first})
		}
	}
	for _, v := range p.s.Observed.Snapshots {
		if v.Owner.SnapshotPart != resource.SnapshotWhole && chosen(v.Owner.Snapshot) {
			remove(v, first)
		}
	}
}

// destroySnapshots takes all snapshots along, or says that they are kept. It gives how many are.
func (p *scopePlanner) destroySnapshots(needs []int) (kept int) {
	if p.s.Volumes && p.s.Only == nil {
		p.removeSnapshots(func(string) bool { return true }, needs)
		return 0
	}
	for _, v := range p.s.Observed.Snapshots {
		if v.Owner.SnapshotPart != resource.SnapshotWhole {
			continue
		}
		kept++
		if p.s.Only == nil {
			p.plan.KeptSnapshots = append(p.plan.KeptSnapshots, v.Owner.Snapshot)
		}
	}
	slices.Sort(p.plan.KeptSnapshots)
	if p.s.Only == nil {
		p.leavings()
	}
	return kept
}
