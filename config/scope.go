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
	state int      // of the depth-first walk
}

// scope is what an expression at one place may name.
type scope struct {
	file    *Envfile
	p       *problems
	locals  map[string]*local
	vars    []string
	boxes   map[string]*node
	box     *node    // self; nil outside boxes
	roots   []string // allowed at this place
	early   bool     // evaluated before ports are known
	bare    string   // why box and ports cannot be named here
	fnNames []string
}

// check finds every name that cannot be right whatever the values are, and orders the locals.
func (f *Envfile) check(p *problems) {
	s := scope{file: f, p: p, locals: map[string]*local{}, boxes: map[string]*node{}, fnNames: functionNames()}
	for _, n := range f.root.children {
		switch n.schema.name {
		case "variable":
			s.vars = append(s.vars, n.label)
		case "box":
			s.boxes[n.label] = n
		case "locals":
			for name, a := range n.attrs {
				s.locals[name] = &local{attr: a}
			}
		}
	}
	s.orderLocals(f)
	for _, n := range f.root.children {
		s.checkTop(n)
	}
	f.wrap(f.root)
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
		for _, t := range l.attr.exprs[0].Variables() {
			l.tier = max(l.tier, directTier(t))
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
		if at.early && !a.bad && a.tier == tierPorts {
			s.fail(a, a.at(), fmt.Sprintf("`%s` cannot depend on a port's number or on other boxes, which are known only after it", a.name))
		}
	}
	s.checkRequired(n)
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
	v, diags := a.exprs[len(a.exprs)-1].Value(nil)
	return !diags.HasErrors() && isFalse(v)
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
	for _, expr := range a.exprs {
		for _, t := range expr.Variables() {
			a.tier = max(a.tier, s.tierOf(t))
			a.self = a.self || t.RootName() == "self"
			s.checkTraversal(a, t)
		}
		for _, n := range nodesOf(expr) {
			switch e := n.(type) {
			case *hclsyntax.FunctionCallExpr:
				s.checkFunction(a, e)
				a.noteEnvCall(e)
			case *hclsyntax.LiteralValueExpr:
				if err := size(e.Val); err != nil {
					s.fail(a, e.SrcRange, "the value "+err.Error())
				}
			}
		}
	}
}

// noteEnvCall keeps where an environment variable is read, for the gate list.
func (a *attr) noteEnvCall(call *hclsyntax.FunctionCallExpr) {
	if call.Name != "env" || len(call.Args) == 0 {
		return
	}
	if name, diags := call.Args[0].Value(nil); !diags.HasErrors() && isString(name) {
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
	if l := s.locals[attrStep(t, 1)]; t.RootName() == "local" && l != nil {
		return l.tier
	}
	return directTier(t)
}

// attrStep returns the name that a traversal takes at a step, "" when there is none or it is not a name.
func attrStep(t hcl.Traversal, i int) string {
	if i >= len(t) {
		return ""
	}
	switch step := t[i].(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		if isString(step.Key) {
			return step.Key.AsString()
		}
	}
	return ""
}

// checkTraversal reports names that do not exist.
func (s scope) checkTraversal(a *attr, t hcl.Traversal) {
	root := t.RootName()
	if !contains(s.roots, root) {
		s.unknownRoot(a, t, root)
		return
	}
	name := attrStep(t, 1)
	if name == "" {
		return
	}
	switch root {
	case "var":
		s.known(a, t, 1, "variable", name, s.vars)
	case "local":
		s.known(a, t, 1, "local", name, keys(s.locals))
	case "project":
		s.known(a, t, 1, "value in project:", name, []string{"name", "dir"})
	case "host":
		s.known(a, t, 1, "value in host:", name, []string{"uid", "gid", "os", "arch", "cpus", "memory"})
	case "self":
		s.checkBoxStep(a, t, 1, s.box, []string{"name", "index", "port"})
	case "box":
		if s.known(a, t, 1, "box", name, keys(s.boxes)) {
			s.checkBoxStep(a, t, 2, s.boxes[name], []string{"name", "port"})
		}
	}
}

// checkBoxStep checks what is read of a box, from its name or its ports on.
func (s scope) checkBoxStep(a *attr, t hcl.Traversal, i int, box *node, values []string) {
	name := attrStep(t, i)
	if name == "" || !s.known(a, t, i, "value of a box:", name, values) || name != "port" {
		return
	}
	label := attrStep(t, i+1)
	if label == "" {
		return
	}
	var labels []string
	for _, c := range box.all("port") {
		labels = append(labels, c.label)
	}
	if s.known(a, t, i+1, fmt.Sprintf("port in box %q:", box.label), label, labels) && i+2 < len(t) {
		if step := attrStep(t, i+2); step != "" {
			s.known(a, t, i+2, "value of a port:", step, []string{"guest", "host"})
		}
	}
}

func (s scope) known(a *attr, t hcl.Traversal, i int, what, name string, candidates []string) bool {
	if contains(candidates, name) {
		return true
	}
	p := s.fail(a, t[i].SourceRange(), fmt.Sprintf("no %s `%s`", what, name))
	p.suggest(name, candidates)
	if p.hint == "" && len(candidates) > 0 && len(candidates) < 20 {
		p.detail = "there is: " + strings.Join(candidates, ", ")
	}
	s.scriptHint(a, p)
	return false
}

func (s scope) unknownRoot(a *attr, t hcl.Traversal, root string) {
	at := t[0].SourceRange()
	if contains([]string{"var", "local", "project", "host", "self", "box"}, root) {
		p := s.fail(a, at, fmt.Sprintf("`%s` cannot be used in `%s`", root, a.name))
		p.detail = s.bare
		if root == "self" && s.box == nil {
			p.detail = "self is the box, and this stands outside of one"
		}
		if len(s.roots) > 0 {
			p.hint = "here there is: " + strings.Join(s.roots, ", ")
		}
		return
	}
	p := s.fail(a, at, fmt.Sprintf("no variable `%s`", root))
	if s.scriptHint(a, p) {
		return
	}
	p.suggest(root, s.roots)
	if p.hint == "" && contains(s.vars, root) {
		p.hint = fmt.Sprintf("did you mean `var.%s`?", root)
	}
	if p.hint == "" && s.locals[root] != nil {
		p.hint = fmt.Sprintf("did you mean `local.%s`?", root)
	}
	if p.hint == "" && len(t) == 1 {
		p.hint = fmt.Sprintf("if it is a string, write it in quotes: %q", root)
	}
}

// scriptHint says how the shell's own variables are written where the text is a script.
func (s scope) scriptHint(a *attr, p *problem) bool {
	if !a.schema.script && a.schema.kind != kindCommand {
		return false
	}
	p.hint = shellHint
	return true
}

const shellHint = "in a script, write the shell's own variables as $NAME or $${NAME}, and a literal %{ as %%{"

func (s scope) checkFunction(a *attr, call *hclsyntax.FunctionCallExpr) {
	if contains(s.fnNames, call.Name) {
		return
	}
	p := s.fail(a, call.NameRange, fmt.Sprintf("no function `%s`", call.Name))
	switch call.Name {
	case "timestamp", "plantimestamp", "uuid", "bcrypt":
		p.detail = "expressions have no clock and no randomness: the same Envfile gives the same boxes"
	default:
		p.suggest(call.Name, s.fnNames)
	}
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
