package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// PruneOptions are the flags of prune.
type PruneOptions struct {
	Volumes  []string  // names of volumes that go too: none goes unnamed (§6)
	Gone     []string  // paths of checkouts that count as gone, where that cannot be told
	Before   time.Time // images and agents that were made later stay
	AskLoss  bool      // find out what boxes would lose
	Parallel int
}

// PruneEnv is what prune needs beside Env.
type PruneEnv struct {
	Env
	Me   resource.Identity // a machine and a user
	Find FindCheckout
	// Lock keeps other envys from a checkout's objects until unlock.
	Lock func(ctx context.Context, checkout string) (unlock func() error, err error)
}

// Pruning is what prune would take away, and what it leaves alone though it looks like it.
type Pruning struct {
	Projects []PrunedProject
	Agents   []string // volumes
	Images   []driver.NamedImage
	Young    []string // images and agents that nothing uses, and that are not old enough
	NotFound []Seen   // checkouts whose whereabouts cannot be told
}

// PrunedProject is a project whose checkout is gone.
type PrunedProject struct {
	Seen
	Plan *plan.Plan // Kept has the volumes that stay; empty where those are all that there is

	steps *planning
}

// UnknownNameError is a volume or a path that prune was told of and that no such checkout has (exit 3).
type UnknownNameError struct{ Text, Hint string }

func (e *UnknownNameError) Error() string { return e.Text }

// Empty reports that there is nothing to take away.
func (p *Pruning) Empty() bool {
	return len(p.Agents)+len(p.Images) == 0 && !slices.ContainsFunc(p.Projects, func(p PrunedProject) bool { return !p.Plan.Empty() })
}

// FindPrunable looks for what nothing needs any more: what belongs to checkouts of this machine's and this user's that are
// gone, agents that no box has, images with packages and setups that no box is made from. Errors: *UnknownNameError,
// *RefusedError for a checkout that is called gone and is there.
func FindPrunable(ctx context.Context, env PruneEnv, o PruneOptions) (*Pruning, error) {
	all, seen, err := Survey(ctx, env.Engine, env.Me, env.Find)
	if err != nil {
		return nil, err
	}
	p := &Pruning{}
	for _, s := range seen {
		called := s.Mine && slices.Contains(o.Gone, s.Identity.Path)
		switch {
		case called && s.Presence == CheckoutThere:
			return nil, &RefusedError{
				Text: s.Identity.Path + " is called gone, and is there", Hint: fmt.Sprintf("envy -C %s destroy takes away what belongs to it", s.Identity.Path),
			}
		case s.Mine && (s.Presence == CheckoutGone || called):
			steps, made, err := scopedPlan(ctx, env.Env, s.Scene, ScopeOptions{Named: o.Volumes, AskLoss: o.AskLoss}, plan.Destroy)
			if err != nil {
				return nil, err
			}
			p.Projects = append(p.Projects, PrunedProject{Seen: s, Plan: made, steps: steps})
		case s.Mine && s.Presence == CheckoutUnknown:
			p.NotFound = append(p.NotFound, s)
		}
	}
	if err := p.named(o, seen); err != nil {
		return nil, err
	}
	staying := p.staying(all)
	for _, a := range all.Agents {
		switch used := slices.ContainsFunc(a.Users, func(id string) bool { return !p.goes(id) }); {
		case used:
		case a.Created.After(o.Before):
			p.Young = append(p.Young, a.Name)
		default:
			p.Agents = append(p.Agents, a.Name)
		}
	}
	return p, p.findImages(ctx, env.Engine, staying, o.Before)
}

// goes reports whether a box is one of those that would be taken away.
func (p *Pruning) goes(id string) bool {
	return slices.ContainsFunc(p.Projects, func(x PrunedProject) bool {
		return slices.ContainsFunc(x.Observed.Boxes, func(b resource.BoxObserved) bool { return b.ID == id })
	})
}

// staying are the boxes that are left when what would be taken away is gone.
func (p *Pruning) staying(all resource.Everywhere) []resource.BoxObserved {
	var out []resource.BoxObserved
	for _, c := range all.Checkouts {
		if !slices.ContainsFunc(p.Projects, func(x PrunedProject) bool { return x.Identity.Key() == c.Identity.Key() }) {
			out = append(out, c.Observed.Boxes...)
		}
	}
	return out
}

