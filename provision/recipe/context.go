package recipe

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// Source is a build context's tree. Names are as in an fs.FS; ReadDir sorts by name.
type Source interface {
	fs.ReadDirFS
	ReadLink(name string) (string, error)
}

// Context is what of a tree a build {} may see, after its ignore file. It is a listing: contents are read when Hash and
// Tar ask for them.
type Context struct {
	src        Source
	dockerfile string
	entries    []entry // sorted by name
}

// maxText bounds a Dockerfile and an ignore file, in bytes.
const maxText = 1 << 20

// NewContext lists the tree. dockerfile is relative to it, "" for Dockerfile. Patterns come from the file DOCKERFILE.dockerignore
// beside the Dockerfile if there is one, else from .dockerignore. The Dockerfile and that file are in the context even
// where a pattern matches them: without a session the engine can have them from nowhere else. Sockets, pipes and devices
// are left out. Hidden are files that are not in it either, unless the ignore file takes them in by name: !NAME.
func NewContext(src Source, dockerfile string, hidden ...string) (*Context, error) {
	dockerfile = path.Clean(cmp.Or(dockerfile, "Dockerfile"))
	if !fs.ValidPath(dockerfile) || dockerfile == "." {
		return nil, fmt.Errorf("dockerfile %q is not inside its context", dockerfile)
	}
	info, err := fs.Stat(src, dockerfile)
	switch {
	case err != nil:
		return nil, fmt.Errorf("dockerfile: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("dockerfile: %s is not a regular file", dockerfile)
	}
	l, err := newLister(src, dockerfile, hidden)
	if err != nil {
		return nil, err
	}
	if err := l.list(".", patternmatcher.MatchInfo{}); err != nil {
		return nil, fmt.Errorf("build context: %w", err)
	}
	slices.SortFunc(l.entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	return &Context{src: src, dockerfile: dockerfile, entries: l.entries}, nil
}

// Dockerfile is the Dockerfile's name within the context.
func (c *Context) Dockerfile() string { return c.dockerfile }

// Text reads the Dockerfile, at most 1 MiB.
func (c *Context) Text() (string, error) {
	b, err := readText(c.src, c.dockerfile)
	return string(b), err
}

// ReadDockerfile reads a Dockerfile, at most 1 MiB, without a look at the context around it. name is relative to it, "" for
// Dockerfile.
func ReadDockerfile(src Source, name string) (string, error) {
	b, err := readText(src, path.Clean(cmp.Or(name, "Dockerfile")))
	return string(b), err
}

// With is the context with another text in its Dockerfile. The builder has no other way to be told: so a COPY that takes the
// Dockerfile along takes this one.
func (c *Context) With(text string) *Context {
	out := *c
	out.entries = slices.Clone(c.entries)
	for n, e := range out.entries {
		if e.name == c.dockerfile {
			out.entries[n] = file(e.name, e.mode, text)
		}
	}
	return &out
}

// Paths lists what is in the context, sorted.
func (c *Context) Paths() []string {
	out := make([]string, len(c.entries))
	for i, e := range c.entries {
		out[i] = e.name
	}
	return out
}

// Hash is 64 hex digits over paths, modes, link targets and contents. Each file is read once; ctx ends that.
func (c *Context) Hash(ctx context.Context) (string, error) {
	sum := sha256.New()
	for _, e := range c.entries {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if err := hashEntry(ctx, sum, e); err != nil {
			return "", fmt.Errorf("build context: %w", err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// hashEntry frames every part by its length, so that no two listings give the same bytes.
func hashEntry(ctx context.Context, sum hash.Hash, e entry) error {
	var content []byte
	if e.open != nil {
		own := sha256.New()
		r, _, err := e.open()
		if err != nil {
			return err
		}
		_, err = io.Copy(own, &reader{ctx, r})
		if cerr := r.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", e.name, err)
		}
		content = own.Sum(nil)
	}
	mode := binary.BigEndian.AppendUint32(nil, uint32(e.mode))
	for _, part := range [][]byte{[]byte(e.name), mode, []byte(e.link), content} {
		sum.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		sum.Write(part)
	}
	return nil
}

// reader ends with a context: a file may be larger than anybody wants to wait for.
type reader struct {
	ctx  context.Context //nolint:containedctx // of one read
	from io.Reader
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.from.Read(p)
}

// Tar gives a fresh stream. The same tree gives the same bytes on every host: no times, no owners.
func (c *Context) Tar() (io.ReadCloser, error) { return newStream(c.entries), nil }

// maxWork bounds the comparison of a tree's names with its patterns, in steps of some 50 ns at worst: a mebibyte of patterns
// is small, and that many for each of ten thousand files is not. perLetter of them is what it costs to make a pattern ready, and
// perName what a name costs without any pattern: half a million of them are the most.
const (
	maxWork   = 100_000_000
	perLetter = 600
	perName   = 200
)

// lister walks a tree.
type lister struct {
	src      Source
	patterns *patternmatcher.PatternMatcher
	plain    int      // patterns
	wild     int      // letters of patterns that have wildcards
	work     int      // that is left
	kept     []string // files that no pattern takes away
	entries  []entry
}

func newLister(src Source, dockerfile string, hidden []string) (*lister, error) {
	ignore := dockerfile + ".dockerignore"
	text, err := readText(src, ignore)
	if errors.Is(err, fs.ErrNotExist) {
		ignore = ".dockerignore"
		text, err = readText(src, ignore)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	lines, err := ignorefile.ReadAll(strings.NewReader(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ignore, err)
	}
	var first []string
	for _, name := range hidden { // no letter of it has a meaning
		first = append(first, strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name))
	}
	patterns, err := patternmatcher.New(append(first, lines...))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ignore, err)
	}
	l := &lister{src: src, patterns: patterns, work: maxWork, kept: []string{dockerfile, ignore}}
	for _, p := range patterns.Patterns() {
		if l.plain++; strings.ContainsAny(p.String(), `*?[\`) {
			l.wild += len(p.String())
		}
	}
	return l, l.spend(perLetter * l.wild)
}

// compare accounts for comparing a name with all patterns.
func (l *lister) compare(name string) error {
	return l.spend(perName + l.plain + l.wild*(len(name)/32+1))
}

func (l *lister) spend(n int) error {
	if l.work -= n; l.work < 0 {
		return fmt.Errorf("%s has too many patterns for so many files, or leaves too many: name folders in it as a whole", l.kept[1])
	}
	return nil
}

func (l *lister) list(dir string, above patternmatcher.MatchInfo) error {
	items, err := l.src.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, item := range items {
		name := path.Join(dir, item.Name())
		if err := l.compare(name); err != nil {
			return err
		}
		ignored, match, err := l.patterns.MatchesUsingParentResults(name, above)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if slices.Contains(l.kept, name) {
			ignored = false
		}
		if item.IsDir() {
			err = l.folder(name, item, ignored, match)
		} else if !ignored {
			err = l.add(name, item)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// folder lists a directory. One that is ignored is in the context only where something below it is.
func (l *lister) folder(name string, item fs.DirEntry, ignored bool, match patternmatcher.MatchInfo) error {
	if ignored && !l.reaches(name) {
		return nil
	}
	before := len(l.entries)
	if err := l.list(name, match); err != nil {
		return err
	}
	if ignored && len(l.entries) == before {
		return nil
	}
	return l.add(name, item)
}

// reaches reports whether something below an ignored directory could be in the context all the same.
func (l *lister) reaches(dir string) bool {
	for _, k := range l.kept {
		if strings.HasPrefix(k, dir+"/") {
			return true
		}
	}
	return slices.ContainsFunc(l.patterns.Patterns(), func(p *patternmatcher.Pattern) bool {
		return p.Exclusion() && overlaps(strings.Split(p.String(), "/"), strings.Split(dir, "/"))
	})
}

// overlaps compares a pattern with a directory, part by part, up to the first wildcard: from there on it may match.
func overlaps(pattern, dir []string) bool {
	for i, part := range dir {
		if i >= len(pattern) || strings.ContainsAny(pattern[i], `*?[\`) {
			return true
		}
		if pattern[i] != part {
			return false
		}
	}
	return true
}

const keptBits = fs.ModeDir | fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

func (l *lister) add(name string, item fs.DirEntry) error {
	info, err := item.Info()
	if err != nil {
		return err
	}
	e := entry{name: name, mode: info.Mode() & keptBits}
	switch {
	case info.IsDir():
	case info.Mode()&fs.ModeSymlink != 0:
		e.mode = fs.ModeSymlink | 0o777 // hosts differ, and it means nothing
		if e.link, err = l.src.ReadLink(name); err != nil {
			return err
		}
	case info.Mode().IsRegular():
		src := l.src
		e.open = func() (io.ReadCloser, int64, error) { return openFile(src, name) }
	default:
		return nil
	}
	l.entries = append(l.entries, e)
	return nil
}

func openFile(src fs.FS, name string) (io.ReadCloser, int64, error) {
	f, err := src.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file any more", name)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func readText(src fs.FS, name string) ([]byte, error) {
	f, size, err := openFile(src, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", name, err)
	case len(b) > maxText:
		return nil, fmt.Errorf("%s has %d bytes, over the limit of %d", name, size, maxText)
	}
	return b, nil
}
