package provision

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// Scene is what is there, as the engine's labels tell it: all that commands need when the Envfile is broken (§4).
type Scene struct {
	Observed resource.Observed
	Identity resource.Identity
	Boxes    []Box // in dependency order
}

// Box is one box that is there.
type Box struct {
	Name      string // what users type: web, web-2
	Key       resource.Key
	ID        string
	Container string // container name
	State     resource.State
	Health    resource.Health
	ExitCode  int
	Spec      *resource.BoxSpec // from the label; empty when that cannot be read
	Ports     []resource.PortSpec
	Networks  []resource.NetworkAttached
	Image     string
	Created   time.Time
	Fresh     bool // never ready: its container is called .new
}

// Look observes the checkout's objects: a ping and three lists.
func Look(ctx context.Context, env Env, id resource.Identity) (*Scene, error) {
	o, err := env.Engine.Observe(ctx, id)
	if err != nil {
		return nil, err
	}
	return newScene(o, id, nil), nil
}

// newScene sorts what was observed. Specs that are known, by container id, need not be read from labels again.
func newScene(o resource.Observed, id resource.Identity, known map[string]*resource.BoxSpec) *Scene {
	if name := anyName(o); id.Project == "" || name != "" {
		id.Project = name
	}
	s := &Scene{Observed: o, Identity: id}
	best := map[resource.Key]int{}
	for _, b := range o.Boxes {
		if b.Owner.Run != "" {
			continue
		}
		box := boxOf(b, known[b.ID])
		i, known := best[box.Key]
		switch {
		case !known:
			best[box.Key] = len(s.Boxes)
			s.Boxes = append(s.Boxes, box)
		case better(box, s.Boxes[i]):
			s.Boxes[i] = box
		}
	}
	slices.SortStableFunc(s.Boxes, func(a, b Box) int {
		return cmp.Or(cmp.Compare(a.Spec.Meta.Order, b.Spec.Meta.Order), strings.Compare(a.Name, b.Name))
	})
	return s
}

func boxOf(b resource.BoxObserved, spec *resource.BoxSpec) Box {
	if spec == nil {
		var err error
		if spec, err = resource.DecodeSpec(b.Spec); err != nil {
			spec = &resource.BoxSpec{}
		}
	}
	_, suffix, _ := resource.SplitName(b.Name)
	return Box{
		Name: b.Key().ReplicaName(spec.Meta.Counted), Key: b.Key(), ID: b.ID, Container: b.Name, State: b.State, Health: b.Health,
		ExitCode: b.ExitCode, Spec: spec, Ports: spec.Ports, Networks: b.Networks, Image: b.Image, Created: b.Created,
		Fresh: suffix == resource.SuffixNew,
	}
}

// better: a running .new comes before a stopped NAME, else the one that was ready (§5, Replace).
func better(a, b Box) bool {
	up := func(x Box) bool { return x.State == resource.StateRunning || x.State == resource.StatePaused }
	old := func(x Box) bool { return strings.HasSuffix(x.Container, "."+string(resource.SuffixOld)) }
	switch {
	case up(a) != up(b):
		return up(a)
	case old(a) != old(b):
		return old(b)
	}
	return !a.Fresh && b.Fresh
}

// Select resolves what users type: names, replicas, globs; a counted box's label means all its replicas. No names: all.
// Error: *NoBoxError.
func (s *Scene) Select(names []string) ([]Box, error) {
	if len(names) == 0 {
		return s.Boxes, nil
	}
	var known []nameKey
	for _, b := range s.Boxes {
		known = append(known, nameKey{b.Name, b.Key})
	}
	keys, err := match(known, names)
	if err != nil {
		return nil, err
	}
	var out []Box
	for _, b := range s.Boxes {
		if slices.Contains(keys, b.Key) {
			out = append(out, b)
		}
	}
	return out, nil
}

// Primary is the box that ssh enters: the one that says so, else the first as written.
func (s *Scene) Primary() (Box, error) {
	for _, b := range s.Boxes {
		if b.Spec.Meta.Primary {
			return b, nil
		}
	}
	if len(s.Boxes) == 0 {
		return Box{}, &NoBoxError{}
	}
	first := s.Boxes[0]
	for _, b := range s.Boxes {
		if b.Spec.Meta.Written < first.Spec.Meta.Written {
			first = b
		}
	}
	return first, nil
}

type nameKey struct {
	name string
	key  resource.Key
}

// match resolves names against what there is; the result is in the order of known.
func match(known []nameKey, names []string) ([]resource.Key, error) {
	hit := map[resource.Key]bool{}
	for _, n := range names {
		found := false
		for _, k := range known {
			glob, err := path.Match(n, k.name)
			if k.name == n || k.key.Box == n || k.key.ReplicaName(true) == n || err == nil && glob {
				hit[k.key], found = true, true
			}
		}
		if !found {
			return nil, noBox(known, n)
		}
	}
	var out []resource.Key
	for _, k := range known {
		if hit[k.key] {
			out = append(out, k.key)
		}
	}
	return out, nil
}

