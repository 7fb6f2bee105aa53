package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/envyhq/envy/provision/resource"
)

// imageState is one wanted image while planning. Its steps are made when the first box needs them, so that an image
// that no box is created from is neither pulled nor built (§3).
type imageState struct {
	wanted resource.ImageWanted
	fact   *resource.ImageFact // of the base (the image as written, or the build's result); nil: not on the engine
	made   bool
	step   int // after which the image is there; 0: it is
}

// imageFor makes sure that the image of a box that is created is there. ok is false while a question is open. The fact
// is that of the base: packages and setups change no configuration.
func (p *planner) imageFor(w resource.BoxWanted) (ref string, fact resource.ImageFact, step int, ok bool) {
	i := p.images[w.Image]
	if !i.wanted.Spec.Derived() {
		p.makeBase(i)
		return i.wanted.Reference, factOf(i.fact), i.step, true
	}
	if i.wanted.Tag != "" && !(p.in.Options.Build && i.wanted.Build != nil) {
		q := Question{Kind: AskImage, Ref: i.wanted.Tag}
		if !p.ask(q) {
			return "", resource.ImageFact{}, 0, false
		}
		if p.in.Answers.Images[i.wanted.Tag] != nil {
			return i.wanted.Tag, factOf(i.fact), 0, true
		}
	}
	p.makeBase(i)
	p.makeLayers(i)
	return i.wanted.Tag, factOf(i.fact), i.step, true
}

func factOf(f *resource.ImageFact) resource.ImageFact {
	if f == nil {
		return resource.ImageFact{}
	}
	return *f
}

// makeBase plans the pull, load or build that gives the base, once.
func (p *planner) makeBase(i *imageState) {
	rebuild := i.wanted.Build != nil && p.in.Options.Build
	if i.made || i.fact != nil && !rebuild {
		return
	}
	i.made = true
	op, summary := OpPull, "pulled from its registry"
	if i.wanted.Locked {
		summary += ", as it is locked"
	}
	switch {
	case i.wanted.Archive != "":
		op, summary = OpLoad, "loaded from "+i.wanted.Archive
	case i.wanted.Build != nil:
		op, summary = OpBuild, "built from "+cmp.Or(i.wanted.Build.Dockerfile, "Dockerfile")
	}
	i.step = p.baseStep(i, op, summary)
	p.plan.Unresolved = true
}

// baseStep is shared by all images that start from one reference, whatever is put on top.
func (p *planner) baseStep(i *imageState, op Op, summary string) int {
	for _, s := range p.plan.Steps {
		if s.Op == op && s.Name == i.wanted.Reference {
			return s.ID
		}
	}
	addr := resource.Address{Kind: resource.KindImage, Name: i.wanted.Reference}
	p.change(Change{Address: addr, Action: Create, Summary: summary, Notes: unknowns(i), Origin: i.wanted.Origin})
	return p.step(Step{Op: op, Address: addr, Name: i.wanted.Reference, Image: &i.wanted, Origin: i.wanted.Origin})
}

func unknowns(i *imageState) []string {
	switch {
	case i.wanted.Archive != "":
		return []string{"(known after load)"}
	case i.wanted.Build != nil:
		return append(fromNotes(*i.wanted.Build), "volumes: (known after build)")
	}
	if i.wanted.Bootstrap {
		return []string{"(known after pull)", "bootstrapped from packages if it cannot be pulled"}
	}
	return []string{"(known after pull)"}
}

// fromNotes tell which images a build starts from.
func fromNotes(b resource.BuildWanted) []string {
	var out []string
	for _, f := range b.From {
		note := "from " + f.Reference
		switch {
		case f.Locked && f.Digest != resource.FromLocal:
			note += " @ " + shortDigest(f.Digest) + " (locked)"
		case f.Digest == "":
			note += " (not locked yet)"
		}
		out = append(out, note)
	}
	for _, open := range b.Open {
		out = append(out, "not locked: "+open)
	}
	return out
}

