package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/version"
)

// DefinitionFile is the name of a box definition's file in its directory.
const DefinitionFile = "box.hcl"

// Definitions finds the box definitions that `from` names (product reference, §3).
type Definitions interface {
	// Definition returns what ref names; by is the definition in which it is named, nil for the Envfile. What a person can
	// mend is told by a [DefinitionError]; what is not looked at before somebody allows it, by an [UntrustedError]. ctx ends
	// what it fetches.
	Definition(ctx context.Context, ref string, by *Definition) (*Definition, error)
}

// Definition is a box definition as it was found, with the files that it may read.
type Definition struct {
	// ID says which one it is: two with the same are the same definition.
	ID string
	// File is what messages call its box.hcl.
	File string
	Data []byte
	// Constraint asks for one of the versions that the definition knows, as "~> 1.26"; "" for its own choice.
	Constraint string
	// Tree holds the files that its expressions read, and Folder is where box.hcl lies in it.
	Tree   fs.FS
	Folder string
	// Content is that tree for builds and setups of a definition from elsewhere; nil where they can take nothing of it.
	Content Tree
	// Place is where the tree lies on the host, for one that lies there outside the checkout.
	Place string
	// Dir is that folder as a path on the host, for a definition of the checkout. Without one the definition comes from
	// elsewhere, and sees only what `with` gives it.
	Dir string
	// Asks is what using it reaches outside the project, for the gate's list; nil is nothing.
	Asks *GateEntry
	// Unquoted: it is a file of this machine outside the checkout, of which no message quotes a line.
	Unquoted bool
	// Image, unless it is "", is the one image that its box may have, written out, because it came with the definition: then
	// that has no build either.
	Image string
}

// Tree holds the files of a definition from elsewhere. Nothing that is read through it lies outside of it.
type Tree interface {
	fs.ReadDirFS
	fs.StatFS
	fs.ReadLinkFS
	// Below is a directory as a tree of its own, which no link leads out of.
	Below(dir string) (fs.FS, error)
}

// DefinitionError says why there is no definition.
type DefinitionError struct {
	Class                 diag.Class
	Summary, Detail, Hint string
	// PersonalHint takes the hint's place where a personal layer names it.
	PersonalHint string
}

// Error is the summary.
func (e *DefinitionError) Error() string { return e.Summary }

// UntrustedError is a definition that nobody has allowed yet; Asks has no range.
type UntrustedError struct{ Asks GateEntry }

// Error is what it asks for.
func (e *UntrustedError) Error() string { return e.Asks.What }

// quoted is the text that messages may quote.
func (d *Definition) quoted() Source {
	if d.Unquoted {
		return Source{Name: d.File}
	}
	return Source{Name: d.File, Data: d.Data}
}

// definitionFile is a parsed box.hcl.
type definitionFile struct {
	root *node
	box  *node
	// needs names the variables and locals of each expression, as "var.x"; "var" is all of them.
	needs map[hclsyntax.Expression]map[string]bool
}

// definitionSchema is the language of box.hcl.
func definitionSchema() *block {
	box := boxSchema()
	box.label = labelNone
	return &block{blocks: []*block{
		variableSchema(),
		{name: "locals", free: true, doc: "named expressions, read as local.NAME"},
		box,
	}}
}

// parseDefinition reads a box.hcl; nil when it is broken, which is reported.
func parseDefinition(p *problems, def *Definition) *definitionFile {
	p.addSource(def.quoted())
	before := len(p.found)
	root, ok := parseLayer(p, definitionSchema(), Source{Name: def.File, Data: def.Data})
	if !ok || root == nil {
		return nil
	}
	file := &definitionFile{root: root, box: root.find("box", ""), needs: map[hclsyntax.Expression]map[string]bool{}}
	if file.box == nil {
		if len(p.found) == before {
			at := hcl.Range{Filename: def.File, Start: hcl.InitialPos, End: hcl.InitialPos}
			p.errorf(at, "the definition has no box").hint = "write box { … }, with the attributes and blocks of an Envfile's box"
		}
		return nil
	}
	if def.Image != "" && !file.hasOnly(p, def.Image) {
		return nil
	}
	return file
}

// hasOnly reports a base that did not come with the definition.
func (f *definitionFile) hasOnly(p *problems, image string) bool {
	if b := f.box.find("build", ""); b != nil {
		p.errorf(b.header, "a definition that has its image with it cannot build one")
		return false
	}
	a := f.box.attrs["image"]
	if a == nil {
		return true
	}
	for _, l := range a.layers {
		v, ok := literal(l.expr)
		if !ok || !isString(v) || v.AsString() != image {
			p.errorf(l.expr.Range(), "`image`: expected %q, the image that came with the definition", image)
			return false
		}
	}
	return true
}

