package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// module is a box definition at the place that names it: a scope of its own, filled by `with`.
type module struct {
	def    *Definition
	file   *definitionFile
	parent *module   // the definition whose `from` names it; nil: the Envfile
	at     hcl.Range // of the name in `from`
	owner  *node     // the box or template that it becomes part of
	vars   map[string]*binding
	locals map[string]*binding
	self   bool // a variable differs between replicas
	// personal: it is named by a personal layer, or by a definition that is.
	personal bool
	// every variable and every local, sorted: what reads all of them.
	everyVar, everyLocal []*binding
}

// binding is a variable or a local of a module.
type binding struct {
	m     *module
	name  string
	attr  *attr   // the expression that counts: of `with`, a default or a local; nil: none
	given bool    // by `with`
	under []layer // what earlier layers of `with` gave, which is checked and counts for nothing
	fixed *cty.Value
	node  *node // a variable's block; nil: a local
	tier  tier
	self  bool
	state int // of the depth-first walk
}

// in says that the expressions of a definition belong to a module.
func (n *node) in(m *module) *node {
	c := n.copy(nil)
	c.enter(m)
	return c
}

// enter marks what belongs to no module yet.
func (n *node) enter(m *module) {
	if n.module == nil {
		n.module = m
	}
	for _, a := range n.attrs {
		for i := range a.layers {
			if a.layers[i].in == nil {
				a.layers[i].in = m
			}
		}
	}
	for _, c := range n.children {
		c.enter(m)
	}
}

func newModule(def *Definition, file *definitionFile, parent *module, at hcl.Range) *module {
	m := &module{def: def, file: file, parent: parent, at: at, vars: map[string]*binding{}, locals: map[string]*binding{}}
	for _, n := range file.root.children {
		switch n.schema.name {
		case "variable":
			own := n.in(m)
			m.vars[n.label] = &binding{m: m, name: n.label, node: own, attr: own.attrs["default"]}
		case "locals":
			for name, a := range n.in(m).attrs {
				m.locals[name] = &binding{m: m, name: name, attr: a}
			}
		}
	}
	for _, name := range keys(m.vars) {
		m.everyVar = append(m.everyVar, m.vars[name])
	}
	for _, name := range keys(m.locals) {
		m.everyLocal = append(m.everyLocal, m.locals[name])
	}
	return m
}

// elsewhere reports whether what is written there comes from outside the checkout, and so sees nothing of it but what `with`
// gives. A definition of the checkout sees what the Envfile, which nil stands for, sees, but for other boxes.
func (m *module) elsewhere() bool { return m != nil && m.def.Dir == "" }

// roots are what its expressions may name.
func (m *module) roots() []string {
	if m.elsewhere() {
		return []string{"var", "local", "self"}
	}
	return []string{"var", "local", "self", "project", "host"}
}

// bindings are what a traversal reads of the module.
func (m *module) bindings(t hcl.Traversal) []*binding {
	all, every := m.vars, m.everyVar
	switch t.RootName() {
	case "var":
	case "local":
		all, every = m.locals, m.everyLocal
	default:
		return nil
	}
	name := attrStep(t, 1)
	if name == "" {
		return every
	}
	if b := all[name]; b != nil {
		return []*binding{b}
	}
	return nil
}

// need is the name of a binding in definitionFile.needs.
func (b *binding) need() string {
	if b.node != nil {
		return "var." + b.name
	}
	return "local." + b.name
}

// ordered lists a module's bindings.
func (m *module) ordered() []*binding {
	return append(slices.Clip(m.everyVar), m.everyLocal...)
}

// give sets variables of definitions by `with`; what none of them has is reported.
func (in *inheritance) give(with *attr, by *module, modules []*module) {
	if len(modules) == 0 {
		in.p.errorf(with.nameAt, "`with` sets a definition's variables, and `from` names no definition")
		return
	}
	for _, l := range with.layers {
		object, ok := objectItems(l.expr)
		if !ok {
			in.p.errorf(l.expr.Range(), "`with`: expected { NAME = value }").detail = "its names are read before anything has a value"
			continue
		}
		written := map[string]bool{}
		for _, item := range object {
			if written[item.name] {
				in.p.errorf(item.at, "`%s` is written twice", clip(item.name))
			}
			written[item.name] = true
			in.giveOne(item, layer{item.value, by}, modules)
		}
	}
}

