package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/event"
)

func (a *app) boxAddCommand() *cli.Command {
	return a.command("add", "take in a box archive: its image into the engine, its name for `from`", "FILE|https://…/NAME.box[?checksum=sha256:…]|oci://HOST/NAME:TAG",
		func(ctx context.Context, c *cli.Context, s *session) error {
			names, err := atMost(c, 1)
			if err != nil {
				return err
			}
			if len(names) == 0 {
				return &usageError{text: "envy box add takes an archive", hint: "envy package writes one; envy box add shop-web.box"}
			}
			return s.addBox(ctx, names[0], c.String("name"), c.Bool("force"))
		},
		&cli.StringFlag{Name: "name", Usage: "call it `NAME`, instead of what the archive says"},
		toggle("force", "take the place of an added box of that name"),
	)
}

// arrival is an archive on its way in.
type arrival struct {
	source string // as it is remembered
	open   func(context.Context) (io.ReadCloser, int64, error)
	file   string // the digest that its file must have; "" is any
	name   string // as it was asked for; "" is the archive's own
	force  bool
	// registry it comes from; without a Host it comes from elsewhere.
	registry source.Registry
}

func (s *session) addBox(ctx context.Context, from, name string, force bool) error {
	if name != "" {
		if err := addable(name); err != nil {
			return err
		}
	}
	a, err := s.arrivalOf(from)
	if err != nil {
		return err
	}
	a.name, a.force = name, force
	box, err := s.takeIn(ctx, a)
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	return s.showAdded(box, "added")
}

// arrivalOf says how to come by an archive: an address, or a path as it was typed.
func (s *session) arrivalOf(from string) (arrival, error) {
	if !strings.Contains(from, "://") {
		path := inDir(s.g.dir, from)
		return arrival{source: filepath.Clean(path), open: func(context.Context) (io.ReadCloser, int64, error) {
			f, err := hostfs.OpenPath(path)
			if err != nil {
				return nil, 0, &typedPathError{from, err}
			}
			info, err := f.Stat()
			if err != nil {
				return nil, 0, errors.Join(err, f.Close())
			}
			return f, info.Size(), nil
		}}, nil
	}
	parsed, err := source.Parse(from)
	var wrong *source.Error
	if errors.As(err, &wrong) {
		return arrival{}, &usageError{text: wrong.Summary, hint: wrong.Hint}
	}
	if at, ok := parsed.(source.Registry); ok {
		return s.arrivalFrom(at), nil
	}
	at, ok := parsed.(source.Archive)
	if err != nil || !ok {
		return arrival{}, &usageError{text: "envy box add takes a file, an https address or one of a registry", hint: "envy box add https://HOST/shop.box"}
	}
	return arrival{source: at.String(), file: at.Checksum, open: func(ctx context.Context) (io.ReadCloser, int64, error) {
		client := fetchClient(nil)
		s.onClose(func() error { client.CloseIdleConnections(); return nil })
		return fetch(ctx, client, at, s.app.m.Version)
	}}, nil
}

// addable refuses names that no added box may have.
func addable(name string) error {
	switch {
	case !archive.IsName(name):
		return &usageError{text: fmt.Sprintf("%q is no box's name", name), hint: "lower-case letters, digits and hyphens, at most 63"}
	case slices.Contains(boxes.Names(), name):
		return &usageError{text: fmt.Sprintf("%q is a name of the catalogue", name), hint: "--name gives it another one"}
	}
	return nil
}

// takeIn loads an archive's image, checked as it passes, and remembers what stands before it. Nothing is kept of one that
// is refused.
func (s *session) takeIn(ctx context.Context, a arrival) (*addedBox, error) {
	caller, err := s.callerHere()
	if err != nil {
		return nil, err
	}
	if err := s.openEngine(); err != nil {
		return nil, err
	}
	if s.about, err = s.engine.Ping(ctx); err != nil {
		return nil, err
	}
	body, size, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	box := &addedBox{addedFrom: addedFrom{Source: a.source, Added: s.app.m.Now().UTC()}}
	record := &headRecorder{from: body}
	task := &loading{sink: s.sink(), total: max(size, 0)}
	_, err = provision.LoadArchive(ctx, s.engine, record, archive.Expect{File: a.file, Head: func(h *archive.Head) error {
		record.over = true
		box.head, box.Head, box.Digest = record.kept.Bytes(), h, h.Digest
		if box.Name = a.name; box.Name == "" {
			box.Name = h.Name
		}
		task.about = h.Reference()
		task.send(event.Event{Kind: event.Start, Text: "load"})
		return s.admit(ctx, addedBoxes{caller}, box, a.force)
	}}, task.progress)
	task.end(err)
	if err = wrongArchive(a.source, err); err != nil && a.registry.Host != "" {
		err = registryProblem(a.registry, "", err)
	}
	if err != nil {
		return nil, err
	}
	return box, addedBoxes{caller}.put(box)
}

