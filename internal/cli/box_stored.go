package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/artifact"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision/driver"
)

func (a *app) boxRemoveCommand() *cli.Command {
	return a.command("remove", "forget an added box, and remove its image where nothing uses it", "NAME", func(ctx context.Context, c *cli.Context, s *session) error {
		names, err := atMost(c, 1)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return &usageError{text: "envy box remove takes the name of an added box", hint: "envy box list shows them"}
		}
		return s.removeBox(ctx, names[0])
	})
}

func (a *app) boxPruneCommand() *cli.Command {
	return a.command("prune", "remove the images of archives that no added box and no container uses", "", func(ctx context.Context, c *cli.Context, s *session) error {
		if _, err := atMost(c, 0); err != nil {
			return err
		}
		return s.pruneBoxes(ctx)
	})
}

func (a *app) boxUpdateCommand() *cli.Command {
	return a.command("update", "fetch added boxes again from where they came", "[NAME]", func(ctx context.Context, c *cli.Context, s *session) error {
		names, err := atMost(c, 1)
		if err != nil {
			return err
		}
		return s.updateBoxes(ctx, names)
	})
}

// stored are the added boxes of whoever envy acts for.
func (s *session) stored() (addedBoxes, error) {
	caller, err := s.callerHere()
	return addedBoxes{caller}, err
}

// noAdded is the error of a name that no added box has.
func noAdded(name string) error {
	if slices.Contains(boxes.Names(), name) {
		return &usageError{text: fmt.Sprintf("%q is a box of the catalogue, which is part of envy", name)}
	}
	return &usageError{text: fmt.Sprintf("there is no added box %q", name), hint: "envy box list shows them"}
}

func (s *session) removeBox(ctx context.Context, name string) error {
	have, err := s.stored()
	if err != nil {
		return err
	}
	names, err := have.names()
	if err != nil {
		return err
	}
	if !slices.Contains(names, name) {
		return noAdded(name)
	}
	b, damaged := have.find(name) // one that cannot be read can be forgotten
	if damaged == nil && b != nil {
		if err := s.dropImage(ctx, have, b); err != nil {
			return err
		}
	}
	if err := have.remove(name); err != nil {
		return err
	}
	return s.note("removed " + name)
}

// dropImage removes a box's image unless something uses it.
func (s *session) dropImage(ctx context.Context, have addedBoxes, b *addedBox) error {
	others, _ := have.all() // one that cannot be read says nothing of an image
	if slices.ContainsFunc(others, func(o *addedBox) bool { return o.Name != b.Name && o.Head.Reference() == b.Head.Reference() }) {
		return nil
	}
	if err := s.openEngine(); err != nil {
		return err
	}
	err := s.engine.RemoveImage(ctx, b.Head.Reference())
	if driver.Is(err, driver.Conflict) {
		return s.note("its image " + b.Head.Reference() + " stays: boxes are made from it")
	}
	return err
}

func (s *session) pruneBoxes(ctx context.Context) error {
	have, err := s.stored()
	if err != nil {
		return err
	}
	kept, err := have.all()
	if err != nil {
		return err // what cannot be read may be in use
	}
	if err := s.openEngine(); err != nil {
		return err
	}
	images, err := s.engine.NamedImages(ctx, archive.Repository)
	if err != nil {
		return err
	}
	images = slices.DeleteFunc(images, func(i driver.NamedImage) bool {
		return slices.ContainsFunc(kept, func(b *addedBox) bool { return b.Head.Reference() == i.Reference })
	})
	if len(images) == 0 {
		return s.note("there is nothing to remove")
	}
	for _, i := range images {
		if err := s.note("  - " + view.Line(i.Reference) + "  " + view.Bytes(i.Size)); err != nil {
			return err
		}
	}
	what := fmt.Sprintf("%d images of archives that no box of yours names", len(images))
	if len(images) == 1 {
		what = "an image of an archive that no box of yours names"
	}
	ask := "Remove " + what + "? Those that containers use stay; what others added on this engine is among them."
	if err := s.confirm(ctx, ask, what+" would be removed"); err != nil {
		return err
	}
	for _, i := range images {
		err := s.engine.RemoveImage(ctx, i.Reference)
		if driver.Is(err, driver.Conflict) {
			err = s.note(i.Reference + " stays: boxes are made from it")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// updateBoxes fetches again what came from an address. One that failed does not keep the others from it.
func (s *session) updateBoxes(ctx context.Context, names []string) error {
	have, err := s.stored()
	if err != nil {
		return err
	}
	list, broken := have.all()
	if len(names) > 0 {
		b, err := have.find(names[0])
		switch {
		case err != nil:
			return err
		case b == nil:
			return noAdded(names[0])
		case !strings.Contains(b.Source, "://"):
			return &usageError{text: fmt.Sprintf("%q came from the file %s", b.Name, b.Source), hint: "envy box add takes a newer one in"}
		}
		list, broken = []*addedBox{b}, nil
	}
	problems := []error{broken}
	for _, b := range list {
		if strings.Contains(b.Source, "://") {
			problems = append(problems, s.updateBox(ctx, b))
		}
	}
	return errors.Join(problems...)
}

func (s *session) updateBox(ctx context.Context, old *addedBox) error {
	a, err := s.arrivalOf(old.Source)
	if err != nil {
		return err
	}
	same, err := s.upToDate(ctx, a, old)
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	if same {
		return s.showAdded(old, "unchanged is")
	}
	a.name, a.force = old.Name, true
	b, err := s.takeIn(ctx, a)
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	if b.Digest == old.Digest {
		return s.showAdded(b, "unchanged is")
	}
	return s.showAdded(b, "updated")
}

// upToDate reports whether a registry has for an added box what was added, and the engine its image: then nothing of it needs to
// come. What lies behind an https address says nothing of itself before it has come.
func (s *session) upToDate(ctx context.Context, a arrival, old *addedBox) (bool, error) {
	if a.registry.Host == "" {
		return false, nil
	}
	found, err := artifact.Find(ctx, s.registry(), a.registry)
	if err != nil {
		return false, registryProblem(a.registry, "", err)
	}
	if found.Digest != old.Digest {
		return false, nil
	}
	if err := s.openEngine(); err != nil {
		return false, err
	}
	_, err = s.engine.Image(ctx, old.Head.Reference(), "")
	if driver.Is(err, driver.NotFound) {
		return false, nil
	}
	return err == nil, err
}
