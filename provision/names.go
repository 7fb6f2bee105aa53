package provision

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// currentName is the project's name as the checkout bears it: what it claimed, the wanted name first. "" where it bears
// none, or none that is wanted.
func currentName(o resource.Observed, wanted string, id resource.Identity) string {
	var claimed []string
	for _, v := range o.Volumes {
		if v.Owner.Volume == resource.ClaimVolume {
			claimed = append(claimed, v.Owner.Project)
		}
	}
	if len(claimed) == 0 { // the volume is gone: what is labelled with a name keeps it all the same
		for _, b := range o.Boxes {
			claimed = append(claimed, b.Owner.Project)
		}
		for _, v := range o.Volumes {
			claimed = append(claimed, v.Owner.Project)
		}
	}
	for _, name := range []string{wanted, longName(wanted, id)} {
		if slices.Contains(claimed, name) {
			return name
		}
	}
	return ""
}

// anyName is a name under which objects of the checkout are found, for commands that need no Envfile.
func anyName(o resource.Observed) string {
	claimed := ""
	for _, v := range o.Volumes {
		if v.Owner.Volume != resource.ClaimVolume {
			continue
		}
		claimed = v.Owner.Project
		if slices.ContainsFunc(o.Boxes, func(b resource.BoxObserved) bool {
			owner := b.Owner
			owner.Project = claimed // one that was renamed bears another than its label says
			return resource.Identity{Project: claimed}.Bears(b.Name, owner)
		}) {
			return claimed
		}
	}
	if claimed != "" {
		return claimed
	}
	for _, b := range o.Boxes {
		return b.Owner.Project
	}
	for _, n := range o.Networks {
		return n.Owner.Project
	}
	for _, v := range o.Volumes {
		return v.Owner.Project
	}
	return ""
}

// longName is the wanted name with a short hash of the checkout, cut so that it stays a name.
func longName(wanted string, id resource.Identity) string {
	const longest = 52
	if len(wanted) > longest {
		wanted = wanted[:longest]
	}
	return wanted + "-" + resource.Digest(id.Path + id.Checkout)[:6]
}

// pickName chooses a name for a checkout that has none: the short one if no other checkout has it and nothing on the
// engine bears a name that it would give, else with a hash (§6). A checkout that was moved here is refused: its boxes
// still name the old path, and are never silently adopted.
func pickName(ctx context.Context, env Env, p *Project) (string, driver.Names, error) {
	names, err := env.Engine.Names(ctx)
	if err != nil {
		return "", names, err
	}
	wanted, id := p.Config.Name, p.Identity
	if err := moved(names, wanted, id, env.Host.Exists); err != nil {
		return "", names, err
	}
	env.noteRenamed(names, id)
	if !taken(names, wanted, id, p) {
		return wanted, names, nil
	}
	return longName(wanted, id), names, nil
}

// Elsewhere reports a checkout that has nothing on the engine where the same user's project of its name stands there, whose
// folder is gone. Error: *RefusedError, the same that Up gives; a checkout that has something is not asked about.
func Elsewhere(ctx context.Context, env Env, s *Scene, name func() string) error {
	if o := s.Observed; len(o.Boxes)+len(o.Networks)+len(o.Volumes) > 0 {
		return nil
	}
	names, err := env.Engine.Names(ctx)
	if err != nil {
		return err
	}
	if err := moved(names, name(), s.Identity, env.Host.Exists); err != nil {
		return err
	}
	env.noteRenamed(names, s.Identity)
	return nil
}

// moved looks for the same user's project of that name on this host whose folder is gone: by its claim, or where that
// was pruned by its boxes. A checkout that had to take the long form of the name wanted the same one.
func moved(names driver.Names, wanted string, id resource.Identity, exists func(string) (bool, bool)) error {
	for _, owner := range lost(names, id, exists) {
		long := longName(wanted, resource.Identity{Path: owner.Path, Checkout: owner.Checkout})
		if owner.Project != wanted && owner.Project != long {
			continue
		}
		return &RefusedError{
			Text: fmt.Sprintf("project %q belongs to a checkout at %s, which is gone; this looks like the same one, moved", owner.Project, owner.Path),
			Hint: "move it back; or let go of what it made, which envy prune takes away; or choose another name here: envy { name = … }",
		}
	}
	return nil
}

// noteRenamed tells of boxes whose checkout lay beside this one and is gone. It may be this one: a project without a name of
// its own is called after its folder, so nothing but the place is left to know it by, and that may deceive.
func (e Env) noteRenamed(names driver.Names, id resource.Identity) {
	for _, owner := range lost(names, id, e.Host.Exists) {
		if path.Dir(owner.Path) == path.Dir(id.Path) {
			e.Sink.Send(event.Event{Kind: event.Note, Text: fmt.Sprintf(
				"boxes of %s, which is gone, are still there as project %q; if that was this folder, rename it back; envy prune takes them away",
				owner.Path, owner.Project)})
		}
	}
}

// lost are the same user's projects on this host whose folders are gone, by name: those that have boxes or a claim.
func lost(names driver.Names, id resource.Identity, exists func(string) (bool, bool)) []resource.Owner {
	found := map[string]resource.Owner{} // by checkout
	mine := func(o resource.Owner) bool {
		return o.HostID == id.HostID && o.User == id.User && o.Checkout != id.Checkout && o.Path != ""
	}
	for _, name := range slices.Sorted(maps.Keys(names.Containers)) {
		if o := names.Containers[name]; mine(o) && (resource.Identity{}).Bears(name, o) {
			found[o.Checkout] = o
		}
	}
	for name, o := range names.Volumes {
		if mine(o) && o.Volume == resource.ClaimVolume && name == resource.ClaimName(o.Project) {
			found[o.Checkout] = o
		}
	}
	out := slices.SortedFunc(maps.Values(found), func(a, b resource.Owner) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Path, b.Path))
	})
	return slices.DeleteFunc(out, func(o resource.Owner) bool {
		there, _ := exists(o.Path)
		return there
	})
}

// taken reports whether another checkout or a foreign object has a name that the project would give.
func taken(names driver.Names, wanted string, id resource.Identity, p *Project) bool {
	foreign := func(m map[string]resource.Owner, name string) bool {
		o, ok := m[name]
		return ok && !id.Owns(o)
	}
	for _, m := range []map[string]resource.Owner{names.Volumes, names.Containers, names.Networks} {
		for _, o := range m {
			if o.Project == wanted && o.Checkout != "" && !id.Owns(o) {
				return true
			}
		}
	}
	if foreign(names.Volumes, resource.ClaimName(wanted)) || foreign(names.Networks, wanted) {
		return true
	}
	for _, b := range p.Config.Boxes {
		if foreign(names.Containers, resource.BoxName(wanted, b.Name)) {
			return true
		}
		for _, v := range b.Volumes {
			if v.Shared == nil && foreign(names.Volumes, resource.VolumeName(wanted, b.Name, v.Label)) {
				return true
			}
		}
	}
	for _, v := range p.Config.Volumes {
		if v.External == "" && foreign(names.Volumes, resource.VolumeName(wanted, "", v.Label)) {
			return true
		}
	}
	for _, n := range p.Config.Networks {
		if n.External == "" && foreign(names.Networks, resource.NetworkName(wanted, n.Label)) {
			return true
		}
	}
	return false
}
