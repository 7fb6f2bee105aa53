package provision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// ScopeOptions are the flags of halt, suspend, resume and destroy.
type ScopeOptions struct {
	Boxes    []string
	Volumes  bool     // destroy: named volumes too
	Named    []string // destroy: instead, the volumes of these names
	Kill     bool     // halt: at once
	AskLoss  bool     // destroy: find out what would be lost
	Timeout  time.Duration
	Parallel int
}

// Halt stops boxes, dependents first. It needs no Envfile, as the others here.
func Halt(ctx context.Context, env Env, s *Scene, o ScopeOptions, confirm Confirm) (*Outcome, error) {
	return scoped(ctx, env, s, o, confirm, plan.Halt)
}

// Suspend pauses boxes.
func Suspend(ctx context.Context, env Env, s *Scene, o ScopeOptions, confirm Confirm) (*Outcome, error) {
	return scoped(ctx, env, s, o, confirm, plan.Suspend)
}

// Resume lets paused boxes go on.
func Resume(ctx context.Context, env Env, s *Scene, o ScopeOptions, confirm Confirm) (*Outcome, error) {
	return scoped(ctx, env, s, o, confirm, plan.Resume)
}

// Destroy removes boxes, and with all of them the project's networks; volumes only with o.Volumes.
func Destroy(ctx context.Context, env Env, s *Scene, o ScopeOptions, confirm Confirm) (*Outcome, error) {
	var images []driver.OwnedImage
	var err error
	switch all := o.Volumes && len(o.Boxes) == 0; {
	case !all:
		s, err = mended(ctx, env, s)
	case len(s.Observed.Snapshots) > 0: // nothing of a snapshot is left, nor of a restore
		images, err = snapshotImages(ctx, env, s.Identity)
	}
	if err != nil {
		return nil, err
	}
	return scoped(ctx, env, s, o, confirm, func(scope plan.Scope) plan.Result {
		scope.Images = planImages(images)
		return plan.Destroy(scope)
	})
}

func scoped(ctx context.Context, env Env, s *Scene, o ScopeOptions, confirm Confirm, make func(plan.Scope) plan.Result) (*Outcome, error) {
	g, p, err := scopedPlan(ctx, env, s, o, make)
	if err != nil {
		return nil, err
	}
	out := &Outcome{Plan: p, Scene: s}
	env.phase(phaseConfirm)
	if err := confirm(ctx, p); err != nil || p.Empty() {
		return out, err
	}
	out.Report = g.apply(ctx, p, UpOptions{Parallel: o.Parallel, Timeout: o.Timeout})
	return out, out.Report.Err(ctx)
}

// scopedPlan makes the plan, and what applies it.
func scopedPlan(ctx context.Context, env Env, s *Scene, o ScopeOptions, make func(plan.Scope) plan.Result) (*planning, *plan.Plan, error) {
	g := &planning{env: env, lossLimit: upLimit, observed: s.Observed, answers: plan.Answers{
		Details: map[string]*resource.BoxDetail{}, Records: map[string]*resource.Record{}, Losses: map[string]*resource.Loss{},
		Images: map[string]*resource.ImageFact{}, Asked: map[plan.Question]bool{},
	}}
	scope, err := s.scope(o, g.answers)
	if err != nil {
		return g, nil, err
	}
	env.phase(phasePlan)
	r := make(scope)
	if r.Plan == nil {
		if err := g.answer(ctx, r.Questions); err != nil {
			return g, nil, err
		}
		scope.Answers = g.answers
		if r = make(scope); r.Plan == nil {
			return g, nil, errors.New("no plan could be made: what the engine holds keeps changing")
		}
	}
	return g, r.Plan, nil
}

// Exec runs a command in a box. Error: *StateError where it does not run, saying what to type.
func Exec(ctx context.Context, env Env, b Box, x driver.Exec, s driver.Streams) (int, error) {
	if err := mustRun(b); err != nil {
		return 0, err
	}
	x.Shell = b.Spec.Shell
	return env.Engine.Exec(ctx, b.ID, x, s)
}

func mustRun(b Box) error {
	hint := "envy up " + b.Name
	switch b.State {
	case resource.StateRunning:
		return nil
	case resource.StatePaused:
		hint = "envy resume " + b.Name
	case resource.StateRestarting:
		hint = "envy logs " + b.Name // up leaves it to its restart policy
	}
	return &StateError{Box: b.Name, State: b.State, Hint: hint}
}

// Logs copies what a box printed.
func Logs(ctx context.Context, env Env, b Box, o driver.LogOptions, out, errOut io.Writer) error {
	return env.Engine.Logs(ctx, b.ID, o, out, errOut)
}

// UnknownProvisionerError is a name in --only that no selected box has (exit 3).
type UnknownProvisionerError struct{ Name string }

func (e *UnknownProvisionerError) Error() string { return fmt.Sprintf("no provisioner %q", e.Name) }

// RunProvisioners runs provisioners now, whatever their record says: all but `never` ones, or those in only. It
// gives the plan of what ran.
func RunProvisioners(ctx context.Context, env Env, p *Project, boxes, only []string) (*plan.Plan, error) {
	g, err := observe(ctx, env, p, UpOptions{Boxes: boxes})
	if err != nil {
		return nil, err
	}
	scene := newScene(g.observed, g.project.Identity, nil)
	pl := &plan.Plan{Version: plan.Version, Project: g.project.Identity.Project}
	used := map[string]bool{}
	for _, w := range g.desired.Boxes {
		if g.options.Only != nil && !slices.Contains(g.options.Only, w.Key) || len(w.Scripts) == 0 {
			continue
		}
		i := slices.IndexFunc(scene.Boxes, func(b Box) bool { return b.Key == w.Key })
		b := Box{Name: w.Replica(), State: resource.StateAbsent}
		if i >= 0 {
			b = scene.Boxes[i]
		}
		if err := mustRun(b); err != nil {
			return nil, err
		}
		provisionSteps(pl, w, b, only, used)
	}
	for _, name := range only {
		if !used[name] {
			return nil, &UnknownProvisionerError{Name: name}
		}
	}
	return pl, g.apply(ctx, pl, UpOptions{}).Err(ctx)
}

func provisionSteps(pl *plan.Plan, w resource.BoxWanted, b Box, only []string, used map[string]bool) {
	last := 0
	for n := range w.Scripts {
		name := w.Scripts[n].Name
		if len(only) > 0 && !slices.Contains(only, name) || len(only) == 0 && w.Spec.Provisions[n].When == "never" {
			continue
		}
		used[name] = true
		s := plan.Step{
			ID: len(pl.Steps) + 1, Op: plan.OpProvision, Address: resource.Address{Kind: resource.KindProvision, Box: w.Replica(), Name: name},
			Target: plan.Target{ID: b.ID, Name: b.Container}, Name: name, Script: &w.Scripts[n], Secrets: plan.SecretsOf(w), Origin: w.OriginOf("provision." + name),
		}
		if last != 0 {
			s.Needs = []int{last}
		}
		last = s.ID
		pl.Steps = append(pl.Steps, s)
		pl.Changes = append(pl.Changes, plan.Change{Address: s.Address, Action: plan.Update, Origin: s.Origin})
	}
}
