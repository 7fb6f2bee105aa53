package provision

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// Looking at what a box would lose takes at most planLimit for a plan that is only shown (§5, Lost). An up that goes on
// without a question needs the answer itself: a slow engine must not turn every replacement into an alarm.
const (
	planLimit = 2 * time.Second
	upLimit   = 20 * time.Second
)

// planning is one attempt at a plan: what was observed, and the answers so far.
type planning struct {
	env      Env
	project  *Project
	observed resource.Observed
	desired  resource.Desired
	images   map[string]*resource.ImageFact
	answers  plan.Answers
	options  plan.Options
	names    *driver.Names
	specs    map[string]*resource.BoxSpec // of the last plan, by container id

	bootstrap bool          // base images may be made from packages
	lossLimit time.Duration // 0 is planLimit

	bases  []lock.Image      // that builds start from, and that were settled
	pulled map[string]string // digests, by reference as written
	making map[string]bool   // the images, by id, of boxes that are to be made
	lazy   bool              // images whose boxes' labels may say enough are not looked at yet

	packages []PackageVersions            // that were found out
	versions map[string]map[string]string // by the image, by id
}

// observe asks the engine, settles the project's name and the ports of boxes that exist, and lowers.
func observe(ctx context.Context, env Env, p *Project, o UpOptions) (*planning, error) {
	g, err := settle(ctx, env, p)
	if err != nil {
		return nil, err
	}
	return g, g.lower(ctx, o)
}

// Settled is the Envfile as it is evaluated with the name and the ports that the engine knows of.
func Settled(ctx context.Context, env Env, p *Project) (*config.Project, error) {
	g, err := settle(ctx, env, p)
	if err != nil {
		return nil, err
	}
	return g.project.Config, nil
}

func settle(ctx context.Context, env Env, p *Project) (*planning, error) {
	g := &planning{env: env, images: map[string]*resource.ImageFact{}}
	p.Identity.Project = p.Config.Name
	var err error
	if g.observed, err = observeSettled(ctx, env, p.Identity); err != nil {
		return nil, err
	}
	name := currentName(g.observed, p.Config.Name, p.Identity)
	if name == "" {
		var names driver.Names
		if name, names, err = pickName(ctx, env, p); err != nil {
			return nil, err
		}
		g.names = &names
	}
	if g.project, err = p.with(ctx, env, name, knownPorts(g.observed, p.Config)); err != nil {
		return nil, err
	}
	return g, nil
}

// maxLeaving bounds waiting for a removal: 4 s or so, each wait twice as long as the last.
const maxLeaving = 4

// observeSettled looks again while a box is being removed: it is there no more, and its name is not free yet. One whose
// removal does not end is told as it is.
func observeSettled(ctx context.Context, env Env, id resource.Identity) (resource.Observed, error) {
	for attempt := 0; ; attempt++ {
		o, err := env.Engine.Observe(ctx, id)
		leaving := slices.ContainsFunc(o.Boxes, func(b resource.BoxObserved) bool { return b.State == resource.StateRemoving })
		if err != nil || !leaving || attempt == maxLeaving {
			return o, err
		}
		if err := giveWay(ctx, env, attempt); err != nil {
			return o, err
		}
	}
}

func (g *planning) lower(ctx context.Context, o UpOptions) error {
	desired, diags := lower(ctx, g.env, g.project)
	if err := diags.Err(); err != nil {
		return err
	}
	g.lazy = o.lazy
	g.desired, g.bootstrap = desired, o.Bootstrap || g.project.Config.Bootstrap
	only, err := selectKeys(desired, o.Boxes)
	if err != nil {
		return err
	}
	g.options = plan.Options{
		Only: only, Recreate: o.Recreate, Restart: o.Restart, NoProvision: o.NoProvision, Provision: o.Provision, Build: o.Build,
		Gone: g.gone(), Scaled: slices.Sorted(maps.Keys(o.Scale)),
	}
	if err := g.scales(o.Scale); err != nil {
		return err
	}
	g.answers = plan.Answers{
		Details: map[string]*resource.BoxDetail{}, Records: map[string]*resource.Record{}, Losses: map[string]*resource.Loss{},
		Images: map[string]*resource.ImageFact{}, Asked: map[plan.Question]bool{},
	}
	return g.resolve(ctx)
}

