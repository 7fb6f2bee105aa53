package cli

import (
	"context"
	"errors"
	"path"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/resource"
)

// pick resolves names of boxes that are there. A name that only the Envfile knows is told apart from one that nobody
// knows.
func (s *session) pick(ctx context.Context, scene *provision.Scene, names []string) ([]provision.Box, error) {
	boxes, err := scene.Select(names)
	var none *provision.NoBoxError
	if !errors.As(err, &none) {
		return boxes, err
	}
	for _, b := range s.written(ctx) {
		if b.Name == none.Name || b.Label == none.Name {
			return nil, &provision.StateError{Box: none.Name, State: resource.StateAbsent, Hint: "envy up " + none.Name}
		}
		if none.Suggestion == "" {
			none.Suggestion = diag.Suggest(none.Name, []string{b.Name, b.Label})
		}
	}
	return nil, none
}

// there are those of the names that boxes bear which are there. One that only the Envfile knows is left out: there is
// nothing of it to stop or take away.
func (s *session) there(ctx context.Context, scene *provision.Scene, names []string) ([]string, error) {
	var found []string
	for _, name := range names {
		_, err := s.pick(ctx, scene, []string{name})
		switch {
		case err == nil:
			found = append(found, name)
		case !is[*provision.StateError](err):
			return nil, err
		}
	}
	return found, nil
}

// pickOne is the box that ssh, exec and their like are about: the one that is named, else the primary: the Envfile's
// where it can be read, else what the labels say.
func (s *session) pickOne(ctx context.Context, scene *provision.Scene, names []string) (provision.Box, error) {
	if len(names) == 0 {
		if names = primary(s.boxes); len(names) == 0 {
			return scene.Primary()
		}
	}
	boxes, err := s.pick(ctx, scene, names)
	if err != nil {
		return provision.Box{}, err
	}
	return boxes[0], nil
}

// primary is the name of the box that says that it is the primary one, or the first; none where there are no boxes.
func primary(boxes []*config.Box) []string {
	for _, b := range boxes {
		if b.Primary {
			return []string{b.Name}
		}
	}
	if len(boxes) == 0 {
		return nil
	}
	return []string{boxes[0].Name}
}

// written are the Envfile's boxes, none where it cannot be read. Nobody is asked and nothing is said.
func (s *session) written(ctx context.Context) []*config.Box {
	s.offline = true
	layers, err := s.place.layers()
	if err != nil {
		return nil
	}
	values, err := s.values(s.place)
	if err != nil {
		return nil
	}
	project, _, _ := provision.Load(ctx, layers, values, s.place.identity)
	if project == nil {
		return nil
	}
	return project.Config.Boxes
}

// runBox is the box that run copies: one that the Envfile has, there or not.
func runBox(p *provision.Project, names []string) (string, error) {
	var known []string
	if len(names) == 0 {
		names = primary(p.Config.Boxes)
	}
	for _, b := range p.Config.Boxes {
		known = append(known, b.Name)
		if ok, _ := path.Match(names[0], b.Name); ok || b.Label == names[0] {
			return b.Name, nil
		}
	}
	if len(names) == 0 {
		return "", errors.New("the Envfile has no box")
	}
	return "", &provision.NoBoxError{Name: names[0], Suggestion: diag.Suggest(names[0], known), Known: known}
}

// workingDir is where the caller stands, behind links, as mounts name it.
func (s *session) workingDir() string {
	at, err := s.place.checkout.Resolve(s.g.dir)
	if err != nil {
		return s.g.dir
	}
	return at.Real
}
