package provision

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/dockerfile"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/recipe"
	"github.com/envyhq/envy/provision/resource"
)

// Bases are the images that a build starts from and that the lock has something to say about.
type Bases struct {
	References []string // as the builder looks for them
	Open       []string // what cannot be told for sure, for people
}

// BaseImages are those of the build of a box, as its Dockerfile is now; none where the box has no build.
func BaseImages(host Host, b *config.Box) (out Bases, err error) {
	if b.Build == nil {
		return out, nil
	}
	source, err := sourceOf(host, b.Build)
	if err != nil {
		return out, err
	}
	text, err := recipe.ReadDockerfile(source, b.Build.Dockerfile)
	if err != nil {
		return out, err
	}
	read := dockerfile.Read(text, b.Build.Target, pairs(b.Build.Args))
	for _, i := range read.Images {
		if lockableName(i.Reference) {
			out.References = append(out.References, i.Reference)
		}
	}
	out.Open = openBases(b.Build, read)
	return out, nil
}

func openBases(b *config.Build, read dockerfile.Bases) []string {
	var out []string
	for _, p := range read.Problems {
		out = append(out, cmp.Or(b.Dockerfile, "Dockerfile")+": "+p.String())
	}
	return out
}

// bases fills in which images a build starts from, by the text of its Dockerfile, and what they are held to.
func (l *lowering) bases(b *config.Box, text string, spec *resource.BuildSpec, wanted *resource.BuildWanted) {
	key := fmt.Sprintf("%q %q %q", spec.Dockerfile, spec.Target, spec.Args)
	read, known := l.read[key]
	if !known {
		read = dockerfile.Read(text, spec.Target, spec.Args)
		l.read[key] = read
	}
	wanted.Open, spec.From = openBases(b.Build, read), nil
	for _, i := range read.Images {
		if !lockableName(i.Reference) {
			continue
		}
		f := resource.FromWanted{Reference: i.Reference, Own: !slices.ContainsFunc(i.Platforms, func(p string) bool { return !ownPlatform(p, b.Platform) })}
		entry, locked := l.lock.FindImage(i.Reference)
		switch {
		case locked:
			f.Digest, f.Locked = fromDigest(entry), true
		case l.locked:
			l.diags = append(l.diags, diag.Diagnostic{
				Class: diag.Refused, Summary: fmt.Sprintf("--locked: %s has nothing on the image %s, which the build of box %q starts from", lock.NameFor(l.project.File), i.Reference, b.Label),
				Hint: "envy lock settles it", Range: b.Build.Range,
			})
		default:
			f.Digest = l.from[i.Reference]
		}
		if f.Digest != "" {
			if spec.From == nil {
				spec.From = resource.StrMap{}
			}
			spec.From[i.Reference] = f.Digest
		}
		wanted.From = append(wanted.From, f)
	}
}

// fromDigest is what a build that starts from an image is told of it.
func fromDigest(i lock.Image) string {
	if i.Local {
		return resource.FromLocal
	}
	return i.Digest
}

// ownPlatform reports whether FROM --platform means the platform of the build itself, "" being the engine's.
func ownPlatform(written, build string) bool {
	switch strings.Trim(written, "${}") {
	case "", "TARGETPLATFORM":
		return true
	case "BUILDPLATFORM":
		return build == ""
	}
	return written == build
}

// named is the name that is given to the builder.
func named(f resource.FromWanted) string {
	if f.Digest == "" || f.Digest == resource.FromLocal {
		return f.Reference
	}
	return pinned(f.Reference, f.Digest)
}

// asBase is an image that a build starts from as one that is wanted by itself.
func (g *planning) asBase(build resource.ImageWanted, f resource.FromWanted) resource.ImageWanted {
	i := resource.ImageWanted{
		Reference: named(f), Locked: f.Locked && f.Digest != resource.FromLocal, Origin: build.Origin,
		Spec: resource.ImageSpec{Reference: f.Reference, Platform: build.Spec.Platform},
	}
	i.Bootstrap = g.bootstrappable(i)
	return i
}

// builds are the images of a plan that Dockerfiles give, for boxes that are made.
func (g *planning) builds(p *plan.Plan) []resource.ImageWanted {
	making := makingOf(p)
	return slices.DeleteFunc(slices.Clone(g.desired.Images), func(i resource.ImageWanted) bool { return i.Build == nil || !making[i.ID] })
}

// makingOf are the images, by id, of boxes that a plan makes.
func makingOf(p *plan.Plan) map[string]bool {
	out := map[string]bool{}
	for _, s := range p.Steps {
		if s.Op == plan.OpCreateBox && s.Create != nil {
			out[s.Create.Wanted.Image] = true
		}
	}
	return out
}

