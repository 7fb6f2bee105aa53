package config

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// Variable describes a variable block, for a prompt and for the reference.
type Variable struct {
	Name        string
	Type        string // as written; "" = any
	Description string
	Sensitive   bool
}

// Unset lists the variables for which nothing gives a value: a caller with a terminal asks for them and passes the
// answers as Vars. It is empty when the Envfile is broken.
func (f *Envfile) Unset(ctx context.Context, v Values) []Variable {
	e := newEvaluation(ctx, f, v)
	given := e.varFileValues()
	var list []Variable
	for _, n := range f.root.all("variable") {
		if _, ok := e.assigned(n, given); ok || n.attrs["default"] != nil {
			continue
		}
		list = append(list, e.about(n))
	}
	return list
}

// about is what a variable block says of itself.
func (e *evaluation) about(n *node) Variable {
	d := e.decodeSome(n, "description", "sensitive")
	v := Variable{Name: n.label, Description: d.str("description"), Sensitive: d.flag("sensitive", false)}
	if n.attrs["type"] != nil {
		if c, _, ok := e.typeOf(n); ok {
			v.Type = typeexpr.TypeString(c)
		}
	}
	return v
}

// Sensitive reports whether a variable is declared so, for what may be repeated of a command line.
func (f *Envfile) Sensitive(ctx context.Context, v Values, name string) bool {
	n := f.root.find("variable", name)
	return n != nil && newEvaluation(ctx, f, v).decodeSome(n, "sensitive").flag("sensitive", false)
}

// variables gives every variable its value: the command line, ENVY_VAR_name, the default.
func (e *evaluation) variables() {
	given := e.varFileValues()
	blocks := e.file.root.all("variable")
	e.checkGiven(given, blocks)
	for _, n := range blocks {
		e.vars[n.label] = e.variable(n, given)
	}
	e.base = nil
	for _, n := range blocks {
		if e.vars[n.label].IsWhollyKnown() {
			e.validate(n, "var."+n.label, n.header)
		}
	}
}

// assignment is a value given from outside.
type assignment struct {
	text   string // from the command line or the environment
	value  cty.Value
	at     hcl.Range
	origin string
}

// checkGiven reports values for variables that are not declared. Those in var files are passed over with a warning: one
// file may serve several Envfiles.
func (e *evaluation) checkGiven(given map[string]assignment, blocks []*node) {
	var names []string
	for _, n := range blocks {
		names = append(names, n.label)
	}
	for _, v := range e.v.Vars {
		if !contains(names, v.Name) {
			e.p.errorf(hcl.Range{Filename: v.Origin}, "no variable `%s` for %s", clip(v.Name), v.Origin).suggest(v.Name, names)
		}
	}
	for _, name := range keys(given) {
		if !contains(names, name) {
			e.p.warnf(given[name].at, "no variable `%s` in the Envfile", clip(name)).suggest(name, names)
		}
	}
}

// varFileValues reads the files of --var-file: HCL or JSON, NAME = value.
func (e *evaluation) varFileValues() map[string]assignment {
	given := map[string]assignment{}
	for _, src := range e.v.VarFiles {
		e.p.sources[src.Name] = nil
		data, ok := checkSource(e.p, src.Name, src.Data, src.isJSON())
		if !ok {
			continue
		}
		root := newNode(&block{name: "var file", free: true})
		r := reader{p: e.p, src: data}
		if src.isJSON() {
			root, _ = r.jsonRoot(root.schema, src.Name)
		} else if f, diags := hclsyntax.ParseConfig(data, src.Name, hcl.InitialPos); f != nil {
			e.p.addHCL(diags)
			r.body(root, f.Body.(*hclsyntax.Body))
		}
		if root == nil {
			continue
		}
		for _, a := range root.ordered() {
			if _, ok := given[a.name]; ok {
				continue
			}
			wrapExpr(a.layers[0].expr, e.guard)
			if v, ok := e.valueIn(a, a.layers[0], &hcl.EvalContext{}); ok {
				given[a.name] = assignment{value: v, at: a.at(), origin: src.Name}
			}
		}
	}
	return given
}

// assigned finds the value that comes first.
func (e *evaluation) assigned(n *node, files map[string]assignment) (assignment, bool) {
	for _, v := range e.v.Vars {
		if v.Name == n.label {
			return assignment{text: v.Value, at: hcl.Range{Filename: v.Origin}, origin: v.Origin}, true
		}
	}
	if a, ok := files[n.label]; ok {
		return a, true
	}
	if e.v.Env != nil {
		name := "ENVY_VAR_" + n.label
		if text, ok := e.v.Env(name); ok {
			return assignment{text: text, at: hcl.Range{Filename: name}, origin: name}, true
		}
	}
	return assignment{}, false
}

