package cli

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/trust"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
)

// gate lets pass what reaches outside the project if the user trusts it. Where somebody sits at a terminal they are shown
// the list and asked once; elsewhere it is refused. --yes never answers it (§9).
func (s *session) gate(ctx context.Context, p *config.Project) error {
	g, err := s.gateOf(p)
	if err != nil || !g.Asks() {
		return err
	}
	return s.askOrRefuse(ctx, g)
}

func (s *session) askOrRefuse(ctx context.Context, g view.Gate) error {
	if !s.streams.Interactive() {
		return s.untrusted(ctx, g)
	}
	return s.askTrust(ctx, g)
}

// gateOf is the list of an evaluation with what the user has said to it. The plans to come are shown with it.
func (s *session) gateOf(p *config.Project) (view.Gate, error) {
	g := view.Gate{Trusted: true}
	if len(p.Gate) > 0 {
		store, err := s.trustStore()
		if err != nil {
			return g, err
		}
		g = store.judge(p.Gate)
	}
	s.view.PlanGate(g)
	return g, nil
}

// askTrust shows the list and asks. What is remembered is what was shown.
func (s *session) askTrust(ctx context.Context, g view.Gate) error {
	if err := s.settle(); err != nil {
		return err
	}
	if err := s.view.GateBefore(g); err != nil {
		return err
	}
	yes, err := s.streams.Confirm(ctx, "Trust this?")
	if err == nil && !yes {
		err = provision.ErrDeclined
	}
	if err != nil {
		return err
	}
	return s.trust.accept(ctx, g)
}

// untrusted refuses, with the exact command that accepts what is shown.
func (s *session) untrusted(ctx context.Context, g view.Gate) error {
	var lines []string
	for _, e := range g.Entries {
		line := e.What
		if place := view.GatePlace(e); place != "" {
			line = place + ": " + line
		}
		if e.New {
			line += " (new)"
		}
		lines = append(lines, line)
	}
	return &provision.RefusedError{
		Text: "the Envfile reaches outside the project, and this is not trusted yet:\n" + strings.Join(lines, "\n"),
		Hint: "to trust all of it:\n  " + s.acceptCommand(ctx, digestOf(g)),
	}
}

func entriesOf(g view.Gate) []trust.Entry {
	entries := make([]trust.Entry, len(g.Entries))
	for i, e := range g.Entries {
		entries[i] = trust.Entry{Kind: e.Kind, What: e.What}
	}
	return entries
}

func digestOf(g view.Gate) string { return trust.Digest(entriesOf(g)) }

// planGate is the gate of plan, which asks nobody: the list stands in the plan. What is saved must be trusted, and what
// lies outside is read only then.
func (s *session) planGate(saved bool) func(context.Context, *config.Project) error {
	return func(ctx context.Context, p *config.Project) error {
		g, err := s.gateOf(p)
		if err != nil || !g.Asks() {
			return err
		}
		reads := slices.ContainsFunc(p.Gate, func(e config.GateEntry) bool { return e.Kind == config.GateContext })
		if saved || reads {
			return s.untrusted(ctx, g)
		}
		return nil
	}
}

// acceptCommand is the command line that accepts a list: as this one was told where the Envfile is and what its variables
// are, but for the values of sensitive ones.
func (s *session) acceptCommand(ctx context.Context, digest string) string {
	words := []string{"envy", "trust", "--accept", digest}
	if s.g.dir != s.app.m.Dir {
		words = append(words, "-C", s.g.dir)
	}
	if s.g.file != "" {
		words = append(words, "--file", s.g.file)
	}
	if s.g.context != "" {
		words = append(words, "--context", s.g.context)
	}
	for _, v := range s.g.vars {
		name, _, _ := strings.Cut(v, "=")
		if s.loaded != nil && s.loaded.File.Sensitive(ctx, s.loaded.Values, name) {
			v = name + "=…"
		}
		words = append(words, "--var", v)
	}
	for _, f := range s.g.varFiles {
		words = append(words, "--var-file", f)
	}
	for i, w := range words {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./…-]+$`)

// shellWord quotes a word as a shell needs it.
func shellWord(w string) string {
	if plainWord.MatchString(w) {
		return w
	}
	return "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
}
