package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
)

func (a *app) validateCommand() *cli.Command {
	return a.command("validate", "check the Envfile; asks no engine", "", func(ctx context.Context, c *cli.Context, s *session) error {
		if _, err := atMost(c, 0); err != nil {
			return err
		}
		return s.validate(ctx)
	})
}

// validation is the JSON of validate; what is wrong with an Envfile stands in the diagnostics on stderr.
type validation struct {
	Format  string           `json:"format"` // "envy.validation"
	Version int              `json:"version"`
	Valid   bool             `json:"valid"`
	Project string           `json:"project"`
	Boxes   []string         `json:"boxes"`
	Gate    []view.GateEntry `json:"gate"`
	Trusted bool             `json:"trusted"`
}

func (s *session) validate(ctx context.Context) error {
	project, err := s.project(ctx)
	if err != nil {
		return err
	}
	g, err := s.gateOf(project.Config)
	if err != nil {
		return err
	}
	r := validation{
		Format: "envy.validation", Version: resultVersion, Valid: true, Project: project.Config.Name, Boxes: []string{},
		Gate: append([]view.GateEntry{}, g.Entries...), Trusted: !g.Asks(),
	}
	for _, b := range project.Config.Boxes {
		r.Boxes = append(r.Boxes, b.Name)
	}
	switch s.g.format {
	case view.JSON:
		return s.view.Out.JSON(r)
	case view.Quiet:
		return nil
	}
	boxes := fmt.Sprintf("%d boxes: %s", len(r.Boxes), joined(r.Boxes))
	switch len(r.Boxes) {
	case 0:
		boxes = "no box yet"
	case 1:
		boxes = "1 box: " + r.Boxes[0]
	}
	t := s.view.Out.Text().Add(fmt.Sprintf("%s is valid. Project %s, %s.\n", project.Config.File, r.Project, boxes))
	if err := s.view.Out.Print(t); err != nil || len(g.Entries) == 0 {
		return err
	}
	return s.view.Gate(g)
}

func (a *app) fmtCommand() *cli.Command {
	return a.command("fmt", "write the Envfile in canonical style", "[FILE|-]", func(ctx context.Context, c *cli.Context, s *session) error {
		names, err := atMost(c, 1)
		if err != nil {
			return err
		}
		if len(names) == 1 && names[0] == "-" {
			return s.formatStream(ctx, c.Bool("check"))
		}
		return s.formatFiles(names, c.Bool("check"))
	}, toggle("check", "change nothing; name the files that are not in it, and end with 1"))
}

// formatStream is for editors: from stdin to stdout.
func (s *session) formatStream(ctx context.Context, check bool) error {
	src, err := io.ReadAll(io.LimitReader(s.streams.In.Until(ctx), hostfs.DefaultLimit+1))
	if err != nil {
		return fmt.Errorf("read stdin: %w", err)
	}
	if len(src) > hostfs.DefaultLimit {
		return &hostfs.TooLargeError{Path: "stdin", Limit: hostfs.DefaultLimit}
	}
	out, list := config.Format(src, "stdin")
	if err := list.Err(); err != nil {
		return err
	}
	if check && !bytes.Equal(src, out) {
		return errUnformatted
	}
	if check {
		return nil
	}
	_, err = s.streams.Out.Write(out) // an editor wants its bytes, not their rendering
	return err
}

// target is a file that fmt is about.
type target struct {
	name  string // as shown
	read  func() ([]byte, error)
	write func([]byte) error
}

// formatTargets are the file that was typed, else the Envfile and Envfile.local.
func (s *session) formatTargets(names []string) ([]target, error) {
	if len(names) == 1 {
		path := inDir(s.g.dir, names[0])
		caller, err := s.process().Caller(filepath.Dir(path))
		if err != nil {
			return nil, &typedPathError{names[0], err}
		}
		return []target{{
			name:  names[0],
			read:  func() ([]byte, error) { return hostfs.ReadPath(path, 0) },
			write: func(b []byte) error { return caller.WritePath(path, b, 0o644) },
		}}, nil
	}
	p, err := s.open()
	if err != nil {
		return nil, err
	}
	if p.broken != nil {
		return nil, p.broken
	}
	var list []target
	for name, mode := range map[string]fs.FileMode{p.checkout.Name(): 0o644, hostfs.EnvfileLocal: 0o600} {
		path, _ := p.checkout.Path(name)
		list = append(list, target{
			name:  name,
			read:  func() ([]byte, error) { return p.read(name) },
			write: func(b []byte) error { return p.checkout.WriteFile(path, b, mode) },
		})
	}
	slices.SortFunc(list, func(a, b target) int { return strings.Compare(a.name, b.name) })
	return list, nil
}

func (s *session) formatFiles(names []string, check bool) error {
	targets, err := s.formatTargets(names)
	if err != nil {
		return err
	}
	var changed []string
	var problems diag.List
	for _, f := range targets {
		src, err := f.read()
		if errors.Is(err, fs.ErrNotExist) && f.name == hostfs.EnvfileLocal {
			continue
		}
		if err != nil {
			return &typedPathError{f.name, err}
		}
		out, list := config.Format(src, f.name)
		problems = append(problems, list...)
		if list.HasErrors() || bytes.Equal(src, out) {
			continue
		}
		changed = append(changed, f.name)
		if check {
			continue
		}
		if err := f.write(out); err != nil {
			return err
		}
	}
	if err := s.showFormatted(changed); err != nil {
		return err
	}
	if err := problems.Err(); err != nil {
		return err
	}
	if check && len(changed) > 0 {
		return errUnformatted
	}
	return nil
}

// formatted is the JSON of fmt: the files that were changed, or with --check would be.
type formatted struct {
	Format  string   `json:"format"` // "envy.fmt"
	Version int      `json:"version"`
	Changed []string `json:"changed"`
}

func (s *session) showFormatted(changed []string) error {
	if s.g.format == view.JSON {
		return s.view.Out.JSON(formatted{Format: "envy.fmt", Version: resultVersion, Changed: append([]string{}, changed...)})
	}
	t := s.view.Out.Text()
	for _, name := range changed {
		t.Add(view.Line(name), "\n")
	}
	return s.view.Out.Print(t)
}
