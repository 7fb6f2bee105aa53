package config

import (
	"strings"
	"unicode"

	"github.com/distribution/reference"
	"github.com/envyhq/envy/internal/diag"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// TeamCache is the registry that images with packages and setups are taken from, and put into.
type TeamCache struct {
	Registry string // a repository: "registry.example.com/team/cache"
	Range    diag.Range
}

func cacheSchema() *block {
	return &block{name: "cache", doc: "the team's cache: images with packages and setups are looked for there before they are built", attrs: []attribute{
		enabledAttr(),
		{name: "registry", kind: kindString, required: true, rule: cacheRegistry, doc: "a repository of a registry, as \"registry.example.com/team/cache\""},
	}}
}

// cacheRegistry is a repository with its host written out: a short name would mean one of everybody's.
func cacheRegistry(s string) string {
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil || !reference.IsNameOnly(named) || !strings.HasPrefix(s, reference.Domain(named)+"/") {
		return "a repository with its registry and without a tag, as \"registry.example.com/team/cache\""
	}
	return ""
}

// teamCache reads the block. What others built runs in boxes, and what is pushed leaves the project, so it asks for trust.
func (e *evaluation) teamCache(pr *Project) {
	n := e.file.root.find("cache", "")
	if n == nil {
		return
	}
	v := e.decode(n)
	name := v.str("registry")
	if !v.flag("enabled", true) || name == "" {
		return
	}
	pr.Cache = &TeamCache{Registry: name, Range: toRange(n.header)}
	e.gate.add(GateCache, v.at("registry"), name, "images are taken from %s, where others can put them, and pushed there on demand", name)
}

// User is what the user's own configuration says.
type User struct {
	// Trust are the cache registries whose images count without the lock.
	Trust []string
	// Keys are files beside that one, each with a public key: what one of them signed counts without the lock too.
	Keys []string
	// Sign is the file beside it with the private key that signs what is pushed; "" for none.
	Sign string
}

// Trusts reports whether images of a cache registry count without the lock.
func (u User) Trusts(registry string) bool { return contains(u.Trust, registry) }

// ParseUser reads the user's own configuration, a file of literal values.
func ParseUser(file Source) (User, diag.List) {
	p := newProblems([]Source{file})
	schema := &block{blocks: []*block{{name: "cache", attrs: []attribute{
		{name: "trust", kind: kindList, rule: cacheRegistry},
		{name: "keys", kind: kindList, rule: fileBeside},
		{name: "sign", kind: kindString, rule: fileBeside},
	}}}}
	root, ok := parseLayer(p, schema, file)
	if !ok {
		return User{}, p.list()
	}
	var u User
	n := root.find("cache", "")
	if n == nil {
		return u, p.list()
	}
	if a := n.attrs["trust"]; a != nil {
		u.Trust = literalWords(p, a)
	}
	if a := n.attrs["keys"]; a != nil {
		u.Keys = literalWords(p, a)
	}
	if a := n.attrs["sign"]; a != nil {
		u.Sign = literalWord(p, a)
	}
	return u, p.list()
}

// fileBeside is a file in the folder of the user's configuration.
func fileBeside(s string) string {
	if s == "" || strings.HasPrefix(s, ".") || strings.ContainsAny(s, "/\\") || strings.ContainsFunc(s, unicode.IsControl) {
		return "the name of a file beside this one, without a folder"
	}
	return ""
}

// literalWord is a string that needs nothing to be known.
func literalWord(p *problems, a *attr) string {
	v, ok := literal(a.last().expr)
	if !ok || v.IsNull() || v.Type() != cty.String {
		p.errorf(a.at(), "`%s` wants a string, written out", a.name)
		return ""
	}
	if want := a.schema.rule(v.AsString()); want != "" {
		p.errorf(a.at(), "%q is not what `%s` wants", v.AsString(), a.name).detail = "expected " + want
	}
	return v.AsString()
}

// literalWords are strings that need nothing to be known.
func literalWords(p *problems, a *attr) []string {
	v, ok := literal(a.last().expr)
	if ok && !v.IsNull() {
		var err error
		v, err = convert.Convert(v, cty.List(cty.String))
		ok = err == nil
	}
	if !ok || v.IsNull() || !v.IsWhollyKnown() {
		p.errorf(a.at(), "`%s` wants a list of strings, written out", a.name)
		return nil
	}
	var out []string
	for it := v.ElementIterator(); it.Next(); {
		_, s := it.Element()
		if s.IsNull() {
			p.errorf(a.at(), "`%s` wants a list of strings, written out", a.name)
			return nil
		}
		if want := a.schema.rule(s.AsString()); want != "" {
			p.errorf(a.at(), "%q is not what `%s` wants", s.AsString(), a.name).detail = "expected " + want
			continue
		}
		out = append(out, s.AsString())
	}
	return out
}
