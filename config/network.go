package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/envyhq/envy/internal/diag"
	"github.com/hashicorp/hcl/v2"
)

// networks evaluates the top level's volumes and networks.
func (e *evaluation) networks(pr *Project) {
	for _, n := range e.file.root.all("volume") {
		if v := e.decode(n); v.flag("enabled", true) {
			shared := &SharedVolume{Label: n.label, External: v.str("external"), Range: toRange(n.header)}
			pr.Volumes = append(pr.Volumes, shared)
			if shared.External != "" {
				e.gate.add(GateExternalVolume, v.at("external"), shared.External, "volume %q uses the volume %s, which is not the project's", n.label, shared.External)
			}
		}
	}
	for _, n := range e.file.root.all("network") {
		if v := e.decode(n); v.flag("enabled", true) {
			pr.Networks = append(pr.Networks, e.topNetwork(v))
		}
	}
}

func (e *evaluation) topNetwork(v values) *Network {
	n := v.node
	net := &Network{
		Label: n.label, External: v.str("external"), Internal: v.flag("internal", false),
		Subnets: v.strs("subnet"), IPv6: v.flag("ipv6", false), Range: toRange(n.header),
	}
	if net.External != "" {
		e.networkGate(net, v.at("external"))
		for _, name := range []string{"internal", "subnet", "ipv6"} {
			if v.written(name) {
				e.p.errorf(v.at(name), "`%s` does not go with `external`: envy does not make that network", name)
			}
		}
	}
	six := false
	for _, s := range net.Subnets {
		prefix, err := netip.ParsePrefix(s)
		six = six || err == nil && prefix.Addr().Is6()
	}
	if six && !net.IPv6 {
		e.p.errorf(v.at("subnet"), "network %q has an IPv6 subnet", n.label).hint = "set ipv6 = true"
	}
	return net
}

// join connects a box to a network.
func (r *boxReader) join(v values, at diag.Range) {
	n := v.node
	j := &Join{Label: n.label, Aliases: v.strs("aliases"), IP: v.str("ip"), Range: at}
	if i := slices.IndexFunc(r.pr.Networks, func(net *Network) bool { return net.Label == n.label }); i >= 0 {
		j.Network = r.pr.Networks[i]
	}
	if j.Network == nil && n.label != "default" {
		names := []string{"default"}
		for _, net := range r.pr.Networks {
			names = append(names, net.Label)
		}
		p := r.e.p.errorf(n.labelAt, "no network %q", n.label)
		if p.suggest(n.label, names); p.hint == "" {
			p.hint = fmt.Sprintf("declare it at top level: network %q {}", n.label)
		}
		return
	}
	if j.IP != "" {
		r.checkIP(v, j)
	}
	if n.label != "default" {
		r.e.takenGate(r.b.Label, n.module, n.labelAt, "network", n.label)
	}
	r.b.Networks = append(r.b.Networks, j)
}

// checkIP: the engine gives a fixed address only within a subnet that was written, and only to one box.
func (r *boxReader) checkIP(v values, j *Join) {
	at := v.at("ip")
	if r.plan.index > 1 && !v.node.attrs["ip"].self {
		r.e.p.errorf(at, "`ip`: replicas cannot share one address").hint = "make it depend on self.index"
	}
	if j.Network == nil {
		r.e.p.errorf(at, "`ip` needs a network with a subnet").hint = fmt.Sprintf("declare network %q { subnet = … } at top level", j.Label)
		return
	}
	if j.Network.External != "" {
		return
	}
	addr, err := netip.ParseAddr(j.IP)
	inside := slices.ContainsFunc(j.Network.Subnets, func(s string) bool {
		prefix, perr := netip.ParsePrefix(s)
		return perr == nil && err == nil && prefix.Contains(addr)
	})
	if !inside {
		r.e.p.errorf(at, "`ip`: expected an address in the subnet of network %q", j.Label).detail = "its subnets: " + orNone(j.Network.Subnets)
	}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none is written"
	}
	return strings.Join(list, ", ")
}

