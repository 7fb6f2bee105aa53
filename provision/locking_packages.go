package provision

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/recipe"
	"github.com/envyhq/envy/provision/resource"
)

// PackageVersions are what a package step installed, for the lock.
type PackageVersions struct {
	Key      string // of the lock
	Platform string // "linux/amd64"
	Versions map[string]string
}

// PackageKey is what the packages of a box are called in the lock, "" where there is nothing to lock: it has none, or they go
// on top of a Dockerfile's result, of which the lock knows nothing.
func PackageKey(b *config.Box) string {
	packages := packagesOf(b)
	if b.Build != nil || b.Image == "" || len(packages) == 0 {
		return ""
	}
	return recipe.LockKey(resource.ImageSpec{Reference: b.Image, Packages: packages})
}

// packageKey is PackageKey of what was lowered.
func packageKey(i resource.ImageWanted) string {
	if i.Build != nil || len(i.Spec.Packages) == 0 {
		return ""
	}
	return recipe.LockKey(i.Spec)
}

func platformOf(fact *resource.ImageFact) string { return fact.OS + "/" + fact.Arch }

// chosen reports whether an image is of a box that this is about.
func (g *planning) chosen(image string) bool {
	return slices.ContainsFunc(g.desired.Boxes, func(w resource.BoxWanted) bool {
		picked := w.Autostart
		if len(g.options.Only) > 0 {
			picked = slices.Contains(g.options.Only, w.Key)
		}
		return w.Image == image && picked
	})
}

// lockPackages fills in what an image's packages are locked to, or were found to be. With --locked, those of chosen boxes must
// be locked.
func (g *planning) lockPackages(i *resource.ImageWanted, fact *resource.ImageFact, chosen bool) error {
	key, platform := packageKey(*i), platformOf(fact)
	if key == "" {
		return nil
	}
	versions, ok := g.project.Lock.FindPackages(key, platform)
	if !ok {
		versions, ok = g.versions[i.ID]
	}
	if !ok && g.project.Locked && chosen {
		return &RefusedError{
			Text: fmt.Sprintf("--locked: %s has no versions on %s of the packages of %s: %s", lock.NameFor(g.project.Config.File), platform, i.Spec.Reference, strings.Join(i.Spec.Packages, ", ")),
			Hint: "envy lock settles them",
		}
	}
	if ok {
		i.Versions, i.VersionsID = versions, recipe.VersionsID(versions)
	}
	return nil
}

// openPackages reports whether a box is to be made from packages that are not locked: the box bears what was installed, so
// that a later lock can tell.
func (g *planning) openPackages(p *plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		if s.Op != plan.OpCreateBox || s.Create == nil {
			return false
		}
		n := slices.IndexFunc(g.desired.Images, func(i resource.ImageWanted) bool { return i.ID == s.Create.Wanted.Image })
		return n >= 0 && packageKey(g.desired.Images[n]) != "" && g.desired.Images[n].Versions == nil
	})
}

