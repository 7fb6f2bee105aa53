package config

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/envyhq/envy/internal/diag"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Source is one layer: the bytes of a file under the name that diagnostics show.
type Source struct {
	Name string
	Data []byte
}

func (s Source) isJSON() bool { return strings.HasSuffix(s.Name, ".json") }

// Envfile is a parsed and merged Envfile, ready to be evaluated any number of times. It is not safe for use by several
// goroutines at once.
type Envfile struct {
	sources []Source
	root    *node
	locals  []*local // in an order in which each follows those it reads
	schema  *block
	guard   guard
	failed  bool // Parse reported errors
	// definitions are the files that `from` names, and named is where each is named first.
	definitions []Source
	named       map[string]hcl.Range
	modules     []*module
	asks        gateList // of definitions
	untrusted   bool     // a definition was not looked at, so that nothing can be made of the file
	// reported counts what Parse reported: Evaluate stays within the limit together with it.
	reported int
}

// node is one block after merging.
type node struct {
	schema   *block
	label    string
	labelAt  hcl.Range
	header   hcl.Range
	attrs    map[string]*attr
	children []*node
	// refused are attributes and blocks that were reported: nothing else is said for want of them.
	refused map[string]bool
	// module is the definition that the block comes from; modules are those that a box is made from.
	module  *module
	modules []*module
	from    []Made // of a box or template that was made from others
}

// layer is an attribute's expression in one of the layers that write it.
type layer struct {
	expr hclsyntax.Expression
	in   *module // the definition it stands in; nil: the Envfile
}

// attr is an attribute with one expression a layer that writes it, the earliest first.
type attr struct {
	schema *attribute
	name   string
	nameAt hcl.Range
	layers []layer
	bad    bool // reported by Parse: evaluation leaves it out
	tier   tier
	self   bool // reads self: differs between replicas
	// envCalls has the place of each env("NAME") by name.
	envCalls map[string]hcl.Range
}

// at is where the value that counts is written.
func (a *attr) at() hcl.Range { return a.last().expr.Range() }

// last is the layer whose value counts.
func (a *attr) last() layer { return a.layers[len(a.layers)-1] }

// Parse reads the layers, the Envfile first, merges them and checks all that does not need values: syntax, limits,
// names of blocks, attributes, variables and functions, cycles among locals. The Envfile is nil when the syntax is
// broken; otherwise Evaluate should follow even after errors: it finds the rest, and both lists together tell every problem.
func Parse(layers ...Source) (*Envfile, diag.List) {
	return ParseWith(context.Background(), nil, layers...)
}

// ParseWith is Parse for an Envfile whose `from` may name definitions; ctx ends what is fetched of them. Where one of them
// is not trusted yet, nothing else is looked for that would need it: see [Envfile.Untrusted].
func ParseWith(ctx context.Context, definitions Definitions, layers ...Source) (*Envfile, diag.List) {
	p := newProblems(layers)
	file := &Envfile{sources: layers, schema: languageSchema()}
	file.root = newNode(file.schema)
	broken := len(layers) == 0
	for _, layer := range layers {
		root, ok := parseLayer(p, file.schema, layer)
		broken = broken || !ok
		if root != nil {
			mergeNode(file.root, root)
		}
	}
	if broken {
		return nil, p.list()
	}
	file.inherit(ctx, p, definitions)
	if !file.untrusted { // what is not known yet would be missed everywhere
		file.check(p)
	}
	file.failed = p.failed()
	list := p.list()
	file.reported = len(list)
	return file, list
}

// Untrusted is the gate's list of definitions where one of them was not looked at because nobody has allowed it yet; nil
// otherwise. Those that are allowed already stand in it too, so that one answer covers all.
func (f *Envfile) Untrusted() []GateEntry {
	if !f.untrusted {
		return nil
	}
	return f.asks.list(newProblems(append(slices.Clip(f.sources), f.definitions...)))
}

// Use is a definition that is used.
type Use struct {
	ID       string   // of the [Definition]
	File     string   // what messages call its box.hcl
	Personal bool     // nothing but the personal layers names it
	Owners   []string // boxes and templates that are made from it, as the Envfile labels them
}

