package config

import (
	"slices"
	"strings"

	"github.com/envyhq/envy/internal/diag"
)

// The names an Envfile has, and the personal layer beside it.
const (
	FileName      = "Envfile"
	FileNameJSON  = "Envfile.json"
	LocalFileName = "Envfile.local"
)

// ChooseFile says which of a folder's files is its Envfile, "" when there is none. Both forms side by side are an error.
func ChooseFile(exists func(name string) bool) (string, diag.List) {
	native, isJSON := exists(FileName), exists(FileNameJSON)
	switch {
	case native && isJSON:
		return "", diag.List{{
			Summary: FileName + " and " + FileNameJSON + " stand side by side",
			Detail:  "a project has one of them", Hint: "remove one, or name one with --file",
			Range: diag.Range{File: FileNameJSON},
		}}
	case native:
		return FileName, nil
	case isJSON:
		return FileNameJSON, nil
	}
	return "", nil
}

// SafeName makes a project's name of a directory's: what no name may hold becomes a hyphen. It is "" where nothing is left.
func SafeName(dir string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, dir)
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	name = strings.Trim(name, "-")
	if len(name) > 40 {
		// Short enough that boxes have names of their own behind it.
		name = strings.TrimRight(name[:40], "-")
	}
	if hostLabel(name) != "" {
		return ""
	}
	return name
}

// personal reports a layer that is one person's: all but the first.
func (f *Envfile) personal(name string) bool {
	return slices.IndexFunc(f.sources, func(s Source) bool { return s.Name == name }) > 0
}
