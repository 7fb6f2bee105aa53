package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// RestoreSnapshot puts boxes and their volumes back as they were saved. What they hold now is kept until every box is ready;
// a restore that fails or is interrupted before is undone, one that was killed is undone by the next command that changes
// things. Errors: *NoSnapshotError, *NoBoxError, *SnapshotError, *ProblemsError, and those of Up.
func RestoreSnapshot(ctx context.Context, env Env, p *Project, o SnapshotOptions, confirm Confirm) (*Outcome, error) {
	var out *Outcome
	last := errStale
	for attempt := 0; errors.Is(last, errStale) && attempt < maxAttempts; attempt++ {
		g, err := observe(ctx, env, p, UpOptions{lazy: true})
		if err != nil {
			return nil, err
		}
		if again, err := g.mend(ctx); again || err != nil {
			last = errors.Join(err, errStale)
			if err != nil {
				return nil, err
			}
			continue
		}
		g.lossLimit = upLimit
		out, last = g.restore(ctx, o, confirm)
	}
	return out, last
}

func (g *planning) restore(ctx context.Context, o SnapshotOptions, confirm Confirm) (*Outcome, error) {
	r, notes, err := g.restoration(ctx, o)
	if err != nil {
		return nil, err
	}
	p, journal, err := g.diffRestore(ctx, r)
	if err != nil {
		return nil, err
	}
	p.Notes = append(p.Notes, notes...)
	out := &Outcome{Plan: p}
	if len(p.Problems) > 0 {
		return out, &ProblemsError{Plan: p}
	}
	if err := confirm(ctx, p); err != nil {
		return out, err
	}
	out.Report = g.apply(ctx, p, UpOptions{Parallel: o.Parallel, Timeout: o.Timeout})
	if err := out.Report.Err(ctx); err != nil {
		return out, errors.Join(err, g.undo(ctx, r.Run, *journal, out.Report))
	}
	return out, g.finish(ctx, out)
}

// restoration reads what the snapshot has of the boxes that are meant. What it has and the Envfile has not is left out, with
// a note.
func (g *planning) restoration(ctx context.Context, o SnapshotOptions) (plan.Restoration, []string, error) {
	r := plan.Restoration{Snapshot: o.Name, Run: newRun(), Boxes: map[resource.Key]plan.RestoredBox{}}
	m, err := findSnapshot(g.observed, o.Name)
	if err != nil {
		return r, nil, err
	}
	r.Volumes = m.Volumes
	if gone := lacking(g.observed, m); len(gone) > 0 {
		return r, nil, lacks(o.Name, gone[0])
	}
	only, err := selectKeys(g.desired, o.Boxes)
	if err != nil {
		return r, nil, err
	}
	var notes []string
	member := map[resource.Key]resource.SnapshotMember{}
	for _, b := range m.Boxes {
		key := resource.Key{Box: b.Box, Index: b.Index}
		member[key] = b
		if len(o.Boxes) > 0 {
			continue
		}
		if !slices.ContainsFunc(g.desired.Boxes, func(w resource.BoxWanted) bool { return w.Key == key }) {
			notes = append(notes, fmt.Sprintf("box %q is not in the Envfile any more: it is left out", b.Name))
			continue
		}
		only = append(only, key)
	}
	if len(only) == 0 {
		return r, nil, &SnapshotError{fmt.Sprintf("the Envfile has none of the boxes of snapshot %q", o.Name), "put them back into the Envfile; then restore"}
	}
	for _, key := range only {
		b, ok := member[key]
		if !ok {
			return r, nil, &SnapshotError{fmt.Sprintf("snapshot %q has no box %q", o.Name, key.Box), "envy snapshot list tells what it has"}
		}
		if r.Boxes[key], err = g.restored(ctx, o.Name, b); err != nil {
			return r, nil, err
		}
	}
	g.options = plan.Options{Only: only}
	return r, notes, nil
}

func lacks(name, what string) error {
	return &SnapshotError{fmt.Sprintf("snapshot %q is not whole: %s is gone from the engine", name, what), "envy snapshot delete " + name + " takes the rest away"}
}

