package config

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sort"
	"strconv"

	"github.com/envyhq/envy/internal/diag"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Derived host ports lie in this range: below the ports that systems give to outgoing connections.
const (
	minDerivedPort = 20000
	maxDerivedPort = 29999
)

// boxPlan is what round one finds out about one replica.
type boxPlan struct {
	node    *node
	name    string
	index   int
	counted bool
	off     map[*node]bool // blocks with enabled = false
	mode    NetworkMode
	ports   []*Port
	at      map[*Port]hcl.Range // of host, for findings
}

// planBoxes evaluates count, enabled, network_mode and the port blocks: round one.
func (e *evaluation) planBoxes() []*boxPlan {
	var plans []*boxPlan
	boxes := e.file.root.all("box")
	e.checkScale(boxes)
	total, blocks := 0, 0
	for _, n := range boxes {
		d := e.decodeSome(n, "count", "enabled")
		if !d.flag("enabled", true) {
			continue
		}
		count, counted := e.count(d, n)
		if total += count; total > maxBoxes {
			e.p.errorf(d.at("count"), "more than %d boxes", maxBoxes)
			break
		}
		if blocks += count * len(n.children); blocks > maxBlocks {
			e.p.errorf(d.at("count"), "more than %d blocks in all boxes", maxBlocks)
			break
		}
		for index := 1; index <= count && !e.stopped(n); index++ {
			plan := &boxPlan{node: n, name: n.label, index: index, counted: counted, off: map[*node]bool{}, at: map[*Port]hcl.Range{}}
			if counted {
				plan.name = fmt.Sprintf("%s-%d", n.label, index)
			}
			e.enterBox(selfValue(plan, false))
			e.planBox(plan)
			plans = append(plans, plan)
		}
	}
	e.enterBox(cty.NilVal)
	return plans
}

func (e *evaluation) checkScale(boxes []*node) {
	var names []string
	for _, n := range boxes {
		names = append(names, n.label)
	}
	for _, name := range keys(e.v.Scale) {
		at := hcl.Range{Filename: "--scale"}
		if !contains(names, name) {
			e.p.errorf(at, "no box %q", clip(name)).suggest(name, names)
		}
		if n := e.v.Scale[name]; n < 0 || n > maxBoxes {
			e.p.errorf(at, "expected a count from 0 to %d", maxBoxes)
		}
	}
}

// count returns the number of replicas, and whether they are numbered: where count is written, and where --scale asks for
// more of a box without one.
func (e *evaluation) count(d values, n *node) (int, bool) {
	written, counted := get[int64](d, "count")
	if c, ok := e.v.Scale[n.label]; ok {
		return min(max(c, 0), maxBoxes), counted || c > 1
	}
	if counted {
		return int(written), true
	}
	return 1, false
}

// planBox evaluates what one replica needs before ports are known.
func (e *evaluation) planBox(plan *boxPlan) {
	d := e.decodeSome(plan.node, "network_mode")
	plan.mode = networkModeOf(d.str("network_mode"))
	e.findOff(plan, plan.node)
	for _, n := range plan.node.all("port") {
		if !plan.off[n] {
			e.planPort(plan, n)
		}
	}
}

// findOff evaluates `enabled` of the blocks in a box.
func (e *evaluation) findOff(plan *boxPlan, n *node) {
	for _, c := range n.children {
		if c.attrs["enabled"] != nil && !e.decodeSome(c, "enabled").flag("enabled", true) {
			plan.off[c] = true
		}
	}
}

func (e *evaluation) planPort(plan *boxPlan, n *node) {
	d := e.decode(n)
	port := &Port{
		Label: n.label, Auto: d.flag("auto", false), Protocol: "tcp", Address: "127.0.0.1",
		Guest: int(d.integer("guest")), Range: toRange(n.header), HostRange: toRange(d.at("host")),
	}
	if s := d.str("protocol"); s != "" {
		port.Protocol = s
	}
	if s := d.str("address"); s != "" {
		port.Address = s
	}
	if port.Guest == 0 && !d.failed["guest"] {
		number, err := strconv.Atoi(n.label)
		if err != nil || number < 1 || number > 65535 {
			e.p.errorf(n.header, "port %q needs `guest`, the port in the box", n.label).detail = "it may be left out where the label is its number"
		} else {
			port.Guest = number
		}
	}
	if host := d.integer("host"); host != 0 {
		if host += int64(plan.index) - 1; host > 65535 {
			e.p.errorf(d.at("host"), "`host`: the port of %s is above 65535", plan.name)
		}
		port.Written = int(host)
	}
	plan.at[port] = d.at("host")
	plan.ports = append(plan.ports, port)
}

