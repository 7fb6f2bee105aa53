package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// Outcome is what a use case did. Scene is what is there afterwards; nil after a failure.
type Outcome struct {
	Plan   *plan.Plan
	Report *apply.Report
	Scene  *Scene
	// Images are what was settled on of images that are not locked, by reference; those of which nothing could be told are
	// left out.
	Images   []lock.Image
	Packages []PackageVersions // of images with packages that are not locked

	bases []lock.Image // those of Images that builds start from
}

// StalePlanError says that a saved plan is not what would be done now (exit 5).
type StalePlanError struct{ Difference string }

func (e *StalePlanError) Error() string { return "the saved plan is stale: " + e.Difference }

// maxAttempts bounds planning anew after somebody else was first.
const maxAttempts = 7

// Up makes the engine's state what the Envfile says: missing bases are pulled, a plan is made and shown to confirm, and
// applied. After images that were not known before, it plans again and goes on unasked only if nothing but volumes was
// added (§2, Mounts). Errors are listed at the package's error types; what was done stands in the outcome all the same.
func Up(ctx context.Context, env Env, p *Project, o UpOptions, confirm Confirm) (*Outcome, error) {
	var out *Outcome
	var last error
	tried := map[string]bool{}
	o.lazy = !o.around
	for attempt := range maxAttempts {
		env.phase(phaseObserve)
		g, err := observe(ctx, env, p, o)
		if err != nil {
			return nil, err
		}
		if again, err := g.mend(ctx); err != nil {
			return nil, err
		} else if again {
			last = errStale
			continue
		}
		g.lossLimit = upLimit
		out, last = g.up(ctx, o, confirm)
		var lost *apply.LostClaimError
		switch { // was somebody there at the same moment? Then look again (§6)
		case errors.As(last, &lost), errors.Is(last, errStale):
		case g.conflict(out, last, tried):
			if err := giveWay(ctx, env, attempt); err != nil {
				return out, err
			}
		case last == nil && o.Push:
			env.phase(phasePush)
			return out, g.push(ctx)
		default:
			return out, last
		}
	}
	return out, errors.Join(errors.New("somebody else keeps changing the same boxes at the same moment; try again"), last)
}

