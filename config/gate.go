package config

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// gateList collects what reaches outside the project, with the place where it is asked for.
type gateList struct {
	entries []gateItem
}

type gateItem struct {
	GateEntry
	at hcl.Range
}

// add takes an entry. Its text is what people trust and what is remembered, so it holds all that decides what is reached,
// and another wording asks everybody again.
func (g *gateList) add(kind GateKind, at hcl.Range, reaches, format string, args ...any) {
	g.put(GateEntry{Kind: kind, Reaches: reaches, What: fmt.Sprintf(format, args...)}, at)
}

// put takes an entry that stands somewhere.
func (g *gateList) put(e GateEntry, at hcl.Range) {
	e.Range = toRange(at)
	g.entries = append(g.entries, gateItem{e, at})
}

// list returns the entries in the order of the files; equal ones (of replicas) once.
func (g *gateList) list(p *problems) []GateEntry {
	var list []GateEntry
	seen := map[[2]string]bool{}
	slices.SortStableFunc(g.entries, func(a, b gateItem) int {
		switch {
		case p.before(a.at, b.at):
			return -1
		case p.before(b.at, a.at):
			return 1
		}
		return 0
	})
	for _, item := range g.entries {
		key := [2]string{string(item.Kind), item.What}
		if !seen[key] {
			seen[key] = true
			list = append(list, item.GateEntry)
		}
	}
	return list
}

// boxGate adds what a box's own attributes ask for.
func (e *evaluation) boxGate(r *boxReader) {
	b, v := r.b, r.v
	if b.Privileged {
		e.gate.add(GatePrivileged, v.at("privileged"), "", "box %q is privileged: all of this machine's devices and rights", b.Label)
	}
	for i, w := range v.words("cap_add") {
		e.gate.add(GateCapAdd, w.at, b.CapAdd[i], "box %q gets the capability %s", b.Label, b.CapAdd[i])
	}
	for i, w := range v.words("devices") {
		reaches := exact(b.Devices[i].Leads())
		e.gate.add(GateDevice, w.at, reaches, "box %q gets the device %s (%s)", b.Label, reaches, b.Devices[i].Permissions)
	}
	if b.GPUs != nil {
		reaches := describeGPUs(b.GPUs)
		e.gate.add(GateGPU, v.at("gpus"), reaches, "box %q gets graphics processors: %s", b.Label, reaches)
	}
	for _, w := range v.words("security_opt") {
		e.gate.add(GateSecurityOpt, w.at, w.Name, "box %q has the security option %s", b.Label, w.Name)
	}
	if b.NetworkMode.Mode == "host" {
		e.gate.add(GateHostNetwork, v.at("network_mode"), "", "box %q uses this machine's own network", b.Label)
	}
	for _, p := range b.Ports {
		e.portGate(b, p, r.plan.at[p])
	}
}

// portGate adds a port beyond loopback. Its number is named where it was chosen: others change by themselves.
func (e *evaluation) portGate(b *Box, p *Port, at hcl.Range) {
	addr, err := netip.ParseAddr(p.Address)
	if err == nil && addr.IsLoopback() {
		return
	}
	number := ""
	if p.Written != 0 && !p.Auto {
		number = fmt.Sprintf(" port %d", p.Written)
	}
	e.gate.add(GatePublicPort, at, p.Address, "box %q publishes port %q (%d/%s) on %s%s, beyond this machine", b.Label, p.Label, p.Guest, p.Protocol, p.Address, number)
}

func describeGPUs(g *GPUs) string {
	switch {
	case g.All:
		return "all"
	case len(g.IDs) > 0:
		return strings.Join(g.IDs, ", ")
	}
	return fmt.Sprint(g.Count)
}

// exact quotes a path or name that could be read as something else: links may lead to any name.
func exact(p string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+@%~:=", r)
	}
	if p != "" && strings.IndexFunc(p, func(r rune) bool { return !plain(r) }) < 0 && utf8.ValidString(p) {
		return p
	}
	return strconv.Quote(p)
}

// shownPlace is a path of the gate: one inside is the same in every checkout.
func shownPlace(l Location) string {
	if l.Inside {
		return exact("./" + strings.TrimPrefix(l.Rel, "./"))
	}
	return exact(l.Path)
}

