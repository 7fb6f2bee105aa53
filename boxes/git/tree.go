package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/envyhq/envy/boxes/source"
)

// Tree is a repository's files at one commit, read-only and in memory. Links are kept, and are followed within it.
//
// Its hash is SHA-256 over this text: the line "envy tree 1", then each entry in the order of its path's bytes as
//
//	MODE SIZE PATH NUL CONTENT
//
// with spaces between the first three: MODE is 100644, 100755, 120000 for a link, whose content is its target, or 160000
// for a submodule, whose content is the 40 hex digits of its commit; SIZE is that of the content in decimal; PATH has
// slashes. Directories are no entries. It is independent of git, and the same text is what a cache keeps.
type Tree struct {
	files
	// Dir is the definition's directory, "." for the root. It exists.
	Dir   string
	Notes []string // what was left out, and a cache that could not be written
}

var (
	_ fs.ReadDirFS  = Tree{}
	_ fs.ReadFileFS = Tree{}
	_ fs.StatFS     = Tree{}
	_ fs.ReadLinkFS = Tree{}
)

// The modes of git that there are here.
const (
	modeFile      = 0o100644
	modeExec      = 0o100755
	modeLink      = 0o120000
	modeSubmodule = 0o160000
	modeDir       = 0o040000
)

const (
	form    = "envy tree 1\n"
	maxPath = 1024 // bytes, and as much for a link's target
	maxDeep = 64   // directories in each other
	// What the form adds to files of the greatest number, with longest names.
	maxForm = MaxBytes + MaxFiles*(maxPath+32)
)

type entry struct {
	path string
	mode int
	data []byte
}

// collector gathers the entries of a commit and holds them against the limits, however often one object is named.
type collector struct {
	from    objects
	entries []entry
	bytes   int64
	visited int // directories too, which cost a look each
}

func collect(from objects, root plumbing.Hash) ([]entry, error) {
	c := &collector{from: from}
	if err := c.directory("", root, 0); err != nil {
		return nil, err
	}
	sortEntries(c.entries)
	return c.entries, nil
}

func sortEntries(entries []entry) {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.path, b.path) })
}

func (c *collector) directory(dir string, h plumbing.Hash, depth int) error {
	if depth > maxDeep {
		return fail(TooLarge, nil, "its directories are more than %d in each other", maxDeep)
	}
	data, err := get(c.from, h, plumbing.TreeObject)
	if err != nil {
		return err
	}
	for len(data) > 0 {
		mode, name, child, rest, ok := treeEntry(data)
		if !ok {
			return fail(Invalid, nil, "directory %q of it is broken", dir)
		}
		data = rest
		if c.visited++; c.visited > 2*MaxFiles {
			return tooMany()
		}
		if err := c.entry(dir+name, mode, child, depth); err != nil {
			return err
		}
	}
	return nil
}

// treeEntry takes one entry off a directory's object: mode, space, name, NUL, 20 bytes.
func treeEntry(data []byte) (mode int, name string, h plumbing.Hash, rest []byte, ok bool) {
	end := bytes.IndexByte(data, 0)
	if end < 0 || len(data) < end+21 {
		return 0, "", h, nil, false
	}
	digits, name, ok := strings.Cut(string(data[:end]), " ")
	m, err := strconv.ParseUint(digits, 8, 20)
	copy(h[:], data[end+1:])
	return int(m), name, h, data[end+21:], ok && err == nil && !strings.Contains(name, "/")
}

func (c *collector) entry(path string, mode int, h plumbing.Hash, depth int) error {
	if problem := badPath(path); problem != "" {
		return fail(Invalid, nil, "its entry %q %s", path, problem)
	}
	e := entry{path: path, mode: mode}
	switch mode {
	case modeDir:
		return c.directory(path+"/", h, depth+1)
	case modeSubmodule:
		e.data = []byte(h.String())
	case modeFile, modeExec, modeLink, 0o100664: // the last is of old versions of git
		if mode == 0o100664 {
			e.mode = modeFile
		}
		data, err := get(c.from, h, plumbing.BlobObject)
		if err != nil {
			return err
		}
		e.data = data
	default:
		return fail(Invalid, nil, "its entry %q has mode %o, which git does not write", path, mode)
	}
	if c.bytes += int64(len(e.data)); c.bytes > MaxBytes {
		return fail(TooLarge, nil, "its files have more than %d MiB", MaxBytes>>20)
	}
	if c.entries = append(c.entries, e); len(c.entries) > MaxFiles {
		return tooMany()
	}
	return nil
}

