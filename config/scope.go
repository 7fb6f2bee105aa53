package config

import (
	"fmt"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// tier says what an expression needs before it can be evaluated.
type tier int

const (
	tierValues  tier = iota // variables and facts of the host
	tierProject             // the project's name
	tierPorts               // other boxes, and the numbers of ports
)

// local is one entry of a locals block.
type local struct {
	attr  *attr
	tier  tier
	reads []string // names of locals
	whole bool     // it reads local as one value
	state int      // of the depth-first walk
}

// scope is what an expression at one place may name.
type scope struct {
	file    *Envfile
	p       *problems
	locals  map[string]*local
	vars    map[string]bool
	names   struct{ vars, locals, boxes []string } // sorted, for suggestions
	boxes   map[string]*node
	box     *node    // self; nil outside boxes
	open    bool     // box is a template, to which boxes add what it lacks
	roots   []string // allowed at this place
	early   bool     // evaluated before ports are known
	bare    string   // why box and ports cannot be named here
	fnNames []string
	in      *module // whose expression it is; nil: the Envfile's
}

// check finds every name that cannot be right whatever the values are, and orders the locals.
func (f *Envfile) check(p *problems) {
	s := scope{file: f, p: p, locals: map[string]*local{}, vars: map[string]bool{}, boxes: map[string]*node{}, fnNames: functionNames()}
	for _, n := range f.root.children {
		switch n.schema.name {
		case "variable":
			s.vars[n.label] = true
		case "box":
			s.boxes[n.label] = n
		case "locals":
			for name, a := range n.attrs {
				s.locals[name] = &local{attr: a}
			}
		}
	}
	s.names.vars, s.names.locals, s.names.boxes = keys(s.vars), keys(s.locals), keys(s.boxes)
	s.orderLocals(f)
	s.resolveModules(f)
	for _, n := range f.root.children {
		s.checkTop(n)
	}
	f.wrapAll()
}

// orderLocals checks the locals themselves, finds cycles and fills f.locals.
func (s scope) orderLocals(f *Envfile) {
	s.roots = []string{"var", "local", "project", "host", "box"}
	names := make([]string, 0, len(s.locals))
	for name := range s.locals {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		l := s.locals[name]
		for _, t := range l.attr.layers[0].expr.Variables() {
			l.tier = max(l.tier, directTier(t))
			l.whole = l.whole || t.RootName() == "local" && attrStep(t, 1) == ""
			if step := attrStep(t, 1); t.RootName() == "local" && s.locals[step] != nil {
				l.reads = append(l.reads, step)
			}
		}
	}
	for _, name := range names {
		s.visitLocal(f, name, nil)
	}
	for _, name := range names {
		s.checkAttr(s.locals[name].attr)
	}
}

// visitLocal appends a local behind those it reads.
func (s scope) visitLocal(f *Envfile, name string, path []string) {
	l := s.locals[name]
	switch l.state {
	case 2:
		return
	case 1:
		if !l.attr.bad {
			from := 0
			for path[from] != name {
				from++
			}
			cycle := append(path[from:len(path):len(path)], name)
			s.p.errorf(l.attr.nameAt, "local.%s depends on itself", name).detail = strings.Join(cycle, " → ")
			for _, member := range cycle {
				s.locals[member].attr.bad = true
			}
		}
		return
	}
	l.state = 1
	for _, read := range l.reads {
		s.visitLocal(f, read, append(path, name))
		l.tier = max(l.tier, s.locals[read].tier)
	}
	l.state = 2
	l.attr.tier = l.tier
	f.locals = append(f.locals, l)
}

func (s scope) checkTop(n *node) {
	switch n.schema.name {
	case "envy":
		s.roots = []string{"var", "local", "project", "host"}
		for _, a := range n.ordered() {
			if a.name == "message" {
				continue
			}
			s.bare = "the project's name is settled before"
			s.checkAttr(a)
			if !a.bad && a.tier > tierValues {
				s.fail(a, a.at(), fmt.Sprintf("`%s` cannot depend on the project's name or on boxes", a.name))
			}
		}
		if a := n.attrs["message"]; a != nil {
			s.roots, s.bare = append(s.roots, "box"), ""
			s.checkAttr(a)
		}
	case "variable":
		s.checkVariable(n)
	case "locals":
	case "box":
		s.box = n
		s.checkNode(n)
	case "template":
		s.box, s.open = n, true
		s.checkNode(n)
	default:
		s.roots = []string{"var", "local", "project", "host", "box"}
		s.checkNode(n)
	}
}

func (s scope) checkVariable(n *node) {
	for _, a := range n.ordered() {
		if a.name == "type" {
			continue
		}
		s.roots = nil
		s.checkAttr(a)
	}
	for _, v := range n.all("validation") {
		for _, a := range v.ordered() {
			s.roots = []string{"var"}
			s.checkAttr(a)
		}
		s.checkRequired(v)
	}
}

// checkNode checks a block with the blocks inside it.
func (s scope) checkNode(n *node) {
	for _, a := range n.ordered() {
		at := s
		if s.box != nil {
			at.roots = []string{"var", "local", "project", "host", "box", "self"}
			if a.schema.early {
				at.early = true
				at.roots = []string{"var", "local", "project", "host", "self"}
				at.bare = fmt.Sprintf("`%s` is evaluated before ports are known and cannot depend on other boxes", a.name)
			}
			if n == s.box && (a.name == "count" || a.name == "enabled") {
				at.roots = []string{"var", "local", "project", "host"}
			}
		}
		at.checkAttr(a)
		if n == s.box && (a.name == "count" || a.name == "enabled") && a.self && !a.bad {
			s.fail(a, a.at(), fmt.Sprintf("`%s` cannot depend on self, by way of a definition's variable", a.name))
		}
		if at.early && !a.bad && a.tier == tierPorts {
			s.fail(a, a.at(), fmt.Sprintf("`%s` cannot depend on a port's number or on other boxes, which are known only after it", a.name))
		}
	}
	if !s.open {
		s.checkRequired(n)
	}
	for _, c := range n.children {
		s.checkNode(c)
	}
}

func (s scope) checkRequired(n *node) {
	for i := range n.schema.attrs {
		a := &n.schema.attrs[i]
		if a.required && n.attrs[a.name] == nil && !n.isOff() {
			s.p.errorf(n.header, "%s needs `%s`", n.describe(), a.name).detail = a.doc
		}
	}
}

// isOff reports a literal enabled = false, which excuses what is missing.
func (n *node) isOff() bool {
	a := n.attrs["enabled"]
	if a == nil {
		return false
	}
	v, ok := literal(a.last().expr)
	return ok && isFalse(v)
}

// ordered returns the attributes in the order in which they are written.
func (n *node) ordered() []*attr {
	list := make([]*attr, 0, len(n.attrs))
	for _, a := range n.attrs {
		list = append(list, a)
	}
	sort.Slice(list, func(i, j int) bool {
		x, y := list[i].nameAt, list[j].nameAt
		if x.Filename != y.Filename {
			return x.Filename < y.Filename
		}
		return x.Start.Byte < y.Start.Byte
	})
	return list
}

// checkAttr checks the names and functions in every expression of an attribute.
func (s scope) checkAttr(a *attr) {
	for _, l := range a.layers {
		at := s.within(l.in)
		for _, t := range l.expr.Variables() {
			at.read(a, l.expr, t)
			at.checkTraversal(a, t)
		}
		for _, n := range nodesOf(l.expr) {
			switch e := n.(type) {
			case *hclsyntax.FunctionCallExpr:
				at.checkFunction(a, e)
				a.noteEnvCall(e)
			case *hclsyntax.LiteralValueExpr:
				if err := size(e.Val); err != nil {
					s.fail(a, e.SrcRange, "the value "+err.Error())
				}
			}
		}
	}
}

// read notes what an attribute needs for one name in an expression.
func (s scope) read(a *attr, expr hclsyntax.Expression, t hcl.Traversal) {
	a.tier = max(a.tier, s.tierOf(t))
	a.self = a.self || t.RootName() == "self"
	if s.in == nil {
		return
	}
	root := t.RootName()
	if root != "var" && root != "local" {
		return
	}
	for _, b := range s.in.bindings(t) {
		a.self = a.self || b.self
	}
	needs := s.in.file.needs[expr]
	if needs == nil {
		needs = map[string]bool{}
		s.in.file.needs[expr] = needs
	}
	if name := attrStep(t, 1); name != "" {
		root += "." + name
	}
	needs[root] = true
}

// noteEnvCall keeps where an environment variable is read, for the gate list.
func (a *attr) noteEnvCall(call *hclsyntax.FunctionCallExpr) {
	if call.Name != "env" || len(call.Args) == 0 {
		return
	}
	if name, ok := literal(call.Args[0]); ok && isString(name) {
		if a.envCalls == nil {
			a.envCalls = map[string]hcl.Range{}
		}
		a.envCalls[name.AsString()] = call.Range()
	}
}

func (s scope) fail(a *attr, at hcl.Range, message string) *problem {
	a.bad = true
	return s.p.errorf(at, "%s", message)
}

func directTier(t hcl.Traversal) tier {
	switch t.RootName() {
	case "project":
		if attrStep(t, 1) == "dir" {
			return tierValues
		}
		return tierProject
	case "box":
		return tierPorts
	case "self":
		if step := attrStep(t, 1); step != "name" && step != "index" {
			return tierPorts
		}
	case "local":
		if attrStep(t, 1) == "" {
			return tierPorts
		}
	}
	return tierValues
}

func (s scope) tierOf(t hcl.Traversal) tier {
	if root := t.RootName(); s.in != nil && (root == "var" || root == "local") {
		most := tierValues
		for _, b := range s.in.bindings(t) {
			most = max(most, b.tier)
		}
		return most
	}
	if l := s.locals[attrStep(t, 1)]; t.RootName() == "local" && l != nil {
		return l.tier
	}
	return directTier(t)
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

func keys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}