// UnscaledError is a count that was typed for a box that this up is not about (exit 3).
type UnscaledError struct {
	Box   string
	Count int
}

func (e *UnscaledError) Error() string {
	return fmt.Sprintf("--scale %s=%d does nothing: this up is not about box %q", e.Box, e.Count, e.Box)
}

// scales refuses a count that would be taken and ignored: that of a box which is neither named, nor needed by one that is,
// nor starts by itself.
func (g *planning) scales(counts map[string]int) error {
	about := plan.Selection(g.desired.Boxes, g.options.Only)
	for _, name := range g.options.Scaled {
		mine := func(k resource.Key) bool { return k.Box == name }
		if g.options.Only == nil && counts[name] == 0 || slices.ContainsFunc(slices.Collect(maps.Keys(about)), mine) {
			continue
		}
		return &UnscaledError{name, counts[name]}
	}
	return nil
}

// gone are the runs whose client ended without taking its box along.
func (g *planning) gone() []string {
	var out []string
	for _, b := range g.observed.Boxes {
		if run := b.Owner.Run; run != "" && g.env.RunGone != nil && g.env.RunGone(run) {
			out = append(out, run)
		}
	}
	return out
}

// errStale: what was observed is no longer so; observe again.
var errStale = errors.New("the engine's boxes changed while they were looked at")

// maxRounds bounds question rounds and port picks; a world that changes all the time ends the attempt.
const maxRounds = 40

// diff answers the planner's questions until there is a plan. A port that is taken and not fixed is picked anew.
func (g *planning) diff(ctx context.Context) (*plan.Plan, error) {
	for range maxRounds {
		r := plan.Diff(plan.Input{
			Desired: g.desired, Observed: g.observed, Images: g.images, Answers: g.answers, Options: g.options,
		})
		if r.Stale {
			return nil, errStale
		}
		if r.Plan == nil {
			if err := g.answer(ctx, r.Questions); err != nil {
				return nil, g.unlessGone(ctx, err)
			}
			continue
		}
		if !r.Plan.Empty() || len(r.Plan.Problems) > 0 {
			if more, err := g.lookAtAll(ctx); err != nil {
				return nil, err
			} else if more {
				continue
			}
		}
		g.specs = r.Specs
		again, err := g.repick(ctx, r.Plan)
		if err != nil || !again {
			return r.Plan, err
		}
	}
	return nil, errors.New("no plan could be made: what the engine holds keeps changing, or no host port is free")
}

// answer looks at what the planner asked for, all at once.
func (g *planning) answer(ctx context.Context, questions []plan.Question) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(apply.DefaultParallel)
	for _, q := range questions {
		group.Go(func() error {
			store, err := g.look(ctx, q)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			store(&g.answers)
			g.answers.Asked[q] = true
			return nil
		})
	}
	return group.Wait()
}

// look answers one question; a thing that is gone is an answer.
func (g *planning) look(ctx context.Context, q plan.Question) (func(*plan.Answers), error) {
	e := g.env.Engine
	gone := func(err error) error {
		if driver.Is(err, driver.NotFound) {
			return nil
		}
		return err
	}
	switch q.Kind {
	case plan.AskDetail:
		d, err := e.Detail(ctx, q.Box)
		return func(a *plan.Answers) { a.Details[q.Box] = present(d, err) }, gone(err)
	case plan.AskRecord:
		r, err := e.Record(ctx, q.Box)
		return func(a *plan.Answers) { a.Records[q.Box] = present(r, err) }, gone(err)
	case plan.AskLoss:
		l, err := apply.Loss(ctx, e, q.Box, cmp.Or(g.lossLimit, planLimit))
		return func(a *plan.Answers) { a.Losses[q.Box] = present(l, err) }, gone(err)
	case plan.AskImage:
		f, err := e.Image(ctx, q.Ref, "")
		return func(a *plan.Answers) { a.Images[q.Ref] = present(f, err) }, gone(err)
	case plan.AskPorts:
		ports, err := g.takenPorts(ctx)
		return func(a *plan.Answers) { a.Ports = ports }, err
	}
	names := g.names
	if names == nil {
		n, err := e.Names(ctx)
		if err != nil {
			return nil, err
		}
		names = &n
	}
	return func(a *plan.Answers) {
		a.Names, a.Networks, a.Volumes = names.Containers, names.Networks, names.Volumes
	}, nil
}