// shareGate adds a share that lies outside, or that holds the engine's socket.
func (e *evaluation) shareGate(r *boxReader, s *Share, n *node, at hcl.Range) {
	how, place := "read and write", shownPlace(s.Source.Location)
	switch {
	case s.Mode == ShareCopy:
		how = "copied once"
	case s.ReadOnly:
		how = "read"
	}
	if s.Create {
		how += "; made where it is missing"
	}
	if socket := e.holdsSocket(s.Source.Path); socket != "" && s.Mode != ShareCopy {
		e.gate.add(GateSocket, at, place, "box %q can use the engine's socket %s: it can do anything on this machine (shares %s; %s)", r.b.Label, exact(socket), place, how)
		return
	}
	if !s.Source.Inside {
		e.gate.add(GateShare, at, place, "box %q shares %s, outside the project (%s)", r.b.Label, place, how)
	} else if m := n.module; m.elsewhere() {
		e.gate.add(GateDefinition, at, place, "box %q shares %s (%s), as the definition %s has it", r.b.Label, place, how, exact(m.def.ID))
	}
}

// takenGate adds what a definition from elsewhere takes of the project by a name that it can only guess.
func (e *evaluation) takenGate(box string, m *module, at hcl.Range, kind, name string) {
	if m.elsewhere() {
		e.gate.add(GateDefinition, at, name, "box %q uses the project's %s %q, as the definition %s has it", box, kind, name, exact(m.def.ID))
	}
}

func (e *evaluation) contextGate(box string, b *Build, at hcl.Range) {
	if place := shownPlace(b.Context.Location); !b.Context.Inside {
		e.gate.add(GateContext, at, place, "box %q is built from %s, outside the project", box, place)
	}
}

// networkGate adds a network of others. That of the engine's name "host" is the machine's own.
func (e *evaluation) networkGate(n *Network, at hcl.Range) {
	if n.External == "host" {
		e.gate.add(GateHostNetwork, at, n.External, "network %q is this machine's own network", n.Label)
		return
	}
	e.gate.add(GateExternalNetwork, at, n.External, "network %q uses the network %s, which is not the project's", n.Label, n.External)
}

// holdsSocket returns the engine's socket that a path is or holds.
func (e *evaluation) holdsSocket(p string) string {
	sockets := []string{"/var/run/docker.sock", "/run/docker.sock"}
	if e.v.Sockets != nil {
		sockets = append(sockets, e.v.Sockets()...)
	}
	for _, socket := range sockets {
		if p == socket || within(p, socket) {
			return socket
		}
	}
	return ""
}

// within reports whether a path lies below a folder.
func within(folder, p string) bool {
	return folder == "/" || strings.HasPrefix(p, strings.TrimSuffix(folder, "/")+"/")
}

// checkoutGate adds a checkout that is more than a project.
func (e *evaluation) checkoutGate(pr *Project) {
	if !e.v.Broad {
		return
	}
	what := "is your home directory, or holds it"
	if e.v.Root == "/" {
		what = "is all of this machine's files"
	}
	at := hcl.Range{Filename: pr.File, Start: hcl.InitialPos, End: hcl.InitialPos}
	e.gate.add(GateCheckout, at, exact(e.v.Root), "the project's directory %s %s", exact(e.v.Root), what)
}

// writableGate adds sources below a folder that a box can write: a running box could put a link there after the check.
func (e *evaluation) writableGate(pr *Project) {
	writable := map[string]string{}
	for _, b := range pr.Boxes {
		for _, s := range b.Shares {
			if s.Mode == ShareBind && !s.ReadOnly && writable[s.Source.Path] == "" {
				writable[s.Source.Path] = b.Label
			}
		}
	}
	for _, b := range pr.Boxes {
		for _, s := range b.Shares {
			folder := ""
			for at := s.Source.Path; at != "/"; {
				if at = path.Dir(at); writable[at] != "" {
					folder = at // the outermost
				}
			}
			if folder == "" {
				continue
			}
			n := e.file.root.find("box", b.Label).find("share", s.Label)
			place := shownPlace(s.Source.Location)
			e.gate.add(GateWritable, n.labelAt, place, "box %q shares %s, which lies in a folder that box %q can write", b.Label, place, writable[folder])
		}
	}
}
