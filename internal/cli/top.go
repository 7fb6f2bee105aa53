package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
)

func (a *app) topCommand() *cli.Command {
	return a.command("top", "what boxes use, and their processes", "[BOX…]", func(ctx context.Context, c *cli.Context, s *session) error {
		names, _, dashed := operands(c)
		if dashed {
			return &usageError{text: "envy top runs no command: take the -- away"}
		}
		processes := !c.Bool("no-processes")
		env, scene, err := s.lookAndCheck(ctx)
		if err != nil {
			return err
		}
		boxes, err := s.pick(ctx, scene, names)
		if err != nil {
			return err
		}
		if c.Bool("no-stream") || s.g.format != view.Human || !s.view.Out.Live() {
			return s.topOnce(ctx, env, scene, boxes, processes)
		}
		if err := s.settle(); err != nil {
			return err
		}
		return stopped(ctx, s.topLive(ctx, env, scene, names, processes))
	},
		toggle("no-stream", "tell once and end; so it is where stdout is no terminal"),
		toggle("no-processes", "the boxes only"),
	)
}

func (s *session) topOnce(ctx context.Context, env provision.Env, scene *provision.Scene, boxes []provision.Box, processes bool) error {
	use, err := provision.Measure(ctx, env, boxes, processes)
	if err != nil {
		return err
	}
	for _, u := range use {
		if u.Unlisted == "" {
			continue
		}
		if err := s.view.Diagnostics(diag.List{{
			Severity: diag.Warning, Summary: "the processes of the boxes are not known: " + u.Unlisted, Hint: "--no-processes asks for none",
		}}); err != nil {
			return err
		}
		break // it is the engine's machine
	}
	return s.view.Top(topOf(scene, use))
}

// topPause is between two looks, which take a second or two themselves.
const topPause = 500 * time.Millisecond

// topLive draws until ctx ends. Boxes that are made meanwhile are there from the next look on.
func (s *session) topLive(ctx context.Context, env provision.Env, scene *provision.Scene, names []string, processes bool) error {
	live := s.view.LiveTop()
	for {
		boxes, err := scene.Select(names)
		if err != nil && !is[*provision.NoBoxError](err) { // it is gone, and may come back
			return err
		}
		use, err := provision.Measure(ctx, env, boxes, processes)
		if err != nil {
			return err
		}
		if err := live.Draw(topOf(scene, use)); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(topPause):
		}
		if scene, err = provision.Look(ctx, env, s.place.identity); err != nil {
			return err
		}
	}
}

func topOf(scene *provision.Scene, use []provision.BoxUsage) view.TopJSON {
	d := view.TopJSON{Project: scene.Identity.Project, Boxes: []view.BoxUseJSON{}}
	for _, u := range use {
		b := view.BoxUseJSON{Name: u.Box, State: u.State}
		if u.Running {
			b.Use = &view.UseJSON{
				CPU: u.Usage.CPU, Memory: u.Usage.Memory, MemoryLimit: u.Usage.MemoryLimit, NetIn: u.Usage.NetIn, NetOut: u.Usage.NetOut,
				DiskRead: u.Usage.DiskIn, DiskWritten: u.Usage.DiskOut, Count: u.Usage.Processes, Processes: []view.ProcessJSON{},
			}
			for _, p := range u.Processes {
				b.Use.Processes = append(b.Use.Processes, view.ProcessJSON(p))
			}
		}
		d.Boxes = append(d.Boxes, b)
	}
	return d
}