func tooMany() error { return fail(TooLarge, nil, "it has more than %d files", MaxFiles) }

func known(mode int) bool {
	return mode == modeFile || mode == modeExec || mode == modeLink || mode == modeSubmodule
}

// badPath says what no path of a tree may have; "" is nothing.
func badPath(path string) string {
	if len(path) > maxPath {
		return "has a path that is too long"
	}
	if !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return unicode.IsControl(r) }) {
		return "has a control character in its name, or is not UTF-8"
	}
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return "has a name that leads elsewhere"
		case strings.EqualFold(part, ".git"):
			return "could be taken for a repository"
		}
	}
	return ""
}

// encode writes the form over which the hash is.
func encode(entries []entry) []byte {
	var b bytes.Buffer
	b.WriteString(form)
	for _, e := range entries {
		fmt.Fprintf(&b, "%06o %d %s\x00", e.mode, len(e.data), e.path)
		b.Write(e.data)
	}
	return b.Bytes()
}

func hashOf(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// decode reads the form, which may be anything. The entries share its bytes.
func decode(encoded []byte) ([]entry, error) {
	data, ok := bytes.CutPrefix(encoded, []byte(form))
	if !ok || len(encoded) > maxForm {
		return nil, fail(Invalid, nil, "it is no tree as the cache keeps them")
	}
	var entries []entry
	for len(data) > 0 {
		line, _, ok := bytes.Cut(data[:min(len(data), maxPath+64)], []byte{0})
		fields := strings.SplitN(string(line), " ", 3)
		if !ok || len(fields) != 3 {
			return nil, fail(Invalid, nil, "its copy in the cache is broken")
		}
		mode, errMode := strconv.ParseUint(fields[0], 8, 20)
		size, errSize := strconv.ParseUint(fields[1], 10, 31)
		rest := data[len(line)+1:]
		if errMode != nil || !known(int(mode)) || errSize != nil || size > uint64(len(rest)) || badPath(fields[2]) != "" || len(entries) == MaxFiles {
			return nil, fail(Invalid, nil, "its copy in the cache is broken")
		}
		entries = append(entries, entry{path: fields[2], mode: int(mode), data: rest[:size:size]})
		data = rest[size:]
	}
	return entries, nil
}

// newTree checks what single entries do not show: doubles, links, and whether there is the directory that was asked for.
func newTree(entries []entry, dir string) (Tree, error) {
	t := Tree{files: newFiles(), Dir: "."}
	for _, e := range entries {
		if e.mode == modeSubmodule {
			t.Notes = append(t.Notes, fmt.Sprintf("the submodule %s is not fetched", e.path))
			continue
		}
		if !t.put(e) {
			return Tree{}, fail(Invalid, nil, "its entry %q is there twice", e.path)
		}
	}
	t.arrange()
	for _, e := range entries {
		if e.mode != modeLink {
			continue
		}
		if problem := t.checkLink(e.path, string(e.data)); problem != "" {
			return Tree{}, fail(Invalid, nil, "its link %q to %q %s", e.path, e.data, problem)
		}
	}
	t.steps = nil
	return t.at(dir)
}

// At is the same tree for another directory of it; the error is an [*Error] of kind NotFound.
func (t Tree) At(src source.Git) (Tree, error) {
	at, err := t.at(src.Dir)
	return at, told(context.Background(), src, err)
}

func (t Tree) at(dir string) (Tree, error) {
	if t.Dir = "."; dir == "" {
		return t, nil
	}
	info, err := fs.Stat(t, dir)
	if err != nil || !info.IsDir() {
		return Tree{}, fail(NotFound, nil, "there is no directory %q in it", dir)
	}
	t.Dir = dir
	return t, nil
}