// Uses lists the definitions that the Envfile, its personal layers and their definitions name, each once.
func (f *Envfile) Uses() []Use {
	var list []Use
	at := map[string]int{}
	for _, m := range f.modules {
		i, known := at[m.def.ID]
		if !known {
			i = len(list)
			at[m.def.ID] = i
			list = append(list, Use{ID: m.def.ID, File: m.def.File, Personal: true})
		}
		list[i].Personal = list[i].Personal && m.personal
		if m.owner != nil && !slices.Contains(list[i].Owners, m.owner.label) {
			list[i].Owners = append(list[i].Owners, m.owner.label)
		}
	}
	return list
}

// parseLayer returns the blocks of one file; false: its syntax is broken.
func parseLayer(p *problems, schema *block, layer Source) (*node, bool) {
	data, ok := checkSource(p, layer.Name, layer.Data, layer.isJSON())
	if !ok {
		return nil, false
	}
	r := reader{p: p, src: data}
	if layer.isJSON() {
		return r.jsonRoot(schema, layer.Name)
	}
	f, diags := hclsyntax.ParseConfig(data, layer.Name, hcl.InitialPos)
	p.addHCL(diags)
	if f == nil {
		return nil, false
	}
	root := newNode(schema)
	r.syntax = syntaxErrors(diags)
	r.body(root, f.Body.(*hclsyntax.Body))
	return root, len(r.syntax) == 0
}

// syntaxErrors lists where the syntax is broken. A string that is not closed swallows what follows: its place is the
// whole file, so that nothing is made of the rest.
func syntaxErrors(diags hcl.Diagnostics) []hcl.Range {
	var list []hcl.Range
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		at := hcl.Range{}
		if d.Subject != nil && !strings.HasPrefix(d.Summary, "Unterminated") && !strings.HasPrefix(d.Summary, "Invalid multi-line") {
			at = *d.Subject
		}
		list = append(list, at)
	}
	return list
}

func newNode(schema *block) *node {
	return &node{schema: schema, attrs: map[string]*attr{}, refused: map[string]bool{}}
}

// reader turns one file's syntax tree into nodes.
type reader struct {
	p   *problems
	src []byte
	// syntax are the errors of the parser. Those inside one attribute's value are taken off: the parser goes on behind it.
	syntax []hcl.Range
	// blocks finds the blocks of each parent.
	blocks map[*node]map[blockKey]*node
}

// body reads native syntax.
func (r *reader) body(n *node, body *hclsyntax.Body) {
	for _, a := range sortedAttributes(body.Attributes) {
		if r.brokenInside(a.SrcRange) {
			r.attribute(n, a.Name, a.NameRange, invalid(a.Expr.Range()))
			continue
		}
		r.attribute(n, a.Name, a.NameRange, a.Expr)
	}
	for _, b := range body.Blocks {
		r.block(n, b)
	}
}

// brokenInside takes the syntax errors within a range off the list, and reports whether there were any.
func (r *reader) brokenInside(at hcl.Range) bool {
	var others []hcl.Range
	for _, e := range r.syntax {
		if e.Start.Line == 0 || e.Start.Byte < at.Start.Byte || e.End.Byte > at.End.Byte {
			others = append(others, e)
		}
	}
	found := len(others) < len(r.syntax)
	r.syntax = others
	return found
}

func sortedAttributes(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	list := make([]*hclsyntax.Attribute, 0, len(attrs))
	for _, a := range attrs {
		list = append(list, a)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].NameRange.Start.Byte < list[j].NameRange.Start.Byte })
	return list
}

// attribute adds an attribute that the schema knows, and reports one that it does not.
func (r *reader) attribute(n *node, name string, at hcl.Range, expr hclsyntax.Expression) {
	schema := n.schema.attr(name)
	if n.schema.free {
		schema = &attribute{name: name, kind: kindExpr}
		if !hclsyntax.ValidIdentifier(name) {
			r.p.errorf(at, "%q is no name", name)
		}
	}
	if schema == nil {
		n.refused[name] = true
		r.unknownAttribute(n, name, at)
		return
	}
	if schema.notBuilt {
		n.refused[name] = true
		r.p.notBuilt(at, fmt.Sprintf("`%s`", name))
		return
	}
	if prior, ok := n.attrs[name]; ok {
		r.p.errorf(at, "`%s` is written twice", name).detail = fmt.Sprintf("the first stands at line %d", prior.nameAt.Start.Line)
		return
	}
	n.attrs[name] = &attr{schema: schema, name: name, nameAt: at, layers: []layer{{expr: expr}}}
}

