package cli

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/event"
)

func (a *app) packageCommand() *cli.Command {
	return a.command("package", "write a box's image and definition into one file, for envy box add", "[BOX]",
		func(ctx context.Context, c *cli.Context, s *session) error {
			names, err := atMost(c, 1)
			if err != nil {
				return err
			}
			if c.String("output") == "-" {
				return &usageError{text: "an archive is a file, which has its name once it is whole", hint: "--output FILE; or without it PROJECT-BOX.box here"}
			}
			return s.packBox(ctx, names, c.String("output"), c.Bool("force"))
		},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write `FILE`, instead of PROJECT-BOX.box here"},
		toggle("force", "write over a file that is there"),
	)
}

// packedJSON is the document of package.
type packedJSON struct {
	Format   string   `json:"format"` // "envy.package"
	Version  int      `json:"version"`
	File     string   `json:"file"`
	Size     int64    `json:"size"`     // bytes
	SHA256   string   `json:"sha256"`   // of the file: "sha256:…", as ?checksum= takes it
	Manifest string   `json:"manifest"` // digest of what tells all of it
	Image    string   `json:"image"`    // its name once it is loaded
	Left     []string `json:"left"`     // what of the box is not in it, in words
}

func (s *session) packBox(ctx context.Context, names []string, output string, force bool) error {
	project, err := s.project(ctx)
	if err != nil {
		return err
	}
	if err := project.Knows(names); err != nil {
		return err
	}
	env, err := s.reach(ctx)
	if err != nil {
		return err
	}
	env.Gate = s.planGate(false)
	if err := s.secrets(ctx, &env); err != nil {
		return err
	}
	from, err := provision.ImageOf(ctx, env, project, names)
	if err != nil {
		return err
	}
	path := inDir(s.g.dir, output)
	if output == "" {
		output = from.Project + "-" + from.Box.Label + archive.Extension
		path = filepath.Join(s.g.dir, output)
	}
	packed := &packedJSON{Format: "envy.package", Version: resultVersion, File: output, Left: []string{}}
	err = s.writePackage(ctx, from, path, force, packed)
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	return s.showPacked(packed)
}

// writePackage writes the file, which has its name only once it is whole.
func (s *session) writePackage(ctx context.Context, from *provision.Source, path string, force bool, packed *packedJSON) error {
	file, err := s.place.caller.CreatePath(path, 0o644, force)
	if errors.Is(err, fs.ErrExist) {
		return &provision.RefusedError{Text: packed.File + " is there", Hint: "--force writes over it; --output FILE writes another"}
	}
	if err != nil {
		return &typedPathError{packed.File, err}
	}
	written, err := s.pack(ctx, from, file, packed)
	if err != nil {
		return errors.Join(err, file.Abort())
	}
	packed.Size, packed.SHA256, packed.Manifest, packed.Image = written.Size, written.File, written.Digest, written.Manifest.Reference()
	return file.Commit()
}

func (s *session) pack(ctx context.Context, from *provision.Source, file *hostfs.Pending, packed *packedJSON) (*archive.Written, error) {
	cache, err := openCache(s.place.caller)
	if err != nil {
		return nil, err
	}
	defer cache.Close()
	spool, err := cache.Spool()
	if err != nil {
		return nil, err
	}
	defer spool.Close()
	e := event.Event{ID: "package", Kind: event.Start, Subject: "box." + from.Box.Name, Text: "package"}
	s.sink().Send(e)
	written, err := provision.Pack(ctx, s.engine, provision.Packing{
		Name: from.Box.Label, Reference: from.Image, Platform: from.Platform, Spool: spool,
		Definition: func(image string) (map[string][]byte, error) {
			p := from.Box.Pack(config.Packing{Image: image, Keep: s.ownPaths()})
			packed.Left = append(packed.Left, p.Left...)
			return map[string][]byte{archive.DefinitionFile: p.Text}, nil
		},
	}, file)
	if e.Kind = event.Done; err != nil {
		e.Kind, e.Text = event.Failed, err.Error()
	}
	s.sink().Send(e)
	return written, err
}

// ownPaths are those of this machine that may stand in a box.
func (s *session) ownPaths() []string {
	own := []string{s.place.checkout.Dir(), s.place.checkout.Inside(), s.place.caller.Home}
	return slices.DeleteFunc(own, func(path string) bool { return len(path) < 2 }) // "/" is nobody's
}

func (s *session) showPacked(p *packedJSON) error {
	if s.g.format == view.JSON {
		return s.view.JSON(p)
	}
	for _, what := range p.Left {
		if err := s.note("left out: " + view.Line(what)); err != nil {
			return err
		}
	}
	if s.g.format == view.Quiet {
		return s.view.Out.Print(s.view.Out.Text().Add(p.File, "\n"))
	}
	return s.view.Out.Print(s.view.Out.Text().Add("wrote ", view.Line(p.File), ": ", view.Bytes(p.Size), ", ", p.SHA256, "\n"))
}
