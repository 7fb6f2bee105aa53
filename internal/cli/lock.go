package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
)

func (a *app) lockCommand() *cli.Command {
	return a.command("lock", "settle what the Envfile leaves open, and write it in Envfile.lock", "[NAME…]",
		func(ctx context.Context, c *cli.Context, s *session) error {
			names, _, _ := operands(c)
			upgrade := c.Bool("upgrade")
			if len(names) > 0 && !upgrade {
				return &usageError{text: "envy lock takes names with --upgrade only", hint: "envy lock --upgrade " + strings.Join(names, " ")}
			}
			return s.lock(ctx, names, upgrade)
		},
		toggle("upgrade", "settle anew what is locked: all of it, or what NAMEs name: boxes, images, or sources as the lock has them"),
	)
}

// lockJSON is the document of lock.
type lockJSON struct {
	Format  string   `json:"format"` // "envy.lock"
	Version int      `json:"version"`
	File    string   `json:"file"`
	Changes []string `json:"changes"` // a line each
}

// lock writes the lock for what the Envfile names now, and nothing else.
func (s *session) lock(ctx context.Context, names []string, upgrade bool) error {
	if s.g.locked {
		return &usageError{text: "envy lock writes the lock, which --locked forbids"}
	}
	if _, err := s.open(); err != nil {
		return err
	}
	s.renews = true
	if _, err := s.definitions(s.place); err != nil {
		return err
	}
	before := s.lockFiles
	if upgrade {
		if err := s.forget(ctx, names); err != nil {
			return err
		}
	}
	project, err := s.projectAsking(ctx)
	if err != nil {
		return err
	}
	if err := s.gate(ctx, project.Config); err != nil {
		return err
	}
	images, unlocked, err := s.lockImages(ctx, project)
	if err != nil {
		return errors.Join(err, s.settle())
	}
	for _, i := range images {
		project.Lock.SetImage(i) // packages go on top of these
	}
	packages, err := s.lockPackages(ctx, project, before.obeyed(false))
	if err != nil {
		return errors.Join(err, s.settle())
	}
	var errs []error
	for _, u := range unlocked { // what was settled before stands; what is local is never stale
		old, ok := before.obeyed(false).FindImage(u.Reference)
		if ok {
			images = append(images, old)
		}
		if !old.Local {
			errs = append(errs, u)
		}
	}
	// Of names, only what they name is settled anew; nothing else goes.
	now := s.settledLocks(ctx, project, settled{s.platforms(ctx, images), packages}, lockEdit{exactly: len(names) == 0, upgrade: upgrade && len(names) == 0})
	asked, _ := s.asks(ctx, project)
	now.committed = otherPlatforms(now.committed, before.committed, asked)
	s.lockFiles = before
	changes, err := s.saveLocks(now)
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	return errors.Join(append(errs, s.noteOpen(project, s.bases(within(project))), s.showLock(changes))...)
}

// lockImages settles images that are not locked; the engine is asked only where there are some. Unlocked are those of which
// nothing could be told.
func (s *session) lockImages(ctx context.Context, p *provision.Project) (images []lock.Image, unlocked []*provision.UnlockedError, err error) {
	if !openImages(p, p.Lock, s.bases(within(p))) {
		return nil, nil, nil
	}
	env, err := s.env()
	if err != nil {
		return nil, nil, err
	}
	env.Gate = s.gate
	images, err = provision.LockImages(ctx, env, p)
	for _, e := range parts(err) {
		var u *provision.UnlockedError
		if !errors.As(e, &u) {
			return nil, nil, e
		}
		unlocked = append(unlocked, u)
	}
	return images, unlocked, nil
}

// lockPackages settles packages that are not locked for the engine's platform, which takes building their images; the engine
// is asked only where there are some.
// What was locked before and is to be settled anew is built anew.
func (s *session) lockPackages(ctx context.Context, p *provision.Project, before lock.Lock) ([]provision.PackageVersions, error) {
	if !slices.ContainsFunc(p.Config.Boxes, func(b *config.Box) bool { return provision.PackageKey(b) != "" }) {
		return nil, nil
	}
	env, err := s.makingEnv(ctx, "lock")
	if err != nil {
		return nil, err
	}
	return provision.LockPackages(ctx, env, p, func(key string) bool {
		return slices.ContainsFunc(before.Packages, func(x lock.Packages) bool { return x.Recipe == key })
	})
}

// otherPlatforms puts back the versions of packages that were not settled anew, on platforms that this engine is not, and of what
// personal layers hide, where their base is the one that it was.
func otherPlatforms(now, before lock.Lock, asked asked) lock.Lock {
	for _, x := range before.Packages {
		reference, _, _ := strings.Cut(x.Recipe, " + ")
		was, _ := before.FindImage(reference)
		is, used := now.FindImage(reference)
		if _, names := asked.packages[x.Recipe]; !names || !used || was.Digest != is.Digest {
			continue
		}
		for platform, versions := range x.Platforms {
			if _, settled := now.FindPackages(x.Recipe, platform); !settled {
				now.SetPackages(x.Recipe, platform, versions)
			}
		}
	}
	return now
}

