package config

import (
	"errors"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// values are a block's decoded attributes: a Go value by name, absent where none is written, it is null or it failed.
type values struct {
	node   *node
	m      map[string]any
	failed map[string]bool
	quiet  map[string]bool // from a dotenv file: no message quotes it
	sized  []string        // made of host.cpus or host.memory
	own    []string        // made of what is not the project's
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

// shown is what a message says of text that came from an attribute.
func (v values) shown(name, text string) string { return shown(text, v.quiet[name]) }

func shown(text string, quiet bool) string {
	if quiet {
		return "(a value from a dotenv file)"
	}
	return clip(text)
}

// tellable makes an error about a file that quotes no name from a dotenv file.
func tellable(err error, quiet bool) error {
	if quiet {
		return errors.New("the file cannot be read; its name is not shown, for it comes from a dotenv file")
	}
	return err
}

// at is where an attribute is written, else the block's header.
func (v values) at(name string) hcl.Range {
	if a := v.node.attrs[name]; a != nil {
		return a.at()
	}
	return v.node.header
}

// module is the definition that an attribute's value comes from, else the block's; nil: the Envfile.
func (v values) module(name string) *module {
	if a := v.node.attrs[name]; a != nil {
		return a.last().in
	}
	return v.node.module
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
	v := values{node: n, m: map[string]any{}, failed: map[string]bool{}, quiet: map[string]bool{}}
	for _, a := range n.ordered() {
		if a.schema.kind == kindExpr || a.schema.kind == kindInputs || !want(a.schema) {
			continue
		}
		d := e.attribute(a)
		if d.value != nil {
			v.m[a.name] = d.value
		}
		v.failed[a.name], v.quiet[a.name] = d.failed, d.quiet
		if d.sized {
			v.sized = append(v.sized, a.name)
		}
		if d.own {
			v.own = append(v.own, a.name)
		}
	}
	return v
}

// decoded is one attribute after evaluation.
type decoded struct {
	value  any
	failed bool
	sized  bool
	quiet  bool
	own    bool
}

// attribute evaluates and decodes an attribute; what does not read self is done once for all replicas.
func (e *evaluation) attribute(a *attr) decoded {
	if d, ok := e.cache[a]; ok && !a.self {
		return d
	}
	r := reading{e: e, a: a}
	for _, l := range a.layers {
		v, ok := e.value(a, l)
		if !ok {
			r.failed = true
			continue
		}
		r.layer(v, l.expr)
	}
	d := decoded{value: r.value, failed: r.failed, sized: r.sized, quiet: r.quiet, own: r.own}
	e.cache[a] = d
	return d
}
