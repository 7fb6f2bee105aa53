package provision

import (
	"context"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// knownPorts are the host ports of boxes that exist, from their labels: they stay the same (§2, Ports), but for one whose
// wanted number was edited since, or taken out of the Envfile.
func knownPorts(o resource.Observed, c *config.Project) map[config.PortKey]int {
	out := map[config.PortKey]int{}
	written := map[config.PortKey]int{}
	free := false
	for _, b := range c.Boxes {
		for _, p := range b.Ports {
			free = free || p.Source != config.PortFixed || p.Auto
			if p.Auto {
				written[config.PortKey{Box: b.Label, Index: b.Index, Port: p.Label}] = p.Written
			}
		}
	}
	if !free {
		return out // fixed ports look at nothing
	}
	for _, b := range o.Boxes {
		spec, err := resource.DecodeSpec(b.Spec)
		if err != nil || b.Owner.Run != "" {
			continue
		}
		_, suffix, _ := resource.SplitName(b.Name)
		for _, p := range spec.Ports {
			key := config.PortKey{Box: b.Owner.Box, Index: b.Owner.Index, Port: p.Name}
			if p.Written != written[key] || p.Written == 0 && !config.DerivedRange(p.Host) {
				continue
			}
			if _, known := out[key]; !known || suffix != resource.SuffixOld && suffix != resource.SuffixNew {
				out[key] = p.Host
			}
		}
	}
	return out
}

// repick chooses other numbers for the ports that a plan found taken and that are not fixed, and evaluates anew.
func (g *planning) repick(ctx context.Context, p *plan.Plan) (bool, error) {
	ports := g.project.Values.KnownPorts
	moved := false
	for _, x := range p.Problems {
		c := x.Clash
		if c == nil || c.Fixed {
			continue
		}
		first := config.DerivedPort(g.project.Identity.Checkout, c.Key.Box, c.Name, c.Key.Index)
		if isWritten(g.project, c) {
			first = c.Port
		}
		next := nextFree(first, c.Port, g.answers.Ports, ports)
		if next == 0 {
			continue
		}
		ports[config.PortKey{Box: c.Key.Box, Index: c.Key.Index, Port: c.Name}] = next
		moved = true
	}
	if !moved {
		return false, nil
	}
	project, err := g.project.with(ctx, g.env, g.project.Identity.Project, ports)
	if err != nil {
		return false, err
	}
	g.project = project
	desired, diags := lower(ctx, g.env, project)
	if err := diags.Err(); err != nil {
		return false, err
	}
	g.desired = desired
	return true, g.resolve(ctx)
}

// isWritten: the port's number comes from the Envfile (auto = true) rather than from the derived range.
func isWritten(p *Project, c *plan.PortClash) bool {
	for _, b := range p.Config.Boxes {
		for _, port := range b.Ports {
			if b.Label == c.Key.Box && b.Index == c.Key.Index && port.Label == c.Name {
				return port.Written != 0
			}
		}
	}
	return false
}

// nextFree is the next number after the one that is taken: up by one for a written port, within the derived range for
// one that was left out; 0 when there is none.
func nextFree(first, now int, taken []plan.PortTaken, known map[config.PortKey]int) int {
	used := map[int]bool{now: true}
	for _, t := range taken {
		used[t.Port] = true
	}
	for _, p := range known {
		used[p] = true
	}
	derived := config.DerivedRange(first)
	for try := 1; try < 10000; try++ {
		n := first + try
		if derived {
			n = config.NextDerivedPort(first, try)
		}
		if n > 65535 {
			return 0
		}
		if !used[n] {
			return n
		}
	}
	return 0
}

// takenPorts are the ports that containers publish and, on a local engine, those that programs listen on. Which program that
// is is looked up for the ports that the Envfile gives: the others are picked anew.
func (g *planning) takenPorts(ctx context.Context) ([]plan.PortTaken, error) {
	published, err := g.env.Engine.PublishedPorts(ctx)
	if err != nil {
		return nil, err
	}
	var out []plan.PortTaken
	byContainer := map[int]bool{}
	for _, p := range published {
		byContainer[p.Port] = true
		out = append(out, plan.PortTaken{Port: p.Port, Protocol: p.Protocol, Address: p.Address, Holder: g.holderText(p), BoxID: p.ID})
	}
	if !g.env.Local {
		return out, nil
	}
	fixed := map[int]bool{}
	for _, w := range g.desired.Boxes {
		for _, p := range w.Spec.Ports {
			fixed[p.Host] = fixed[p.Host] || p.Fixed && !p.Auto
		}
	}
	for _, l := range g.env.Host.Listeners() {
		if byContainer[l.Port] { // the engine's own proxy listens for a container
			continue
		}
		if fixed[l.Port] && l.Holder == "" {
			l.Holder = g.env.Host.Program(l)
		}
		out = append(out, l)
	}
	return out, nil
}

// holderText names a container that publishes a port, and the project that it is of where its labels say so.
func (g *planning) holderText(p driver.PortHolder) string {
	text := "container " + p.Holder
	switch bears := (resource.Identity{Project: p.Owner.Project}).Bears(p.Holder, p.Owner); {
	case g.project.Identity.Owns(p.Owner):
	case bears:
		text += " of project " + p.Owner.Project + " in " + p.Owner.Path
	case p.Owner.Checkout == "" && p.Compose != "":
		text += " of Compose project " + p.Compose
	}
	return text
}
