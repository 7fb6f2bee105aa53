package cli

import (
	"context"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
)

// project loads the Envfile, asks for variables where there is somebody to ask, and shows warnings. A definition that is
// not trusted yet is refused; see projectAsking.
func (s *session) project(ctx context.Context) (*provision.Project, error) {
	return s.projectWith(ctx, s.untrusted)
}

// projectAsking is project for commands that ask: may definitions be fetched?
func (s *session) projectAsking(ctx context.Context) (*provision.Project, error) {
	return s.projectWith(ctx, s.askOrRefuse)
}

// projectWith is project; allow is asked about definitions that are not trusted yet, and remembers the answer.
func (s *session) projectWith(ctx context.Context, allow func(context.Context, view.Gate) error) (*provision.Project, error) {
	p, err := s.open()
	if err != nil {
		return nil, err
	}
	layers, err := p.layers()
	if err != nil {
		return nil, err
	}
	values, err := s.values(p)
	if err != nil {
		return nil, err
	}
	project, list, err := s.loadAllowed(ctx, layers, values, allow)
	if err != nil {
		return nil, err
	}
	if list.HasErrors() && s.streams.Interactive() {
		answered, err := s.askVariables(ctx, layers, &values)
		if err != nil {
			return nil, err
		}
		if answered {
			project, _, list = provision.Load(ctx, layers, values, p.identity)
		}
	}
	if err := list.Err(); err != nil {
		return nil, err
	}
	if s.g.locked && !s.lockFiles.there {
		return nil, &provision.RefusedError{Text: "--locked: there is no " + s.lockFiles.name, Hint: "envy lock writes it; commit it with the Envfile"}
	}
	if err := s.checkLocked(project); err != nil {
		return nil, err
	}
	s.loaded = project
	project.Lock, project.Locked = s.lockFiles.obeyed(s.g.locked), s.g.locked
	for _, note := range s.finder.Notes() {
		list = append(list, diag.Diagnostic{Severity: diag.Warning, Summary: note})
	}
	return project, s.view.Diagnostics(list)
}

// loadAllowed loads, and as long as definitions are named that nobody has allowed yet, asks about them. What is wrong beside
// them is told first (§9).
func (s *session) loadAllowed(
	ctx context.Context, layers []config.Source, values config.Values, allow func(context.Context, view.Gate) error,
) (*provision.Project, diag.List, error) {
	for asked := 0; ; {
		project, definitions, list := provision.Load(ctx, layers, values, s.place.identity)
		if len(definitions) == 0 || list.Class() == diag.Invalid {
			return project, list, nil
		}
		store, err := s.trustStore()
		if err != nil {
			return nil, nil, err
		}
		if len(definitions) <= asked { // the same once more: what was accepted cannot be remembered
			return nil, list, nil
		}
		asked = len(definitions)
		if err := allow(ctx, store.judge(definitions)); err != nil {
			return nil, nil, err
		}
	}
}

// projectIfWell is project for commands that go on without one: what is wrong becomes a warning, and nobody is asked.
func (s *session) projectIfWell(ctx context.Context) (*provision.Project, error) {
	s.offline = true
	p, err := s.open()
	if err != nil {
		return nil, err
	}
	var list diag.List
	layers, err := p.layers()
	if err == nil {
		var values config.Values
		if values, err = s.values(p); err == nil {
			var project *provision.Project
			if project, _, list = provision.Load(ctx, layers, values, p.identity); project != nil {
				return project, nil
			}
			err = list.Err()
		}
	}
	return nil, s.warnBroken(err)
}

// check says what is wrong with the Envfile, for commands that need nothing of it. Variables that only the command line
// of up gives are not missed.
func (s *session) check(ctx context.Context) error {
	s.offline = true
	layers, err := s.place.layers()
	if err != nil {
		return err
	}
	values, err := s.values(s.place)
	if err != nil {
		return err
	}
	file, list := config.ParseWith(ctx, values.Definitions, layers...)
	if file == nil {
		return list.Err()
	}
	if len(file.Unset(ctx, values)) > 0 {
		return nil
	}
	if list.HasErrors() && list.Class() != diag.Invalid { // of definitions that are not at hand, nobody can tell
		return nil
	}
	project, more := file.Evaluate(ctx, values)
	if err := append(list, more...).Err(); err != nil || project == nil {
		return err
	}
	s.boxes = project.Boxes
	return nil
}