func (in *inheritance) giveOne(item objectItem, l layer, modules []*module) {
	found := false
	for _, m := range modules {
		b := m.vars[item.name]
		if b == nil {
			continue
		}
		found = true
		if b.fixed != nil {
			in.p.errorf(item.at, "`%s` is chosen by the constraint in `from`", item.name)
			continue
		}
		if b.given {
			b.under = append(b.under, b.attr.layers...)
		}
		b.attr, b.given = &attr{schema: &attribute{name: item.name, kind: kindExpr}, name: item.name, nameAt: item.at, layers: []layer{l}}, true
	}
	if found {
		return
	}
	pr := in.p.errorf(item.at, "no variable `%s` in %s", clip(item.name), describeModules(modules))
	if pr.many {
		return
	}
	var names []string
	for _, m := range modules {
		names = append(names, keys(m.vars)...)
	}
	pr.suggest(item.name, names)
	if pr.hint == "" && len(names) > 0 && len(names) < 20 {
		pr.detail = "there is: " + strings.Join(names, ", ")
	}
}

func describeModules(modules []*module) string {
	var files []string
	for _, m := range modules[:min(len(modules), 3)] {
		files = append(files, clip(m.def.File))
	}
	if len(modules) > len(files) {
		files = append(files, "others")
	}
	return strings.Join(files, " and ")
}

// resolveModules orders what modules hold, finds cycles and names that do not exist.
func (s scope) resolveModules(f *Envfile) {
	for _, m := range f.modules {
		for _, b := range m.ordered() {
			s.resolve(b, nil)
		}
	}
	for _, m := range f.modules {
		at := s.within(m)
		for _, name := range keys(m.vars) {
			at.checkVariable(m.vars[name].node)
		}
		if v := m.file.box.attrs["with"]; v != nil && m.file.box.attrs["from"] == nil {
			s.p.errorf(v.nameAt, "`with` sets a definition's variables, and there is no `from`")
		}
	}
}

// resolve finds out what a binding needs: tier and replicas.
func (s scope) resolve(b *binding, path []*binding) {
	if b.attr == nil || b.state == 2 {
		return
	}
	if b.state == 1 {
		if b.attr.bad {
			return
		}
		from := 0
		for path[from] != b {
			from++
		}
		var names []string
		for _, member := range append(path[from:len(path):len(path)], b) {
			names = append(names, member.need())
			member.attr.bad = true
		}
		s.p.errorf(b.attr.nameAt, "%s depends on itself", b.need()).detail = strings.Join(names, " → ")
		return
	}
	b.state = 1
	l := b.attr.last()
	if l.in != nil {
		path = append(path, b)
		for _, t := range l.expr.Variables() {
			for _, read := range l.in.bindings(t) {
				s.resolve(read, path)
			}
		}
	}
	b.state = 2
	at := s
	at.box, at.open = b.m.owner, b.m.owner.schema.name == "template"
	switch {
	case b.node != nil && !b.given:
		at.roots = nil
	case b.node != nil:
		at.roots = []string{"var", "local", "project", "host", "box", "self"}
	default:
		at.roots = b.m.roots()
	}
	at.checkAttr(b.attr)
	for _, l := range b.under {
		at.checkAttr(&attr{schema: b.attr.schema, name: b.name, nameAt: b.attr.nameAt, layers: []layer{l}})
	}
	b.tier, b.self = b.attr.tier, b.attr.self
	b.m.self = b.m.self || b.self
}

// within is the scope of a module's expressions.
func (s scope) within(m *module) scope {
	if m == nil {
		return s
	}
	if s.in = m; len(s.roots) == 0 {
		return s
	}
	var roots []string
	for _, root := range s.roots {
		if contains(m.roots(), root) {
			roots = append(roots, root)
		}
	}
	s.roots = roots
	switch {
	case s.bare != "":
	case m.elsewhere():
		s.bare = "a definition sees its own variables and locals; what else it needs is given by `with`"
	default:
		s.bare = "a definition does not know the project's other boxes; what it needs of them is given by `with`"
	}
	return s
}
