package plan

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/envyhq/envy/provision/resource"
)

// Keep is a plan of only some of the steps; needs on others are dropped.
func Keep(p *Plan, keep func(Step) bool) *Plan {
	out := &Plan{Version: p.Version, Project: p.Project}
	ids := map[int]int{}
	for _, s := range p.Steps {
		if !keep(s) {
			continue
		}
		var needs []int
		for _, n := range s.Needs {
			if id, ok := ids[n]; ok {
				needs = append(needs, id)
			}
		}
		ids[s.ID] = len(out.Steps) + 1
		s.ID, s.Needs = len(out.Steps)+1, needs
		out.Steps = append(out.Steps, s)
	}
	return out
}

// Around is what a box needs around it without the box itself: images, networks, volumes, and the boxes it depends on.
func Around(p *Plan, replicas []string) *Plan {
	out := Keep(p, func(s Step) bool {
		switch s.Address.Kind {
		case resource.KindBox, resource.KindProvision, resource.KindShare:
			return !slices.Contains(replicas, s.Address.Box)
		}
		return true
	})
	for _, c := range p.Changes {
		if c.Address.Kind != resource.KindBox && c.Address.Kind != resource.KindProvision || !slices.Contains(replicas, c.Address.Box) {
			out.Changes = append(out.Changes, c)
		}
	}
	for _, x := range p.Problems {
		if x.Clash == nil || !slices.Contains(replicas, x.Clash.Box) {
			out.Problems = append(out.Problems, x)
		}
	}
	out.Unresolved = p.Unresolved
	return out
}

// OnlyVolumesAdded reports whether a plan made after the image steps does nothing that the one before did not show, but
// for creating volumes (§2, Mounts).
func OnlyVolumesAdded(shown, now *Plan) bool {
	known := map[string]Action{}
	for _, c := range shown.Changes {
		known[c.Address.String()] = c.Action
	}
	for _, c := range now.Changes {
		if c.Address.Kind == resource.KindVolume && c.Action == Create || c.Address.Kind == resource.KindImage {
			continue
		}
		if known[c.Address.String()] != c.Action {
			return false
		}
	}
	return true
}

// Different compares a saved plan with a fresh one, value by value; a loss may be smaller than saved, never larger. It
// says where they differ, "" where they do not. Nothing in a saved plan is trusted beyond this comparison (§4).
func Different(saved, fresh *Plan) string {
	a, b := *saved, *fresh
	if a.Version != b.Version {
		return fmt.Sprintf("it has version %d, this envy makes %d", a.Version, b.Version)
	}
	if a.Project != b.Project {
		return fmt.Sprintf("it is for project %q, not %q", a.Project, b.Project)
	}
	if len(a.Changes) != len(b.Changes) {
		return fmt.Sprintf("it has %d changes, now there are %d", len(a.Changes), len(b.Changes))
	}
	for i := range a.Changes {
		x, y := a.Changes[i], b.Changes[i]
		if moreLost(x.Loss, y.Loss) {
			return x.Address.String() + " would lose more than it says"
		}
		x.Loss, y.Loss = nil, nil
		x.Origin, y.Origin = resource.Origin{}, resource.Origin{}
		if text(x) != text(y) {
			return y.Address.String() + " differs"
		}
	}
	if text(unplaced(a.Steps)) != text(unplaced(b.Steps)) {
		return "its steps are others"
	}
	return ""
}

// unplaced are steps without their places in the Envfile: a comment above a box is no other plan.
func unplaced(steps []Step) []Step {
	out := slices.Clone(steps)
	for i := range out {
		out[i].Origin = resource.Origin{}
	}
	return out
}

func moreLost(saved, now *resource.Loss) bool {
	switch {
	case now == nil:
		return false
	case saved == nil:
		return true
	case saved.AtLeast || saved.Unknown:
		return false
	}
	return now.Unknown || now.AtLeast || now.Count > saved.Count
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil { // plain values always encode
		panic(fmt.Sprintf("plan: encode: %v", err))
	}
	return string(b)
}

// MaxSaved bounds a saved plan, in bytes.
const MaxSaved = 16 << 20

// Decode reads a saved plan.
func Decode(data []byte) (*Plan, error) {
	if len(data) > MaxSaved {
		return nil, fmt.Errorf("a saved plan of %d bytes is over the limit of %d", len(data), MaxSaved)
	}
	var p Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("not a saved plan: %w", err)
	}
	if p.Version < 1 || p.Version > Version {
		return nil, fmt.Errorf("a saved plan of version %d; this envy reads version %d", p.Version, Version)
	}
	return &p, nil
}

// ThrowAway composes the container of `envy run` from what is there: no ports, aliases, healthcheck, restart policy or
// first runs. What it needs around it must have been made before (Around).
func ThrowAway(in Input, key resource.Key, runID string) (*BoxCreate, error) {
	p := newPlanner(in)
	p.networks()
	w, ok := p.wanted[key]
	if !ok {
		return nil, fmt.Errorf("no box %s", key.Box)
	}
	image := p.images[w.Image]
	ref := image.wanted.Reference
	if image.wanted.Spec.Derived() {
		ref = image.wanted.Tag
	}
	spec := p.specOf(w)
	spec.Ports, spec.Aliases, spec.Healthcheck, spec.Restart = nil, nil, nil, ""
	spec.Networks = slices.Clone(spec.Networks)
	for i := range spec.Networks { // those are the box's own
		spec.Networks[i].Aliases, spec.Networks[i].IP = nil, ""
	}
	spec.Provisions, spec.Files, spec.Service, spec.Command, spec.Entrypoint, spec.Oneshot = nil, nil, false, nil, nil, false
	volumes, _ := p.volumesFor(w, spec)
	c := &BoxCreate{
		Wanted: w, Spec: spec, Image: ref, Fact: factOf(image.fact), Volumes: volumes, GitSafe: gitSafe(spec),
		Networks: map[string]string{}, NetIDs: map[string]string{}, Labels: p.boxLabels(w, spec),
	}
	c.Labels[resource.LabelRun] = runID
	for _, j := range w.Spec.Networks {
		n := p.nets[j.Network]
		c.Networks[j.Network], c.NetIDs[j.Network] = n.name, n.id
	}
	if peer, ok := p.peer(w); ok {
		c.Peer = p.standIn(peer)
	}
	return c, nil
}
