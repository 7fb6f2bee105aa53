package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// confirmLoss shows a plan and asks where something would be lost. It is asked about plans that change nothing too, of
// which it says nothing.
func (s *session) confirmLoss(ctx context.Context, p *plan.Plan) error {
	if p.Empty() {
		return nil
	}
	if err := s.showPlan(p); err != nil {
		return err
	}
	losers := losers(p)
	if len(losers) == 0 {
		return nil
	}
	return s.confirm(ctx, "Go on and lose what changed inside "+strings.Join(losers, ", ")+"?",
		"what changed inside "+strings.Join(losers, ", ")+" would be lost")
}

// confirmDestroy always asks.
func (s *session) confirmDestroy(ctx context.Context, p *plan.Plan) error {
	if p.Empty() {
		return nil
	}
	if err := s.showPlan(p); err != nil {
		return err
	}
	return s.confirm(ctx, fmt.Sprintf("Destroy %s of project %s?", destroyed(p), p.Project), destroyed(p)+" would be destroyed")
}

// confirm is --yes, or an answer, or a refusal.
func (s *session) confirm(ctx context.Context, question, consequence string) error {
	if s.g.yes {
		return nil
	}
	if err := s.settle(); err != nil {
		return err
	}
	yes, err := s.streams.Confirm(ctx, view.Line(question))
	if errors.Is(err, term.ErrNoTerminal) {
		return &provision.RefusedError{
			Text: consequence + ", and there is no terminal to ask at; nothing was changed",
			Hint: "look at the plan, then say it beforehand: --yes",
		}
	}
	if err == nil && !yes {
		err = provision.ErrDeclined
	}
	return err
}

// showPlan shows a plan that is about to be applied: progress, not the command's answer.
func (s *session) showPlan(p *plan.Plan) error {
	if err := s.settle(); err != nil {
		return err
	}
	if s.g.format == view.Quiet && s.g.yes {
		return nil // nobody is asked
	}
	s.view.PlanHeader(p.Project, s.about.Version, s.about.Endpoint)
	return s.view.PlanBefore(p)
}

// losers are the boxes that would lose something.
func losers(p *plan.Plan) []string {
	var names []string
	for _, c := range p.Changes {
		if c.Loss != nil && (c.Loss.Unknown || c.Loss.Count > 0) {
			names = append(names, c.Address.Box)
		}
	}
	return names
}

// destroyed counts what a plan takes away.
func destroyed(p *plan.Plan) string {
	boxes, volumes, snapshots := 0, 0, 0
	for _, c := range p.Changes {
		switch {
		case c.Action != plan.Remove:
		case c.Address.Kind == resource.KindBox:
			boxes++
		case c.Address.Kind == resource.KindVolume:
			volumes++
		case c.Address.Kind == resource.KindSnapshot:
			snapshots++
		}
	}
	var parts []string
	for _, x := range []struct {
		n    int
		one  string
		many string
	}{{boxes, "box", "boxes"}, {volumes, "volume", "volumes"}, {snapshots, "snapshot", "snapshots"}} {
		switch {
		case x.n == 1:
			parts = append(parts, "1 "+x.one)
		case x.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", x.n, x.many))
		}
	}
	if len(parts) == 0 {
		return "the network"
	}
	if len(parts) == 3 {
		parts = []string{parts[0] + ", " + parts[1], parts[2]}
	}
	return strings.Join(parts, " and ")
}
