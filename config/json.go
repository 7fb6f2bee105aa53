package config

import (
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
)

// jsonRoot reads an Envfile in JSON syntax. Its expressions become the same syntax trees as native ones, so that checks,
// limits and hints are the same for both. A string whose template is broken is reported and passed over.
func (r *reader) jsonRoot(schema *block, name string) (*node, bool) {
	f, diags := hcljson.Parse(r.src, name)
	r.p.addHCL(diags)
	if f == nil || diags.HasErrors() {
		return nil, false
	}
	root := newNode(schema)
	r.jsonBody(root, f.Body)
	return root, true
}

// jsonBody reads one object as a block's body.
func (r *reader) jsonBody(n *node, body hcl.Body) {
	all, diags := body.JustAttributes()
	if n.schema.free {
		r.p.addHCL(diags)
	}
	names := make([]*hcl.Attribute, 0, len(all))
	for _, a := range all {
		names = append(names, a)
	}
	sort.Slice(names, func(i, j int) bool { return names[i].NameRange.Start.Byte < names[j].NameRange.Start.Byte })
	want := &hcl.BodySchema{}
	for _, a := range names {
		schema := n.schema.attr(a.Name)
		switch {
		case schema != nil && schema.kind == kindExpr && schema.name == "type":
			r.attribute(n, a.Name, a.NameRange, r.jsonType(a.Expr))
		case n.schema.free || schema != nil:
			r.attribute(n, a.Name, a.NameRange, r.jsonExpr(a.Expr))
		case n.schema.child(a.Name) == nil:
			n.refused[a.Name] = true
			r.unknownAttribute(n, a.Name, a.NameRange)
		default:
			if c, found := r.blockSchema(n, a.Name, a.NameRange); found {
				header := hcl.BlockHeaderSchema{Type: c.name}
				if c.label != labelNone {
					header.LabelNames = []string{"name"}
				}
				want.Blocks = append(want.Blocks, header)
			}
		}
	}
	content, _, diags := body.PartialContent(want)
	r.p.addHCL(diags)
	for _, b := range content.Blocks {
		r.jsonBlock(n, b)
	}
}

func (r *reader) jsonBlock(n *node, b *hcl.Block) {
	child := newNode(n.schema.child(b.Type))
	child.header = b.TypeRange
	if len(b.LabelRanges) > 0 {
		child.header = b.LabelRanges[0]
	}
	if !r.labels(child, b.Labels, b.LabelRanges, b.TypeRange) {
		return
	}
	if target := r.place(n, child); target != nil {
		r.jsonBody(target, b.Body)
	}
}

// jsonType reads a type constraint: in JSON a string that holds the expression.
func (r *reader) jsonType(expr hcl.Expression) hclsyntax.Expression {
	at := expr.Range()
	v, _ := expr.Value(nil)
	if v.Type() != cty.String || v.IsNull() {
		r.p.errorf(at, "`type` must be a string that holds a type, as \"list(string)\"")
		return invalid(at)
	}
	src := []byte(v.AsString())
	tokens, _ := hclsyntax.LexExpression(src, at.Filename, inside(at))
	if !checkNesting(r.p, tokens) {
		return invalid(at)
	}
	parsed, diags := hclsyntax.ParseExpression(src, at.Filename, inside(at))
	r.p.addHCL(diags)
	if diags.HasErrors() {
		return invalid(at)
	}
	return parsed
}

// jsonExpr makes a syntax tree of a JSON value; strings are templates.
func (r *reader) jsonExpr(expr hcl.Expression) hclsyntax.Expression {
	at := expr.Range()
	if pairs, diags := hcl.ExprMap(expr); !diags.HasErrors() {
		object := &hclsyntax.ObjectConsExpr{SrcRange: at, OpenRange: expr.StartRange()}
		for _, kv := range pairs {
			item := hclsyntax.ObjectConsItem{KeyExpr: r.jsonExpr(kv.Key), ValueExpr: r.jsonExpr(kv.Value)}
			object.Items = append(object.Items, item)
		}
		return object
	}
	if items, diags := hcl.ExprList(expr); !diags.HasErrors() {
		tuple := &hclsyntax.TupleConsExpr{SrcRange: at, OpenRange: expr.StartRange()}
		for _, item := range items {
			tuple.Exprs = append(tuple.Exprs, r.jsonExpr(item))
		}
		return tuple
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() {
		r.p.addHCL(diags)
		return invalid(at)
	}
	if v.Type() != cty.String || v.IsNull() {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at}
	}
	return r.template([]byte(v.AsString()), at)
}

func (r *reader) template(src []byte, at hcl.Range) hclsyntax.Expression {
	if !checkTemplate(r.p, src, at.Filename, inside(at)) {
		return invalid(at)
	}
	parsed, diags := hclsyntax.ParseTemplate(src, at.Filename, inside(at))
	r.p.addHCL(diags)
	if diags.HasErrors() {
		return invalid(at)
	}
	return parsed
}

// inside is the first position behind a string's opening quote.
func inside(r hcl.Range) hcl.Pos {
	pos := r.Start
	pos.Column++
	pos.Byte++
	return pos
}

// invalid stands for an expression that was reported: its value is unknown, which evaluation passes over in silence.
func invalid(at hcl.Range) hclsyntax.Expression {
	return &hclsyntax.LiteralValueExpr{Val: cty.DynamicVal, SrcRange: at}
}
