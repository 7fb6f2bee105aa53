package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/envyhq/envy/provision/resource"
)

// portClashes checks the host ports of the boxes that this plan starts, among each other, against boxes of the project
// that run on, and against what else holds a port (§2, Ports).
func (p *planner) portClashes() {
	ports := 0
	for _, s := range p.starting {
		ports += len(s.w.Spec.Ports)
	}
	if ports == 0 || !p.ask(Question{Kind: AskPorts}) {
		return
	}
	freed := p.freed()
	claimed := map[string]string{} // protocol/port → replica
	for _, s := range p.starting {
		for _, port := range s.w.Spec.Ports {
			key := fmt.Sprintf("%s/%d", cmp.Or(port.Protocol, "tcp"), port.Host)
			holder := claimed[key]
			if holder != "" {
				holder = "box " + holder
			} else {
				holder = p.holder(port, append(freed, s.instead...))
			}
			claimed[key] = s.w.Replica()
			if holder != "" {
				p.clash(s.w, port, holder)
			}
		}
	}
}

// freed are the containers that this plan stops or removes.
func (p *planner) freed() []string {
	var out []string
	for _, s := range p.plan.Steps {
		if s.Op == OpStop || s.Op == OpRemove {
			out = append(out, s.Target.ID)
		}
	}
	return out
}

func (p *planner) holder(port resource.PortSpec, free []string) string {
	for _, t := range p.in.Answers.Ports {
		if t.Port != port.Host || cmp.Or(t.Protocol, "tcp") != cmp.Or(port.Protocol, "tcp") || t.BoxID != "" && slices.Contains(free, t.BoxID) {
			continue
		}
		if sameAddress(t.Address, cmp.Or(port.Address, "127.0.0.1")) {
			return cmp.Or(t.Holder, "something on this machine")
		}
	}
	return ""
}

// sameAddress: two addresses meet when they are equal or one of them is every address.
func sameAddress(a, b string) bool {
	every := func(s string) bool { return s == "" || s == "0.0.0.0" || s == "::" || s == "[::]" }
	return every(a) || every(b) || strings.EqualFold(a, b)
}

func (p *planner) clash(w resource.BoxWanted, port resource.PortSpec, holder string) {
	hint := "write another host port, or auto = true for the next free one"
	if !port.Fixed {
		hint = ""
	}
	p.problem(Problem{
		Summary: fmt.Sprintf("port %d on the host is taken", port.Host),
		Detail:  fmt.Sprintf("box %s publishes port %q on it; %s has it", quote(w.Replica()), port.Name, holder),
		Hint:    hint, Origin: w.OriginOf("port." + port.Name),
		Clash: &PortClash{Key: w.Key, Box: w.Replica(), Name: port.Name, Port: port.Host, Fixed: port.Fixed && !port.Auto},
	})
}

// maxOnNetwork is what a bridge of the engine takes (§6).
const maxOnNetwork = 1000

// crowdedNetworks reports networks that more boxes would be on than an engine's bridge has room for.
func (p *planner) crowdedNetworks() {
	on := map[string]int{}
	for _, w := range p.in.Desired.Boxes {
		if p.selected[w.Key] {
			for _, j := range w.Spec.Networks {
				on[j.Network]++
			}
		}
	}
	for _, w := range p.in.Desired.Networks {
		if on[w.Label] > maxOnNetwork {
			p.problem(Problem{
				Summary: fmt.Sprintf("%d boxes on network %q", on[w.Label], w.Label),
				Detail:  fmt.Sprintf("an engine's network has room for %d", maxOnNetwork),
				Hint:    "spread them over several: network \"NAME\" {} at top level and in the box", Origin: w.Origin,
			})
		}
	}
}
