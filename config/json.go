package config

import (
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"
)

// jsonRoot reads an Envfile in JSON syntax. Its expressions become the same syntax trees as native ones, so that checks,
// limits and hints are the same for both.
func (r *reader) jsonRoot(schema *block, name string) (*node, bool) {
	f, diags := hcljson.Parse(r.src, name)
	r.p.addHCL(diags)
	if f == nil || diags.HasErrors() {
		return nil, false
	}
	root := newNode(schema)
	return root, r.jsonBody(root, f.Body)
}

// jsonBody reads one object as a block's body; false: a template inside it has no valid syntax.
func (r *reader) jsonBody(n *node, body hcl.Body) bool {
	all, diags := body.JustAttributes()
	if n.schema.free {
		r.p.addHCL(diags)
	}
	names := make([]*hcl.Attribute, 0, len(all))
	for _, a := range all {
		names = append(names, a)
	}
	sort.Slice(names, func(i, j int) bool { return names[i].NameRange.Start.Byte < names[j].NameRange.Start.Byte })
	ok := true
	want := &hcl.BodySchema{}
	for _, a := range names {
		schema := n.schema.attr(a.Name)
		switch {
		case n.schema.free || schema != nil:
			if schema != nil && schema.kind == kindExpr && schema.name == "type" {
				r.attribute(n, a.Name, a.NameRange, r.jsonType(a.Expr))
				continue
			}
			expr, good := r.jsonExpr(a.Expr)
			ok = ok && good
			r.attribute(n, a.Name, a.NameRange, expr)
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
		ok = r.jsonBlock(n, b) && ok
	}
	return ok
}

func (r *reader) jsonBlock(n *node, b *hcl.Block) bool {
	child := newNode(n.schema.child(b.Type))
	child.header = b.TypeRange
	if len(b.LabelRanges) > 0 {
		child.header = b.LabelRanges[0]
	}
	if !r.labels(child, b.Labels, b.LabelRanges, b.TypeRange) {
		return true
	}
	target := r.place(n, child)
	return target == nil || r.jsonBody(target, b.Body)
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
func (r *reader) jsonExpr(expr hcl.Expression) (hclsyntax.Expression, bool) {
	at := expr.Range()
	if pairs, diags := hcl.ExprMap(expr); !diags.HasErrors() {
		object := &hclsyntax.ObjectConsExpr{SrcRange: at, OpenRange: expr.StartRange()}
		ok := true
		for _, kv := range pairs {
			key, goodKey := r.jsonExpr(kv.Key)
			value, goodValue := r.jsonExpr(kv.Value)
			ok = ok && goodKey && goodValue
			object.Items = append(object.Items, hclsyntax.ObjectConsItem{KeyExpr: key, ValueExpr: value})
		}
		return object, ok
	}
	if items, diags := hcl.ExprList(expr); !diags.HasErrors() {
		tuple := &hclsyntax.TupleConsExpr{SrcRange: at, OpenRange: expr.StartRange()}
		ok := true
		for _, item := range items {
			element, good := r.jsonExpr(item)
			ok = ok && good
			tuple.Exprs = append(tuple.Exprs, element)
		}
		return tuple, ok
	}
	v, diags := expr.Value(nil)
	if diags.HasErrors() {
		r.p.addHCL(diags)
		return invalid(at), false
	}
	if v.Type() != cty.String || v.IsNull() {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: at}, true
	}
	return r.template([]byte(v.AsString()), at)
}

func (r *reader) template(src []byte, at hcl.Range) (hclsyntax.Expression, bool) {
	if !checkTemplate(r.p, src, at.Filename, inside(at)) {
		return invalid(at), false
	}
	parsed, diags := hclsyntax.ParseTemplate(src, at.Filename, inside(at))
	r.p.addHCL(diags)
	if diags.HasErrors() {
		return invalid(at), false
	}
	return parsed, true
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
