package config

import (
	"fmt"
	"path"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// bind is the value of a binding; an unknown one after an error, which is reported once.
func (e *evaluation) bind(b *binding) cty.Value {
	memo := e.bound
	if b.self {
		memo = e.boundSelf
	}
	if v, ok := memo[b]; ok {
		return v
	}
	memo[b] = cty.DynamicVal
	v := cty.DynamicVal
	switch {
	case b.node != nil:
		v = e.bindVariable(b)
	default:
		if got, ok := e.value(b.attr, b.attr.last()); ok {
			v = got
		}
	}
	memo[b] = v
	return v
}

func (e *evaluation) bindVariable(b *binding) cty.Value {
	want, defaults, ok := e.typeOf(b.node)
	if !ok {
		return cty.DynamicVal
	}
	what := b.describe()
	d := e.decodeSome(b.node, "sensitive", "nullable")
	var v cty.Value
	at := b.m.at
	switch {
	case b.fixed != nil:
		v = *b.fixed
	case b.attr == nil:
		e.p.errorf(b.m.at, "%s has no value", what).hint = fmt.Sprintf("give one: with = { %s = … }", b.name)
		return cty.DynamicVal
	default:
		at = b.attr.at()
		if v, ok = e.value(b.attr, b.attr.last()); !ok {
			return cty.DynamicVal
		}
	}
	if def := b.node.attrs["default"]; v.IsNull() && b.given && def != nil && !d.flag("nullable", true) {
		if v, ok = e.value(def, def.last()); !ok {
			return cty.DynamicVal
		}
	}
	if v, ok = e.conform(v, want, defaults, at, what); !ok {
		return cty.DynamicVal
	}
	return e.settled(v, d, what, at)
}

// describe names a variable for a message.
func (b *binding) describe() string { return fmt.Sprintf("var.%s of %s", b.name, clip(b.m.def.File)) }

// checkModules gives every variable of a box's definitions its value, also those that nothing reads, and runs their rules.
func (e *evaluation) checkModules(n *node) {
	for _, m := range n.modules {
		if e.checked[m] && !m.self {
			continue
		}
		e.checked[m] = true
		for _, b := range m.everyVar {
			at := m.at
			if b.given {
				at = b.attr.at()
			}
			if v := e.bind(b); v.IsWhollyKnown() {
				e.validate(b.node, b.describe(), at)
			}
		}
	}
}

// scopeOf is what an expression sees.
func (e *evaluation) scopeOf(l layer) *hcl.EvalContext {
	m := l.in
	if m == nil {
		return e.scope()
	}
	needs := m.file.needs[l.expr]
	vars, locals := map[string]cty.Value{}, map[string]cty.Value{}
	for _, need := range keys(needs) {
		if name, ok := strings.CutPrefix(need, "var."); ok && m.vars[name] != nil {
			vars[name] = e.bind(m.vars[name])
		}
		if name, ok := strings.CutPrefix(need, "local."); ok && m.locals[name] != nil {
			locals[name] = e.bind(m.locals[name])
		}
	}
	all := map[string]cty.Value{"var": cty.ObjectVal(vars), "local": cty.ObjectVal(locals)}
	for _, root := range []string{"var", "local"} {
		if needs[root] {
			all[root] = e.bindAll(m, root)
		}
	}
	if e.self != cty.NilVal {
		all["self"] = e.self
	}
	if !m.elsewhere() {
		if e.base == nil {
			e.base = e.baseScope()
		}
		all["project"], all["host"] = e.base.Variables["project"], e.base.Variables["host"]
	}
	return &hcl.EvalContext{Variables: all, Functions: e.funcs}
}

// bindAll is all of a module's variables, or locals, as one value.
func (e *evaluation) bindAll(m *module, root string) cty.Value {
	key := wholeKey{m, root}
	if v, ok := e.wholes[key]; ok {
		return v
	}
	every := m.everyVar
	if root == "local" {
		every = m.everyLocal
	}
	values := make(map[string]cty.Value, len(every))
	for _, b := range every {
		values[b.name] = e.bind(b)
	}
	e.wholes[key] = cty.ObjectVal(values)
	return e.wholes[key]
}

// wholeKey names all variables or locals of a module.
type wholeKey struct {
	m    *module
	root string
}

// enterBox makes a box the one that self names.
func (e *evaluation) enterBox(self cty.Value) {
	e.self = self
	if len(e.boundSelf) > 0 {
		e.boundSelf, e.wholes = map[*binding]cty.Value{}, map[wholeKey]cty.Value{}
	}
}

// folder is the directory that relative paths start from, on the host and in the tree that holds it; a definition from
// elsewhere has none on the host.
func (e *evaluation) folder(m *module) (dir, rel string) {
	if m == nil {
		return e.v.Dir, e.v.Folder
	}
	return m.def.Dir, path.Clean(m.def.Folder)
}