// restored reads one box of a snapshot from its image.
func (g *planning) restored(ctx context.Context, name string, b resource.SnapshotMember) (plan.RestoredBox, error) {
	fact, err := g.env.Engine.Image(ctx, b.Image, "")
	if driver.Is(err, driver.NotFound) {
		return plan.RestoredBox{}, lacks(name, "the image of box "+b.Name)
	}
	if err != nil {
		return plan.RestoredBox{}, err
	}
	data, err := resource.DecodeSnapshot[resource.SnapshotBox](fact.Labels[resource.LabelSnapshotData])
	if err != nil {
		return plan.RestoredBox{}, fmt.Errorf("snapshot %q: %w", name, err)
	}
	return plan.RestoredBox{Image: b.Image, Data: data}, nil
}

// diffRestore answers the planner's questions until there is a plan.
func (g *planning) diffRestore(ctx context.Context, r plan.Restoration) (*plan.Plan, *resource.RestoreJournal, error) {
	for range maxRounds {
		made, journal := plan.Restore(plan.Input{
			Desired: g.desired, Observed: g.observed, Images: g.images, Answers: g.answers, Options: g.options,
		}, r)
		switch {
		case made.Stale:
			return nil, nil, errStale
		case made.Plan != nil:
			return made.Plan, journal, nil
		}
		if err := g.answer(ctx, made.Questions); err != nil {
			return nil, nil, g.unlessGone(ctx, err)
		}
	}
	return nil, nil, errors.New("no plan could be made: what the engine holds keeps changing")
}

// NotUndoneError is a restore that failed and whose undoing failed: the next command that changes things goes on with it.
type NotUndoneError struct{ Err error }

func (e *NotUndoneError) Error() string {
	return "the restore could not be undone yet: " + e.Err.Error()
}

// Unwrap gives the engine's error, and not the step that failed: that is told of here.
func (e *NotUndoneError) Unwrap() error {
	var engine *driver.Error
	if errors.As(e.Err, &engine) {
		return engine
	}
	return nil
}

// undo takes a restore back that failed. With a journal on the engine the volumes are copied back. Where it was written and is
// gone the restore was done: only names and leavings are not as they should be, which is up's to mend.
func (g *planning) undo(ctx context.Context, run string, j resource.RestoreJournal, report *apply.Report) error {
	short, cancel := answered(ctx)
	defer cancel()
	now, err := g.env.Engine.Observe(short, g.project.Identity)
	if err != nil {
		return &NotUndoneError{err}
	}
	there := slices.ContainsFunc(now.Snapshots, func(v resource.SnapshotVolume) bool {
		return v.Owner.SnapshotPart == resource.SnapshotJournal && v.Owner.SnapshotRun == run
	})
	name := resource.SnapshotVolumeName(g.project.Identity, resource.Owner{SnapshotPart: resource.SnapshotJournal})
	written := slices.ContainsFunc(report.Done, func(s plan.Step) bool { return s.Op == plan.OpCreateVolume && s.Name == name })
	if written && !there {
		g.note("boxes and volumes are restored; envy up finishes what is left to do")
		return nil
	}
	return g.takeBack(context.WithoutCancel(ctx), now, run, j, there)
}

func (g *planning) takeBack(ctx context.Context, now resource.Observed, run string, j resource.RestoreJournal, whole bool) error {
	g.observed = now
	p := plan.UndoRestore(now, anyName(now), run, j, whole)
	for _, text := range p.Notes {
		g.env.Sink.Send(event.Event{Kind: event.Warning, Text: text})
	}
	if err := g.apply(ctx, p, UpOptions{}).Err(ctx); err != nil {
		return &NotUndoneError{err}
	}
	g.note("the restore was undone: boxes and volumes are as they were")
	return nil
}

// mend undoes a restore that was killed. It reports whether there was one: then what was observed is no longer so.
func (g *planning) mend(ctx context.Context) (bool, error) {
	for _, v := range g.observed.Snapshots {
		if v.Owner.SnapshotPart != resource.SnapshotJournal {
			continue
		}
		j, err := resource.DecodeSnapshot[resource.RestoreJournal](v.Data)
		if err != nil {
			return true, fmt.Errorf("the restore of snapshot %q that was not finished: %w", v.Owner.Snapshot, err)
		}
		g.note("the restore of snapshot %q was not finished: it is undone first", v.Owner.Snapshot)
		return true, g.takeBack(context.WithoutCancel(ctx), g.observed, v.Owner.SnapshotRun, j, true)
	}
	return false, nil
}

// mended is a scene in which no restore is unfinished.
func mended(ctx context.Context, env Env, s *Scene) (*Scene, error) {
	g := &planning{env: env, observed: s.Observed}
	again, err := g.mend(ctx)
	if err != nil || !again {
		return s, err
	}
	return Look(ctx, env, s.Identity)
}
