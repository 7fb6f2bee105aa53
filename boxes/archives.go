package boxes

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

// Archives gives a [Finder] the boxes that were added, and remembers which archives were named: the image that such a
// definition starts from lies in its archive. It is safe for concurrent use.
type Archives struct {
	// Added gives a box that `envy box add` took in, nil for none of that name. Where it is nil, none was.
	Added func(name string) (*archive.Head, error)

	mu    sync.Mutex
	named map[string]Archive // by the image's reference
}

// Archive is a box archive that a definition came from.
type Archive struct {
	// From is what `from` says of it, as a person knows it: "./shop.box", relative to the Envfile; an added one's name.
	From string
	// Path is where it lies within Files, or where that is nil, the checkout; "" for one that lies elsewhere.
	Path  string
	Files fs.FS // those of a definition from elsewhere, which names it
	// Registry has it, where its Host is not "". Of one that has neither, because it was added, the engine was given the image then.
	Registry source.Registry
	// Web has it, where its Host is not "".
	Web source.Archive
	// Digest is the manifest's, "sha256:…", which commits to all that the archive holds. The image's reference follows from
	// the manifest.
	Digest    string
	Reference string
	Size      int64 // of the image, in bytes
}

// Holding is the archive that was named whose image has this reference.
func (a *Archives) Holding(reference string) (Archive, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found, ok := a.named[reference]
	return found, ok
}

// Named lists the archives that were named, by what names them.
func (a *Archives) Named() []Archive {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []Archive
	for _, x := range a.named {
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Archive) int { return strings.Compare(a.From, b.From) })
	return out
}

// remember prefers an archive of the checkout, then one of a registry: their images can be had again.
func (a *Archives) remember(x Archive) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.named == nil {
		a.named = map[string]Archive{}
	}
	if have, ok := a.named[x.Reference]; !ok || have.Path == "" && (x.Path != "" || have.Registry.Host == "") {
		a.named[x.Reference] = x
	}
}

// added is a definition that `envy box add` took in; nil for a name of the catalogue's, or of nobody's.
func (f *Finder) added(from source.Catalog) (*config.Definition, error) {
	if f.Archives == nil || f.Archives.Added == nil || slices.Contains(Names(), from.Name) {
		return nil, nil
	}
	head, err := f.Archives.Added(from.Name)
	if err != nil || head == nil {
		return nil, err
	}
	if err := f.hold(from.Name, head); err != nil {
		return nil, err
	}
	f.Archives.remember(Archive{From: from.Name, Digest: head.Digest, Reference: head.Reference(), Size: head.Image()})
	def, err := Packed(from.Name+archive.Extension, head)
	if def != nil {
		def.Constraint = from.Constraint
	}
	return def, err
}

// Packed is the definition in an archive, which messages call name.
func Packed(name string, head *archive.Head) (*config.Definition, error) {
	return read(head.Files, &config.Definition{
		ID: "archive " + head.Digest, Tree: head.Files, Folder: ".", File: name + "/" + config.DefinitionFile, Image: head.Reference(),
	})
}

// enclosed is a definition in an archive that lies among the files of the definition that names it. It is held to what those
// are held to, and needs no lock of its own.
func (f *Finder) enclosed(from source.Archive, by *config.Definition) (*config.Definition, error) {
	name := path.Join(by.Folder, from.Path)
	switch {
	case by.Content == nil || f.Archives == nil:
		return nil, &config.DefinitionError{Summary: fmt.Sprintf("there are no archives beside the definition %s", shorten(by.File))}
	case !fs.ValidPath(name):
		return nil, &config.DefinitionError{Summary: fmt.Sprintf("%s leads out of the definition's own files", shorten(from.Path))}
	}
	shown := path.Join(path.Dir(by.File), from.Path)
	head, err := headOf(by.Content, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &config.DefinitionError{Summary: "no such archive: " + shorten(shown)}
	case err != nil:
		return nil, unusable(shown, err)
	}
	f.Archives.remember(Archive{From: shown, Path: name, Files: by.Content, Digest: head.Digest, Reference: head.Reference(), Size: head.Image()})
	def, err := Packed(shown, head)
	if def != nil {
		def.Unquoted = by.Unquoted
	}
	return def, err
}

