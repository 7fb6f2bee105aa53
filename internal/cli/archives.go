package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/artifact"
	"github.com/envyhq/envy/boxes/registry"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/provision"
)

// archives are the box archives that the session's definitions name, one value for all of its evaluations.
func (s *session) archives(caller hostfs.Caller) *boxes.Archives {
	if s.packed == nil {
		added := addedBoxes{caller}
		s.packed = &boxes.Archives{Added: func(name string) (*archive.Head, error) {
			b, err := added.find(name)
			if b == nil {
				return nil, err
			}
			return b.Head, nil
		}}
	}
	return s.packed
}

// namedArchives gives the use cases the images of archives.
type namedArchives struct {
	boxes    *boxes.Archives
	checkout *hostfs.Checkout
	engine   provision.ArchiveEngine
	added    addedBoxes
	registry func() *registry.Client
	openWeb  func(context.Context, source.Archive) (io.ReadCloser, int64, error)
}

var _ provision.Archives = namedArchives{}

// Holding implements provision.Archives.
func (n namedArchives) Holding(reference string) string {
	found, _ := n.boxes.Holding(reference)
	return found.From
}

// Load implements provision.Archives. The file is opened anew, and must be the one that the definition was read from.
func (n namedArchives) Load(ctx context.Context, reference string, progress func(current, total int64)) error {
	found, ok := n.boxes.Holding(reference)
	switch {
	case !ok:
		return fmt.Errorf("there is no archive that has the image %s", reference)
	case found.Registry.Host != "":
		return n.pull(ctx, found, progress)
	case found.Web.Host != "":
		return n.web(ctx, found, progress)
	case found.Path == "":
		return n.gone(found)
	}
	file, err := n.open(found)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	_, err = provision.LoadArchive(ctx, n.engine, file, archive.Expect{Manifest: found.Digest}, func(done int64) { progress(done, info.Size()) })
	return wrongArchive(found.From, err)
}

// open opens an archive of the checkout, or of the files of the definition that names it.
func (n namedArchives) open(found boxes.Archive) (fs.File, error) {
	if found.Files != nil {
		return found.Files.Open(found.Path)
	}
	return n.checkout.Open(found.Path)
}

// pull gives the engine the image of an archive in a registry, by what the definition was read from: whatever a tag means by now.
func (n namedArchives) pull(ctx context.Context, found boxes.Archive, progress func(current, total int64)) error {
	box, err := artifact.At(ctx, n.registry(), found.Registry, found.Digest)
	if err != nil {
		return refusedStep(registryProblem(found.Registry, found.Digest, err))
	}
	from, size := box.Open(ctx), box.Manifest.FileSize()
	_, err = provision.LoadArchive(ctx, n.engine, from, archive.Expect{Manifest: found.Digest}, func(done int64) { progress(done, size) })
	err = errors.Join(err, from.Close())
	if ctx.Err() != nil || err == nil {
		return err
	}
	return refusedStep(registryProblem(found.Registry, found.Digest, wrongArchive(found.From, err)))
}

// refusedStep makes of a diagnostic that refuses what a step can be refused with, so that its hint is told too.
func refusedStep(err error) error {
	list, ok := diag.FromError(err)
	if !ok || list.Class() != diag.Refused {
		return err
	}
	return &provision.RefusedError{Text: strings.TrimSuffix(list[0].Summary+": "+list[0].Detail, ": "), Hint: list[0].Hint}
}

// gone tells of an added box whose image the engine does not have: it is another engine, or somebody removed the image.
func (n namedArchives) gone(found boxes.Archive) error {
	e := &provision.RefusedError{Text: fmt.Sprintf("the image of the added box %q is not on this engine", found.From), Hint: "envy box add its archive once more"}
	if b, err := n.added.find(found.From); err == nil && b != nil {
		e.Hint = "envy box add --name " + b.Name + " " + quoteWord(b.Source)
	}
	return e
}

// quoteWord is a word as a shell takes it.
func quoteWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-:+@%,=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
