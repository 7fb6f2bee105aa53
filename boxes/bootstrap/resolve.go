package bootstrap

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// index is the packages of an archive for one architecture: the newest version of each name.
type index struct {
	arch     string
	byName   map[string]pkg
	provided map[string][]provider
}

type provider struct {
	by      string
	version string // "" where the virtual package has none
}

// satisfies: what is provided without a version satisfies no relation that has one.
func (p provider) satisfies(r relation) bool {
	return r.op == "" || p.version != "" && r.allows(p.version)
}

func newIndex(arch string) *index {
	return &index{arch: arch, byName: map[string]pkg{}, provided: map[string][]provider{}}
}

func (x *index) add(p pkg) {
	if p.arch != x.arch && p.arch != "all" {
		return
	}
	if have, ok := x.byName[p.name]; !ok || compareVersions(p.version, have.version) > 0 {
		x.byName[p.name] = p
	}
}

// provide fills in what is virtual, once all packages are there.
func (x *index) provide() error {
	for _, name := range slices.Sorted(maps.Keys(x.byName)) {
		if x.byName[name].provides == "" {
			continue
		}
		offered, err := parseRelations(x.byName[name].provides)
		if err != nil {
			return &formatError{what: "package " + name, text: "what it provides cannot be read"}
		}
		for _, alternatives := range offered {
			for _, r := range alternatives {
				x.provided[r.name] = append(x.provided[r.name], provider{name, r.version})
			}
		}
	}
	return nil
}

// relation is one name of a dependency, with the versions that satisfy it.
type relation struct{ name, op, version string }

const maxRelations = 10_000

// parseRelations reads a dependency field: alternatives, all of which must be satisfied. Qualifiers of architecture
// are left out, since there is only one.
func parseRelations(field string) ([][]relation, error) {
	var out [][]relation
	for group := range strings.SplitSeq(field, ",") {
		if strings.TrimSpace(group) == "" {
			continue
		}
		var alternatives []relation
		for text := range strings.SplitSeq(group, "|") {
			r, ok := parseRelation(text)
			if !ok || len(out) >= maxRelations || len(alternatives) >= maxRelations {
				return nil, fmt.Errorf("dependency %q cannot be read", strings.TrimSpace(group))
			}
			alternatives = append(alternatives, r)
		}
		out = append(out, alternatives)
	}
	return out, nil
}

func parseRelation(text string) (relation, bool) {
	text, _, _ = strings.Cut(text, "[")
	text, _, _ = strings.Cut(text, "<!")
	name, constraint, versioned := strings.Cut(strings.TrimSpace(text), "(")
	name, _, _ = strings.Cut(strings.TrimSpace(name), ":")
	r := relation{name: name}
	if versioned {
		constraint, closed := strings.CutSuffix(strings.TrimSpace(constraint), ")")
		i := strings.IndexFunc(constraint, func(c rune) bool { return !strings.ContainsRune("<>=", c) })
		if !closed || i < 1 {
			return r, false
		}
		r.op, r.version = constraint[:i], strings.TrimSpace(constraint[i:])
		if !validVersion(r.version) {
			return r, false
		}
	}
	return r, validName(name)
}

// allows reports whether a version satisfies the relation.
func (r relation) allows(version string) bool {
	c := compareVersions(version, r.version)
	switch r.op {
	case "":
		return true
	case "<<":
		return c < 0
	case "<=", "<":
		return c <= 0
	case "=":
		return c == 0
	case ">=", ">":
		return c >= 0
	case ">>":
		return c > 0
	}
	return false
}

// set is a choice of packages that satisfies its own dependencies.
type set struct {
	index  *index
	chosen map[string]bool
}

