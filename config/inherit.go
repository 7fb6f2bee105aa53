package config

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxDefinitions is how many definitions may stand in a row, one made from the next (product reference, limits).
// maxInherited bounds the attributes and blocks that boxes and templates take over, all together: a file that repeats
// much many times is small, and what it stands for is not.
const (
	maxDefinitions     = 16
	maxInherited       = 200_000
	maxExpressions     = 1_000_000 // parts of expressions that are taken over
	maxDefinitionBytes = 4 << 20   // of all definitions' files
)

// Made is a template or definition that a box is made from, and what that one is made from.
type Made struct {
	Name string // "template.app", or a definition as `from` names it
	From []Made
}

// inheritance makes boxes of the templates and definitions that their `from` names.
type inheritance struct {
	ctx         context.Context //nolint:containedctx // of one call of Parse, whose helper this is
	p           *problems
	definitions Definitions
	templates   map[string]*node
	made        map[*node]*node // templates with what they are made from
	depth       map[*node]int   // definitions in a row, up to and with this one
	path        []*node         // the templates that are being made
	taken       int             // attributes and blocks that were taken over
	parts       int             // of their expressions
	sizes       map[*node]weight
	bytes       int                  // of definitions' files
	names       map[string]string    // of files, by what has it
	found       map[[2]string]answer // by the file that names them, "" for the Envfile, and what it says
	files       map[string]*definitionFile
	sources     []Source             // of definitions
	named       map[string]hcl.Range // where a definition's file is named first
	modules     []*module
	personal    map[string]bool // layers that are one person's
	asks        gateList        // what definitions reach outside
	untrusted   bool            // one of them was not looked at
}

// inherit lays every box over what its `from` names: the first is the lowest layer, the box the highest.
// Templates stay in the tree, for their own names and functions to be checked; nothing is made of them.
func (f *Envfile) inherit(ctx context.Context, p *problems, definitions Definitions) {
	in := inheritance{
		ctx: ctx, p: p, definitions: definitions, templates: map[string]*node{}, made: map[*node]*node{}, depth: map[*node]int{},
		sizes: map[*node]weight{}, names: map[string]string{}, found: map[[2]string]answer{}, files: map[string]*definitionFile{}, named: map[string]hcl.Range{}, personal: map[string]bool{},
	}
	p.named = in.named
	for i, s := range f.sources {
		in.names[s.Name] = "the Envfile"
		in.personal[s.Name] = i > 0
	}
	for _, n := range f.root.all("template") {
		in.templates[n.label] = n
	}
	for _, n := range f.root.all("template") {
		in.template(n, n.header)
	}
	for i, n := range f.root.children {
		if n.schema.name == "box" {
			f.root.children[i] = in.owned(n)
		}
	}
	for i, n := range f.root.children {
		if n.schema.name != "template" {
			continue
		}
		if made := in.made[n]; made != nil && len(made.modules) > 0 { // else nobody would look at the definitions' boxes
			f.root.children[i] = made
			continue
		}
		delete(n.attrs, "from")
		delete(n.attrs, "with")
	}
	f.modules, f.definitions, f.named = in.modules, in.sources, in.named
	f.asks, f.untrusted = in.asks, in.untrusted
}

// owned is make for a box or template of the Envfile: the definitions in it become part of it.
func (in *inheritance) owned(n *node) *node {
	first := len(in.modules)
	made := in.make(n, nil)
	for _, m := range in.modules[first:] {
		if m.owner == nil {
			m.owner = made
		}
	}
	return made
}