// Knows reports names that no box of the Envfile has, before an engine is asked. Error: *NoBoxError.
func (p *Project) Knows(names []string) error {
	var known []nameKey
	for _, b := range p.Config.Boxes {
		known = append(known, nameKey{b.Name, resource.Key{Box: b.Label, Index: b.Index}})
	}
	_, err := match(known, names)
	return err
}

func noBox(known []nameKey, name string) error {
	var all []string
	for _, k := range known {
		all = append(all, k.name)
	}
	return &NoBoxError{Name: name, Suggestion: diag.Suggest(name, all), Known: all}
}

// selectKeys resolves names against the boxes that are wanted; nil for none.
func selectKeys(d resource.Desired, names []string) ([]resource.Key, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var known []nameKey
	for _, w := range d.Boxes {
		known = append(known, nameKey{w.Replica(), w.Key})
	}
	return match(known, names)
}

// BoxStatus is a line of status.
type BoxStatus struct {
	Name      string
	State     resource.State
	Health    resource.Health
	ExitCode  int
	Image     string
	Ports     []resource.PortSpec
	Container string
	WasReady  bool   // of one with a health check: it was ready once, as its name says (§5)
	Drift     string // how it differs from the Envfile, in a word or two; "" when it does not or cannot be told
}

// Status lists boxes: those of the Envfile first, absent ones included, then what the Envfile no longer names. p is nil
// where the Envfile is broken.
func Status(s *Scene, p *Project) []BoxStatus {
	var out []BoxStatus
	seen := map[resource.Key]bool{}
	if p != nil {
		for _, b := range p.Config.Boxes {
			key := resource.Key{Box: b.Label, Index: b.Index}
			seen[key] = true
			row := BoxStatus{Name: b.Name, State: resource.StateAbsent, Image: b.Image}
			if i := slices.IndexFunc(s.Boxes, func(x Box) bool { return x.Key == key }); i >= 0 {
				row = statusOf(s.Boxes[i])
				row.Name = b.Name
			}
			out = append(out, row)
		}
	}
	for _, b := range s.Boxes {
		if seen[b.Key] {
			continue
		}
		row := statusOf(b)
		switch {
		case p == nil:
		case slices.ContainsFunc(p.Config.Boxes, func(c *config.Box) bool { return c.Label == b.Key.Box }):
			row.Drift = "beyond its count"
		default:
			row.Drift = "not in the Envfile"
		}
		out = append(out, row)
	}
	return out
}

func statusOf(b Box) BoxStatus {
	row := BoxStatus{
		Name: b.Name, State: b.State, Health: b.Health, ExitCode: b.ExitCode, Image: imageText(b), Ports: b.Ports, Container: b.Container,
		WasReady: b.Health != resource.HealthNone && !b.Fresh,
	}
	if b.Fresh {
		row.Drift = "not ready yet"
	}
	return row
}

func imageText(b Box) string {
	if b.Spec.Image.Reference != "" {
		return b.Spec.Image.Reference
	}
	return b.Image
}

// Size is the disk space of a box's own layer, and of its whole file system, in bytes.
type Size struct{ Own, Root int64 }

// Sizes asks for the disk use of each box, by name. It is slow: the engine walks the files.
func Sizes(ctx context.Context, env Env, s *Scene) (map[string]Size, error) {
	out := map[string]Size{}
	for _, b := range s.Boxes {
		own, root, err := env.Engine.Size(ctx, b.ID)
		if err != nil {
			if driver.Is(err, driver.NotFound) {
				continue
			}
			return nil, err
		}
		out[b.Name] = Size{own, root}
	}
	return out, nil
}

// WorkdirOf is the folder in a box that is the caller's: below the longest bind share that holds cwd, else the box's own
// ("" leaves that to the engine).
func WorkdirOf(s resource.BoxSpec, cwd string) string {
	best, dir := -1, s.Workdir
	for _, m := range s.Mounts {
		if m.Type != resource.MountBind || m.Git || !within(cwd, m.Source) || len(m.Source) <= best {
			continue
		}
		best = len(m.Source)
		dir = path.Join(m.Target, strings.TrimPrefix(cwd, m.Source))
	}
	return dir
}

// LoginOf is the user of ssh, exec and provision.
func LoginOf(b Box) string {
	if b.Spec.Login != nil {
		return b.Spec.Login.Name
	}
	if b.Spec.User != nil {
		return b.Spec.User.Name
	}
	return ""
}

// scopeOf is what halt and its like are planned from.
func (s *Scene) scope(o ScopeOptions, a plan.Answers) (plan.Scope, error) {
	sc := plan.Scope{
		Observed: s.Observed, Project: s.Identity.Project, Volumes: o.Volumes, Named: o.Named, Kill: o.Kill, AskLoss: o.AskLoss, Answers: a,
	}
	if len(o.Boxes) == 0 {
		return sc, nil
	}
	boxes, err := s.Select(o.Boxes)
	for _, b := range boxes {
		sc.Only = append(sc.Only, b.Key)
	}
	return sc, err
}
