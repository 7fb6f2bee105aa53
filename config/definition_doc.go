package config

import (
	"context"
	"strings"

	"github.com/envyhq/envy/internal/diag"
)

// DefinitionDoc is what a definition says of itself.
type DefinitionDoc struct {
	About     string // the comment at its head, as one paragraph
	Variables []DefinitionVariable
	Versions  []string // those that a constraint chooses from
}

// DefinitionVariable is one that `with` may set.
type DefinitionVariable struct {
	Name        string
	Type        string // "" = any
	Description string
	Default     string // as written; "" = none, and one must be given
}

// Describe reads a definition without making anything of it.
func Describe(ctx context.Context, def *Definition) (*DefinitionDoc, diag.List) {
	p := newProblems(nil)
	file := parseDefinition(p, def)
	if file == nil {
		return nil, p.list()
	}
	doc := &DefinitionDoc{About: headComment(string(def.Data))}
	e := newEvaluation(ctx, &Envfile{}, Values{})
	e.p = p
	for _, n := range file.root.all("variable") {
		about := e.about(n)
		v := DefinitionVariable{Name: about.Name, Type: about.Type, Description: about.Description}
		if d := n.attrs["default"]; d != nil {
			at := d.at()
			v.Default = string(at.SliceBytes(def.Data))
		}
		doc.Variables = append(doc.Variables, v)
	}
	if l := newModule(def, file, nil, file.box.header).locals["versions"]; l != nil {
		doc.Versions, _ = writtenVersions(l)
	}
	return doc, p.list()
}

// headComment is the comment that a file begins with.
func headComment(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !ok {
			break
		}
		words = append(words, strings.Fields(rest)...)
	}
	return strings.Join(words, " ")
}