// checkProject reports what does not go together between boxes, and resolves references between them.
func (e *evaluation) checkProject(pr *Project) {
	e.checkNames(pr)
	if len(e.file.root.all("box")) == 0 {
		e.p.warnf(hcl.Range{Filename: pr.File, Start: hcl.InitialPos, End: hcl.InitialPos}, "no box is written").hint = `write one: box "dev" { image = "debian:bookworm-slim" }`
	}
	byName := map[string][]*Box{}
	for _, b := range pr.Boxes {
		byName[b.Name] = append(byName[b.Name], b)
		if b.Counted {
			byName[b.Label] = append(byName[b.Label], b)
		}
	}
	for _, b := range pr.Boxes {
		e.resolveDependencies(pr, b, byName)
		e.resolveNetworkMode(pr, b, byName)
	}
	e.checkCycles(pr)
	e.choosePrimary(pr)
	e.checkAddresses(pr)
	e.checkPlatforms(pr)
	e.checkoutGate(pr)
	e.writableGate(pr)
}

// checkNames: boxes and replicas share one name space, and project and box together make one host name.
func (e *evaluation) checkNames(pr *Project) {
	if what := hostLabel(pr.Name); what != "" && pr.Name == e.v.DefaultName {
		e.p.errorf(hcl.Range{Filename: pr.File, Start: hcl.InitialPos, End: hcl.InitialPos}, "the directory's name cannot name the project").hint = `write envy { name = "…" }`
	}
	names := map[string]*Box{}
	long := map[string]bool{}
	for _, b := range pr.Boxes {
		if prior := names[b.Name]; prior != nil {
			e.p.errorf(e.header(b.Label), "box %q and replica %d of box %q have the same name", b.Name, max(prior.Index, b.Index), labelOfCounted(prior, b))
		}
		names[b.Name] = b
		if len(pr.Name)+1+len(b.Name) > maxHostLabel && !long[b.Label] {
			long[b.Label] = true
			e.p.errorf(e.header(b.Label), "the names of project and box together are longer than %d: %s-%s", maxHostLabel, pr.Name, b.Name)
		}
	}
}

func labelOfCounted(a, b *Box) string {
	if a.Counted {
		return a.Label
	}
	return b.Label
}

func (e *evaluation) header(label string) hcl.Range {
	return e.file.root.find("box", label).labelAt
}

// resolveDependencies replaces names of counted boxes by their replicas and drops boxes that are not enabled.
func (e *evaluation) resolveDependencies(pr *Project, b *Box, byName map[string][]*Box) {
	at := e.file.root.find("box", b.Label).attrs["depends_on"]
	var refs []Ref
	seen := map[string]bool{}
	for _, ref := range b.DependsOn {
		targets := byName[ref.Name]
		if len(targets) == 0 && !e.isDisabled(ref.Name) {
			e.unknownBox(pr, "depends_on", at, ref)
			continue
		}
		for _, target := range targets {
			if target == b {
				e.p.errorf(at.at(), "box %q depends on itself", b.Name)
				continue
			}
			if !seen[target.Name] {
				seen[target.Name] = true
				refs = append(refs, Ref{Name: target.Name, Range: ref.Range})
			}
		}
	}
	b.DependsOn = refs
}

// unknownBox reports a name that no box has; the value is quoted only where it is written in the Envfile itself.
func (e *evaluation) unknownBox(pr *Project, attrName string, a *attr, ref Ref) {
	d := e.cache[a]
	at := a.at()
	hidden := true
	if words, ok := d.value.([]word); ok {
		for _, w := range words {
			if w.Name == ref.Name {
				at, hidden = w.at, w.quiet
			}
		}
	} else {
		hidden = false
	}
	if hidden {
		e.p.errorf(at, "`%s`: no such box", attrName)
		return
	}
	p := e.p.errorf(at, "`%s`: no box %q", attrName, clip(ref.Name))
	names := sortedBoxes(pr.Boxes)
	if p.suggest(ref.Name, names); p.hint == "" && len(names) < 20 {
		p.detail = "there is: " + strings.Join(names, ", ")
	}
}

// isDisabled reports whether a name is that of a box that is written but not enabled, or has no replicas.
func (e *evaluation) isDisabled(name string) bool {
	return e.file.root.find("box", name) != nil
}

