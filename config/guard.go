package config

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// evaluationTime bounds evaluation as a whole.
const evaluationTime = 5 * time.Second

// maxSteps bounds the passes of loops, parts of templates and calls of one evaluation: where it ends does not depend on the
// machine, and comes before the time does.
const maxSteps = 3_000_000

// maxBuilt bounds the bytes of strings that one expression may build on its way to its result.
const maxBuilt = 16 << 20

var (
	errSlow        = errors.New("evaluation takes longer than 5 s")
	errInterrupted = errors.New("evaluation was interrupted")
	errSteps       = fmt.Errorf("evaluation takes more than %d steps", maxSteps)
	errGrows       = fmt.Errorf("builds more than %d MiB of text", maxBuilt>>20)
	errRange       = errors.New("is a number out of range")
)

// guard stops an expression that would run or grow without end: cty and HCL know no cancellation, so that the places
// where work repeats (loops, template parts, calls) ask here.
type guard struct {
	over  func() error // why evaluation must end now; nil: it may go on
	built int
	steps int   // of the whole evaluation
	err   error // the first refusal: reported once, whatever the expression makes of it
}

// start begins another expression.
func (g *guard) start(over func() error) { g.over, g.built, g.err = over, 0, nil }

// overWhen tells when evaluation must end.
func overWhen(ctx context.Context) func() error {
	return func() error {
		switch {
		case ctx.Err() == nil:
			return nil
		case errors.Is(ctx.Err(), context.Canceled):
			return errInterrupted
		}
		return errSlow
	}
}

// take accounts for a value that was made on the way.
func (g *guard) take(v cty.Value) error {
	if g.err != nil {
		return g.err
	}
	if g.over != nil {
		if g.err = g.over(); g.err != nil {
			return g.err
		}
	}
	if g.steps++; g.steps > maxSteps {
		g.err = errSteps
	}
	switch u, _ := v.Unmark(); {
	case isString(u):
		g.built += len(u.AsString())
	case u != cty.NilVal && u.Type() == cty.Number && u.IsKnown() && !u.IsNull() && !inRange(u):
		g.err = errRange
	}
	if g.built > maxBuilt {
		g.err = errGrows
	}
	return g.err
}

// guarded is an expression inside a loop or a template.
type guarded struct {
	hclsyntax.Expression
	guard *guard
}

// Value evaluates the expression unless the guard refuses.
func (e *guarded) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if err := e.guard.take(cty.NilVal); err != nil {
		return cty.DynamicVal, e.refused(err)
	}
	v, diags := e.Expression.Value(ctx)
	if err := e.guard.take(v); err != nil {
		return cty.DynamicVal, e.refused(err)
	}
	return v, diags
}

func (e *guarded) refused(err error) hcl.Diagnostics {
	at := e.Range()
	return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: err.Error(), Subject: &at}}
}

// wrapAll puts guards into every expression of the Envfile and its definitions.
func (f *Envfile) wrapAll() {
	done := map[hclsyntax.Expression]bool{}
	f.wrap(f.root, done)
	for _, m := range f.modules {
		own := &node{attrs: map[string]*attr{}}
		for _, b := range m.ordered() {
			if b.attr != nil {
				own.attrs[b.need()] = b.attr
			}
			if b.node != nil {
				own.children = append(own.children, b.node)
			}
		}
		f.wrap(own, done)
	}
}

// wrap puts guards into every expression below a node. Names were checked before: the wrapped trees no longer show their
// variables.
func (f *Envfile) wrap(n *node, done map[hclsyntax.Expression]bool) {
	for _, a := range n.attrs {
		for _, l := range a.layers {
			if !done[l.expr] { // boxes of one template share its expressions
				done[l.expr] = true
				wrapExpr(l.expr, &f.guard)
			}
		}
	}
	for _, c := range n.children {
		f.wrap(c, done)
	}
}

func wrapExpr(expr hclsyntax.Expression, g *guard) {
	for _, n := range nodesOf(expr) {
		switch e := n.(type) {
		case *hclsyntax.ForExpr:
			e.ValExpr = &guarded{e.ValExpr, g}
			if e.KeyExpr != nil {
				e.KeyExpr = &guarded{e.KeyExpr, g}
			}
			if e.CondExpr != nil {
				e.CondExpr = &guarded{e.CondExpr, g}
			}
		case *hclsyntax.TemplateExpr:
			for i, part := range e.Parts {
				if _, literal := part.(*hclsyntax.LiteralValueExpr); !literal {
					e.Parts[i] = &guarded{part, g}
				}
			}
		}
	}
}

// nodesOf lists an expression's nodes.
func nodesOf(expr hclsyntax.Expression) []hclsyntax.Node {
	var nodes []hclsyntax.Node
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		nodes = append(nodes, n)
		return nil
	})
	return nodes
}

// size walks a value and refuses it when it is larger than the language allows. Shared parts count each time: what
// walks the value later does so too.
func size(v cty.Value) error {
	nodes := 0
	return sizeInto(v, &nodes, 0)
}

// inRange: division by nothing and exponents without end give infinities, which would be text like any other.
func inRange(number cty.Value) bool {
	f := number.AsBigFloat()
	exp := f.MantExp(nil)
	return !f.IsInf() && exp <= maxExponent && exp >= -maxExponent
}

func sizeInto(v cty.Value, nodes *int, depth int) error {
	if *nodes++; *nodes > maxNodes {
		return fmt.Errorf("holds more than %d values", maxNodes)
	}
	if depth > maxDepth {
		return fmt.Errorf("is nested more than %d deep", maxDepth)
	}
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return nil
	}
	t := v.Type()
	switch {
	case t == cty.String:
		if len(v.AsString()) > maxString {
			return errors.New("is a string of more than 1 MiB")
		}
	case t == cty.Number:
		if !inRange(v) {
			return errRange
		}
	case v.CanIterateElements():
		if v.LengthInt() > maxCollection {
			return fmt.Errorf("is a collection of more than %d elements", maxCollection)
		}
		for it := v.ElementIterator(); it.Next(); {
			k, e := it.Element()
			if k.Type() == cty.String && len(k.AsString()) > maxString {
				return errors.New("has a key of more than 1 MiB")
			}
			if err := sizeInto(e, nodes, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxExponent keeps numbers where writing them out in decimals stays short.
const maxExponent = 1100

func isString(v cty.Value) bool {
	return v != cty.NilVal && v.Type() == cty.String && v.IsKnown() && !v.IsNull() && !v.IsMarked()
}

func isFalse(v cty.Value) bool {
	return v != cty.NilVal && v.Type() == cty.Bool && v.IsKnown() && !v.IsNull() && !v.IsMarked() && v.False()
}
