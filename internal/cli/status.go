package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
)

func (a *app) statusCommand() *cli.Command {
	return a.command("status", "boxes, their state, health, addresses and drift", "", func(ctx context.Context, c *cli.Context, s *session) error {
		if _, err := atMost(c, 0); err != nil {
			return err
		}
		size, all, watch := c.Bool("size"), c.Bool("all"), c.Bool("watch")
		switch {
		case watch && size:
			return &usageError{text: "--watch and --size: the engine would have to count at every change", hint: "envy status --size tells once"}
		case watch && all:
			return &usageError{text: "--watch is about one checkout, --all about all of them"}
		case watch:
			return s.watchStatus(ctx)
		case all:
			return s.statusAll(ctx, size)
		}
		return s.status(ctx, size)
	},
		toggle("size", "with disk use, which the engine has to count"),
		toggle("all", "all projects on the engine, whoever's they are; needs no Envfile"),
		toggle("watch", "draw it again on every change, until it is interrupted"),
	)
}

func (s *session) status(ctx context.Context, sized bool) error {
	project, err := s.projectIfWell(ctx)
	if err != nil {
		return err
	}
	env, scene, err := s.look(ctx)
	if err != nil {
		return err
	}
	if err := s.warnElsewhere(ctx, env, scene); err != nil {
		return err
	}
	var sizes map[string]provision.Size
	if sized {
		if sizes, err = provision.Sizes(ctx, env, scene); err != nil {
			return err
		}
	}
	return showStatus(s.view, project, scene, sizes)
}

// warnElsewhere is elsewhere for commands that go on: the refusal becomes a warning.
func (s *session) warnElsewhere(ctx context.Context, env provision.Env, scene *provision.Scene) error {
	err := s.elsewhere(ctx, env, scene)
	if !is[*provision.RefusedError](err) {
		return err
	}
	list := s.app.describe(err)
	list[0].Severity = diag.Warning
	return s.view.Diagnostics(list)
}

// showStatus lists boxes; sizes are nil where nobody asked for them, project where the Envfile is broken.
func showStatus(v *view.View, project *provision.Project, scene *provision.Scene, sizes map[string]provision.Size) error {
	o := view.StatusOptions{Project: scene.Identity.Project, Size: sizes != nil}
	if o.Project == "" && project != nil {
		o.Project = project.Config.Name
	}
	var rows []view.BoxRow
	for _, b := range provision.Status(scene, project) {
		row := rowOf(b)
		if size, ok := sizes[b.Name]; ok {
			row.Size = &size.Own
		}
		rows = append(rows, row)
	}
	return v.Status(rows, o)
}

// watchStatus draws the status until it is interrupted. The Envfile is read anew each time, since what changes boxes is
// often an up after an edit; what is wrong with it is told once.
func (s *session) watchStatus(ctx context.Context) error {
	env, err := s.env()
	if err != nil {
		return err
	}
	drawing := s.view.NewWatch()
	err = provision.Watch(ctx, env.Engine, s.place.identity, func(ctx context.Context) error {
		project, err := s.projectIfWell(ctx)
		if err != nil {
			return err
		}
		scene, err := provision.Look(ctx, env, s.place.identity)
		if err != nil {
			return err
		}
		if !s.muted {
			if err := s.warnElsewhere(ctx, env, scene); err != nil {
				return err
			}
			s.muted = true
		}
		return drawing.Draw(func(v *view.View) error { return showStatus(v, project, scene, nil) })
	})
	return stopped(ctx, err)
}

func (a *app) portCommand() *cli.Command {
	return a.command("port", "where a box's port is published", "[BOX [PORT]]", func(ctx context.Context, c *cli.Context, s *session) error {
		names, err := atMost(c, 2)
		if err != nil {
			return err
		}
		return s.port(ctx, names)
	})
}

func (s *session) port(ctx context.Context, names []string) error {
	_, scene, err := s.lookAndCheck(ctx)
	if err != nil {
		return err
	}
	boxes, err := s.pick(ctx, scene, names[:min(len(names), 1)])
	if err != nil {
		return err
	}
	var rows []view.BoxRow
	found := 0
	for _, b := range boxes {
		row := view.BoxRow{Name: b.Name}
		for _, p := range view.NewPortRows(b.Ports) {
			if len(names) < 2 || p.Name == names[1] || strconv.Itoa(p.Guest) == names[1] {
				row.Ports = append(row.Ports, p)
			}
		}
		found += len(row.Ports)
		rows = append(rows, row)
	}
	if len(names) == 2 && found == 0 {
		return noPort(boxes[0], names[1])
	}
	if s.g.format == view.JSON {
		return s.view.JSON(view.NewPorts(rows))
	}
	t := s.view.Out.Text()
	for _, b := range rows {
		for _, p := range b.Ports {
			if len(names) < 2 {
				t.Add(fmt.Sprintf("%s %s %d/%s ", b.Name, p.Name, p.Guest, p.Protocol))
			}
			t.Add(p.HostPort(), "\n")
		}
	}
	return s.view.Out.Print(t)
}

func noPort(b provision.Box, name string) error {
	var known []string
	for _, p := range b.Ports {
		known = append(known, p.Name)
	}
	e := &usageError{text: fmt.Sprintf("box %q publishes no port %q", b.Name, name), hint: "it publishes none"}
	if len(known) > 0 {
		e.hint = "it publishes: " + strings.Join(known, ", ")
	}
	return e
}
