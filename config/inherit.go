package config

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxDefinitions is how many definitions may stand in a row, one made from the next (product reference, limits).
// maxInherited bounds the attributes and blocks that boxes and templates take over, all together: a file that repeats
// much many times is small, and what it stands for is not.
const (
	maxDefinitions = 16
	maxInherited   = 200_000
)

// inheritance makes boxes of the templates that their `from` names.
type inheritance struct {
	p         *problems
	templates map[string]*node
	made      map[*node]*node // templates with what they are made from
	depth     map[*node]int   // definitions in a row, up to and with this one
	path      []*node         // the templates that are being made
	taken     int             // attributes and blocks that were taken over
}

// inherit lays every box over the templates that its `from` names: the first is the lowest layer, the box the highest.
// Templates stay in the tree, for their own names and functions to be checked; nothing is made of them.
func (f *Envfile) inherit(p *problems) {
	in := inheritance{p: p, templates: map[string]*node{}, made: map[*node]*node{}, depth: map[*node]int{}}
	for _, n := range f.root.all("template") {
		in.templates[n.label] = n
	}
	for _, n := range f.root.all("template") {
		in.template(n, n.header)
	}
	for i, n := range f.root.children {
		if n.schema.name == "box" {
			f.root.children[i] = in.make(n)
		}
	}
	for _, n := range f.root.all("template") {
		delete(n.attrs, "from")
	}
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
	made := in.make(n)
	in.path = in.path[:len(in.path)-1]
	if in.depth[n]++; in.depth[n] > maxDefinitions {
		in.p.errorf(at, "more than %d definitions in a row", maxDefinitions)
		made, in.depth[n] = newNode(n.schema), 0 // said once
	}
	in.made[n] = made
	return made
}

// make lays a block over what its `from` names; without one it is the block itself.
func (in *inheritance) make(n *node) *node {
	from := n.attrs["from"]
	if from == nil {
		return n
	}
	out := newNode(n.schema)
	base := ""
	for _, r := range in.references(n, from) {
		t := in.template(r.template, r.at)
		if t.hasBase() && base != "" && !n.hasBase() {
			in.p.errorf(r.at, "template.%s and template.%s both give the base", base, r.template.label).hint = "leave one of them out, or write image in " + n.describe()
		}
		if t.hasBase() {
			base = r.template.label
		}
		in.depth[n] = max(in.depth[n], in.depth[r.template])
		if in.taken += t.size(); in.taken > maxInherited {
			in.p.errorf(r.at, "templates come to more than %d attributes and blocks where they are used", maxInherited)
			break
		}
		mergeNode(out, t.copy(n.schema))
	}
	mergeNode(out, n.copy(n.schema))
	out.label, out.labelAt, out.header = n.label, n.labelAt, n.header
	delete(out.attrs, "from")
	return out
}

// hasBase reports whether an image or a build is written.
func (n *node) hasBase() bool {
	a, b := n.attrs["image"], n.find("build", "")
	return a != nil && !isNullLiteral(a.exprs[0]) || b != nil && !b.isOff()
}

// size counts attributes and blocks.
func (n *node) size() int {
	sum := 1
	for _, a := range n.attrs {
		sum += len(a.exprs)
	}
	for _, child := range n.children {
		sum += child.size()
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
		own.exprs = slices.Clone(a.exprs)
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

// templateReference is one template that `from` names.
type templateReference struct {
	template *node
	at       hcl.Range
}

// references reads `from`: template.NAME, or a list of such. It is read before anything has a value.
func (in *inheritance) references(n *node, from *attr) []templateReference {
	expr := from.exprs[len(from.exprs)-1]
	parts := []hclsyntax.Expression{expr}
	if list, ok := expr.(*hclsyntax.TupleConsExpr); ok {
		parts = list.Exprs
	}
	var refs []templateReference
	for _, part := range parts {
		if isNullLiteral(part) && len(parts) == 1 {
			return nil
		}
		t, ok := in.reference(part)
		if !ok {
			n.refused["from"] = true
			continue
		}
		if slices.ContainsFunc(refs, func(r templateReference) bool { return r.template == t }) {
			in.p.errorf(part.Range(), "template.%s is named twice", t.label)
			continue
		}
		refs = append(refs, templateReference{t, part.Range()})
	}
	return refs
}

func (in *inheritance) reference(expr hclsyntax.Expression) (*node, bool) {
	at := expr.Range()
	if v, diags := expr.Value(nil); !diags.HasErrors() && !v.IsKnown() { // reported as syntax
		return nil, false
	}
	if wrapped, ok := expr.(*hclsyntax.TemplateWrapExpr); ok { // of JSON: "${template.app}"
		expr = wrapped.Wrapped
	}
	traversal, ok := expr.(*hclsyntax.ScopeTraversalExpr)
	if !ok || traversal.Traversal.RootName() != "template" || len(traversal.Traversal) != 2 {
		in.notTemplate(expr, at)
		return nil, false
	}
	name := attrStep(traversal.Traversal, 1)
	t := in.templates[name]
	if t == nil {
		pr := in.p.errorf(at, "no template %q", clip(name))
		pr.suggest(name, keys(in.templates))
		if pr.hint == "" && len(in.templates) > 0 {
			pr.detail = "there are: " + strings.Join(keys(in.templates), ", ")
		}
		return nil, false
	}
	return t, true
}

// notTemplate reports what `from` cannot be: a definition that is not in the Envfile, or no definition at all.
func (in *inheritance) notTemplate(expr hclsyntax.Expression, at hcl.Range) {
	if v, diags := expr.Value(nil); !diags.HasErrors() && isString(v) {
		in.p.errorf(at, "`from` with a definition outside the Envfile is not built yet").detail = "the language has it, but this version of envy cannot do it; a template block it can"
		return
	}
	in.p.errorf(at, "`from`: expected template.NAME, or a list of such").detail = "it is read before anything has a value, so that no other expression can stand here"
}
