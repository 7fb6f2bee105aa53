package config

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// values are a block's decoded attributes: a Go value by name, absent where none is written, it is null or it failed.
type values struct {
	node   *node
	m      map[string]any
	failed map[string]bool
	sized  []string // made of host.cpus or host.memory
}

// get returns the value of an attribute.
func get[T any](v values, name string) (T, bool) {
	t, ok := v.m[name].(T)
	return t, ok
}

func (v values) str(name string) string {
	switch s := v.m[name].(type) {
	case string:
		return s
	case Text:
		return s.Value
	}
	return ""
}

func (v values) flag(name string, otherwise bool) bool {
	if b, ok := get[bool](v, name); ok {
		return b
	}
	return otherwise
}

func (v values) integer(name string) int64 {
	n, _ := get[int64](v, name)
	return n
}

func (v values) duration(name string) time.Duration {
	d, _ := get[time.Duration](v, name)
	return d
}

// word is a string of a list, with what messages about it need.
type word struct {
	Ref
	at    hcl.Range
	quiet bool // no message quotes it
}

func (v values) words(name string) []word {
	list, _ := get[[]word](v, name)
	return list
}

func (v values) strs(name string) []string {
	var list []string
	for _, r := range v.words(name) {
		list = append(list, r.Name)
	}
	return list
}

func (v values) pairs(name string) []Pair {
	list, _ := get[[]Pair](v, name)
	return list
}

// at is where an attribute is written, else the block's header.
func (v values) at(name string) hcl.Range {
	if a := v.node.attrs[name]; a != nil {
		return a.at()
	}
	return v.node.header
}

// written reports whether the attribute stands there, even if it is null or failed.
func (v values) written(name string) bool {
	return v.node.attrs[name] != nil && (v.m[name] != nil || v.failed[name])
}

// decode decodes all attributes of a block.
func (e *evaluation) decode(n *node) values {
	return e.decodeIf(n, func(a *attribute) bool { return true })
}

// decodeSome decodes the named ones.
func (e *evaluation) decodeSome(n *node, names ...string) values {
	return e.decodeIf(n, func(a *attribute) bool { return contains(names, a.name) })
}

func (e *evaluation) decodeIf(n *node, want func(*attribute) bool) values {
	v := values{node: n, m: map[string]any{}, failed: map[string]bool{}}
	for _, a := range n.ordered() {
		if a.schema.kind == kindExpr || !want(a.schema) {
			continue
		}
		d := e.attribute(a)
		if d.value != nil {
			v.m[a.name] = d.value
		}
		v.failed[a.name] = d.failed
		if d.sized {
			v.sized = append(v.sized, a.name)
		}
	}
	return v
}

// decoded is one attribute after evaluation.
type decoded struct {
	value  any
	failed bool
	sized  bool
}

// attribute evaluates and decodes an attribute; what does not read self is done once for all replicas.
func (e *evaluation) attribute(a *attr) decoded {
	if d, ok := e.cache[a]; ok && !a.self {
		return d
	}
	r := reading{e: e, a: a}
	for _, expr := range a.exprs {
		v, ok := e.value(a, expr)
		if !ok {
			r.failed = true
			continue
		}
		r.layer(v, expr)
	}
	d := decoded{value: r.value, failed: r.failed, sized: r.sized}
	e.cache[a] = d
	return d
}

// reading decodes one attribute, layer by layer.
type reading struct {
	e      *evaluation
	a      *attr
	value  any
	failed bool
	sized  bool
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
	newlines := a.kind == kindText || a.kind == kindEnv || a.kind == kindCommand || a.kind == kindCheck
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
			r.errorf(at, "expected %s", what)
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
		if k, diags := item.KeyExpr.Value(nil); !diags.HasErrors() && isString(k) {
			places[k.AsString()] = hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range())
		}
	}
	return places
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
			r.errorf(item.at, "expected as key %s", what)
			continue
		}
		if u, _ := item.value.Unmark(); u.IsNull() {
			delete(merged, item.key)
			continue
		}
		u, ok := r.convert(item.value, cty.String, item.at, "a string")
		if ok && r.good(u.AsString(), item.at, item.value) {
			merged[item.key] = Pair{Key: item.key, Value: u.AsString(), Range: toRange(item.at)}
		}
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
		if !sysctlRE.MatchString(key) {
			return "a kernel setting's name, as \"net.core.somaxconn\""
		}
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
		entry := EnvVar{Name: item.key, Range: toRange(item.at)}
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

