package provision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// Archives are the box archives that an Envfile names.
type Archives interface {
	// Holding names the archive that has an image, by the image's reference, as people know it: "./shop.box". "" is none.
	Holding(reference string) string
	// Load gives the engine that image, checked as it passes. The archive must be the one that the definition was read from.
	// progress, in bytes, is called from one goroutine at a time.
	Load(ctx context.Context, reference string, progress func(current, total int64)) error
}

// holding names the archive that has an image; "" is none.
func (e Env) holding(reference string) string {
	if e.Archives == nil || reference == "" {
		return ""
	}
	return e.Archives.Holding(reference)
}

// errStopped: the engine takes no more of an image.
var errStopped = errors.New("the engine stopped reading")

// ArchiveEngine is what taking in an archive needs of an engine.
type ArchiveEngine interface {
	LoadImage(ctx context.Context, r io.Reader) error
}

// LoadArchive reads a whole archive and gives the engine its image, under the archive's own name alone. The engine makes an
// image of it only when all of it is verified; so after an error, and when ctx ends, it has none. progress is told, once in a while and from one
// goroutine, how many bytes of the archive were read. Errors: those of [archive.Load] and of the driver.
func LoadArchive(ctx context.Context, engine ArchiveEngine, r io.Reader, e archive.Expect, progress func(done int64)) (*archive.Head, error) {
	from, to := io.Pipe()
	var head *archive.Head
	var failed error
	var reader sync.WaitGroup
	reader.Go(func() {
		head, failed = archive.Load(ctx, &pace{from: r, tell: progress}, to, e)
		to.CloseWithError(failed) // nil is EOF
	})
	err := engine.LoadImage(ctx, from)
	if err == nil {
		_, err = io.Copy(io.Discard, from) // what ends the tar, which engines may leave
	}
	from.CloseWithError(errStopped)
	reader.Wait()
	switch {
	case failed != nil && !errors.Is(failed, errStopped):
		return nil, failed
	case err != nil:
		return nil, err
	}
	return head, nil
}

// pace tells of reading, a step at a time.
type pace struct {
	from       io.Reader
	tell       func(done int64)
	done, told int64
}

// paceStep is how many bytes pass between two words of it.
const paceStep = 1 << 20

// Read implements io.Reader.
func (p *pace) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	if p.done += int64(n); p.done-p.told >= paceStep {
		p.told = p.done
		p.tell(p.done)
	}
	return n, err
}

// Spool is a file that holds what an engine saved, until it is closed.
type Spool interface {
	io.Writer
	io.ReaderAt
}

// Packing is a box that becomes an archive.
type Packing struct {
	Name      string // of the box
	Reference string // of its image on the engine
	Platform  string // "" is the engine's
	// Definition gives the definition's files, by the name that the image has in the archive.
	Definition func(image string) (map[string][]byte, error)
	Spool      Spool
}

// Pack saves a box's image and writes an archive of it: the same image and definition, the same bytes. What was written
// before an error is no archive. Errors: those of [archive.ReadSaved], [archive.Write], Definition and the driver; NotFound
// where the image is gone.
func Pack(ctx context.Context, engine driver.Mover, p Packing, w io.Writer) (*archive.Written, error) {
	size := &counter{to: p.Spool}
	if err := engine.SaveImage(ctx, p.Reference, p.Platform, size); err != nil {
		return nil, err
	}
	image, err := archive.ReadSaved(ctx, p.Spool, size.n)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", p.Reference, err)
	}
	files, err := p.Definition(image.Reference(p.Name))
	if err != nil {
		return nil, err
	}
	return archive.Write(ctx, w, archive.Box{Name: p.Name, Definition: files, Image: image})
}

// counter counts what passes.
type counter struct {
	to io.Writer
	n  int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}

// Source is what an archive of a box is made from.
type Source struct {
	Project  string // its name on the engine
	Box      *config.Box
	Image    string // what up runs the box from: its base, or that with packages and setups
	Platform string
}

// ImageOf finds the image that up runs a box from, which must be on the engine. Of several names the first counts; none is
// the primary box. Errors: those of Up before a plan is made; *RefusedError where the image is not there.
func ImageOf(ctx context.Context, env Env, p *Project, names []string) (*Source, error) {
	g, err := observe(ctx, env, p, UpOptions{Boxes: names})
	if err != nil {
		return nil, err
	}
	b := chosen(g, len(names) > 0)
	if b == nil {
		return nil, &NoBoxError{}
	}
	s := &Source{Project: g.project.Identity.Project, Box: b, Platform: b.Platform}
	for _, w := range g.desired.Boxes {
		if w.Key.Box != b.Label || w.Key.Index != b.Index {
			continue
		}
		i := slices.IndexFunc(g.desired.Images, func(i resource.ImageWanted) bool { return i.ID == w.Image })
		wanted := g.desired.Images[i]
		if s.Image = wanted.Reference; wanted.Spec.Derived() {
			s.Image = wanted.Tag
		}
	}
	missing := &RefusedError{Text: fmt.Sprintf("the image of box %q is not on the engine", b.Name), Hint: "envy up " + b.Name + " makes it"}
	key := resource.Key{Box: b.Label, Index: b.Index}
	if slices.ContainsFunc(g.observed.Boxes, func(o resource.BoxObserved) bool { return o.Key() == key && o.Owner.Run == "" }) {
		// Up is content with a box that is there, whatever became of the name of its image.
		missing.Hint = "envy up --recreate " + b.Name + " makes it, and the box anew"
	}
	if s.Image == "" {
		return nil, missing
	}
	_, err = env.Engine.Image(ctx, s.Image, b.Platform)
	if driver.Is(err, driver.NotFound) {
		return nil, missing
	}
	return s, err
}

// chosen is the first box that was named, else the primary one.
func chosen(g *planning, named bool) *config.Box {
	boxes := g.project.Config.Boxes
	for _, b := range boxes {
		if named && slices.Contains(g.options.Only, resource.Key{Box: b.Label, Index: b.Index}) || !named && b.Primary {
			return b
		}
	}
	if len(boxes) == 0 {
		return nil
	}
	return boxes[0]
}