// template is a template with what it is made from; at is where it is named. A cycle is reported once, where it closes.
func (in *inheritance) template(n *node, at hcl.Range) *node {
	if made := in.made[n]; made != nil {
		return made
	}
	if i := slices.Index(in.path, n); i >= 0 {
		var names []string
		for _, m := range append(in.path[i:len(in.path):len(in.path)], n) {
			names = append(names, "template."+m.label)
		}
		in.p.errorf(at, "%s is made from itself", names[0]).detail = strings.Join(names, " → ")
		return newNode(n.schema)
	}
	in.path = append(in.path, n)
	made := in.owned(n)
	in.path = in.path[:len(in.path)-1]
	if in.depth[n]++; in.depth[n] > maxDefinitions {
		in.tooDeep(at)
		made, in.depth[n] = newNode(n.schema), 0 // said once
	}
	in.made[n], in.depth[made] = made, in.depth[n]
	return made
}

func (in *inheritance) tooDeep(at hcl.Range) {
	in.p.errorf(at, "more than %d definitions in a row", maxDefinitions)
}

// take accounts for what is taken over; false: it is too much, which is reported.
func (in *inheritance) take(n *node, at hcl.Range) bool {
	s, ok := in.sizes[n]
	if !ok {
		s = n.size()
		in.sizes[n] = s
	}
	in.taken += s.nodes
	in.parts += s.parts
	switch {
	case in.taken > maxInherited:
		in.p.errorf(at, "definitions come to more than %d attributes and blocks where they are used", maxInherited)
	case in.parts > maxExpressions:
		in.p.errorf(at, "definitions come to more than %d parts of expressions where they are used", maxExpressions)
	default:
		return true
	}
	return false
}

// make lays a block over what its `from` names; without one it is the block itself. by is the definition it stands in. A later
// layer's `from = null` takes away what earlier ones give it.
func (in *inheritance) make(n *node, by *module) *node {
	from, with := n.attrs["from"], n.attrs["with"]
	if from == nil || isNullLiteral(from.last().expr) {
		if with != nil && by == nil && (from == nil || with.writtenIn(from.at().Filename)) {
			in.p.errorf(with.nameAt, "`with` sets a definition's variables, and there is no `from`")
		}
		return n
	}
	out := newNode(n.schema)
	parts := in.references(n, from, by)
	if with != nil && !n.refused["from"] {
		in.give(with, by, modulesOf(parts))
	}
	base := ""
	for _, part := range parts {
		t := in.part(part)
		if t.hasBase() && base != "" && !n.hasBase() {
			in.p.errorf(part.at, "%s and %s both give the base", base, part.name()).hint = "leave one of them out, or write image in " + n.describe()
		}
		if t.hasBase() {
			base = part.name()
		}
		in.depth[n] = max(in.depth[n], in.depth[t])
		if !in.take(t, part.at) {
			n.refused["from"] = true
			break
		}
		mergeNode(out, t.copy(n.schema))
		out.modules = append(out.modules, t.modules...)
		out.from = append(out.from, Made{Name: part.written(), From: t.from})
	}
	mergeNode(out, n.copy(n.schema))
	out.label, out.labelAt, out.header = n.label, n.labelAt, n.header
	delete(out.attrs, "from")
	delete(out.attrs, "with")
	return out
}

// part is what a reference stands for, made from what it is made from itself.
func (in *inheritance) part(r origin) *node {
	if r.template != nil {
		return in.template(r.template, r.at)
	}
	m := r.module
	n := m.file.box.in(m)
	depth := 0
	for by := m; by != nil; by = by.parent {
		depth++
	}
	if depth > maxDefinitions {
		in.tooDeep(r.at)
		return newNode(n.schema)
	}
	made := in.make(n, m)
	made.modules = append([]*module{m}, made.modules...)
	in.depth[made] = in.depth[n] + 1
	return made
}

// hasBase reports whether an image or a build is written.
func (n *node) hasBase() bool {
	a, b := n.attrs["image"], n.find("build", "")
	return a != nil && !isNullLiteral(a.layers[0].expr) || b != nil && !b.isOff()
}

// weight is what a block is to those who take it over.
type weight struct {
	nodes int // attributes and blocks
	parts int // of expressions
}

