package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
)

func (a *app) provisionCommand() *cli.Command {
	return a.command("provision", "run provisioners now", "[BOX…]", func(ctx context.Context, c *cli.Context, s *session) error {
		o, err := upOptions(c)
		if err != nil {
			return err
		}
		return s.provision(ctx, o.Boxes, c.StringSlice("only"))
	}, &cli.StringSliceFlag{Name: "only", Usage: "only the provisioner of this `NAME`, also one that runs only by name"})
}

func (s *session) provision(ctx context.Context, boxes, only []string) error {
	project, err := s.projectAsking(ctx)
	if err != nil {
		return err
	}
	if err := project.Knows(boxes); err != nil {
		return err
	}
	if err := s.gate(ctx, project.Config); err != nil {
		return err
	}
	env, err := s.makingEnv(ctx, "provision")
	if err != nil {
		return err
	}
	ran, err := provision.RunProvisioners(ctx, env, project, boxes, only)
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	return s.showDone("provision", "ran", "there is nothing to run", ran)
}

func (a *app) versionCommand() *cli.Command {
	return a.command("version", "envy's version", "", func(_ context.Context, c *cli.Context, s *session) error {
		if _, err := atMost(c, 0); err != nil {
			return err
		}
		return s.version()
	})
}

// printVersion is --version, which is the command without a command.
func (a *app) printVersion(c *cli.Context) error {
	s, err := a.begin(c)
	if err != nil {
		return err
	}
	return s.version()
}

func (s *session) version() error {
	r := view.NewVersion(s.app.m.Version, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
	if s.g.format == view.JSON {
		return s.view.JSON(r)
	}
	return s.view.Out.Print(s.view.Out.Text().Add(fmt.Sprintf("envy %s (%s, %s)\n", r.EnvyVersion, r.Go, r.Platform)))
}