func (r *reading) command(v cty.Value, expr hclsyntax.Expression) {
	c := &Command{Range: toRange(expr.Range())}
	if u, _ := v.Unmark(); u.Type() == cty.String {
		if !r.good(u.AsString(), expr.Range(), v) {
			return
		}
		words := []string{"sh", "-c", u.AsString()}
		if r.a.schema.kind == kindCommand {
			var err error
			if words, err = splitWords(u.AsString()); err != nil {
				r.errorf(expr.Range(), "%s", err)
				return
			}
		}
		c.Args = words
	} else if items, ok := r.elements(v, expr); ok {
		for _, item := range items {
			if u, ok := r.convert(item.value, cty.String, item.at, "a string"); ok && r.good(u.AsString(), item.at, item.value) {
				c.Args = append(c.Args, u.AsString())
			}
		}
	}
	if !r.failed && (len(c.Args) == 0 || c.Args[0] == "") && r.a.name != "entrypoint" {
		r.errorf(expr.Range(), "expected a command, which is empty here")
	}
	r.value = c
}

func (r *reading) gpus(v cty.Value, expr hclsyntax.Expression) {
	at := expr.Range()
	u, _ := v.Unmark()
	switch {
	case u.Type() == cty.String && u.AsString() == "all":
		r.value = &GPUs{All: true}
	case u.Type() == cty.Number:
		n, acc := u.AsBigFloat().Int64()
		if acc != big.Exact || n < 1 || n > 1000 {
			r.errorf(at, "expected a whole number from 1 to 1000")
			return
		}
		r.value = &GPUs{Count: int(n)}
	case u.Type().IsTupleType() || u.Type().IsListType():
		items, _ := r.elements(v, expr)
		g := &GPUs{}
		for _, item := range items {
			if id, ok := r.convert(item.value, cty.String, item.at, "a string"); ok && r.good(id.AsString(), item.at, item.value) {
				g.IDs = append(g.IDs, id.AsString())
			}
		}
		if len(items) == 0 {
			r.errorf(at, "expected at least one id")
		}
		r.value = g
	default:
		r.errorf(at, "expected \"all\", a number or a list of ids")
	}
}

func (r *reading) ulimits(v cty.Value, expr hclsyntax.Expression) {
	items, ok := r.entries(v, expr)
	if !ok {
		return
	}
	prior, _ := r.value.([]Ulimit)
	merged := map[string]Ulimit{}
	for _, u := range prior {
		merged[u.Name] = u
	}
	for _, item := range items {
		if !contains(ulimitNames(), item.key) {
			p := r.errorf(item.at, "no limit `%s`", clip(item.key))
			p.suggest(item.key, ulimitNames())
			continue
		}
		u, _ := item.value.UnmarkDeep()
		if u.IsNull() {
			delete(merged, item.key)
			continue
		}
		soft, hard, ok := ulimit(u)
		if !ok {
			r.errorf(item.at, "expected a whole number, -1 for none, or { soft = …, hard = … } with soft at most hard")
			continue
		}
		merged[item.key] = Ulimit{Name: item.key, Soft: soft, Hard: hard}
	}
	list := make([]Ulimit, 0, len(merged))
	for _, k := range keys(merged) {
		list = append(list, merged[k])
	}
	r.value = list
}

// ulimit reads a number or { soft, hard }.
func ulimit(v cty.Value) (soft, hard int64, ok bool) {
	number := func(v cty.Value) (int64, bool) {
		n, err := convert.Convert(v, cty.Number)
		if err != nil || n.IsNull() {
			return 0, false
		}
		i, acc := n.AsBigFloat().Int64()
		return i, acc == big.Exact && i >= -1
	}
	if t := v.Type(); t.IsObjectType() {
		if len(t.AttributeTypes()) != 2 || !t.HasAttribute("soft") || !t.HasAttribute("hard") {
			return 0, 0, false
		}
		soft, okSoft := number(v.GetAttr("soft"))
		hard, okHard := number(v.GetAttr("hard"))
		below := hard == -1 || soft != -1 && soft <= hard
		return soft, hard, okSoft && okHard && below
	}
	soft, ok = number(v)
	return soft, soft, ok
}

func ulimitNames() []string {
	return []string{"core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}
}
