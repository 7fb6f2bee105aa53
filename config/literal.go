package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// literal is the value of an expression that is written out: no names, calls, loops or conditions, so that it costs no more
// than its text. What is read before evaluation, where nothing bounds the work, is read so; false is anything else.
func literal(expr hclsyntax.Expression) (cty.Value, bool) {
	if !isLiteral(expr) {
		return cty.NilVal, false
	}
	v, diags := expr.Value(nil)
	return v, !diags.HasErrors()
}

func isLiteral(expr hclsyntax.Expression) bool {
	switch e := expr.(type) {
	case *hclsyntax.LiteralValueExpr:
		return true
	case *hclsyntax.TemplateExpr:
		return allLiteral(e.Parts)
	case *hclsyntax.TupleConsExpr:
		return allLiteral(e.Exprs)
	case *hclsyntax.TemplateWrapExpr:
		return isLiteral(e.Wrapped)
	case *hclsyntax.ParenthesesExpr:
		return isLiteral(e.Expression)
	case *hclsyntax.UnaryOpExpr:
		return isLiteral(e.Val)
	case *hclsyntax.ObjectConsKeyExpr:
		return !e.ForceNonLiteral && hcl.ExprAsKeyword(e.Wrapped) != "" || isLiteral(e.Wrapped)
	case *hclsyntax.ObjectConsExpr:
		for _, item := range e.Items {
			if !isLiteral(item.KeyExpr) || !isLiteral(item.ValueExpr) {
				return false
			}
		}
		return true
	}
	return false
}

func allLiteral(list []hclsyntax.Expression) bool {
	for _, expr := range list {
		if !isLiteral(expr) {
			return false
		}
	}
	return true
}
