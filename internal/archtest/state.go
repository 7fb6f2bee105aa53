package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// Variable allows one package variable that the rule of CheckState would refuse.
type Variable struct {
	Dir, Name string
	Reason    string
}

// CheckInit finds init functions, in tests too: they run before anything could pass them a value.
func CheckInit(m *Module) []Finding {
	f := &findings{module: m}
	for _, pkg := range m.Packages {
		for _, file := range pkg.Files {
			for _, decl := range file.Syntax.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					f.at(fn, "no init functions: what a package needs arrives as a value")
				}
			}
		}
	}
	return f.sorted()
}

// CheckState finds package variables that can change. A package variable may stand if it has an initialiser that builds
// a value (a composite literal, or a call of one of the constructors), and nothing in the module assigns to it or a part
// of it, increments it, deletes from it or takes its address. Blank ones (compile-time assertions) and embedded files
// may stand as well. What is left needs an entry with a reason.
//
// It is a check of syntax: a map handed to a function that writes it goes unseen.
func CheckState(m *Module, constructors []string, allowed []Variable) []Finding {
	f := &findings{module: m}
	used := map[Variable]bool{}
	for _, pkg := range m.Packages {
		vars := packageVars(pkg)
		written := writes(m, pkg, vars)
		for _, v := range vars {
			if i := slices.IndexFunc(allowed, func(a Variable) bool { return a.Dir == pkg.Dir && a.Name == v.ident.Name }); i >= 0 {
				used[allowed[i]] = true
				continue
			}
			switch at := written[v.ident.Name]; {
			case at != nil:
				f.at(at, "package variable %s is written here: state arrives as a value", v.ident.Name)
			case !v.embedded && !builds(v.value, pkg.Dir, constructors):
				f.at(v.ident, "package variable %s could be replaced: make it a constant or a function, or pass it as a value", v.ident.Name)
			}
		}
	}
	for _, a := range allowed {
		if !used[a] && m.has(a.Dir) {
			f.about(a.Dir, "variable %s is allowed (%s) and does not exist: take the entry out", a.Name, a.Reason)
		}
	}
	return f.sorted()
}

func (m *Module) has(dir string) bool {
	return slices.ContainsFunc(m.Packages, func(p *Package) bool { return p.Dir == dir })
}

// packageVar is one name declared by a package-level var.
type packageVar struct {
	ident    *ast.Ident
	value    ast.Expr // nil without an initialiser
	spec     *ast.ValueSpec
	embedded bool
}

func packageVars(pkg *Package) []packageVar {
	var vars []packageVar
	for _, file := range pkg.Files {
		if file.Test {
			continue
		}
		for _, decl := range file.Syntax.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, s := range gen.Specs {
				spec := s.(*ast.ValueSpec)
				for i, id := range spec.Names {
					v := packageVar{ident: id, spec: spec, embedded: embeds(gen.Doc) || embeds(spec.Doc)}
					if i < len(spec.Values) {
						v.value = spec.Values[i]
					}
					if id.Name != "_" {
						vars = append(vars, v)
					}
				}
			}
		}
	}
	return vars
}

func embeds(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// builds reports whether an initialiser makes a value of its own, rather than naming something else. A constructor of
// the package itself is in the list with the package's directory.
func builds(e ast.Expr, dir string, constructors []string) bool {
	switch e := e.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.UnaryExpr:
		_, ok := e.X.(*ast.CompositeLit)
		return ok && e.Op == token.AND
	case *ast.ParenExpr:
		return builds(e.X, dir, constructors)
	case *ast.CallExpr:
		switch fun := e.Fun.(type) {
		case *ast.Ident:
			return slices.Contains(constructors, dir+"."+fun.Name)
		case *ast.SelectorExpr:
			pkg, ok := fun.X.(*ast.Ident)
			return ok && (slices.Contains(constructors, pkg.Name+"."+fun.Sel.Name) || slices.Contains(constructors, pkg.Name+".*"))
		}
	}
	return false
}

// writes returns, by variable, one place that writes it: inside its package by its name, elsewhere as pkg.Name.
func writes(m *Module, owner *Package, vars []packageVar) map[string]ast.Node {
	specs := map[string]*ast.ValueSpec{}
	for _, v := range vars {
		specs[v.ident.Name] = v.spec
	}
	found := map[string]ast.Node{}
	if len(specs) == 0 {
		return found
	}
	m.shipped(func(pkg *Package, file *File) {
		qualifier := ""
		if pkg != owner {
			name, ok := file.Imports()[m.Path+"/"+owner.Dir]
			if !ok {
				return
			}
			qualifier = name
		}
		ast.Inspect(file.Syntax, func(n ast.Node) bool {
			for _, target := range targets(n) {
				if name := variable(target, qualifier, specs); name != "" && found[name] == nil {
					found[name] = n
				}
			}
			return true
		})
	})
	return found
}

// targets returns the expressions that a piece of syntax writes.
func targets(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && slices.Contains([]string{"delete", "clear", "copy"}, id.Name) && len(n.Args) > 0 {
			return n.Args[:1]
		}
	}
	return nil
}

// variable returns which of the variables an expression is, or is a part of; "" for none. With a qualifier the variables
// are those of another package.
func variable(e ast.Expr, qualifier string, specs map[string]*ast.ValueSpec) string {
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.SelectorExpr:
			if id, ok := x.X.(*ast.Ident); ok && qualifier != "" && id.Name == qualifier && id.Obj == nil {
				if specs[x.Sel.Name] != nil {
					return x.Sel.Name
				}
				return ""
			}
			e = x.X
		case *ast.Ident:
			// The parser resolves names within a file: unresolved is another file's, resolved to the declaration is this one.
			if spec := specs[x.Name]; qualifier == "" && spec != nil && (x.Obj == nil || x.Obj.Decl == spec) {
				return x.Name
			}
			return ""
		default:
			return ""
		}
	}
}
