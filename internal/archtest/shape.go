package archtest

import (
	"go/ast"
	"slices"
	"strings"
)

// The longest function and file that need no reason, in lines.
const (
	MaxFunction = 60
	MaxFile     = 400
)

const long = "//archtest:long"

// CheckSize finds functions and files that are too long. A comment "//archtest:long REASON" in a function's doc, or
// above a file's package clause, lets one be; where nothing is too long any more that comment is a finding itself.
func CheckSize(m *Module) []Finding {
	f := &findings{module: m}
	m.shipped(func(_ *Package, file *File) {
		if ast.IsGenerated(file.Syntax) {
			return
		}
		var above []*ast.Comment
		for _, group := range file.Syntax.Comments {
			if group.Pos() < file.Syntax.Package {
				above = append(above, group.List...)
			}
		}
		f.length(file.Syntax.Name, file.Path, above, file.Lines, MaxFile)
		for _, decl := range file.Syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			var doc []*ast.Comment
			if fn.Doc != nil {
				doc = fn.Doc.List
			}
			lines := m.fset.Position(fn.End()).Line - m.fset.Position(fn.Pos()).Line + 1
			f.length(fn.Name, fn.Name.Name, doc, lines, MaxFunction)
		}
	})
	return f.sorted()
}

func (f *findings) length(at ast.Node, name string, comments []*ast.Comment, lines, limit int) {
	i := slices.IndexFunc(comments, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, long) })
	switch {
	case i < 0 && lines > limit:
		f.at(at, "%s has %d lines, more than %d: split it, or say why not with %s REASON", name, lines, limit, long)
	case i >= 0 && lines <= limit:
		f.at(at, "%s has %d lines, which needs no %s", name, lines, long)
	case i >= 0 && strings.TrimSpace(strings.TrimPrefix(comments[i].Text, long)) == "":
		f.at(at, "%s needs a reason after %s", name, long)
	}
}

// CheckDocs finds packages that do not say what they are.
func CheckDocs(m *Module) []Finding {
	f := &findings{module: m}
	for _, pkg := range m.Packages {
		if pkg.Name == "" { // tests only
			continue
		}
		want := "Package " + pkg.Name + " "
		if pkg.Name == "main" {
			want = "" // a command's comment begins with its name, which is not ours to know
		}
		if !slices.ContainsFunc(pkg.Files, func(file *File) bool {
			doc := file.Syntax.Doc
			return !file.Test && doc != nil && doc.Text() != "" && strings.HasPrefix(doc.Text(), want)
		}) {
			f.about(pkg.Dir, "no package comment that begins with %q: say what it knows and what it must not know", strings.TrimSpace("Package "+pkg.Name))
		}
	}
	return f.sorted()
}

// CheckTop finds names at the module's root that do not belong there. Names that begin with a dot may.
func CheckTop(names, allowed []string) []Finding {
	f := &findings{}
	for _, name := range names {
		if !strings.HasPrefix(name, ".") && !slices.Contains(allowed, name) {
			f.about(name, "does not belong at the root, which reads as the pipeline: find it a place below")
		}
	}
	return f.sorted()
}
