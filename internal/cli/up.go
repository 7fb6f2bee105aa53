package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/plan"
)

// upFlags are what up and plan share, so that a plan is of what up would do.
func upFlags() []cli.Flag {
	return []cli.Flag{
		toggle("no-provision", "run no provisioners"),
		toggle("provision", "run all provisioners, whatever ran before"),
		toggle("recreate", "replace the boxes even if nothing changed"),
		toggle("build", "build images anew"),
		toggle("bootstrap", "make base images that cannot be pulled from packages, where that can be"),
		&cli.StringSliceFlag{Name: "scale", Usage: "how many replicas of a box there are for now, whatever its count: `BOX=N`"},
	}
}

func paceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "timeout", Usage: "how long each box may take to become ready: `TIME` as 90s", Value: 5 * time.Minute},
		&cli.IntFlag{Name: "parallel", Usage: "do at most `N` things at once", DefaultText: "8"},
	}
}

func upOptions(c *cli.Context) (provision.UpOptions, error) {
	names, _, dashed := operands(c)
	o := provision.UpOptions{
		Boxes: names, Recreate: c.Bool("recreate"), NoProvision: c.Bool("no-provision"), Provision: c.Bool("provision"),
		Build: c.Bool("build"), Bootstrap: c.Bool("bootstrap"), Parallel: c.Int("parallel"), Timeout: c.Duration("timeout"),
	}
	var err error
	if o.Scale, err = scaleOf(c.StringSlice("scale")); err != nil {
		return o, err
	}
	switch {
	case dashed:
		return o, &usageError{text: "envy " + c.Command.Name + " runs no command: take the -- away", hint: "envy ssh and envy exec run one"}
	case o.NoProvision && o.Provision:
		return o, &usageError{text: "--provision and --no-provision exclude each other"}
	case o.Parallel < 0 || c.IsSet("parallel") && o.Parallel == 0:
		return o, &usageError{text: "--parallel needs a number from 1"}
	case o.Timeout < 0 || c.IsSet("timeout") && o.Timeout == 0:
		return o, &usageError{text: "--timeout needs a time, as 90s or 5m"}
	}
	return o, nil
}

// scaleOf reads counts of --scale; of two for a box the later one wins.
func scaleOf(words []string) (map[string]int, error) {
	out := map[string]int{}
	for _, w := range words {
		box, count, _ := strings.Cut(w, "=")
		n, err := strconv.Atoi(count)
		if err != nil || box == "" {
			return nil, &usageError{text: "--scale " + w + ": write --scale BOX=N", hint: "as in: envy up --scale web=3"}
		}
		out[box] = n
	}
	return out, nil
}

func (a *app) upCommand() *cli.Command {
	flags := append(upFlags(), paceFlags()...)
	flags = append(flags,
		&cli.StringFlag{Name: "plan", Usage: "apply the plan that plan --out saved in `FILE`, if it still holds"},
		toggle("push", "put images with packages and setups into the team's cache"),
		timingsFlag(),
	)
	return a.command("up", "make it so: create, change and start what the Envfile says", "[BOX…]", func(ctx context.Context, c *cli.Context, s *session) error {
		o, err := upOptions(c)
		if err != nil {
			return err
		}
		o.Push, s.scale = c.Bool("push"), o.Scale
		s.measure(c, o.Build)
		confirm := s.confirmLoss
		if file := c.String("plan"); file != "" {
			if o.Plan, err = readPlan(inDir(s.g.dir, file)); err != nil {
				return err
			}
			confirm = s.confirmed // the plan names its losses, and was typed
		}
		return s.up(ctx, o, confirm)
	}, flags...)
}

func (a *app) reloadCommand() *cli.Command {
	return a.command("reload", "restart boxes, with what changed in the Envfile", "[BOX…]", func(ctx context.Context, c *cli.Context, s *session) error {
		o, err := upOptions(c)
		if err != nil {
			return err
		}
		o.Restart = true
		s.measure(c, false)
		return s.up(ctx, o, s.confirmLoss)
	}, append([]cli.Flag{
		toggle("no-provision", "run no provisioners"),
		toggle("provision", "run all provisioners, whatever ran before"),
		timingsFlag(),
	}, paceFlags()...)...)
}

