package config

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// reading decodes one attribute, layer by layer.
type reading struct {
	e      *evaluation
	a      *attr
	value  any
	failed bool
	sized  bool
	quiet  bool
	own    bool
}

// errorf reports what was expected of the value. It never quotes the value.
func (r *reading) errorf(at hcl.Range, format string, args ...any) *problem {
	r.failed = true
	return r.e.p.errorf(at, "`%s`: %s", r.a.name, fmt.Sprintf(format, args...))
}

// layer lays one layer's value over what stands before.
func (r *reading) layer(v cty.Value, expr hclsyntax.Expression) {
	at := expr.Range()
	if hasMark(v, sensitive) && !r.a.schema.secret {
		r.errorf(at, "a sensitive value cannot stand here").detail = "it would travel with the plan, the image or the container's labels; only env, file content and provision scripts take one"
		return
	}
	r.sized = r.sized || hasMark(v, hostSized)
	r.quiet = r.quiet || hasMark(v, quiet)
	r.own = r.own && r.a.schema.kind == kindAppend || hasMark(v, own)
	if u, _ := v.Unmark(); u.IsNull() {
		r.value = nil
		return
	}
	switch r.a.schema.kind {
	case kindString, kindText:
		r.text(v, at)
	case kindBool:
		if u, ok := r.convert(v, cty.Bool, at, "true or false"); ok {
			r.value = u.True()
		}
	case kindInt:
		r.integer(v, at)
	case kindNumber:
		if u, ok := r.convert(v, cty.Number, at, "a number"); ok {
			r.value, _ = u.AsBigFloat().Float64()
		}
	case kindTime, kindSize:
		r.quantity(v, at)
	case kindList, kindAppend, kindOneMany:
		r.list(v, expr)
	case kindMap:
		r.pairs(v, expr)
	case kindEnv:
		r.env(v, expr)
	case kindCommand, kindCheck:
		r.command(v, expr)
	case kindGPUs:
		r.gpus(v, expr)
	case kindUlimits:
		r.ulimits(v, expr)
	}
}

// convert makes the value a known one of a type, without marks.
func (r *reading) convert(v cty.Value, want cty.Type, at hcl.Range, expected string) (cty.Value, bool) {
	v, _ = v.UnmarkDeep()
	u, err := convert.Convert(v, want)
	if err != nil || u.IsNull() || !u.IsKnown() {
		r.errorf(at, "expected %s", expected).detail = "this is " + typeName(v)
		return cty.NilVal, false
	}
	return u, true
}

func typeName(v cty.Value) string {
	if v.IsNull() {
		return "null"
	}
	return "a value of type " + v.Type().FriendlyName()
}

func (r *reading) text(v cty.Value, at hcl.Range) {
	u, ok := r.convert(v, cty.String, at, "a string")
	if !ok {
		return
	}
	s := u.AsString()
	if !r.good(s, at, v) {
		return
	}
	if r.a.schema.secret {
		r.value = Text{Value: s, Sensitive: hasMark(v, sensitive)}
		return
	}
	r.value = s
}

// good checks a string against the attribute's rules.
func (r *reading) good(s string, at hcl.Range, from cty.Value) bool {
	a := r.a.schema
	newlines := a.kind == kindText || a.kind == kindEnv || a.name == "command"
	if c, bad := badControl(s, newlines); bad {
		what := fmt.Sprintf("holds the control character U+%04X", c)
		if c == '\n' {
			what = "holds a newline"
		}
		p := r.errorf(at, "the string %s", what)
		if c == '\r' {
			p.hint = "write the file with Unix line endings"
		}
		return false
	}
	if len(a.words) > 0 && !contains(a.words, s) {
		p := r.errorf(at, "expected %s", strings.Join(quoteAll(a.words), " or "))
		if !hasMark(from, quiet) {
			p.suggest(s, a.words)
		}
		return false
	}
	if a.rule != nil {
		if what := a.rule(s); what != "" {
			p := r.errorf(at, "expected %s", what)
			if !hasMark(from, quiet) {
				p.suggest(s, a.near)
			}
			return false
		}
	}
	return true
}

func quoteAll(words []string) []string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	return quoted
}

func (r *reading) integer(v cty.Value, at hcl.Range) {
	u, ok := r.convert(v, cty.Number, at, "a whole number")
	if !ok {
		return
	}
	n, acc := u.AsBigFloat().Int64()
	if acc != big.Exact {
		r.errorf(at, "expected a whole number")
		return
	}
	lower, upper := r.a.schema.min, r.a.schema.max
	if upper != 0 && (n < lower || n > upper) {
		r.errorf(at, "expected a number from %d to %d", lower, upper)
		return
	}
	r.value = n
}

func (r *reading) quantity(v cty.Value, at hcl.Range) {
	isSize := r.a.schema.kind == kindSize
	expected := `a duration, as "30s" or "1m30s"`
	if isSize {
		expected = `a size, as "512m" or "2g", or a number of bytes`
	}
	if plain, _ := v.Unmark(); !isSize && plain.Type() == cty.Number {
		r.errorf(at, "expected %s", expected)
		return
	}
	u, ok := r.convert(v, cty.String, at, expected)
	if !ok {
		return
	}
	var value any
	var err error
	if isSize {
		value, err = parseSize(u.AsString())
	} else {
		value, err = parseDuration(u.AsString())
	}
	if err != nil {
		r.errorf(at, "expected %s", expected)
		return
	}
	r.value = value
}
