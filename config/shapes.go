package config

import (
	"math/big"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

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
			p := r.errorf(item.at, "no limit `%s`", shown(item.key, r.quiet))
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
		if item.key == "nofile" && (hard == -1 || hard > maxOpenFiles) {
			r.errorf(item.at, "`nofile`: expected a number; no kernel lets it go without limit, nor above %d", maxOpenFiles)
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
