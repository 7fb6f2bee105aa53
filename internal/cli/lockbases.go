package cli

import (
	"fmt"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/resource"
)

// A baseReader tells which images the build of a box starts from; not ok where its Dockerfile cannot be read, or may not be.
type baseReader func(b *config.Box) (bases provision.Bases, ok bool)

// bases reads the Dockerfiles of a project. Those that lie outside of the checkout are read where outside allows it.
func (s *session) bases(outside func(b *config.Build) bool) baseReader {
	type answer struct {
		bases provision.Bases
		ok    bool
	}
	known := map[string]answer{} // replicas have the same build
	return func(b *config.Box) (provision.Bases, bool) {
		x := b.Build
		if x == nil {
			return provision.Bases{}, true
		}
		if x.Tree == nil && !x.Context.Inside && !outside(x) {
			return provision.Bases{}, false
		}
		key := fmt.Sprintf("%q", []any{x.Definition, x.Context.Rel, x.Context.Path, x.Dockerfile, x.Target, x.Args})
		a, there := known[key]
		if !there {
			var err error
			a.bases, err = provision.BaseImages(&host{checkout: s.place.checkout}, b)
			a.ok = err == nil
			known[key] = a
		}
		return a.bases, a.ok
	}
}

// within are the builds outside of the checkout that a project has: it was let pass.
func within(p *provision.Project) func(*config.Build) bool {
	return func(x *config.Build) bool {
		for _, b := range p.Config.Boxes {
			if b.Build != nil && b.Build.Tree == nil && b.Build.Context.Path == x.Context.Path {
				return true
			}
		}
		return false
	}
}

// trustedBases reads Dockerfiles outside of the checkout only where the project is trusted already; nobody is asked.
func (s *session) trustedBases(p *provision.Project) baseReader {
	trusted := false
	if g, err := s.gateOf(p.Config); err == nil {
		trusted = !g.Asks()
	}
	return s.bases(func(*config.Build) bool { return trusted })
}

// checkLocked refuses images that the lock says nothing on, for --locked. What a build outside of the checkout starts from is
// looked at when that is allowed: once it is lowered.
func (s *session) checkLocked(p *provision.Project) error {
	if !s.g.locked {
		return nil
	}
	read := s.trustedBases(p)
	var list diag.List
	seen := map[string]bool{}
	check := func(image, why string, at diag.Range) {
		if _, ok := s.lockFiles.committed.FindImage(image); ok || seen[image] {
			return
		}
		seen[image] = true
		d := diag.Diagnostic{
			Class: diag.Refused, Summary: fmt.Sprintf("--locked: %s has nothing on the image %s%s", s.lockFiles.name, image, why), Hint: "envy lock settles it",
		}
		if isLocal(at.File) {
			d.Hint = "only " + at.File + " names it, and what is personal has no place in " + s.lockFiles.name
		}
		s.app.pointAt(&d, resource.Origin{File: at.File, Line: at.Start.Line})
		list = append(list, d)
	}
	for _, b := range p.Config.Boxes {
		if provision.Lockable(b) {
			check(b.Image, "", b.AttrRange("image"))
		}
		bases, _ := read(b)
		for _, image := range bases.References {
			check(image, fmt.Sprintf(", which the build of box %q starts from", b.Label), placeOf(b.Build, isLocal))
		}
	}
	return list.Err()
}

func isLocal(file string) bool { return file == hostfs.EnvfileLocal }

// placeOf is where a build stands: the first part of it in a file of a kind, else the block.
func placeOf(b *config.Build, kind func(file string) bool) diag.Range {
	for _, at := range b.Parts {
		if kind(at.File) {
			return at
		}
	}
	return b.Range
}

// openImages reports whether a project names images that a lock does not have.
func openImages(p *provision.Project, l lock.Lock, read baseReader) bool {
	missing := func(image string) bool {
		_, ok := l.FindImage(image)
		return !ok
	}
	for _, b := range p.Config.Boxes {
		bases, _ := read(b)
		images := bases.References
		if provision.Lockable(b) {
			images = []string{b.Image}
		}
		for _, image := range images {
			if missing(image) {
				return true
			}
		}
	}
	return false
}

// noteOpen tells once what of the images that builds start from cannot be locked.
func (s *session) noteOpen(p *provision.Project, read baseReader) error {
	told := map[string]bool{}
	for _, b := range p.Config.Boxes {
		bases, _ := read(b)
		for _, open := range bases.Open {
			if text := fmt.Sprintf("box %q: not locked: %s", b.Label, open); !told[text] {
				told[text] = true
				if err := s.note(text); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
