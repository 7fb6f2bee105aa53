package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// element is one entry of a list or map with the place where it is written.
type element struct {
	key   string
	value cty.Value
	at    hcl.Range
}

// elements lists what a list holds.
func (r *reading) elements(v cty.Value, expr hclsyntax.Expression) ([]element, bool) {
	u, marks := v.Unmark()
	t := u.Type()
	if !t.IsTupleType() && !t.IsListType() && !t.IsSetType() {
		r.errorf(expr.Range(), "expected a list").detail = "this is " + typeName(u)
		return nil, false
	}
	tuple, _ := expr.(*hclsyntax.TupleConsExpr)
	var list []element
	for it := u.ElementIterator(); it.Next(); {
		_, item := it.Element()
		at := expr.Range()
		if tuple != nil && len(list) < len(tuple.Exprs) {
			at = tuple.Exprs[len(list)].Range()
		}
		list = append(list, element{value: item.WithMarks(marks), at: at})
	}
	return list, true
}

// entries lists what a map holds, sorted by key.
func (r *reading) entries(v cty.Value, expr hclsyntax.Expression) ([]element, bool) {
	u, _ := v.Unmark()
	if t := u.Type(); !t.IsObjectType() && !t.IsMapType() {
		r.errorf(expr.Range(), "expected a map { NAME = value }").detail = "this is " + typeName(u)
		return nil, false
	}
	places := r.e.entryPlaces(expr)
	names, byName := objectEntries(v)
	list := make([]element, 0, len(names))
	for _, name := range names {
		at, ok := places[name]
		if !ok {
			at = expr.Range()
		}
		list = append(list, element{key: name, value: byName[name], at: at})
	}
	return list, true
}

// entryPlaces finds where the entries of a written map stand.
func (e *evaluation) entryPlaces(expr hclsyntax.Expression) map[string]hcl.Range {
	places := map[string]hcl.Range{}
	object, ok := expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return places
	}
	for _, item := range object.Items {
		if k, ok := literal(item.KeyExpr); ok && isString(k) {
			places[k.AsString()] = hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range())
		}
	}
	return places
}

// objectItem is one entry of a written map.
type objectItem struct {
	name  string
	at    hcl.Range
	value hclsyntax.Expression
}

// objectItems lists the entries of a map whose keys are written out.
func objectItems(expr hclsyntax.Expression) ([]objectItem, bool) {
	object, ok := expr.(*hclsyntax.ObjectConsExpr)
	if !ok {
		return nil, false
	}
	var list []objectItem
	for _, item := range object.Items {
		k, ok := literal(item.KeyExpr)
		if !ok || !isString(k) {
			return nil, false
		}
		list = append(list, objectItem{k.AsString(), item.KeyExpr.Range(), item.ValueExpr})
	}
	return list, true
}

func (r *reading) list(v cty.Value, expr hclsyntax.Expression) {
	var items []element
	if u, _ := v.Unmark(); r.a.schema.kind == kindOneMany && u.Type() == cty.String {
		items = []element{{value: v, at: expr.Range()}}
	} else if list, ok := r.elements(v, expr); ok {
		items = list
	}
	prior, _ := r.value.([]word)
	if r.a.schema.kind != kindAppend {
		prior = nil
	}
	refs := append([]word(nil), prior...)
	seen := map[string]bool{}
	for _, ref := range refs {
		seen[ref.Name] = true
	}
	for _, item := range items {
		u, ok := r.convert(item.value, cty.String, item.at, "a string")
		if !ok || !r.good(u.AsString(), item.at, item.value) {
			continue
		}
		name := u.AsString()
		if r.a.schema.kind == kindAppend && seen[name] {
			continue
		}
		seen[name] = true
		refs = append(refs, word{Ref: Ref{Name: name, Range: toRange(item.at)}, at: item.at, quiet: hasMark(item.value, quiet)})
	}
	r.value = refs
}

func (r *reading) pairs(v cty.Value, expr hclsyntax.Expression) {
	items, ok := r.entries(v, expr)
	if !ok {
		return
	}
	prior, _ := r.value.([]Pair)
	merged := map[string]Pair{}
	for _, p := range prior {
		merged[p.Key] = p
	}
	for _, item := range items {
		if what := r.keyRule(item.key); what != "" {
			p := r.errorf(item.at, "expected as key %s", what)
			if r.a.name == "sysctls" && !r.quiet {
				p.suggest(item.key, kernelSettings())
			}
			continue
		}
		if u, _ := item.value.Unmark(); u.IsNull() {
			delete(merged, item.key)
			continue
		}
		u, ok := r.convert(item.value, cty.String, item.at, "a string")
		if !ok || !r.good(u.AsString(), item.at, item.value) {
			continue
		}
		if what := r.valueRule(item.key, u.AsString()); what != "" {
			r.errorf(item.at, "%s: expected %s", shown(item.key, r.quiet), what)
			continue
		}
		merged[item.key] = Pair{Key: item.key, Value: u.AsString(), Own: hasMark(item.value, own), Range: toRange(item.at)}
	}
	list := make([]Pair, 0, len(merged))
	for _, k := range keys(merged) {
		list = append(list, merged[k])
	}
	r.value = list
}

// keyRule checks the key of a map.
func (r *reading) keyRule(key string) string {
	if _, bad := badControl(key, false); bad {
		return "one without control characters"
	}
	switch r.a.name {
	case "labels":
		return labelKey(key)
	case "args":
		return envName(key)
	case "extra_hosts":
		return dottedName(key)
	case "sysctls":
		return sysctlName(key)
	}
	return ""
}

// valueRule checks a value of a map whose key says what it may be.
func (r *reading) valueRule(key, value string) string {
	if r.a.name == "sysctls" {
		return sysctlValue(key, value)
	}
	return ""
}

func (r *reading) env(v cty.Value, expr hclsyntax.Expression) {
	items, ok := r.entries(v, expr)
	if !ok {
		return
	}
	prior, _ := r.value.([]EnvVar)
	merged := map[string]EnvVar{}
	for _, p := range prior {
		merged[p.Name] = p
	}
	for _, item := range items {
		if what := envName(item.key); what != "" {
			r.errorf(item.at, "expected as name of a variable %s", what)
			continue
		}
		entry := EnvVar{Name: item.key, Range: toRange(item.at), Own: hasMark(item.value, own)}
		if u, _ := item.value.Unmark(); u.IsNull() {
			entry.Unset = true
			merged[item.key] = entry
			continue
		}
		u, ok := r.convert(item.value, cty.String, item.at, "a string")
		if !ok || !r.good(u.AsString(), item.at, item.value) {
			continue
		}
		entry.Value = Text{Value: u.AsString(), Sensitive: hasMark(item.value, sensitive)}
		if len(entry.Name)+1+len(entry.Value.Value) > maxEnvEntry {
			r.errorf(item.at, "a variable holds at most %d bytes, its name and = included", maxEnvEntry)
			continue
		}
		merged[item.key] = entry
	}
	list := make([]EnvVar, 0, len(merged))
	for _, k := range keys(merged) {
		list = append(list, merged[k])
	}
	r.value = list
}