// up is the call that up and reload share.
func (s *session) up(ctx context.Context, o provision.UpOptions, confirm provision.Confirm) error {
	project, err := s.allowed(ctx, o)
	if err != nil {
		return err
	}
	s.phase(phaseReach)
	env, err := s.makingEnv(ctx, "up")
	if err != nil {
		return err
	}
	if s.waited { // that one may have settled what this one would settle anew
		s.phase(phaseRead)
		s.finder, s.packed = nil, nil
		if project, err = s.allowed(ctx, o); err != nil {
			return err
		}
	}
	outcome, err := provision.Up(ctx, env, project, o, confirm)
	if outcome != nil && (err == nil || outcome.Report != nil) { // it was let pass, and begun
		s.phase(phaseWrite)
		err = errors.Join(err, s.lockUp(ctx, project, settled{outcome.Images, outcome.Packages}))
	}
	if err = errors.Join(err, s.settle()); err != nil {
		err = errors.Join(err, skipped(outcome))
	}
	return s.timed(err, func() error { return s.showUp(ctx, project, outcome) })
}

// allowed is the project to be brought up, once the gate has let it pass.
func (s *session) allowed(ctx context.Context, o provision.UpOptions) (*provision.Project, error) {
	project, err := s.projectAsking(ctx)
	if err != nil {
		return nil, err
	}
	if err := project.Knows(o.Boxes); err != nil {
		return nil, err
	}
	if o.Push && project.Config.Cache == nil {
		return nil, &usageError{text: "--push needs a team cache, and the Envfile has none", hint: `cache { registry = "registry.example.com/team/cache" }`}
	}
	return project, s.gate(ctx, project.Config)
}

// lockUp writes down what up has settled: what stands in the lock stays as it is.
func (s *session) lockUp(ctx context.Context, p *provision.Project, now settled) error {
	now.images = append(s.platforms(ctx, now.images), s.pushed...)
	if s.g.locked || s.unsettled(p, now) { // --locked: what is locked is all there is
		return nil
	}
	changes, err := s.saveLocks(s.settledLocks(ctx, p, now, lockEdit{}))
	if err != nil { // of a checkout that cannot be written, say: the boxes are up all the same
		return s.view.Diagnostics(diag.List{{
			Severity: diag.Warning, Summary: "what was settled could not be written down", Detail: err.Error(),
			Hint: "the next up settles it anew; envy lock writes it once it can",
		}})
	}
	if len(changes) == 0 {
		return nil
	}
	return s.note(s.lockFiles.name + " has changed; commit it:\n  " + strings.Join(changes, "\n  "))
}

// lockChanges are those that up will make as far as they are known.
func (s *session) lockChanges(ctx context.Context, p *provision.Project) []string {
	if s.g.locked || s.unsettled(p, settled{}) {
		return nil
	}
	return lock.Diff(s.lockFiles.committed, s.settledLocks(ctx, p, settled{}, lockEdit{}).committed)
}

// confirmed shows a plan whose losses are confirmed.
func (s *session) confirmed(_ context.Context, p *plan.Plan) error {
	if p.Empty() {
		return nil
	}
	return s.showPlan(p)
}

// skipped is what a failure left undone, nil for nothing.
func skipped(o *provision.Outcome) error {
	if o == nil || o.Report == nil || len(o.Report.Skipped) == 0 {
		return nil
	}
	e := &skippedError{}
	for _, step := range o.Report.Skipped {
		if name := step.Address.String(); !slices.Contains(e.names, name) {
			e.names = append(e.names, name)
		}
	}
	return e
}