// variable returns the value of one variable; an unknown one after an error.
func (e *evaluation) variable(n *node, files map[string]assignment) cty.Value {
	want, defaults, ok := e.typeOf(n)
	if !ok {
		return cty.DynamicVal
	}
	d := e.decodeSome(n, "description", "sensitive", "nullable")
	given, isGiven := e.assigned(n, files)
	def, hasDefault := cty.NilVal, n.attrs["default"] != nil
	if hasDefault {
		v, ok := e.value(n.attrs["default"], n.attrs["default"].last())
		if !ok {
			return cty.DynamicVal
		}
		if def, ok = e.conform(v, want, defaults, n.attrs["default"].at(), "the default of var."+n.label); !ok {
			return cty.DynamicVal
		}
	}
	v := def
	switch {
	case isGiven:
		var ok bool
		if v, ok = e.given(given, want, defaults, n.label); !ok {
			return cty.DynamicVal
		}
		if v.IsNull() && !d.flag("nullable", true) && hasDefault {
			v = def
		}
	case !hasDefault:
		e.p.errorf(n.header, "var.%s has no value", n.label).hint = fmt.Sprintf("give one with --var %s=…, ENVY_VAR_%s or a default", n.label, n.label)
		return cty.DynamicVal
	}
	return e.settled(v, d, "var."+n.label, n.header)
}

// settled is a variable's value after what its block says of null and secrets.
func (e *evaluation) settled(v cty.Value, d values, what string, at hcl.Range) cty.Value {
	if v.IsNull() && !d.flag("nullable", true) {
		e.p.errorf(at, "%s cannot be null", what)
		return cty.DynamicVal
	}
	if d.flag("sensitive", false) {
		plain, _ := v.UnmarkDeep()
		if s, err := convert.Convert(plain, cty.String); err == nil && isString(s) {
			e.secrets[s.AsString()] = true
		}
		v = v.Mark(sensitive)
	}
	return v
}

// given converts a value from outside: text is taken as it is for a string, and as an expression without names for the rest.
func (e *evaluation) given(a assignment, want cty.Type, defaults *typeexpr.Defaults, name string) (cty.Value, bool) {
	what := fmt.Sprintf("var.%s from %s", name, a.origin)
	if a.value != cty.NilVal {
		return e.conform(a.value, want, defaults, a.at, what)
	}
	if len(a.text) > maxString {
		e.p.errorf(a.at, "%s is larger than 1 MiB", what)
		return cty.DynamicVal, false
	}
	if want.IsPrimitiveType() || want == cty.DynamicPseudoType {
		return e.conform(cty.StringVal(a.text), want, defaults, a.at, what)
	}
	quietProblems := newProblems(nil)
	tokens, _ := hclsyntax.LexExpression([]byte(a.text), a.origin, hcl.InitialPos)
	if !checkNesting(quietProblems, tokens) {
		e.p.errorf(a.at, "%s is nested more than %d deep", what, maxNesting)
		return cty.DynamicVal, false
	}
	expr, diags := hclsyntax.ParseExpression([]byte(a.text), a.origin, hcl.InitialPos)
	if !diags.HasErrors() {
		wrapExpr(expr, e.guard)
		e.guard.start(e.over)
		var v cty.Value
		if v, diags = expr.Value(&hcl.EvalContext{}); !diags.HasErrors() && e.guard.err == nil {
			return e.conform(v, want, defaults, a.at, what)
		}
	}
	e.p.errorf(a.at, "%s is no valid value", what).detail = "expected an expression of type " + want.FriendlyName()
	return cty.DynamicVal, false
}

// conform converts a value to the variable's type. The message never quotes it.
func (e *evaluation) conform(v cty.Value, want cty.Type, defaults *typeexpr.Defaults, at hcl.Range, what string) (cty.Value, bool) {
	if defaults != nil && !v.IsNull() {
		v = defaults.Apply(v)
	}
	out, err := convert.Convert(v, want)
	if err == nil {
		err = size(out)
	}
	if err != nil {
		e.p.errorf(at, "%s is not valid: %s", what, err).detail = "expected a value of type " + want.FriendlyName()
		return cty.DynamicVal, false
	}
	return out, true
}

// typeOf reads a variable's type constraint; without one it is any.
func (e *evaluation) typeOf(n *node) (cty.Type, *typeexpr.Defaults, bool) {
	t := n.attrs["type"]
	if t == nil {
		return cty.DynamicPseudoType, nil, true
	}
	c, defaults, diags := typeexpr.TypeConstraintWithDefaults(t.last().expr)
	e.p.addHCL(diags)
	return c, defaults, !diags.HasErrors()
}

// validate runs a variable's validation blocks; what it is called, and where its value comes from, is for the message.
func (e *evaluation) validate(n *node, name string, at hcl.Range) {
	for _, rule := range n.all("validation") {
		condition, message := rule.attrs["condition"], rule.attrs["error_message"]
		if condition == nil || message == nil {
			continue
		}
		v, ok := e.value(condition, condition.last())
		if !ok {
			continue
		}
		v, _ = v.UnmarkDeep()
		v, err := convert.Convert(v, cty.Bool)
		if err != nil || v.IsNull() {
			e.p.errorf(condition.at(), "`condition`: expected true or false")
			continue
		}
		if v.False() {
			e.p.errorf(at, "%s is not valid", name).detail = e.ruleMessage(message)
		}
	}
}

// ruleMessage is the text of error_message; one that shows a sensitive value is withheld.
func (e *evaluation) ruleMessage(a *attr) string {
	v, ok := e.value(a, a.last())
	if !ok {
		return ""
	}
	if hasMark(v, sensitive) || hasMark(v, quiet) {
		return "the message is not shown: it holds a sensitive value"
	}
	v, _ = v.UnmarkDeep()
	if s, err := convert.Convert(v, cty.String); err == nil && !s.IsNull() {
		return strings.TrimSpace(s.AsString())
	}
	e.p.errorf(a.at(), "`error_message`: expected a string")
	return ""
}