// showLock is the answer of lock.
func (s *session) showLock(changes []string) error {
	switch {
	case s.g.format == view.JSON:
		return s.view.JSON(lockJSON{Format: "envy.lock", Version: resultVersion, File: s.lockFiles.name, Changes: append([]string{}, changes...)})
	case s.g.format == view.Quiet:
		return nil
	case len(changes) == 0:
		return s.view.Out.Print(s.view.Out.Text().Add(s.lockFiles.name, " is as it should be.\n"))
	}
	t := s.view.Out.Text().Add(view.Line(s.lockFiles.name), " has changed; commit it:\n")
	for _, line := range changes {
		t.Add("  ", view.Line(line), "\n")
	}
	return s.view.Out.Print(t)
}

// forget leaves out of the lock what is to be settled anew. The lock may be what keeps the Envfile from being read: then only
// sources and references are known, no boxes.
func (s *session) forget(ctx context.Context, names []string) error {
	var project *provision.Project
	var broken error
	if len(names) > 0 {
		project, broken = s.projectAsking(ctx)
	}
	kept, missing := s.without(project, names)
	switch {
	case len(missing) > 0 && broken != nil:
		return broken
	case len(missing) > 0:
		e := &usageError{text: fmt.Sprintf("nothing that is locked is called %q", missing[0])}
		e.hint = "it takes a box's name, an image or a source, as they stand in " + kept.name + near(missing[0], kept.committed, project)
		if slices.ContainsFunc(project.Config.Boxes, func(b *config.Box) bool { return b.Label == missing[0] }) {
			e.text, e.hint = fmt.Sprintf("nothing of the box %q is locked yet", missing[0]), "envy lock settles it"
		}
		return e
	}
	s.lockFiles, s.finder = kept, s.newFinder(s.place)
	s.finder.Lock = kept.obeyed(false)
	return nil
}

// near is what may have been meant, as the end of a hint.
func near(name string, l lock.Lock, p *provision.Project) string {
	var known []string
	for _, b := range l.Boxes {
		known = append(known, b.Source)
	}
	for _, i := range l.Images {
		known = append(known, i.Reference)
	}
	for _, b := range p.Config.Boxes {
		known = append(known, b.Label)
	}
	if s := diag.Suggest(name, known); s != "" {
		return fmt.Sprintf("; did you mean %s?", s)
	}
	return ""
}

// without are the locks without what names name, without anything where there are none; missing are names of nothing. Without
// a project, nobody knows what boxes are made from.
func (s *session) without(p *provision.Project, names []string) (out lockFiles, missing []string) {
	out = s.lockFiles
	if len(names) == 0 {
		out.committed, out.personal = lock.Lock{}, lock.Lock{}
		return out, nil
	}
	named := map[string]bool{}
	owners, archives := map[lock.Box][]string{}, map[lock.Archive][]string{}
	images, packages := map[string][]string{}, map[string][]string{}
	if p != nil {
		read := s.trustedBases(p)
		for _, b := range p.Config.Boxes {
			images[b.Image] = append(images[b.Image], b.Label)
			bases, _ := read(b)
			for _, image := range bases.References {
				images[image] = append(images[image], b.Label)
			}
			if key := provision.PackageKey(b); key != "" {
				packages[key] = append(packages[key], b.Label, b.Image)
			}
		}
		for _, use := range p.File.Uses() {
			if b, ok := s.finder.Settled(use.ID); ok {
				owners[b] = append(owners[b], use.Owners...)
			}
			for _, a := range s.finder.SettledArchives(use.ID) {
				archives[a] = append(archives[a], use.Owners...)
			}
		}
	}
	for _, l := range []*lock.Lock{&out.committed, &out.personal} {
		l.Boxes = slices.DeleteFunc(slices.Clone(l.Boxes), func(b lock.Box) bool {
			return anyOf(names, named, append([]string{b.Source}, owners[b]...))
		})
		l.Archives = slices.DeleteFunc(slices.Clone(l.Archives), func(a lock.Archive) bool {
			return anyOf(names, named, append([]string{a.Source}, archives[a]...))
		})
		gone := map[string]bool{} // images: what was put on top of them goes with them
		l.Images = slices.DeleteFunc(slices.Clone(l.Images), func(i lock.Image) bool {
			found := anyOf(names, named, append([]string{i.Reference}, images[i.Reference]...))
			gone[i.Reference] = gone[i.Reference] || found
			return found
		})
		l.Packages = slices.DeleteFunc(slices.Clone(l.Packages), func(x lock.Packages) bool {
			reference, _, _ := strings.Cut(x.Recipe, " + ")
			return anyOf(names, named, append([]string{x.Recipe}, packages[x.Recipe]...)) || gone[reference]
		})
	}
	for _, n := range names {
		if !named[n] {
			missing = append(missing, n)
		}
	}
	return out, missing
}

// anyOf reports whether one of the names is among those of a thing, and marks it.
func anyOf(names []string, named map[string]bool, of []string) bool {
	found := false
	for _, n := range names {
		if slices.Contains(of, n) {
			named[n], found = true, true
		}
	}
	return found
}