// unusable is an archive that cannot be read, or is none.
func unusable(shown string, err error) error {
	var wrong *archive.Error
	if errors.As(err, &wrong) {
		return &config.DefinitionError{Summary: fmt.Sprintf("the archive %s cannot be used", shorten(shown)), Detail: wrong.Text, Hint: wrong.Hint}
	}
	return fmt.Errorf("%s: %w", shorten(shown), err)
}

// archive is a definition in an archive of the checkout, or of the definition that names it.
func (f *Finder) archive(from source.Archive, by *config.Definition) (*config.Definition, error) {
	switch {
	case by != nil && by.Dir == "":
		return f.enclosed(from, by)
	case f.Files == nil || f.Archives == nil:
		return nil, &config.DefinitionError{Summary: "there is no Envfile here, which an archive would be relative to"}
	}
	dir := f.Dir
	if by != nil {
		dir = by.Dir
	}
	at := f.Files.Resolve(path.Join(dir, from.Path))
	switch {
	case !at.Inside:
		return nil, &config.DefinitionError{
			Summary: fmt.Sprintf("the archive %s lies outside the checkout", shorten(from.Path)),
			Hint:    "envy box add " + from.Path + ", then write its name",
		}
	case !at.Exists:
		return nil, &config.DefinitionError{Summary: "no such archive: " + shorten(from.Path), Hint: "envy package makes one"}
	}
	shown := at.Rel
	if rel, err := filepath.Rel(f.Folder, at.Rel); err == nil {
		shown = filepath.ToSlash(rel)
	}
	if !strings.HasPrefix(shown, "../") {
		shown = "./" + shown
	}
	head, err := headOf(f.Files, at.Rel)
	if err != nil {
		return nil, unusable(shown, err)
	}
	if err := f.hold(shown, head); err != nil {
		return nil, err
	}
	f.Archives.remember(Archive{From: shown, Path: at.Rel, Digest: head.Digest, Reference: head.Reference(), Size: head.Image()})
	return Packed(shown, head)
}

// hold refuses an archive that is another than was locked, and keeps what it is.
func (f *Finder) hold(name string, head *archive.Head) error {
	entry, locked := f.Lock.FindArchive(name)
	switch {
	case locked && entry.Checksum != head.Digest:
		return &config.DefinitionError{
			Class: diag.Refused, Summary: fmt.Sprintf("the archive %s is another than is locked", shorten(name)),
			Detail: fmt.Sprintf("%s holds it to %s, and it is %s", lock.Name, entry.Checksum, head.Digest),
			Hint:   "ask who made it; envy lock --upgrade " + name + " takes this one",
		}
	case f.Locked && !locked:
		return unlockedArchive(name)
	}
	f.settled.keep("archive "+head.Digest, func(s *settled, id string) {
		if a := (lock.Archive{Source: name, Checksum: head.Digest}); !slices.Contains(s.archives[id], a) {
			s.archives[id] = append(s.archives[id], a)
		}
	})
	return nil
}

func headOf(tree fs.FS, name string) (*archive.Head, error) {
	file, err := tree.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, errNotRegular)
	}
	return archive.ReadHead(file)
}

// packed refuses what an archive's definition may not be made from: all that lies outside the archive.
func packed(from source.Source, by *config.Definition) error {
	if by == nil || by.Image == "" {
		return nil
	}
	if _, ok := from.(source.Dir); ok {
		return nil
	}
	return &config.DefinitionError{
		Summary: fmt.Sprintf("the definition of an archive cannot be made from %s", shorten(from.String())),
		Detail:  "it holds all that it is made from: `from` may name directories in it",
	}
}