// unlessGone makes a failure to look at boxes errStale where one of them is gone by now: engines make a box and take it
// away bit by bit, and answer in many ways meanwhile.
func (g *planning) unlessGone(ctx context.Context, err error) error {
	if driver.Is(err, driver.NotFound) {
		return errStale
	}
	now, lookErr := g.env.Engine.Observe(ctx, g.project.Identity)
	there := func(b resource.BoxObserved) bool {
		i := slices.IndexFunc(now.Boxes, func(n resource.BoxObserved) bool { return n.ID == b.ID })
		return i >= 0 && now.Boxes[i].State != resource.StateRemoving
	}
	for _, b := range g.observed.Boxes {
		if lookErr == nil && !there(b) {
			return errStale
		}
	}
	return err
}

func present[T any](v T, err error) *T {
	if err != nil {
		return nil
	}
	return &v
}

// MakePlan shows what Up would do. It changes nothing; with Pull it fetches images that are missing.
func MakePlan(ctx context.Context, env Env, p *Project, o UpOptions) (*plan.Plan, error) {
	var made *plan.Plan
	o.lazy = true
	err := errStale
	for attempt := 0; errors.Is(err, errStale) && attempt < maxAttempts; attempt++ {
		var g *planning
		if g, err = observe(ctx, env, p, o); err != nil {
			return nil, err
		}
		if o.Pull {
			_, err = g.pull(ctx)
		}
		if err == nil {
			made, err = g.diff(ctx)
		}
	}
	return made, err
}

// pull fetches what no box stands for and the engine lacks, before planning (§3): from registries and from archives. Where
// nothing is to be done at all it gives that plan, which holds.
func (g *planning) pull(ctx context.Context) (nothing *plan.Plan, err error) {
	first, err := g.diff(ctx)
	if err != nil || first.Empty() && len(first.Problems) == 0 {
		return first, err
	}
	settled, err := g.settleBases(ctx, first)
	if err == nil && settled {
		first, err = g.diff(ctx)
	}
	if err == nil {
		err = g.pullBases(ctx, first)
	}
	if err != nil {
		return nil, err
	}
	g.making = makingOf(first)
	fetched := false
	for _, s := range first.Steps {
		if s.Op != plan.OpPull && s.Op != plan.OpLoad {
			continue
		}
		fetched = true
		g.env.phase(phaseFetch)
		if err := g.fetch(ctx, s.Op, *s.Image); err != nil {
			return nil, err
		}
	}
	if !fetched {
		return nil, nil
	}
	return nil, g.resolve(ctx)
}

// fetch is one step of a plan that is not made yet. The digest that a registry told is kept.
func (g *planning) fetch(ctx context.Context, op plan.Op, i resource.ImageWanted) error {
	addr := resource.Address{Kind: resource.KindImage, Name: i.Reference}
	e := event.Event{ID: string(op) + "-" + i.Reference, Kind: event.Start, Subject: addr.String(), Text: string(op)}
	g.env.Sink.Send(e)
	digest := ""
	var err error
	if op == plan.OpLoad {
		err = newHostSteps(g).Load(ctx, i, e.ID)
	} else {
		digest, err = g.env.Engine.Pull(ctx, i.Reference, i.Spec.Platform, g.env.Sink, e.ID)
	}
	if e.Kind = event.Done; err != nil {
		e.Kind, e.Text = event.Failed, err.Error()
	}
	g.env.Sink.Send(e)
	if err != nil && op == plan.OpPull {
		err = g.instead(ctx, i, err)
	}
	if err != nil {
		return failureOf(plan.Step{Op: op, Address: addr, Origin: i.Origin}, err)
	}
	delete(g.images, i.Reference)
	if g.pulled == nil {
		g.pulled = map[string]string{}
	}
	g.pulled[i.Spec.Reference] = digest
	return nil
}

// failureOf is the failure of a step that was done outside of a plan.
func failureOf(s plan.Step, err error) error { return &apply.Failure{Step: s, Err: err} }