// unsettled is an image that a build starts from and of which nothing is known yet.
type unsettled struct {
	build resource.ImageWanted
	from  resource.FromWanted

	image   lock.Image // none: nothing can be told
	missing bool       // it is not on the engine, and no registry tells of it
}

// settleBases finds out what the images are that builds start from and that are not locked, before anything is built: what they
// are is part of the build's identity. It reports whether anything was, and all is lowered anew.
func (g *planning) settleBases(ctx context.Context, p *plan.Plan) (bool, error) {
	var all []*unsettled
	for _, i := range g.builds(p) {
		for _, f := range i.Build.From {
			same := func(u *unsettled) bool { return u.from.Reference == f.Reference }
			if f.Digest == "" && !slices.ContainsFunc(all, same) {
				all = append(all, &unsettled{build: i, from: f})
			}
		}
	}
	if len(all) == 0 {
		return false, nil
	}
	g.env.phase(phaseFetch)
	var group errgroup.Group
	group.SetLimit(apply.DefaultParallel)
	for _, u := range all {
		group.Go(func() error { return g.askBase(ctx, u) })
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	for _, u := range all {
		if err := g.getBase(ctx, u); err != nil {
			return false, err
		}
		if u.image.Reference != "" {
			g.bases = append(g.bases, u.image)
		}
	}
	if len(g.bases) == 0 {
		return false, nil
	}
	q := *g.project
	q.from = map[string]string{}
	for _, i := range g.bases {
		q.from[i.Reference] = fromDigest(i)
	}
	g.project = &q
	desired, diags := lower(ctx, g.env, g.project)
	if err := diags.Err(); err != nil {
		return false, err
	}
	g.desired = desired
	return true, g.resolve(ctx)
}

// askBase settles an image by what the engine and its registry say.
func (g *planning) askBase(ctx context.Context, u *unsettled) error {
	ref := u.from.Reference
	if u.from.Own {
		fact, err := g.env.Engine.Image(ctx, ref, u.build.Spec.Platform)
		if err == nil {
			short, cancel := context.WithTimeout(ctx, confirmTime)
			defer cancel()
			u.image, _ = g.origin(short, ref, fact)
			return nil
		}
		if !driver.Is(err, driver.NotFound) {
			return err
		}
	}
	digest, err := g.env.Engine.Digest(ctx, ref)
	switch {
	case err == nil:
		u.image = lock.Image{Reference: ref, Digest: digest}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case u.from.Own:
		u.missing = true
	default:
		g.open(ref)
	}
	return nil
}

// getBase fetches, or makes, an image of which no registry told anything.
func (g *planning) getBase(ctx context.Context, u *unsettled) error {
	if !u.missing {
		return nil
	}
	if err := g.fetch(ctx, plan.OpPull, g.asBase(u.build, u.from)); err != nil {
		return err
	}
	fact, err := g.env.Engine.Image(ctx, u.from.Reference, u.build.Spec.Platform)
	if err != nil {
		return err
	}
	short, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	u.image, _ = g.origin(short, u.from.Reference, fact)
	return nil
}

// open tells of an image of which nothing is known.
func (g *planning) open(ref string) {
	g.env.Sink.Send(event.Event{Kind: event.Note, Subject: "image." + ref, Text: "image " + ref + " is not locked: its registry does not confirm it; envy lock asks again"})
}

// pullBases fetches what builds of a plan start from and the engine lacks: with the user's credentials, as other images, which
// builders do not have. What is of another platform is left to the builder.
func (g *planning) pullBases(ctx context.Context, p *plan.Plan) error {
	seen := map[string]bool{}
	for _, s := range p.Steps {
		if s.Op != plan.OpBuild {
			continue
		}
		for _, f := range s.Image.Build.From {
			key := named(f) + " " + s.Image.Spec.Platform
			if seen[key] || !f.Own {
				continue
			}
			seen[key] = true
			g.env.phase(phaseFetch)
			_, err := g.env.Engine.Image(ctx, named(f), s.Image.Spec.Platform)
			if driver.Is(err, driver.NotFound) {
				err = g.fetch(ctx, plan.OpPull, g.asBase(*s.Image, f))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// pin writes what a build's images are held to into its Dockerfile.
func pin(c *recipe.Context, w resource.ImageWanted) (*recipe.Context, error) {
	if len(w.Spec.Build.From) == 0 {
		return c, nil
	}
	text, err := c.Text()
	if err != nil {
		return nil, err
	}
	return c.With(dockerfile.Read(text, w.Build.Target, w.Build.Args).Pin(func(reference string) string {
		return strings.TrimPrefix(w.Spec.Build.From[reference], resource.FromLocal)
	})), nil
}