// definition is what `from` names by a string, with the variables that `with` may set; nil after an error.
func (in *inheritance) definition(ref string, at hcl.Range, by *module) *module {
	if in.definitions == nil {
		in.p.errorf(at, "`from`: there are no definitions here").detail = "only template.NAME can stand here"
		return nil
	}
	def := in.find(ref, at, by)
	if def == nil {
		return nil
	}
	for m := by; m != nil; m = m.parent {
		if m.def.ID == def.ID {
			in.p.errorf(at, "the definition %s is made from itself", clip(def.File))
			return nil
		}
	}
	file, ok := in.files[def.ID]
	if !ok {
		if in.bytes += len(def.Data); in.bytes > maxDefinitionBytes {
			in.p.errorf(at, "the definitions come to more than %d MiB", maxDefinitionBytes>>20)
			return nil
		}
		in.named[def.File] = at
		file = parseDefinition(in.p, def)
		in.files[def.ID] = file
		in.sources = append(in.sources, def.quoted())
	}
	if file == nil {
		return nil
	}
	if !in.take(file.root, at) {
		return nil
	}
	m := newModule(def, file, by, at)
	m.personal = in.isPersonal(at, by)
	in.modules = append(in.modules, m)
	if def.Constraint != "" {
		in.choose(m)
	}
	return m
}

// isPersonal reports whether a name stands in a personal layer, or in a definition that one names.
func (in *inheritance) isPersonal(at hcl.Range, by *module) bool {
	if by != nil {
		return by.personal
	}
	return in.personal[at.Filename]
}

// answer is what was found of a name.
type answer struct {
	def *Definition
	err error
}

// find asks for a definition, once for each name in each file.
func (in *inheritance) find(ref string, at hcl.Range, by *module) *Definition {
	var parent *Definition
	key := [2]string{"", ref}
	if by != nil {
		parent, key[0] = by.def, by.def.ID
	}
	got, asked := in.found[key]
	if !asked {
		if got.def, got.err = in.definitions.Definition(in.ctx, ref, parent); got.err == nil {
			got.def = in.called(got.def)
		}
		in.found[key] = got
	}
	if got.err != nil {
		in.notFound(got.err, at, by)
		return nil
	}
	if got.def.Asks != nil {
		in.asks.put(*got.def.Asks, at)
	}
	return got.def
}

func (in *inheritance) notFound(err error, at hcl.Range, by *module) {
	pr := in.p.errorf(at, "`from`: %s", err)
	var known *DefinitionError
	var untrusted *UntrustedError
	switch {
	case errors.As(err, &known):
		pr.detail, pr.hint, pr.class = known.Detail, known.Hint, known.Class
		if known.PersonalHint != "" && in.isPersonal(at, by) {
			pr.hint = known.PersonalHint
		}
	case errors.As(err, &untrusted):
		pr.class = diag.Refused
		in.asks.put(untrusted.Asks, at)
		in.untrusted = true
	}
}

// called gives a definition a file's name that nothing else has, and is the same for the same one.
func (in *inheritance) called(def *Definition) *Definition {
	own := *def
	for i := 2; in.names[own.File] != "" && in.names[own.File] != def.ID; i++ {
		own.File = fmt.Sprintf("%s (%d)", def.File, i)
	}
	in.names[own.File] = def.ID
	return &own
}

// choose fixes var.version to the highest of the versions that the definition lists in local.versions and the constraint
// allows.
func (in *inheritance) choose(m *module) {
	chosen, list := m.vars["version"], m.locals["versions"]
	if chosen == nil || list == nil {
		in.p.errorf(m.at, "the definition %s knows no versions", clip(m.def.File)).detail = "a constraint needs its variable `version` and its local `versions`"
		return
	}
	constraint, err := version.ParseLooseConstraint(m.def.Constraint)
	if err != nil {
		in.p.errorf(m.at, "%q is no constraint on a version", clip(m.def.Constraint)).detail = `expected comparisons, as ">= 17, < 18" or "~> 1.26"`
		return
	}
	all, ok := writtenVersions(list)
	if !ok {
		in.p.errorf(list.attr.at(), "`versions`: expected a list of strings that are written out")
		return
	}
	best := highest(constraint, all)
	if best == "" {
		in.p.errorf(m.at, "no version is %s", clip(m.def.Constraint)).detail = "there are: " + strings.Join(all, ", ")
		return
	}
	fixed := cty.StringVal(best)
	chosen.fixed = &fixed
}

// highest is the highest of the versions that a constraint allows, "" for none. What is no version is passed over.
func highest(c version.Constraint, all []string) string {
	texts := slices.DeleteFunc(slices.Clone(all), func(s string) bool {
		_, err := version.ParseLoose(s)
		return err != nil
	})
	versions := make([]version.Version, len(texts))
	for i, s := range texts {
		versions[i], _ = version.ParseLoose(s) // it was one
	}
	if i := c.Highest(versions); i >= 0 {
		return texts[i]
	}
	return ""
}

// writtenVersions reads local.versions, which nothing is evaluated for.
func writtenVersions(b *binding) (all []string, ok bool) {
	v, ok := literal(b.attr.last().expr)
	if !ok || !v.IsKnown() || v.IsNull() || !v.CanIterateElements() {
		return nil, false
	}
	for it := v.ElementIterator(); it.Next(); {
		if _, item := it.Element(); isString(item) {
			all = append(all, item.AsString())
		}
	}
	return all, true
}
