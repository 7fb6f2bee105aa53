package boxes

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/git"
	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

// catalog is the built-in catalogue: one directory a box.
//
//go:embed catalog
var catalog embed.FS

// catalogDir is the catalogue's directory, and what messages put before the names of its files.
const catalogDir = "catalog"

// Finder finds what `from` names for one checkout. It implements [config.Definitions], and remembers what repositories
// were settled on; it may be used by several goroutines at once, and must not be copied.
type Finder struct {
	// Files is the checkout, Folder the Envfile's directory in it, and Dir that directory on the host, as in
	// [config.Values]. Without Files there are no directories.
	Files  config.Files
	Folder string
	Dir    string
	// Git fetches from repositories; nil refuses them.
	Git func(ctx context.Context, src source.Git, locked *git.Pin) (git.Tree, git.Pin, error)
	// Registry fetches what stands before the image of an archive in a registry: that with a locked manifest's digest, or
	// with "" what the source means now. Nil refuses them.
	Registry func(ctx context.Context, src source.Registry, locked string) (*archive.Head, error)
	// Web fetches what stands before the image of an archive behind an address, out of a file that has the sum in it, and a
	// locked manifest's digest where there is one. Nil refuses them.
	Web func(ctx context.Context, src source.Archive, locked string) (*archive.Head, error)
	// Outside opens a directory outside the checkout; nil refuses them.
	Outside func(dir string) (config.Tree, error)
	// Trusts reports whether the user allows what a definition asks for. Nil allows nothing.
	Trusts func(config.GateEntry) bool
	// Lock is what was settled on before, and Locked refuses what it does not have (--locked).
	Lock   lock.Lock
	Locked bool
	// Archives has the boxes that were added, and is told of the archives that are named. Nil: there are no archives.
	Archives *Archives

	settled settled
}

var _ config.Definitions = (*Finder)(nil)

// Definition finds a definition by what `from` says (product reference, §3): a name of the catalogue, with an optional
// constraint on the version behind @, a directory, a git repository, or an archive in a file or a registry. A directory is relative to the file that names it.
func (f *Finder) Definition(ctx context.Context, ref string, by *config.Definition) (*config.Definition, error) {
	from, err := source.Parse(ref)
	var wrong *source.Error
	switch {
	case errors.As(err, &wrong):
		return nil, &config.DefinitionError{Summary: wrong.Summary, Hint: wrong.Hint}
	case err != nil:
		return nil, err
	}
	if err := packed(from, by); err != nil {
		return nil, err
	}
	switch from := from.(type) {
	case source.Catalog:
		if def, err := f.added(from); def != nil || err != nil {
			return def, err
		}
		return fromCatalog(from.Name, from.Constraint)
	case source.Dir:
		return f.directory(from.Path, by)
	case source.Git:
		return f.repository(ctx, from)
	case source.Archive:
		if from.Host != "" {
			return f.behindAddress(ctx, from)
		}
		return f.archive(from, by)
	case source.Registry:
		return f.registered(ctx, from)
	}
	return nil, &config.DefinitionError{Summary: fmt.Sprintf("envy knows no definition like %s", shorten(from.String()))}
}

// Names lists the catalogue, sorted.
func Names() []string {
	entries, err := fs.ReadDir(catalog, catalogDir)
	if err != nil {
		return nil // it is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

func fromCatalog(name, constraint string) (*config.Definition, error) {
	names := Names()
	if !slices.Contains(names, name) {
		e := &config.DefinitionError{Summary: fmt.Sprintf("no box %q in the catalogue", shorten(name))}
		if near := diag.Suggest(name, names); near != "" {
			e.Hint = fmt.Sprintf("did you mean %q?", near)
		} else {
			e.Detail = "there are: " + strings.Join(names, ", ")
			e.Hint = fmt.Sprintf("a directory is written with a dot before it: \"./%s\"", shorten(name))
		}
		return nil, e
	}
	folder := path.Join(catalogDir, name)
	return read(catalog, &config.Definition{ID: "catalogue " + name, Constraint: constraint, Tree: catalog, Folder: folder, File: path.Join(folder, config.DefinitionFile)})
}

// directory is a definition in a directory: of the checkout, or of the tree of the definition that names it.
func (f *Finder) directory(ref string, by *config.Definition) (*config.Definition, error) {
	if by != nil && by.Dir == "" {
		folder := path.Join(by.Folder, ref)
		if !fs.ValidPath(folder) {
			return nil, &config.DefinitionError{Summary: fmt.Sprintf("%s leads out of the definition's own files", shorten(ref))}
		}
		file := path.Join(path.Dir(by.File), ref, config.DefinitionFile)
		return read(by.Tree, &config.Definition{
			ID: by.ID + " " + folder, Tree: by.Tree, Folder: folder, File: file, Unquoted: by.Unquoted, Image: by.Image,
			Content: by.Content, Place: by.Place,
		})
	}
	if f.Files == nil {
		return nil, &config.DefinitionError{Summary: "there is no Envfile here, which a directory would be relative to"}
	}
	dir := f.Dir
	if by != nil {
		dir = by.Dir
	}
	at := f.Files.Resolve(path.Join(dir, ref))
	switch {
	case !at.Exists:
		return nil, &config.DefinitionError{Summary: "no such directory: " + shorten(ref)}
	case !at.Dir:
		return nil, &config.DefinitionError{Summary: shorten(ref) + " is no directory", Hint: "name the directory that holds " + config.DefinitionFile}
	case !at.Inside:
		return f.outside(ref, at.Path)
	}
	file := f.Files.Resolve(path.Join(at.Path, config.DefinitionFile))
	if file.Exists && path.Dir(file.Path) != at.Path {
		return nil, &config.DefinitionError{Summary: fmt.Sprintf("%s in %s is a link out of its directory", config.DefinitionFile, shorten(ref))}
	}
	shown, err := filepath.Rel(f.Folder, at.Rel)
	if err != nil {
		shown = at.Rel
	}
	return read(f.Files, &config.Definition{
		ID: "directory " + at.Path, Tree: f.Files, Folder: at.Rel, Dir: at.Path, File: path.Join(filepath.ToSlash(shown), config.DefinitionFile),
	})
}

// read fills in the definition's text.
func read(tree fs.FS, def *config.Definition) (*config.Definition, error) {
	data, err := readFile(tree, path.Join(def.Folder, config.DefinitionFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &config.DefinitionError{
			Summary: fmt.Sprintf("no %s in %s", config.DefinitionFile, shorten(path.Dir(def.File))),
			Detail:  "a definition is a directory that holds one",
		}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", shorten(def.File), err)
	}
	def.Data = data
	return def, nil
}

var errNotRegular = errors.New("is no regular file")

// readFile reads a regular file; one byte more than allowed is enough for the language to refuse it.
func readFile(tree fs.FS, name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, fs.ErrNotExist
	}
	file, err := tree.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	return io.ReadAll(io.LimitReader(file, config.MaxFileBytes+1))
}

// shorten cuts what a message quotes.
func shorten(s string) string {
	if runes := []rune(s); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return s
}