func (e *evaluation) resolveNetworkMode(pr *Project, b *Box, byName map[string][]*Box) {
	if b.NetworkMode.Mode != "box" {
		return
	}
	a := e.file.root.find("box", b.Label).attrs["network_mode"]
	targets := byName[b.NetworkMode.Box]
	switch {
	case len(targets) == 0:
		e.p.errorf(a.at(), "`network_mode`: no box of that name").suggest(b.NetworkMode.Box, sortedBoxes(pr.Boxes))
		return
	case targets[0] == b:
		e.p.errorf(a.at(), "`network_mode`: box %q cannot join its own network", b.Name)
		return
	case targets[0].NetworkMode.Mode == "box":
		e.p.errorf(a.at(), "`network_mode`: box %q itself joins another box's network", targets[0].Name).hint = fmt.Sprintf("write box:%s", targets[0].NetworkMode.Box)
	}
	b.NetworkMode.Box = targets[0].Name
	e.takenGate(b.Label, a.last().in, a.at(), "box", targets[0].Name)
	if !slices.ContainsFunc(b.DependsOn, func(r Ref) bool { return r.Name == targets[0].Name }) {
		b.DependsOn = append(b.DependsOn, Ref{Name: targets[0].Name, Range: toRange(a.at())})
	}
}

// checkCycles reports boxes that wait for each other.
func (e *evaluation) checkCycles(pr *Project) {
	byName := map[string]*Box{}
	for _, b := range pr.Boxes {
		byName[b.Name] = b
	}
	state := map[string]int{}
	var visit func(b *Box, path []string)
	visit = func(b *Box, path []string) {
		switch state[b.Name] {
		case 2:
			return
		case 1:
			from := slices.Index(path, b.Name)
			cycle := append(slices.Clone(path[from:]), b.Name)
			e.p.errorf(e.header(b.Label), "boxes wait for each other").detail = strings.Join(cycle, " → ")
			return
		}
		state[b.Name] = 1
		for _, ref := range b.DependsOn {
			visit(byName[ref.Name], append(path, b.Name))
		}
		state[b.Name] = 2
	}
	for _, b := range pr.Boxes {
		visit(b, nil)
	}
}

// choosePrimary: one box at most says so, else the first is it. Of a counted box it is the first replica.
func (e *evaluation) choosePrimary(pr *Project) {
	var primary *Box
	for _, b := range pr.Boxes {
		if !b.Primary {
			continue
		}
		if primary != nil && primary.Label != b.Label {
			at := e.file.root.find("box", b.Label).attrs["primary"].at()
			e.p.errorf(at, "boxes %q and %q are both primary", primary.Label, b.Label)
		}
		if primary == nil {
			primary = b
		} else {
			b.Primary = false
		}
	}
	if primary == nil && len(pr.Boxes) > 0 {
		pr.Boxes[0].Primary = true
	}
}

// checkAddresses: one address in one network belongs to one box.
func (e *evaluation) checkAddresses(pr *Project) {
	holders := map[[2]string]*Box{}
	for _, b := range pr.Boxes {
		for _, j := range b.Networks {
			key := [2]string{j.Label, j.IP}
			if j.IP == "" {
				continue
			}
			if prior := holders[key]; prior != nil && prior.Label != b.Label {
				n := e.file.root.find("box", b.Label).find("network", j.Label)
				e.p.errorf(n.attrs["ip"].at(), "`ip`: box %q has that address already", prior.Name)
			}
			holders[key] = b
		}
	}
}

// checkPlatforms refuses one reference for two platforms: the classic image store keeps one image under a name, so that the boxes
// would take it from each other.
func (e *evaluation) checkPlatforms(pr *Project) {
	first := map[string]*Box{}
	for _, b := range pr.Boxes {
		if b.Image == "" || b.Platform == "" {
			continue
		}
		prior := first[b.Image]
		switch {
		case prior == nil:
			first[b.Image] = b
		case prior.Platform != b.Platform:
			d := e.p.errorf(e.file.root.find("box", b.Label).attrs["platform"].at(), "one image for two platforms is not built yet")
			d.detail = fmt.Sprintf("box %q has %s for %s", prior.Name, prior.Image, prior.Platform)
			d.hint = "a name of its own for each platform will do, as registries have them"
		}
	}
}
