// Package lock is the file Envfile.lock as a value: what images, boxes, archives and packages were settled on. It reads
// exactly the part of HCL that it writes, and comments. It must not know how anything is found or fetched, and it holds
// no place to fetch from: what an entry is for is named as the Envfile names it.
package lock

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Name is the file's, beside the Envfile.
const Name = "Envfile.lock"

// NameFor is the lock's name beside an Envfile: one with a name of its own has a lock of its own.
func NameFor(envfile string) string {
	if envfile == "Envfile" || envfile == "Envfile.json" {
		return Name
	}
	return envfile + ".lock"
}

// MaxBytes bounds the file.
const MaxBytes = 4 << 20

// Lock is the content of the file. The order of its entries means nothing.
type Lock struct {
	Archives []Archive
	Boxes    []Box
	Images   []Image
	Packages []Packages
}

// Archive is a box archive, by the address or path without its checksum.
type Archive struct {
	Source   string
	Checksum string // "sha256:" and 64 hex digits
}

// Box is a definition in a git repository. Source, Ref and Version together are what it is found by: an Envfile may ask
// for one source in two versions.
type Box struct {
	Source  string // the address, without user info, ref and version
	Ref     string // as asked for, "" where nothing was
	Version string // the constraint as asked for, "" where none was
	// Reference is the one that was chosen, in full as refs/tags/v1.4.0; "HEAD", or "" for a commit.
	Reference string
	Commit    string // 40 hex digits
	Hash      string // of the tree: "sha256:" and 64 hex digits
}

// Image is an image, by its reference as written.
type Image struct {
	Reference string
	Local     bool              // it came from no registry: nothing else is set, and it is never stale
	Digest    string            // of the index in the registry: "sha256:" and 64 hex digits
	Platforms map[string]string // digests by os/architecture[/variant]
}

// Packages are the versions that were installed for one recipe.
type Packages struct {
	Recipe    string                       // its key
	Platforms map[string]map[string]string // versions by name, by os/architecture[/variant]
}

// FindBox is the entry for what was asked for.
func (l Lock) FindBox(source, ref, version string) (Box, bool) {
	return find(l.Boxes, Box{Source: source, Ref: ref, Version: version}, compareBoxes)
}

// FindImage is the entry for a reference as written.
func (l Lock) FindImage(reference string) (Image, bool) {
	return find(l.Images, Image{Reference: reference}, compareImages)
}

// FindArchive is the entry for an address or path.
func (l Lock) FindArchive(source string) (Archive, bool) {
	return find(l.Archives, Archive{Source: source}, compareArchives)
}

// FindPackages is the versions of one recipe on one platform; others' are none of its business.
func (l Lock) FindPackages(recipe, platform string) (map[string]string, bool) {
	p, _ := find(l.Packages, Packages{Recipe: recipe}, comparePackages)
	versions, ok := p.Platforms[platform]
	return versions, ok
}

// SetBox replaces or adds the entry for what the box was asked for by.
func (l *Lock) SetBox(b Box) { l.Boxes = set(l.Boxes, b, compareBoxes) }

// SetImage replaces or adds the entry for the image's reference.
func (l *Lock) SetImage(i Image) { l.Images = set(l.Images, i, compareImages) }

// SetArchive replaces or adds the entry for the archive's source.
func (l *Lock) SetArchive(a Archive) { l.Archives = set(l.Archives, a, compareArchives) }

// SetPackages replaces or adds the versions of one recipe on one platform, and leaves other platforms' alone.
func (l *Lock) SetPackages(recipe, platform string, versions map[string]string) {
	p, _ := find(l.Packages, Packages{Recipe: recipe}, comparePackages)
	p.Recipe, p.Platforms = recipe, maps.Clone(p.Platforms)
	if p.Platforms == nil {
		p.Platforms = map[string]map[string]string{}
	}
	p.Platforms[platform] = versions
	l.Packages = set(l.Packages, p, comparePackages)
}

func find[T any](list []T, like T, compare func(a, b T) int) (T, bool) {
	i := slices.IndexFunc(list, func(have T) bool { return compare(have, like) == 0 })
	if i < 0 {
		var none T
		return none, false
	}
	return list[i], true
}

// set makes a list of its own: the old one may be held by whoever compares the two.
func set[T any](list []T, entry T, compare func(a, b T) int) []T {
	rest := slices.DeleteFunc(slices.Clone(list), func(have T) bool { return compare(have, entry) == 0 })
	return append(rest, entry)
}

func compareBoxes(a, b Box) int {
	return cmp.Or(strings.Compare(a.Source, b.Source), strings.Compare(a.Ref, b.Ref), strings.Compare(a.Version, b.Version))
}
func compareImages(a, b Image) int      { return strings.Compare(a.Reference, b.Reference) }
func compareArchives(a, b Archive) int  { return strings.Compare(a.Source, b.Source) }
func comparePackages(a, b Packages) int { return strings.Compare(a.Recipe, b.Recipe) }
func sorted[T any](list []T, compare func(a, b T) int) []T {
	return slices.SortedFunc(slices.Values(list), compare)
}

// asked is what a box was asked for by, for people.
func (b Box) asked() string {
	switch {
	case b.Ref != "":
		return "ref " + b.Ref
	case b.Version != "":
		return "version " + b.Version
	}
	return "the repository's default"
}

// Error is a lock that cannot be used.
type Error struct {
	Line    int // from 1; 0 where it is about the whole
	Summary string
	Hint    string // the command that helps
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", Name, e.Summary)
	}
	return fmt.Sprintf("%s:%d: %s", Name, e.Line, e.Summary)
}
