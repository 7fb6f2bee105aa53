package archtest

import (
	"go/ast"
	"slices"
)

// Access says who may use some names of a package. With no names it is about the package as a whole.
type Access struct {
	Path   string
	Names  []string
	Only   []string
	Reason string
}

// CheckAccess finds uses of guarded names. A dot import of a guarded package is a finding, since nothing could be told
// about it. Names are looked for as selectors, so a method value counts as much as a call.
func CheckAccess(m *Module, rules []Access) []Finding {
	f := &findings{module: m}
	m.shipped(func(pkg *Package, file *File) {
		imports := file.Imports()
		for _, rule := range rules {
			name, ok := imports[rule.Path]
			if !ok || inside(pkg.Dir, rule.Only) {
				continue
			}
			if len(rule.Names) == 0 || name == "." {
				f.at(file.Syntax.Name, "%s must not import %s: %s", pkg.Dir, rule.Path, rule.Reason)
				continue
			}
			for _, use := range uses(file.Syntax, name, rule.Names) {
				f.at(use, "%s must not use %s.%s: %s", pkg.Dir, rule.Path, use.Sel.Name, rule.Reason)
			}
		}
	})
	return f.sorted()
}

// uses returns the selectors pkg.NAME of a file. An identifier that the parser resolved is a local one of that name.
func uses(file *ast.File, pkg string, names []string) []*ast.SelectorExpr {
	var found []*ast.SelectorExpr
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok && id.Name == pkg && id.Obj == nil && slices.Contains(names, sel.Sel.Name) {
			found = append(found, sel)
		}
		return true
	})
	return found
}