func (a *app) planCommand() *cli.Command {
	flags := append(upFlags(),
		toggle("detailed-exitcode", "end with 2 when there are changes"),
		&cli.StringFlag{Name: "out", Usage: "save the plan in `FILE`, for up --plan"},
		toggle("pull", "fetch missing images, to know all of the plan"),
	)
	return a.command("plan", "show what up would do", "[BOX…]", func(ctx context.Context, c *cli.Context, s *session) error {
		o, err := upOptions(c)
		if err != nil {
			return err
		}
		o.Pull, s.scale = c.Bool("pull"), o.Scale
		p, err := s.plan(ctx, o, c.String("out"))
		if err != nil {
			return err
		}
		if c.Bool("detailed-exitcode") && !p.Empty() {
			return errChanges
		}
		return nil
	}, flags...)
}

func (s *session) plan(ctx context.Context, o provision.UpOptions, out string) (*plan.Plan, error) {
	project, err := s.project(ctx)
	if err != nil {
		return nil, err
	}
	if err := project.Knows(o.Boxes); err != nil {
		return nil, err
	}
	gate := s.planGate(out != "" || o.Pull)
	if err := gate(ctx, project.Config); err != nil {
		return nil, err
	}
	env, err := s.reach(ctx)
	if err != nil {
		return nil, err
	}
	env.Gate = gate
	if err := errors.Join(s.team(&env), s.secrets(ctx, &env)); err != nil {
		return nil, err
	}
	p, err := provision.MakePlan(ctx, env, project, o)
	if err := errors.Join(err, s.settle()); err != nil {
		return nil, err
	}
	s.view.PlanHeader(p.Project, s.about.Version, s.about.Endpoint)
	s.view.PlanLock(s.lockFiles.name, s.lockChanges(ctx, project))
	if err := s.view.Plan(p); err != nil {
		return nil, err
	}
	if len(p.Problems) > 0 {
		return nil, &shownError{&provision.ProblemsError{Plan: p}}
	}
	if out != "" {
		err = s.savePlan(p, o, out)
	}
	return p, err
}

// savePlan writes a plan that up can compare with a fresh one.
func (s *session) savePlan(p *plan.Plan, o provision.UpOptions, out string) error {
	unknown := func(x plan.Step) bool {
		return x.Op == plan.OpPull || x.Op == plan.OpLoad || x.Op == plan.OpBuild && !o.Pull && !x.Image.Build.Settled()
	}
	if slices.ContainsFunc(p.Steps, unknown) {
		return &provision.RefusedError{
			Text: "an image is missing, so all of the plan is not known yet; nothing was saved", Hint: "envy plan --pull" + flagsOf(o) + " --out " + out,
		}
	}
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	if err := s.place.caller.WritePath(inDir(s.g.dir, out), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return s.note("saved; apply it with: envy up" + flagsOf(o) + " --plan " + out)
}

// flagsOf are the flags and boxes that up must be given to make the same plan.
func flagsOf(o provision.UpOptions) string {
	words := ""
	for _, f := range []struct {
		set  bool
		name string
	}{{o.NoProvision, "no-provision"}, {o.Provision, "provision"}, {o.Recreate, "recreate"}, {o.Build, "build"}, {o.Bootstrap, "bootstrap"}} {
		if f.set {
			words += " --" + f.name
		}
	}
	for _, box := range slices.Sorted(maps.Keys(o.Scale)) {
		words += fmt.Sprintf(" --scale %s=%d", box, o.Scale[box])
	}
	for _, b := range o.Boxes {
		words += " " + b
	}
	return words
}

// readPlan reads a saved plan. It is compared with a fresh one, never believed.
func readPlan(path string) (*plan.Plan, error) {
	data, err := hostfs.ReadPath(path, plan.MaxSaved)
	if err != nil {
		return nil, &typedPathError{path, err}
	}
	p, err := plan.Decode(data)
	if err != nil {
		return nil, &usageError{text: path + ": " + err.Error(), hint: "envy plan --out FILE writes one"}
	}
	return p, nil
}

// note says on stderr what is no result.
func (s *session) note(text string) error {
	if s.g.format == view.Quiet || s.g.format == view.JSON {
		return nil
	}
	return s.view.Err.Print(s.view.Err.Text().Add(text, "\n"))
}