// named refuses names that fit nothing: a slip of the pen must not look like success.
func (p *Pruning) named(o PruneOptions, seen []Seen) error {
	for _, path := range o.Gone {
		if !slices.ContainsFunc(p.Projects, func(p PrunedProject) bool { return p.Identity.Path == path }) {
			return &UnknownNameError{fmt.Sprintf("nothing of yours on the engine belongs to a checkout at %s", path), "envy status --all shows the paths"}
		}
	}
	for _, name := range o.Volumes {
		has := func(s *Scene) bool {
			return slices.ContainsFunc(s.Observed.Volumes, func(v resource.VolumeObserved) bool { return v.Name == name && v.Owner.Volume != resource.ClaimVolume })
		}
		if slices.ContainsFunc(p.Projects, func(p PrunedProject) bool { return has(p.Scene) }) {
			continue
		}
		e := &UnknownNameError{Text: fmt.Sprintf("no checkout that is gone has a volume %q", name), Hint: "envy prune shows their volumes"}
		if i := slices.IndexFunc(seen, func(s Seen) bool { return has(s.Scene) }); i >= 0 {
			e.Hint = fmt.Sprintf("it belongs to project %q at %s", seen[i].Identity.Project, seen[i].Identity.Path)
		}
		return e
	}
	return nil
}

// recipeImages are the repositories of images that envy builds.
func recipeImages() []string { return []string{ownHost + "recipe:", ownHost + "build:"} }

// findImages lists the images that envy built and none of these boxes is made from, under all names that envy gave them.
// One that a container of somebody else's is made from is the engine's to keep.
func (p *Pruning) findImages(ctx context.Context, e driver.Mover, boxes []resource.BoxObserved, before time.Time) error {
	named, err := e.NamedImages(ctx, strings.TrimSuffix(ownHost, "/"))
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, b := range boxes {
		used[b.ImageID], used[b.Image] = true, true
	}
	for _, i := range named {
		if used[i.Reference] {
			used[i.ID] = true // a box's image need not have the id that the list of images gives it
		}
	}
	for _, i := range named {
		built := slices.ContainsFunc(recipeImages(), func(r string) bool { return strings.HasPrefix(i.Reference, r) })
		switch {
		case !built || used[i.ID]:
		case i.Created.After(before):
			p.Young = append(p.Young, i.Reference)
		default:
			p.Images = append(p.Images, i)
		}
	}
	return nil
}

// Prune takes it away. What somebody has begun to use meanwhile stays, and is left out of the result; a checkout that is
// back keeps all that belongs to it. A failure does not keep the rest from it.
func Prune(ctx context.Context, env PruneEnv, p *Pruning, o PruneOptions) (*Pruning, error) {
	done := &Pruning{Young: p.Young, NotFound: p.NotFound}
	var problems []error
	for _, x := range p.Projects {
		if x.Plan.Empty() || ctx.Err() != nil {
			continue
		}
		ok, err := x.prune(ctx, env, o)
		if problems = append(problems, err); ok {
			done.Projects = append(done.Projects, x)
		}
	}
	for _, name := range p.Agents {
		if env.gone(ctx, &problems, "volume "+name, func() error { return env.Engine.RemoveVolume(ctx, name) }) {
			done.Agents = append(done.Agents, name)
		}
	}
	for _, i := range p.Images {
		if env.gone(ctx, &problems, "image "+i.Reference, func() error { return env.Engine.RemoveImage(ctx, i.Reference) }) {
			done.Images = append(done.Images, i)
		}
	}
	return done, errors.Join(append(problems, context.Cause(ctx))...)
}

// prune applies one project's plan, unless its checkout is back.
func (x PrunedProject) prune(ctx context.Context, env PruneEnv, o PruneOptions) (done bool, err error) {
	path := x.Identity.Path
	called := slices.Contains(o.Gone, path)
	unlock, err := env.Lock(ctx, x.Identity.Checkout)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if now, _ := env.Find(path); now == CheckoutThere || now != CheckoutGone && !called {
		env.note("%s is back: what belongs to it stays", path)
		return false, nil
	}
	err = x.steps.apply(ctx, x.Plan, UpOptions{Parallel: o.Parallel}).Err(ctx)
	return err == nil, err
}

// gone removes one thing that others may have begun to use.
func (env PruneEnv) gone(ctx context.Context, problems *[]error, what string, remove func() error) bool {
	if ctx.Err() != nil {
		return false
	}
	err := remove()
	if driver.Is(err, driver.Conflict) {
		env.note("%s stays: it is in use", what)
		return false
	}
	if err != nil {
		*problems = append(*problems, err)
	}
	return err == nil
}
