package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the parsed source of a Go module.
type Module struct {
	Path     string // Import path, as go.mod has it.
	Packages []*Package

	fset *token.FileSet
}

// Package is one directory of Go files.
type Package struct {
	Dir   string // Relative to the module, with slashes; "." is the module's root.
	Name  string // From the package clause of a file that ships.
	Files []*File
}

// File is one Go file.
type File struct {
	Path   string
	Test   bool
	Syntax *ast.File
	Lines  int
}

// Load parses the named files of fsys. All build constraints are ignored: a rule holds on every platform.
func Load(module string, fsys fs.FS, names []string) (*Module, error) {
	m := &Module{Path: module, fset: token.NewFileSet()}
	byDir := map[string]*Package{}
	for _, name := range slices.Sorted(slices.Values(names)) {
		source, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		syntax, err := parser.ParseFile(m.fset, name, source, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		dir := path.Dir(name)
		pkg := byDir[dir]
		if pkg == nil {
			pkg = &Package{Dir: dir}
			byDir[dir] = pkg
			m.Packages = append(m.Packages, pkg)
		}
		file := &File{Path: name, Test: strings.HasSuffix(name, "_test.go"), Syntax: syntax, Lines: bytes.Count(source, []byte("\n"))}
		pkg.Files = append(pkg.Files, file)
		if !file.Test {
			pkg.Name = syntax.Name.Name
		}
	}
	return m, nil
}

// Imports returns a file's imports: path to the name it has in the file. Where the file gives no name it is the last
// element of the path, which is right for everything whose name the checks look at.
func (f *File) Imports() map[string]string {
	names := map[string]string{}
	for _, spec := range f.Syntax.Imports {
		p := importPath(spec)
		names[p] = path.Base(p)
		if spec.Name != nil {
			names[p] = spec.Name.Name
		}
	}
	return names
}

func importPath(spec *ast.ImportSpec) string {
	p, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(fmt.Sprintf("archtest: import path %s passed the parser", spec.Path.Value))
	}
	return p
}

// shipped calls visit for every file that is no test.
func (m *Module) shipped(visit func(*Package, *File)) {
	for _, pkg := range m.Packages {
		for _, file := range pkg.Files {
			if !file.Test {
				visit(pkg, file)
			}
		}
	}
}

// inside reports whether dir is one of the directories, or below one that ends in "/...". "..." holds everything.
func inside(dir string, dirs []string) bool {
	for _, d := range dirs {
		if d == "..." {
			return true
		}
		root, tree := strings.CutSuffix(d, "/...")
		if dir == root || tree && strings.HasPrefix(dir, root+"/") {
			return true
		}
	}
	return false
}
