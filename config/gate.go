package config

import (
	"fmt"
	"net/netip"
	"path"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// gateList collects what reaches outside the project, with the place where it is asked for.
type gateList struct {
	entries []gateItem
}

type gateItem struct {
	kind GateKind
	what string
	at   hcl.Range
}

func (g *gateList) add(kind GateKind, at hcl.Range, format string, args ...any) {
	g.entries = append(g.entries, gateItem{kind, fmt.Sprintf(format, args...), at})
}

// list returns the entries in the order of the files; equal ones (of replicas) once.
func (g *gateList) list(p *problems) []GateEntry {
	var list []GateEntry
	seen := map[string]bool{}
	sort.SliceStable(g.entries, func(i, j int) bool { return p.before(g.entries[i].at, g.entries[j].at) })
	for _, item := range g.entries {
		if !seen[string(item.kind)+item.what] {
			seen[string(item.kind)+item.what] = true
			list = append(list, GateEntry{Kind: item.kind, What: item.what, Range: toRange(item.at)})
		}
	}
	return list
}

// boxGate adds what a box's own attributes ask for.
func (e *evaluation) boxGate(r *boxReader) {
	b, v := r.b, r.v
	if b.Privileged {
		e.gate.add(GatePrivileged, v.at("privileged"), "box %q is privileged: all of this machine's devices and rights", b.Label)
	}
	for i, w := range v.words("cap_add") {
		e.gate.add(GateCapAdd, w.at, "box %q gets the capability %s", b.Label, b.CapAdd[i])
	}
	for i, w := range v.words("devices") {
		d := b.Devices[i]
		e.gate.add(GateDevice, w.at, "box %q gets the device %s (%s)", b.Label, d.Host, d.Permissions)
	}
	if b.GPUs != nil {
		e.gate.add(GateGPU, v.at("gpus"), "box %q gets graphics processors: %s", b.Label, describeGPUs(b.GPUs))
	}
	for _, w := range v.words("security_opt") {
		e.gate.add(GateSecurityOpt, w.at, "box %q has the security option %s", b.Label, w.Name)
	}
	if b.NetworkMode.Mode == "host" {
		e.gate.add(GateHostNetwork, v.at("network_mode"), "box %q uses this machine's own network", b.Label)
	}
	for _, p := range b.Ports {
		if addr, err := netip.ParseAddr(p.Address); err == nil && !addr.IsLoopback() {
			e.gate.add(GatePublicPort, r.plan.at[p], "box %q publishes port %q on %s, beyond this machine", b.Label, p.Label, p.Address)
		}
	}
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

// shareGate adds a share that lies outside, or that holds the engine's socket.
func (e *evaluation) shareGate(r *boxReader, s *Share, at hcl.Range) {
	how := "read and write"
	if s.ReadOnly {
		how = "read"
	}
	if s.Mode == ShareCopy {
		how = "a copy of"
	}
	if socket := e.holdsSocket(s.Source.Path); socket != "" {
		e.gate.add(GateSocket, at, "box %q can use the engine's socket %s: it can do anything on this machine (shares %s)", r.b.Label, socket, s.Source.Path)
		return
	}
	if !s.Source.Inside {
		e.gate.add(GateShare, at, "box %q shares %s, outside the project (%s)", r.b.Label, s.Source.Path, how)
	}
}

func (e *evaluation) contextGate(box string, b *Build, at hcl.Range) {
	if !b.Context.Inside {
		e.gate.add(GateContext, at, "box %q is built from %s, outside the project", box, b.Context.Path)
	}
}

// holdsSocket returns the engine's socket that a path is or holds.
func (e *evaluation) holdsSocket(p string) string {
	for _, socket := range append([]string{"/var/run/docker.sock", "/run/docker.sock"}, e.v.Sockets...) {
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

// writableGate adds sources below a folder that a box can write: a running box could put a link there after the check.
// A checkout that is the home directory or the root is on the list too.
func (e *evaluation) writableGate(pr *Project) {
	if root := e.v.Root; root != "" && (root == "/" || root == path.Clean(e.v.Home)) {
		e.gate.add(GateCheckout, hcl.Range{Filename: pr.File, Start: hcl.InitialPos, End: hcl.InitialPos}, "the project's directory is %s itself", root)
	}
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
			for _, folder := range keys(writable) {
				if within(folder, s.Source.Path) {
					n := e.file.root.find("box", b.Label).find("share", s.Label)
					e.gate.add(GateWritable, n.labelAt, "box %q shares %s, which lies in a folder that box %q can write", b.Label, s.Source.Path, writable[folder])
					break
				}
			}
		}
	}
}
