package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes/artifact"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision/event"
)

func (a *app) boxPushCommand() *cli.Command {
	return a.command("push", "put a box archive into a registry, for `from` and envy box add", "FILE oci://HOST/NAME:TAG",
		func(ctx context.Context, c *cli.Context, s *session) error {
			names, err := atMost(c, 2)
			if err != nil {
				return err
			}
			if len(names) < 2 {
				return &usageError{text: "envy box push takes an archive and where to put it", hint: "envy box push shop-web.box oci://registry.example.com/team/web:1.4"}
			}
			return s.pushBox(ctx, names[0], names[1])
		})
}

// pushedJSON is the document of box push.
type pushedJSON struct {
	Format   string `json:"format"` // "envy.push"
	Version  int    `json:"version"`
	Source   string `json:"source"`   // as `from` takes it
	Digest   string `json:"digest"`   // what the registry knows it by
	Manifest string `json:"manifest"` // digest of the archive's own, as the lock has it
	Size     int64  `json:"size"`     // of the archive, in bytes
}

// registrySource reads an address of a registry that was typed.
func registrySource(text string) (source.Registry, error) {
	parsed, err := source.Parse(text)
	var wrong *source.Error
	if errors.As(err, &wrong) && strings.HasPrefix(text, "oci://") {
		return source.Registry{}, &usageError{text: wrong.Summary, hint: wrong.Hint}
	}
	at, ok := parsed.(source.Registry)
	if err != nil || !ok {
		return at, &usageError{text: fmt.Sprintf("%q is no address of a registry", text), hint: "write oci://HOST/NAME:TAG"}
	}
	return at, nil
}

func (s *session) pushBox(ctx context.Context, file, to string) error {
	at, err := registrySource(to)
	if err != nil {
		return err
	}
	f, err := hostfs.OpenPath(inDir(s.g.dir, file))
	if err != nil {
		return &typedPathError{file, err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	e := event.Event{ID: "box-push", Subject: at.String(), Kind: event.Start, Text: "box push"}
	s.sink().Send(e)
	pushed, err := artifact.Push(ctx, s.registry(), at, f, info.Size(), func(done, total int64) {
		e.Kind, e.Current, e.Total, e.Unit = event.Progress, done, total, "bytes"
		s.sink().Send(e)
	})
	e = event.Event{ID: e.ID, Subject: e.Subject, Kind: event.Done, Text: "box push"}
	if err != nil {
		e.Kind, e.Text = event.Failed, err.Error()
	}
	s.sink().Send(e)
	if err := errors.Join(s.pushProblem(ctx, file, at, err), s.settle()); err != nil {
		return err
	}
	return s.showPushed(pushedJSON{
		Format: "envy.push", Version: resultVersion, Source: at.String(), Digest: pushed.Digest, Manifest: pushed.Head.Digest, Size: info.Size(),
	})
}

// pushProblem tells of the archive by its name, and of the registry by its address.
func (s *session) pushProblem(ctx context.Context, file string, at source.Registry, err error) error {
	if err = wrongArchive(file, err); err == nil || ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	return registryProblem(at, "", err)
}

func (s *session) showPushed(p pushedJSON) error {
	switch s.g.format {
	case view.JSON:
		return s.view.JSON(p)
	case view.Quiet:
		return s.view.Out.Print(s.view.Out.Text().Add(p.Digest, "\n"))
	}
	return s.view.Out.Print(s.view.Out.Text().Add("pushed ", view.Bytes(p.Size), ", ", p.Digest, "\n", "from = \"", view.Line(p.Source), "\"\n"))
}