// closure chooses the packages that are named, and what they need. Packages that are chosen already satisfy what they
// can; else the first alternative that exists is taken, a real package before those that provide it. Conflicts are the
// package manager's to find.
func (x *index) closure(names []string) (*set, error) {
	s := &set{x, map[string]bool{}}
	names = slices.Sorted(slices.Values(names))
	for _, n := range names {
		if _, ok := x.byName[n]; !ok {
			return nil, &ConfigError{Text: fmt.Sprintf("the mirror has no package %q for %s", n, x.arch)}
		}
		s.chosen[n] = true
	}
	for queue := names; len(queue) > 0; queue = queue[1:] {
		p := x.byName[queue[0]]
		depends, err := parseRelations(p.depends)
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", p.name, err)
		}
		for _, alternatives := range depends {
			if slices.ContainsFunc(alternatives, s.satisfied) {
				continue
			}
			name, ok := x.choose(alternatives)
			if !ok {
				return nil, fmt.Errorf("package %s needs %s, which the mirror does not have", p.name, alternatives[0].name)
			}
			s.chosen[name] = true
			queue = append(queue, name)
		}
	}
	return s, nil
}

func (s *set) satisfied(r relation) bool {
	if s.chosen[r.name] && r.allows(s.index.byName[r.name].version) {
		return true
	}
	return slices.ContainsFunc(s.index.provided[r.name], func(p provider) bool {
		return s.chosen[p.by] && p.satisfies(r)
	})
}

// choose prefers what the distribution requires anyway.
func (x *index) choose(alternatives []relation) (string, bool) {
	for _, r := range alternatives {
		if p, ok := x.byName[r.name]; ok && p.required && r.allows(p.version) {
			return p.name, true
		}
		for _, p := range x.provided[r.name] {
			if x.byName[p.by].required && p.satisfies(r) {
				return p.by, true
			}
		}
	}
	for _, r := range alternatives {
		if p, ok := x.byName[r.name]; ok && r.allows(p.version) {
			return p.name, true
		}
		for _, p := range x.provided[r.name] {
			if p.satisfies(r) {
				return p.by, true
			}
		}
	}
	return "", false
}

// list gives the packages sorted by name.
func (s *set) list() []pkg {
	var out []pkg
	for _, n := range slices.Sorted(maps.Keys(s.chosen)) {
		out = append(out, s.index.byName[n])
	}
	return out
}

// merged says to a package manager that /usr is merged, as it is here from the start.
const merged = "usr-is-merged"

// choice is what an image is made of.
type choice struct {
	first []pkg // what must be there for dpkg and its scripts to run
	base  []pkg // the minimal system, which dpkg installs; first is part of it
	extra []pkg // what was asked for beyond, which apt installs
}

// minimal picks the packages of a small system: all that are essential or required, apt, and what they need.
func (x *index) minimal(secure bool, asked []string) (choice, error) {
	var essential, base []string
	for name, p := range x.byName {
		if p.essential {
			essential = append(essential, name)
		}
		if p.essential || p.required {
			base = append(base, name)
		}
	}
	if !slices.Contains(essential, "dpkg") {
		return choice{}, &formatError{what: "package index", text: "it has no essential dpkg: this is no distribution that can be bootstrapped"}
	}
	base = append(base, "apt")
	if _, ok := x.byName[merged]; ok { // else what merges an unmerged /usr would be installed, with all that it needs
		essential, base = append(essential, merged), append(base, merged)
	}
	if secure {
		base = append(base, "ca-certificates")
	}
	first, err := x.closure(essential)
	if err != nil {
		return choice{}, err
	}
	minimal, err := x.closure(base)
	if err != nil {
		return choice{}, err
	}
	all, err := x.closure(append(slices.Collect(maps.Keys(minimal.chosen)), asked...))
	if err != nil {
		return choice{}, err
	}
	c := choice{first: first.list()}
	for _, p := range first.list() {
		minimal.chosen[p.name] = true // chosen by itself it may have met another alternative
	}
	c.base = minimal.list()
	for _, p := range all.list() {
		if !minimal.chosen[p.name] {
			c.extra = append(c.extra, p)
		}
	}
	return c, nil
}
