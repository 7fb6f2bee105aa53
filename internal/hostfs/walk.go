package hostfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"syscall"
)

// MaxEntries is how many files and directories one walk or one list of patterns may meet.
const MaxEntries = 200_000

// Entry is a file or directory that a walk met.
type Entry struct {
	Name string // within the tree, with slashes
	Info fs.FileInfo
	Link string // the target of a link, which is not followed
}

// Walk calls visit for everything below the directory name, the directory itself not included, each directory before
// what is in it and sorted by name. Links are reported, never followed. visit may return [fs.SkipDir] for a directory;
// any other error ends the walk and is returned. More than [MaxEntries] is [ErrTooMany]; ctx ends the walk with its
// cause.
func (t *Tree) Walk(ctx context.Context, name string, visit func(Entry) error) error {
	w := walker{tree: t, left: MaxEntries}
	return w.walk(ctx, path.Clean(name), visit)
}

// Walked is a tree that patterns are matched in: the host's, or one that somebody fetched.
type Walked interface {
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)
	Lstat(name string) (fs.FileInfo, error)
	ReadLink(name string) (string, error)
}

var _ Walked = (*Tree)(nil)

// walker counts what was met over several walks.
type walker struct {
	tree Walked
	left int
}

func (w *walker) walk(ctx context.Context, dir string, visit func(Entry) error) error {
	list, err := w.list(ctx, dir)
	if err != nil {
		return err
	}
	for _, d := range list {
		e, err := w.entry(path.Join(dir, d.Name()), false)
		if errors.Is(err, fs.ErrNotExist) { // gone since it was listed
			continue
		}
		if err != nil {
			return err
		}
		switch err := visit(e); {
		case errors.Is(err, fs.SkipDir) && e.Info.IsDir():
			continue
		case err != nil:
			return err
		}
		if !e.Info.IsDir() {
			continue
		}
		if err := w.walk(ctx, e.Name, visit); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (w *walker) list(ctx context.Context, dir string) ([]fs.DirEntry, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	list, err := w.tree.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if w.left -= len(list); w.left < 0 {
		return nil, fmt.Errorf("walk %s: %w (over %d)", dir, ErrTooMany, MaxEntries)
	}
	return list, nil
}

// entry describes one name, a link by itself unless follow is set.
func (w *walker) entry(name string, follow bool) (Entry, error) {
	e := Entry{Name: name}
	stat := w.tree.Lstat
	if follow {
		stat = w.tree.Stat
	}
	info, err := stat(name)
	if err != nil {
		return e, err
	}
	e.Info = info
	if info.Mode()&fs.ModeSymlink != 0 {
		e.Link, err = w.tree.ReadLink(name)
	}
	return e, err
}

// Match lists the files that patterns name, sorted, each once. A pattern is a name relative to dir, a directory of the
// tree; `*`, `?` and
// `[a-z]` match within one part of it, `**` any number of directories, and a directory stands for everything in it. A
// name without wildcards is followed when it is a link that stays inside; links met otherwise are listed, not
// followed. `.git` and `.envy` are met only where a pattern spells them, since they change without anybody's doing.
// Directories themselves are not listed. unmatched are the patterns that name nothing. A pattern that leads outside
// is an [OutsideError], a malformed one [path.ErrBadPattern].
func (t *Tree) Match(ctx context.Context, dir string, patterns []string) (files []Entry, unmatched []string, err error) {
	for _, pattern := range patterns {
		if clean := path.Join(dir, pattern); path.IsAbs(pattern) || clean == ".." || strings.HasPrefix(clean, "../") {
			return nil, nil, &OutsideError{Path: pattern, Tree: t.dir}
		}
	}
	return Match(ctx, t, dir, patterns)
}

// Match is [Tree.Match] in any tree. A pattern that leads outside of it is [fs.ErrInvalid].
func Match(ctx context.Context, tree Walked, dir string, patterns []string) (files []Entry, unmatched []string, err error) {
	w := walker{tree: tree, left: MaxEntries}
	seen := map[string]Entry{}
	for _, pattern := range patterns {
		found, err := w.match(ctx, dir, pattern)
		if err != nil {
			return nil, nil, err
		}
		if len(found) == 0 {
			unmatched = append(unmatched, pattern)
		}
		for _, e := range found {
			if !e.Info.IsDir() {
				seen[e.Name] = e
			}
		}
	}
	for _, e := range seen {
		files = append(files, e)
	}
	slices.SortFunc(files, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return files, unmatched, nil
}

func (w *walker) match(ctx context.Context, dir, pattern string) ([]Entry, error) {
	clean := path.Join(dir, pattern)
	if path.IsAbs(pattern) || !fs.ValidPath(clean) {
		return nil, &fs.PathError{Op: "match", Path: pattern, Err: fs.ErrInvalid}
	}
	parts := strings.Split(clean, "/")
	for _, p := range parts {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	var found []Entry
	err := w.expand(ctx, ".", parts, true, func(e Entry) { found = append(found, e) })
	return found, err
}

// expand matches the parts of a pattern below dir. literal says that no wildcard was met on the way.
func (w *walker) expand(ctx context.Context, dir string, parts []string, literal bool, add func(Entry)) error {
	if len(parts) == 0 {
		return w.everything(ctx, dir, literal, add)
	}
	part, rest := parts[0], parts[1:]
	if !strings.ContainsAny(part, `*?[\`) {
		return absent(w.expand(ctx, path.Join(dir, part), rest, literal, add))
	}
	if part == "**" {
		if len(rest) == 0 {
			return w.everything(ctx, dir, literal, add)
		}
		if err := w.expand(ctx, dir, rest, false, add); err != nil {
			return err
		}
	}
	list, err := w.list(ctx, dir)
	if err != nil {
		return absent(err)
	}
	for _, d := range list {
		if volatile(d.Name()) {
			continue
		}
		next := rest
		if part == "**" {
			next = parts
		} else if ok, _ := path.Match(part, d.Name()); !ok { // the pattern was checked
			continue
		}
		if len(next) > 0 && !d.IsDir() {
			continue
		}
		if err := absent(w.expand(ctx, path.Join(dir, d.Name()), next, false, add)); err != nil {
			return err
		}
	}
	return nil
}

// everything adds a name that a pattern has led to, with what is in it.
func (w *walker) everything(ctx context.Context, name string, follow bool, add func(Entry)) error {
	e, err := w.entry(name, follow)
	if err != nil {
		return absent(err)
	}
	add(e)
	if !e.Info.IsDir() {
		return nil
	}
	return w.walk(ctx, name, func(e Entry) error {
		if volatile(path.Base(e.Name)) {
			if e.Info.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		add(e)
		return nil
	})
}

func volatile(name string) bool { return name == ".git" || name == CacheDir }

// absent turns "nothing there" into no match.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}