func (n *node) size() weight {
	sum := weight{nodes: 1}
	for _, a := range n.attrs {
		sum.nodes += len(a.layers)
		for _, l := range a.layers {
			sum.parts += len(nodesOf(l.expr))
		}
	}
	for _, child := range n.children {
		s := child.size()
		sum.nodes += s.nodes
		sum.parts += s.parts
	}
	return sum
}

// copy is the block for another tree, under that tree's schema where it is given: what is found out about an attribute is
// found out for each tree.
func (n *node) copy(schema *block) *node {
	c := *n
	c.attrs, c.children, c.refused = map[string]*attr{}, nil, map[string]bool{}
	if schema != nil {
		c.schema = schema
	}
	for name, a := range n.attrs {
		own := *a
		own.layers = slices.Clone(a.layers)
		c.attrs[name] = &own
	}
	for name := range n.refused {
		c.refused[name] = true
	}
	for _, child := range n.children {
		c.children = append(c.children, child.copy(nil))
	}
	return &c
}

// origin is one thing that `from` names: a template or a definition.
type origin struct {
	template *node
	module   *module
	text     string // of a definition
	at       hcl.Range
}

func (r origin) name() string {
	if r.template != nil {
		return "template." + r.template.label
	}
	return clip(r.module.def.File)
}

// written is the name as it stands in `from`.
func (r origin) written() string {
	if r.template != nil {
		return r.name()
	}
	return r.text
}

func (r origin) id() string {
	if r.template != nil {
		return "template." + r.template.label
	}
	return "definition " + r.module.def.ID
}

func modulesOf(refs []origin) []*module {
	var list []*module
	for _, r := range refs {
		if r.module != nil {
			list = append(list, r.module)
		}
	}
	return list
}

// references reads `from`: template.NAME, the name of a definition, or a list of such. It is read before anything has a
// value.
func (in *inheritance) references(n *node, from *attr, by *module) []origin {
	expr := from.last().expr
	parts := []hclsyntax.Expression{expr}
	if list, ok := expr.(*hclsyntax.TupleConsExpr); ok {
		parts = list.Exprs
	}
	var refs []origin
	named := map[string]bool{}
	for _, part := range parts {
		if in.taken > maxInherited || in.parts > maxExpressions {
			n.refused["from"] = true
			return refs
		}
		r, ok := in.reference(part, by)
		if !ok {
			n.refused["from"] = true
			continue
		}
		if named[r.id()] {
			in.p.errorf(part.Range(), "%s is named twice", r.name())
			continue
		}
		named[r.id()] = true
		refs = append(refs, r)
	}
	return refs
}

func (in *inheritance) reference(expr hclsyntax.Expression, by *module) (origin, bool) {
	r := origin{at: expr.Range()}
	v, ok := literal(expr)
	if ok && !v.IsKnown() { // reported as syntax
		return r, false
	}
	if ok && isString(v) {
		r.text = v.AsString()
		r.module = in.definition(r.text, r.at, by)
		return r, r.module != nil
	}
	if wrapped, ok := expr.(*hclsyntax.TemplateWrapExpr); ok { // of JSON: "${template.app}"
		expr = wrapped.Wrapped
	}
	traversal, ok := expr.(*hclsyntax.ScopeTraversalExpr)
	if !ok || traversal.Traversal.RootName() != "template" || len(traversal.Traversal) != 2 || by != nil {
		in.p.errorf(r.at, "`from`: expected the name of a definition, template.NAME, or a list of such").detail = "it is read before anything has a value, so that no other expression can stand here"
		return r, false
	}
	name := attrStep(traversal.Traversal, 1)
	if r.template = in.templates[name]; r.template == nil {
		pr := in.p.errorf(r.at, "no template %q", clip(name))
		if pr.many {
			return r, false
		}
		names := keys(in.templates)
		pr.suggest(name, names)
		if pr.hint == "" && len(names) > 0 && len(names) < 20 {
			pr.detail = "there are: " + strings.Join(names, ", ")
		}
		return r, false
	}
	return r, true
}
