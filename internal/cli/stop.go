package cli

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/plan"
)

// scoped is a use case that lives on the engine's labels.
type scoped func(context.Context, provision.Env, *provision.Scene, provision.ScopeOptions, provision.Confirm) (*provision.Outcome, error)

func unasked(context.Context, *plan.Plan) error { return nil }

// scope is the call that halt, suspend, resume and destroy share. None of them needs an Envfile that can be read.
func (s *session) scope(ctx context.Context, do scoped, command string, o provision.ScopeOptions, confirm provision.Confirm) (*plan.Plan, error) {
	if _, err := s.open(); err != nil {
		return nil, err
	}
	if err := s.warnBroken(s.check(ctx)); err != nil {
		return nil, err
	}
	s.phase(phaseReach)
	env, err := s.lockedEnv(ctx, command)
	if err != nil {
		return nil, err
	}
	scene, err := provision.Look(ctx, env, s.place.identity)
	if err != nil {
		return nil, err
	}
	if err := s.elsewhere(ctx, env, scene); err != nil {
		return nil, err
	}
	if len(o.Boxes) > 0 {
		if o.Boxes, err = s.there(ctx, scene, o.Boxes); err != nil || len(o.Boxes) == 0 {
			return &plan.Plan{Version: plan.Version, Project: scene.Identity.Project}, err
		}
	}
	outcome, err := do(ctx, env, scene, o, confirm)
	if err := errors.Join(err, s.settle()); err != nil {
		return nil, errors.Join(err, skipped(outcome))
	}
	return outcome.Plan, nil
}

// scopeCommand makes halt, suspend or resume.
func (a *app) scopeCommand(name, usage, verb, nothing string, do scoped, flags ...cli.Flag) *cli.Command {
	return a.command(name, usage, "[BOX…]", func(ctx context.Context, c *cli.Context, s *session) error {
		o, err := upOptions(c)
		if err != nil {
			return err
		}
		p, err := s.scope(ctx, do, name, provision.ScopeOptions{
			Boxes: o.Boxes, Kill: c.Bool("kill"), Parallel: o.Parallel, Timeout: o.Timeout,
		}, unasked)
		if err != nil {
			return err
		}
		return s.showDone(name, verb, nothing, p)
	}, flags...)
}

func (a *app) haltCommand() *cli.Command {
	return a.scopeCommand("halt", "stop boxes", "halted", "nothing is running", provision.Halt,
		toggle("kill", "do not wait for them to end by themselves"))
}

func (a *app) suspendCommand() *cli.Command {
	return a.scopeCommand("suspend", "pause boxes where they are", "suspended", "nothing is running", provision.Suspend)
}

func (a *app) resumeCommand() *cli.Command {
	return a.scopeCommand("resume", "let paused boxes go on", "resumed", "nothing is suspended", provision.Resume)
}

func (a *app) destroyCommand() *cli.Command {
	return a.command("destroy", "remove boxes and networks; asks first", "[BOX…]", func(ctx context.Context, c *cli.Context, s *session) error {
		o, err := upOptions(c)
		if err != nil {
			return err
		}
		s.measure(c, false)
		p, err := s.scope(ctx, provision.Destroy, "destroy", provision.ScopeOptions{
			Boxes: o.Boxes, Volumes: c.Bool("volumes"), AskLoss: !s.g.yes, Parallel: o.Parallel,
		}, s.confirmDestroy)
		return s.timed(err, func() error { return s.showDone("destroy", "destroyed", "nothing to destroy", p) })
	}, toggle("volumes", "named volumes too, with all that is in them"), timingsFlag())
}