// ports gives every port its number on the host: the written one, the existing box's, else a derived one that no other
// port of the project has.
func (e *evaluation) ports(plans []*boxPlan) {
	type number struct {
		protocol string
		host     int
	}
	taken := map[number]bool{}
	key := func(p *Port) number { return number{p.Protocol, p.Host} }
	open := func(visit func(*boxPlan, *Port)) {
		for _, plan := range plans {
			for _, p := range plan.ports {
				if p.Host == 0 {
					visit(plan, p)
				}
			}
		}
	}
	open(func(plan *boxPlan, p *Port) {
		known := e.v.KnownPorts[PortKey{plan.node.label, plan.index, p.Label}]
		switch {
		case p.Written != 0 && !(p.Auto && known != 0):
			p.Host, p.Source = p.Written, PortFixed
		case known != 0:
			p.Host, p.Source = known, PortKept
		default:
			return
		}
		taken[key(p)] = true
	})
	derived := 0
	open(func(plan *boxPlan, p *Port) {
		p.Source = PortDerived
		if derived++; derived > maxDerivedPort-minDerivedPort+1 || e.stopped(plan.node) {
			e.p.errorf(plan.at[p], "no port is free from %d to %d", minDerivedPort, maxDerivedPort)
			return
		}
		first := DerivedPort(e.v.Checkout, plan.node.label, p.Label, plan.index)
		for try := range maxDerivedPort - minDerivedPort + 1 {
			p.Host = NextDerivedPort(first, try)
			if !taken[key(p)] {
				taken[key(p)] = true
				return
			}
		}
		e.p.errorf(plan.at[p], "no port is free from %d to %d", minDerivedPort, maxDerivedPort)
	})
	for _, plan := range plans {
		e.checkPorts(plan)
	}
}

// DerivedPort is the first choice for a port without `host`. It depends on nothing but its arguments.
func DerivedPort(checkout, box, port string, index int) int {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d", checkout, box, port, index))
	return minDerivedPort + int(binary.BigEndian.Uint64(sum[:8])%(maxDerivedPort-minDerivedPort+1))
}

// NextDerivedPort is the try-th choice behind first, which is the 0th: up by one, and round within the range.
func NextDerivedPort(first, try int) int {
	span := maxDerivedPort - minDerivedPort + 1
	return minDerivedPort + (first-minDerivedPort+try)%span
}

// DerivedRange reports whether a number is one that a port without `host` may have.
func DerivedRange(port int) bool { return minDerivedPort <= port && port <= maxDerivedPort }

// checkPorts reports ports of one box that exclude each other.
func (e *evaluation) checkPorts(plan *boxPlan) {
	byNumber := map[int][]*Port{}
	for _, p := range plan.ports {
		for _, q := range byNumber[p.Host] {
			if clash(p, q) {
				e.p.errorf(plan.at[p], "ports %q and %q of box %q publish the same host port", q.Label, p.Label, plan.name)
				break
			}
		}
		byNumber[p.Host] = append(byNumber[p.Host], p)
	}
}

// clash reports whether two ports cannot be published at once.
func clash(p, q *Port) bool {
	if p.Host != q.Host || p.Protocol != q.Protocol {
		return false
	}
	a, errA := netip.ParseAddr(p.Address)
	b, errB := netip.ParseAddr(q.Address)
	return errA != nil || errB != nil || a == b || a.IsUnspecified() || b.IsUnspecified()
}

// PortClashes reports ports of the given boxes, those that an operation will start, that exclude each other. Ports with
// Auto and ports without a written host are the caller's to move and never reported.
func PortClashes(starting []*Box) diag.List {
	type holder struct {
		box  *Box
		port *Port
	}
	byNumber := map[int][]holder{}
	var list diag.List
	for _, b := range starting {
		for _, p := range b.Ports {
			if p.Source != PortFixed || p.Auto {
				continue
			}
			for _, h := range byNumber[p.Host] {
				if h.box != b && clash(p, h.port) {
					list = append(list, diag.Diagnostic{
						Severity: diag.Error, Class: diag.Invalid, Range: p.HostRange,
						Summary: fmt.Sprintf("boxes %q and %q both publish host port %d", h.box.Name, b.Name, p.Host),
						Hint:    "change one, or set auto = true to take the next free one",
					})
					break
				}
			}
			byNumber[p.Host] = append(byNumber[p.Host], holder{b, p})
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Range.Start.Line < list[j].Range.Start.Line })
	return list
}