// giveWay waits for what another envy makes at the same moment, which takes a while to show: longer each time, and not
// as long as that one waits.
func giveWay(ctx context.Context, env Env, attempt int) error {
	return wait(ctx, time.Duration(float64(cmp.Or(env.Settle, DefaultSettle)<<attempt)*(0.5+rand.Float64())))
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// conflict: every failure was that a name was taken meanwhile, by a create that showed up late, that a box that was there,
// or just made, is gone, that one which ran when the plan was made does no more (an engine goes on stopping what an envy
// that was killed told it to stop), that a port which may be another was taken, or that two made a network. tried are the
// ports that were so before.
func (g *planning) conflict(out *Outcome, err error, tried map[string]bool) bool {
	if err == nil || out == nil || out.Report == nil || len(out.Report.Failures) == 0 {
		return false
	}
	for _, f := range out.Report.Failures {
		vanished := driver.Is(f.Err, driver.NotFound) && f.Step.Address.Kind == resource.KindBox && f.Step.Op != plan.OpCreateBox
		if !vanished && !stopped(out.Report, f) && !driver.Is(f.Err, driver.Conflict) && !g.outrun(f, tried) && !g.doubled(f) {
			return false
		}
	}
	return true
}

// doubled reports a second network of one name that could not go, since boxes of whoever made it are on it: that one is about to
// notice, or a new plan sees them.
func (g *planning) doubled(f *apply.Failure) bool {
	return f.Step.Op == plan.OpRemoveNetwork && driver.Is(f.Err, driver.Denied) &&
		slices.ContainsFunc(g.desired.Networks, func(n resource.NetworkWanted) bool { return n.Label == f.Step.Network.Label })
}

// outrun reports a start that failed because somebody took a port of the box after the plan was made, of a box with ports
// that may be others: a new plan sees who holds them, and picks anew. Where it picks the same there is nothing to see.
func (g *planning) outrun(f *apply.Failure, tried map[string]bool) bool {
	w := slices.IndexFunc(g.desired.Boxes, func(w resource.BoxWanted) bool { return w.Replica() == f.Step.Address.Box })
	if f.Step.Op != plan.OpStart || w < 0 || !driver.Is(f.Err, driver.PortTaken) {
		return false
	}
	ports, free := f.Step.Address.Box, false
	for _, p := range g.desired.Boxes[w].Spec.Ports {
		ports += fmt.Sprintf(" %d", p.Host)
		free = free || !p.Fixed || p.Auto
	}
	again := tried[ports]
	tried[ports] = true
	return free && !again
}

// stopped reports a wait for a box that the plan found running and that ended meanwhile.
func stopped(r *apply.Report, f *apply.Failure) bool {
	var ended *apply.EndedError
	return f.Step.Op == plan.OpWaitHealthy && errors.As(f.Err, &ended) && f.Step.Target.ID != "" && !slices.Contains(r.Started, f.Step.Target.ID)
}

func (g *planning) up(ctx context.Context, o UpOptions, confirm Confirm) (*Outcome, error) {
	g.env.phase(phasePlan)
	p, err := g.pull(ctx)
	if err != nil {
		return nil, err
	}
	g.env.phase(phaseFetch)
	images := g.settleImages(ctx)
	g.env.phase(phasePlan)
	if p == nil {
		if p, err = g.diff(ctx); err != nil {
			return nil, err
		}
	}
	if o.around {
		p = plan.Around(p, g.replicas())
	}
	out := &Outcome{Plan: p, Images: images, bases: g.bases}
	if o.Plan != nil {
		if d := plan.Different(o.Plan, p); d != "" {
			return out, &StalePlanError{Difference: d}
		}
	}
	if len(p.Problems) > 0 {
		return out, &ProblemsError{Plan: p}
	}
	g.env.phase(phaseConfirm)
	if err := confirm(ctx, p); err != nil {
		return out, err
	}
	if p.Unresolved {
		if p, err = g.makeFirst(ctx, out, o, confirm, isBase); err != nil {
			return out, err
		}
	}
	if g.openPackages(p) {
		if p, err = g.makeFirst(ctx, out, o, confirm, isLayers); err != nil {
			return out, err
		}
	}
	if p.Empty() {
		out.Scene = newScene(g.observed, g.project.Identity, g.specs)
		return out, nil
	}
	out.Report = g.apply(ctx, p, o)
	if err := out.Report.Err(ctx); err != nil {
		return out, err
	}
	return out, g.finish(ctx, out)
}

func isBase(s plan.Step) bool {
	return s.Op == plan.OpPull || s.Op == plan.OpLoad || s.Op == plan.OpBuild
}
func isLayers(s plan.Step) bool { return s.Op == plan.OpBuildLayers }

// makeFirst makes what must be there before the rest can be planned, and plans again.
func (g *planning) makeFirst(ctx context.Context, out *Outcome, o UpOptions, confirm Confirm, is func(plan.Step) bool) (*plan.Plan, error) {
	first := plan.Keep(out.Plan, is)
	out.Report = g.apply(ctx, first, o)
	if err := out.Report.Err(ctx); err != nil {
		return nil, err
	}
	built := map[string]bool{}
	for _, s := range first.Steps {
		built[s.Name] = isLayers(s)
		if isBase(s) {
			delete(g.images, s.Image.Reference)
		}
		if isLayers(s) { // it is there by now
			delete(g.answers.Images, s.Name)
			delete(g.answers.Asked, plan.Question{Kind: plan.AskImage, Ref: s.Name})
		}
	}
	g.env.phase(phaseObserve)
	if err := g.resolve(ctx); err != nil {
		return nil, err
	}
	if err := g.settlePackages(ctx, built); err != nil {
		return nil, err
	}
	out.Packages = g.packages
	g.options.Build = false
	g.env.phase(phasePlan)
	again, err := g.diff(ctx)
	if err != nil {
		return nil, err
	}
	if len(again.Problems) > 0 {
		return nil, &ProblemsError{Plan: again}
	}
	if o.around {
		again = plan.Around(again, g.replicas())
	}
	if !plan.OnlyVolumesAdded(out.Plan, again) {
		g.env.phase(phaseConfirm)
		if err := confirm(ctx, again); err != nil {
			return nil, err
		}
	}
	out.Plan = again
	return again, nil
}

func (g *planning) apply(ctx context.Context, p *plan.Plan, o UpOptions) *apply.Report {
	g.env.phase(phaseApply)
	if g.env.Watch != nil {
		g.env.Watch.Plan(p)
	}
	r := apply.Run(ctx, p, g.env.Engine, newHostSteps(g), apply.Options{
		Parallel: o.Parallel, Timeout: o.Timeout, Sink: g.env.Sink, Now: g.env.Now, Output: g.env.Output,
	})
	for _, b := range g.observed.Boxes {
		removed := func(s plan.Step) bool { return s.Op == plan.OpRemove && s.Target.ID == b.ID }
		if b.Owner.Run != "" && g.env.RunOver != nil && slices.ContainsFunc(r.Done, removed) {
			g.env.RunOver(b.Owner.Run)
		}
	}
	return r
}

// ExitedError is a box that was started and has ended by the end of up (§2, Order and readiness).
type ExitedError struct {
	Box    string
	Code   int
	Logs   []string
	Origin resource.Origin
}

func (e *ExitedError) Error() string { return fmt.Sprintf("box %q exited with code %d", e.Box, e.Code) }

// finish looks at what is there now: addresses for the caller, and boxes that started and ended again.
func (g *planning) finish(ctx context.Context, out *Outcome) error {
	g.env.phase(phaseCheck)
	if err := g.settle(ctx, out.Report); err != nil {
		return err
	}
	scene, err := Look(ctx, g.env, g.project.Identity)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(scene.Observed.Boxes, func(b resource.BoxObserved) bool { return g.late(out, b) }) {
		return errStale
	}
	out.Scene = scene
	for i := range scene.Boxes {
		if b := &scene.Boxes[i]; b.Health == resource.HealthStarting && passed(out.Report, b.Name) {
			b.Health = resource.HealthHealthy // its check passed; the engine's own first probe comes later
		}
	}
	var errs []error
	for _, w := range g.desired.Boxes {
		i := slices.IndexFunc(scene.Boxes, func(b Box) bool { return b.Key == w.Key })
		if i < 0 || w.Spec.Oneshot || !startedNow(out.Report, scene.Boxes[i]) {
			continue
		}
		if b := scene.Boxes[i]; b.State == resource.StateExited || b.State == resource.StateDead {
			errs = append(errs, &ExitedError{Box: b.Name, Code: b.ExitCode, Logs: apply.LastLines(ctx, g.env.Engine, b.ID, plan.SecretsOf(w)), Origin: w.Origin})
		}
	}
	return errors.Join(errs...)
}

// late reports a box that is not finished, and was neither there before nor made by this up: an engine goes on making what
// an envy that was killed told it to make.
func (g *planning) late(out *Outcome, b resource.BoxObserved) bool {
	if _, suffix, _ := resource.SplitName(b.Name); suffix != resource.SuffixNew || b.Owner.Run != "" {
		return false
	}
	known := slices.ContainsFunc(g.observed.Boxes, func(o resource.BoxObserved) bool { return o.ID == b.ID })
	return !known && !slices.ContainsFunc(out.Plan.Steps, func(s plan.Step) bool { return s.Op == plan.OpCreateBox && s.Target.Name == b.Name })
}

// settle gives services that nothing was waited for the time to fail: "started" is all that is known of them.
func (g *planning) settle(ctx context.Context, r *apply.Report) error {
	if !slices.ContainsFunc(r.Done, func(s plan.Step) bool { return g.unproven(r, s) }) {
		return nil
	}
	return wait(ctx, cmp.Or(g.env.Settle, DefaultSettle))
}

// unproven reports whether the step started a service that nothing was waited for.
func (g *planning) unproven(r *apply.Report, s plan.Step) bool {
	w := slices.IndexFunc(g.desired.Boxes, func(w resource.BoxWanted) bool { return w.Replica() == s.Address.Box })
	return s.Op == plan.OpStart && w >= 0 && plan.Runs(g.desired.Boxes[w].Spec) && !passed(r, s.Address.Box)
}

func passed(r *apply.Report, box string) bool {
	return slices.ContainsFunc(r.Done, func(s plan.Step) bool { return s.Op == plan.OpWaitHealthy && s.Address.Box == box })
}

func startedNow(r *apply.Report, b Box) bool {
	return slices.ContainsFunc(r.Done, func(s plan.Step) bool {
		return s.Op == plan.OpStart && s.Address.Box == b.Name
	})
}

// replicas are the names of the boxes that were asked for.
func (g *planning) replicas() []string {
	var out []string
	for _, w := range g.desired.Boxes {
		if slices.Contains(g.options.Only, w.Key) {
			out = append(out, w.Replica())
		}
	}
	return out
}