func (r *reader) unknownAttribute(n *node, name string, at hcl.Range) {
	c := n.schema.child(name)
	if c != nil && c.notBuilt {
		r.p.notBuilt(at, fmt.Sprintf("the block `%s`", name))
		return
	}
	if c != nil {
		form := fmt.Sprintf("write it without the equals sign: %s { … }", name)
		if c.label != labelNone {
			form = fmt.Sprintf("write it without the equals sign: %s \"NAME\" { … }", name)
		}
		r.p.errorf(at, "`%s` is a block, not an attribute", name).hint = form
		return
	}
	pr := r.p.errorf(at, "no attribute `%s` in %s", name, n.describe())
	pr.suggest(name, n.schema.attrNames())
	if pr.hint == "" {
		pr.suggest(name, n.schema.blockNames())
	}
	if pr.hint == "" {
		pr.detail = "expected one of: " + strings.Join(n.schema.attrNames(), ", ")
	}
}

// block reads one block of native syntax.
func (r *reader) block(n *node, b *hclsyntax.Block) {
	schema, ok := r.blockSchema(n, b.Type, b.TypeRange)
	if !ok {
		return
	}
	child := newNode(schema)
	child.header = b.DefRange()
	if !r.labels(child, b.Labels, b.LabelRanges, b.TypeRange) {
		return
	}
	if target := r.place(n, child); target != nil {
		r.body(target, b.Body)
	}
}

// blockSchema finds a block's schema, or reports why there is none.
func (r *reader) blockSchema(n *node, name string, at hcl.Range) (*block, bool) {
	schema := n.schema.child(name)
	if schema == nil {
		n.refused[name] = true
		if n.schema.attr(name) != nil {
			r.p.errorf(at, "`%s` is an attribute, not a block", name).hint = fmt.Sprintf("write it with an equals sign: %s = …", name)
			return nil, false
		}
		pr := r.p.errorf(at, "no block `%s` in %s", name, n.describe())
		pr.suggest(name, n.schema.blockNames())
		if pr.hint == "" {
			pr.suggest(name, n.schema.attrNames())
		}
		if pr.hint == "" && len(n.schema.blocks) > 0 {
			pr.detail = "expected one of: " + strings.Join(n.schema.blockNames(), ", ")
		}
		return nil, false
	}
	if schema.notBuilt {
		r.p.notBuilt(at, fmt.Sprintf("the block `%s`", name))
		return nil, false
	}
	return schema, true
}

// labels takes the one label that the schema wants, and checks its form.
func (r *reader) labels(n *node, labels []string, at []hcl.Range, typeAt hcl.Range) bool {
	want := 1
	if n.schema.label == labelNone {
		want = 0
	}
	switch {
	case len(labels) > want:
		r.p.errorf(at[want], "too many labels for `%s`", n.schema.name).detail = fmt.Sprintf("it takes %d", want)
		return false
	case len(labels) < want:
		r.p.errorf(typeAt, "`%s` needs a name", n.schema.name).hint = fmt.Sprintf("write %s \"NAME\" { … }", n.schema.name)
		return false
	case want == 0:
		return true
	}
	n.label, n.labelAt = labels[0], at[0]
	if what := checkLabel(n.schema.label, n.label); what != "" {
		r.p.errorf(n.labelAt, "%q cannot name a %s", clip(n.label), n.schema.name).detail = "expected " + what
		return false
	}
	return true
}

func checkLabel(k labelKind, s string) string {
	if _, bad := badControl(s, false); bad {
		return "no control characters"
	}
	switch k {
	case labelBox:
		return hostLabel(s)
	case labelName:
		return blockLabel(s)
	case labelVar:
		return variableName(s)
	case labelSource:
		return hostPath(s)
	case labelTarget:
		return mountTarget(s)
	}
	return ""
}

// place puts a block under its parent and returns the node that its body belongs to: locals of one file share one. A
// second block of the same name in one file is an error.
func (r *reader) place(n, child *node) *node {
	if !child.schema.repeated {
		siblings := r.blocks[n]
		if siblings == nil {
			siblings = map[blockKey]*node{}
			if r.blocks == nil {
				r.blocks = map[*node]map[blockKey]*node{}
			}
			r.blocks[n] = siblings
		}
		prior := siblings[child.key()]
		if prior != nil && child.schema.free {
			return prior
		}
		if prior != nil {
			r.p.errorf(child.header, "%s is written twice", child.describe()).detail = fmt.Sprintf("the first stands at line %d", prior.header.Start.Line)
			return nil
		}
		siblings[child.key()] = child
	}
	n.children = append(n.children, child)
	return child
}
