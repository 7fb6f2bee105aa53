package archtest

import "strings"

// Layer says what a package may import of this module.
type Layer struct {
	Dir    string
	May    []string // Directories; "x/..." is x and all below it; "..." is anything.
	Not    []string // Taken away from May.
	Reason string
}

// Library says which packages may import something from outside.
type Library struct {
	Path   string   // The import path itself and all below it.
	Except []string // Paths below it that anybody may import.
	Only   []string // Directories that may.
	Reason string
}

// CheckLayers compares imports inside the module with the table. A package without a row is a finding too: where it
// stands is a decision to be made.
func CheckLayers(m *Module, layers []Layer) []Finding {
	f := &findings{module: m}
	rows := map[string]Layer{}
	for _, l := range layers {
		rows[l.Dir] = l
	}
	for _, pkg := range m.Packages {
		if _, ok := rows[pkg.Dir]; !ok && pkg.Name != "" {
			f.about(pkg.Dir, "the import table has no row for this package; decide what it may import, and why")
		}
	}
	m.shipped(func(pkg *Package, file *File) {
		row, ok := rows[pkg.Dir]
		if !ok {
			return
		}
		for _, spec := range file.Syntax.Imports {
			dir, ok := strings.CutPrefix(importPath(spec), m.Path+"/")
			if !ok {
				continue
			}
			if !inside(dir, row.May) || inside(dir, row.Not) {
				f.at(spec, "%s must not import %s: %s", pkg.Dir, dir, row.Reason)
			}
		}
	})
	return f.sorted()
}

// CheckLibraries compares imports from outside the module with the table.
func CheckLibraries(m *Module, libraries []Library) []Finding {
	f := &findings{module: m}
	m.shipped(func(pkg *Package, file *File) {
		for _, spec := range file.Syntax.Imports {
			for _, lib := range libraries {
				p := importPath(spec)
				if within(p, lib.Path) && !withinAny(p, lib.Except) && !inside(pkg.Dir, lib.Only) {
					f.at(spec, "%s must not import %s: %s", pkg.Dir, p, lib.Reason)
				}
			}
		}
	})
	return f.sorted()
}

// within reports whether an import path is root or below it.
func within(p, root string) bool { return p == root || strings.HasPrefix(p, root+"/") }

func withinAny(p string, roots []string) bool {
	for _, root := range roots {
		if within(p, root) {
			return true
		}
	}
	return false
}