// bothFrom are builds with what both know of the images that they start from: a box that was made before the lock had one is not
// replaced for it.
func bothFrom(a, b *resource.BuildSpec) (x, y *resource.BuildSpec) {
	if a == nil || b == nil {
		return a, b
	}
	common := func(of, with resource.BuildSpec) *resource.BuildSpec {
		of.From = maps.Clone(of.From)
		maps.DeleteFunc(of.From, func(name, _ string) bool { return with.From[name] == "" })
		return &of
	}
	return common(*a, *b), common(*b, *a)
}

// makeLayers plans packages and setups, once for all boxes that share the recipe.
func (p *planner) makeLayers(i *imageState) {
	for _, s := range p.plan.Steps {
		if s.Op == OpBuildLayers && (s.Image == &i.wanted || i.wanted.Tag != "" && s.Name == i.wanted.Tag) {
			i.step = s.ID
			return
		}
	}
	addr := resource.Address{Kind: resource.KindImage, Name: cmp.Or(i.wanted.Tag, i.wanted.Reference+" with additions")}
	origin := i.wanted.Origin
	if o, ok := i.wanted.Origins["packages"]; ok {
		origin = o
	}
	i.step = p.step(Step{Op: OpBuildLayers, Address: addr, Name: i.wanted.Tag, Image: &i.wanted, Needs: []int{i.step}, Origin: origin})
	p.change(Change{Address: addr, Action: Create, Summary: additions(i.wanted.Spec), Notes: cached(i.wanted), Origin: origin})
}

// cached says that an image need not be built here; whether it is there shows when it is wanted.
func cached(w resource.ImageWanted) []string {
	if w.Cached == "" {
		return nil
	}
	return []string{"from the team cache, else built"}
}

// additions says in words what is put on top of a base.
func additions(s resource.ImageSpec) string {
	var parts []string
	if len(s.Packages) > 0 {
		parts = append(parts, strings.Join(s.Packages, ", "))
	}
	for _, x := range s.Setups {
		parts = append(parts, "setup "+x.Name)
	}
	return fmt.Sprintf("%s + %s", cmp.Or(s.Reference, "the build"), strings.Join(parts, ", "))
}

// specOf is the wanted spec with what the image tells filled in: the base's identity, and a volume for each VOLUME path
// that no mount covers. Where the image is not there and the box is, the box's own label fills the gap.
func (p *planner) specOf(w resource.BoxWanted) resource.BoxSpec {
	spec := w.Spec
	i := p.images[w.Image]
	if i == nil {
		return spec
	}
	spec.Image.Digest, spec.Image.Versions = i.wanted.Digest, i.wanted.VersionsID
	if i.fact == nil {
		return spec
	}
	spec.Image.Base = i.fact.BaseID
	spec.Mounts = slices.Clone(spec.Mounts)
	for _, path := range i.fact.Volumes {
		if !mounted(spec.Mounts, path) {
			spec.Mounts = append(spec.Mounts, resource.MountSpec{
				Type: resource.MountVolume, Target: path, Name: resource.ImageVolumeLabel(path), Image: true,
			})
		}
	}
	return spec
}

func mounted(mounts []resource.MountSpec, target string) bool {
	return slices.ContainsFunc(mounts, func(m resource.MountSpec) bool { return m.Target == target && m.Type != resource.MountCopy })
}

// Runs reports whether the box runs a command rather than idling (§2).
func Runs(s resource.BoxSpec) bool {
	return s.Service || s.Command != nil || s.Entrypoint != nil || s.Oneshot
}

// health is the check that makes a box ready: its own, or the image's where the box runs a command.
func (p *planner) health(w resource.BoxWanted) *resource.HealthSpec {
	if w.Spec.Healthcheck != nil {
		return w.Spec.Healthcheck
	}
	if i := p.images[w.Image]; Runs(w.Spec) && i != nil && i.fact != nil {
		return i.fact.Healthcheck
	}
	return nil
}