// admit looks at what stands before an archive's image before any of that reaches the engine.
func (s *session) admit(ctx context.Context, have addedBoxes, b *addedBox, force bool) error {
	if err := addable(b.Name); err != nil {
		return err
	}
	old, err := have.find(b.Name)
	if err == nil && old != nil && old.Digest != b.Digest && !force {
		return &usageError{text: fmt.Sprintf("there is another box %q, from %s", b.Name, old.Source), hint: "--force takes its place; --name gives this one another name"}
	}
	if err != nil && !force {
		return err
	}
	def, err := boxes.Packed(b.Name+archive.Extension, b.Head)
	if err != nil {
		return err
	}
	_, list := config.Describe(ctx, def)
	if err := list.Err(); err != nil {
		return err
	}
	_, of, _ := strings.Cut(b.Head.Platform, "/")
	if arch, err := s.engine.Architecture(ctx); err == nil && arch != strings.Split(of, "/")[0] {
		s.sink().Send(event.Event{Kind: event.Warning, Text: fmt.Sprintf("the image is for %s, and the engine's machine is %s", b.Head.Platform, arch)})
	}
	return nil
}

// wrongArchive says which archive is refused.
func wrongArchive(name string, err error) error {
	var wrong *archive.Error
	var mismatch *archive.MismatchError
	switch {
	case errors.As(err, &wrong):
		return diag.List{{Class: diag.Invalid, Summary: fmt.Sprintf("the archive %s cannot be used", name), Detail: wrong.Text, Hint: wrong.Hint}}.Err()
	case errors.As(err, &mismatch):
		return diag.List{{
			Class: diag.Refused, Summary: fmt.Sprintf("the archive %s is not the one that was asked for", name), Detail: mismatch.Error(),
			Hint: "nothing of it was used; somebody changed the archive, or the checksum is another one's",
		}}.Err()
	}
	return err
}

// loading tells how far the image of an archive has come.
type loading struct {
	sink  event.Sink
	about string // the image; "" before it is known
	total int64  // bytes; 0 is not known
}

const loadingID = "box-add"

func (l *loading) send(e event.Event) {
	if l.about != "" {
		e.ID, e.Subject = loadingID, "image."+l.about
		l.sink.Send(e)
	}
}

func (l *loading) progress(done int64) {
	l.send(event.Event{Kind: event.Progress, Text: "load", Current: done, Total: l.total, Unit: "bytes"})
}

func (l *loading) end(err error) {
	if err != nil {
		l.send(event.Event{Kind: event.Failed, Text: err.Error()})
		return
	}
	l.send(event.Event{Kind: event.Done, Text: "load"})
}

// archiveJSON is the document of box add and box update, one for each box.
type archiveJSON struct {
	Format  string `json:"format"` // "envy.archive"
	Version int    `json:"version"`
	addedJSON
}

// addedJSON is a box that was added.
type addedJSON struct {
	Name     string `json:"name"`
	Source   string `json:"source"`   // an address, or a path of this machine
	Image    string `json:"image"`    // its name on the engine
	Manifest string `json:"manifest"` // digest
	Size     int64  `json:"size"`     // of the image, in bytes
}

func (b *addedBox) json() *addedJSON {
	return &addedJSON{Name: b.Name, Source: b.Source, Image: b.Head.Reference(), Manifest: b.Digest, Size: b.Head.Image()}
}

func (s *session) showAdded(b *addedBox, did string) error {
	switch s.g.format {
	case view.JSON:
		return s.view.JSON(archiveJSON{Format: "envy.archive", Version: resultVersion, addedJSON: *b.json()})
	case view.Quiet:
		return nil
	}
	return s.view.Out.Print(s.view.Out.Text().Add(did+" ", b.Name, ": ", view.Bytes(b.Head.Image()), ", from ", view.Line(b.Source), "\n"))
}