// settlePackages reads what package steps installed that are not locked, as far as their images are there: first of those that
// were built just now, by tag. Each gets the name that it has once it is locked, so that the lock is followed by no build.
func (g *planning) settlePackages(ctx context.Context, built map[string]bool) error {
	for _, now := range []bool{true, false} {
		for n := range g.desired.Images {
			i := &g.desired.Images[n]
			if packageKey(*i) == "" || i.Versions != nil || g.images[i.Reference] == nil || built[i.Tag] != now {
				continue
			}
			versions, err := g.installed(ctx, i.Tag)
			if err == nil && versions != nil {
				err = g.settleVersions(ctx, i, versions)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// settleVersions is settlePackages for one image. The lock has one set of versions for the same packages on the same base: an
// image that was built at another time, and has others, stays what it is, of unknown versions.
func (g *planning) settleVersions(ctx context.Context, i *resource.ImageWanted, versions map[string]string) error {
	found := PackageVersions{Key: packageKey(*i), Platform: platformOf(g.images[i.Reference]), Versions: versions}
	n := slices.IndexFunc(g.packages, func(p PackageVersions) bool { return p.Key == found.Key && p.Platform == found.Platform })
	switch {
	case n < 0:
		g.packages = append(g.packages, found)
	case !maps.Equal(g.packages[n].Versions, versions):
		return nil
	}
	if g.versions == nil {
		g.versions = map[string]map[string]string{}
	}
	g.versions[i.ID] = versions
	tag := i.Tag
	i.Versions, i.VersionsID, i.Tag = versions, recipe.VersionsID(versions), recipe.LockedTag(i.Spec, versions)
	if i.Tag == tag {
		return nil
	}
	return g.env.Engine.TagImage(ctx, tag, i.Tag)
}

// installed is what an image's package step wrote down; nil where the image is not there, or none is written down in it.
func (g *planning) installed(ctx context.Context, tag string) (map[string]string, error) {
	data, err := g.env.Engine.ImageFile(ctx, tag, recipe.Installed, recipe.MaxInstalled)
	if driver.Is(err, driver.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	versions, err := recipe.DecodeInstalled(data)
	if err != nil {
		g.env.Sink.Send(event.Event{Kind: event.Warning, Text: fmt.Sprintf("the packages of %s are not locked: %v", tag, err)})
		return nil, nil
	}
	return versions, nil
}

// LockPackages finds out the versions of all packages of a project that its lock does not have for the engine's platform:
// their bases are pulled where they are missing, and their images built, anew where fresh says so of the key, but nothing
// else is made.
func LockPackages(ctx context.Context, env Env, p *Project, fresh func(key string) bool) ([]PackageVersions, error) {
	g, err := observe(ctx, env, p, UpOptions{})
	if err != nil {
		return nil, err
	}
	if err := g.pullForPackages(ctx); err != nil {
		return nil, err
	}
	built := map[string]bool{}
	for _, i := range g.desired.Images {
		if packageKey(i) == "" || i.Versions != nil {
			continue
		}
		known, err := g.installed(ctx, i.Tag)
		if err != nil {
			return nil, err
		}
		if known != nil && !fresh(packageKey(i)) {
			continue
		}
		if err := g.buildLayers(ctx, i, known != nil); err != nil {
			return nil, err
		}
		built[i.Tag] = true
	}
	if err := g.settlePackages(ctx, built); err != nil {
		return nil, err
	}
	return g.packages, nil
}

// pullForPackages fetches the bases of package steps that are not locked.
func (g *planning) pullForPackages(ctx context.Context) error {
	pulled := map[string]bool{}
	for _, i := range g.desired.Images {
		if packageKey(i) == "" || g.images[i.Reference] != nil || pulled[i.Reference] {
			continue
		}
		if err := g.fetch(ctx, fetchOp(i), i); err != nil {
			return err
		}
		pulled[i.Reference] = true
	}
	if len(pulled) == 0 {
		return nil
	}
	return g.resolve(ctx)
}

// fetchOp is how an image comes to the engine that is not built.
func fetchOp(i resource.ImageWanted) plan.Op {
	if i.Archive != "" {
		return plan.OpLoad
	}
	return plan.OpPull
}

// buildLayers builds packages and setups on a base that is there.
func (g *planning) buildLayers(ctx context.Context, i resource.ImageWanted, anew bool) error {
	id := "build-" + i.Tag
	step := plan.Step{Op: plan.OpBuildLayers, Address: resource.Address{Kind: resource.KindImage, Name: i.Tag}, Image: &i, Origin: i.Origin}
	g.env.Sink.Send(event.Event{ID: id, Kind: event.Start, Subject: step.Address.String(), Text: "build"})
	b, err := newHostSteps(g).Layers(ctx, i)
	if err == nil {
		b.NoCache = anew
		err = g.env.Engine.Build(ctx, b, g.env.Sink, id)
	}
	if err != nil {
		g.env.Sink.Send(event.Event{ID: id, Kind: event.Failed, Subject: step.Address.String(), Text: err.Error()})
		return failureOf(step, err)
	}
	g.env.Sink.Send(event.Event{ID: id, Kind: event.Done, Subject: step.Address.String(), Text: "build"})
	return nil
}
