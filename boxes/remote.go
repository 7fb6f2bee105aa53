package boxes

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/git"
	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

// personalHint is for what --locked misses and no lock will have.
const personalHint = "only a personal file names it, and what is personal has no place in " + lock.Name

// settled is what sources were settled on.
type settled struct {
	mu       sync.Mutex
	boxes    map[string]lock.Box       // by the definition's id
	archives map[string][]lock.Archive // likewise: one may have several names
	trees    map[string]fetched        // by the repository and what was asked of it
	heads    map[string]*archive.Head  // by the registry's archive and what was asked of it
	notes    []string
}

// keep writes something down about a definition.
func (s *settled) keep(id string, write func(s *settled, id string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.boxes == nil {
		s.boxes, s.archives = map[string]lock.Box{}, map[string][]lock.Archive{}
	}
	write(s, id)
}

// fetched is what a repository gave.
type fetched struct {
	tree git.Tree
	pin  git.Pin
}

// Settled is what a definition, by its id, was settled on; false for one that needs no lock.
func (f *Finder) Settled(id string) (lock.Box, bool) {
	f.settled.mu.Lock()
	defer f.settled.mu.Unlock()
	b, ok := f.settled.boxes[id]
	return b, ok
}

// SettledArchives is Settled for an archive, under each of the names that it has.
func (f *Finder) SettledArchives(id string) []lock.Archive {
	f.settled.mu.Lock()
	defer f.settled.mu.Unlock()
	return slices.Clone(f.settled.archives[id])
}

// Notes are what the user should hear of what was fetched, each once.
func (f *Finder) Notes() []string {
	f.settled.mu.Lock()
	defer f.settled.mu.Unlock()
	return append([]string{}, f.settled.notes...)
}

// repository is a definition in a git repository: the locked commit, or, once somebody has allowed it, what the reference
// names now. A repository of this machine lies outside the checkout, and is asked about locked or not.
func (f *Finder) repository(ctx context.Context, src source.Git) (*config.Definition, error) {
	id := src.String()
	entry, locked := f.Lock.FindBox(src.Address(), src.Ref, src.Version)
	var asks *config.GateEntry
	switch {
	case f.Git == nil:
		return nil, &config.DefinitionError{Summary: "no repository can be fetched here"}
	case f.Locked && !locked:
		return nil, &config.DefinitionError{
			Class: diag.Refused, Summary: fmt.Sprintf("--locked: %s has nothing on %s", lock.Name, id), Hint: "envy lock settles it",
			PersonalHint: personalHint,
		}
	case src.Scheme == "file":
		asks = &config.GateEntry{Kind: config.GateDefinition, Reaches: src.Path, What: fmt.Sprintf("the definition %s is read from a repository outside the project", id)}
	case !locked:
		asks = &config.GateEntry{Kind: config.GateDefinition, Reaches: src.Host, What: fmt.Sprintf("the definition %s is fetched, which is not locked yet", id)}
	}
	if asks != nil && (f.Trusts == nil || !f.Trusts(*asks)) {
		return nil, &config.UntrustedError{Asks: *asks}
	}
	var pin *git.Pin
	if locked {
		pin = &git.Pin{Commit: entry.Commit, Reference: entry.Reference, Hash: entry.Hash}
	}
	got, err := f.fetch(ctx, src, pin)
	if err != nil {
		return nil, fetchError(err, src)
	}
	f.settled.keep(id, func(s *settled, id string) {
		s.boxes[id] = lock.Box{
			Source: src.Address(), Ref: src.Ref, Version: src.Version,
			Reference: got.pin.Reference, Commit: got.pin.Commit, Hash: got.pin.Hash,
		}
	})
	return read(got.tree, &config.Definition{
		ID: id, Tree: got.tree, Content: got.tree, Folder: got.tree.Dir, File: path.Join(shownRepository(src, got.pin), src.Dir, config.DefinitionFile),
		Asks: asks, Unquoted: src.Scheme == "file",
	})
}

// fetch asks a repository once, whichever of its directories are wanted.
func (f *Finder) fetch(ctx context.Context, src source.Git, pin *git.Pin) (fetched, error) {
	whole := src
	whole.Dir = ""
	key := whole.String()
	if pin != nil {
		key += " " + pin.Commit + " " + pin.Hash
	}
	s := &f.settled
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trees == nil {
		s.trees = map[string]fetched{}
	}
	have, ok := s.trees[key]
	if ok {
		var err error
		have.tree, err = have.tree.At(src)
		return have, err
	}
	tree, got, err := f.Git(ctx, src, pin)
	if err != nil {
		return fetched{}, err
	}
	for _, n := range tree.Notes {
		s.notes = append(s.notes, src.Repository.String()+": "+n)
	}
	s.trees[key] = fetched{tree, got}
	return s.trees[key], nil
}

// shownRepository is what messages put before the names of a repository's files.
func shownRepository(src source.Git, pin git.Pin) string {
	at := pin.Commit[:min(len(pin.Commit), 8)]
	if src.Ref != "" || src.Version != "" {
		if name := path.Base(pin.Reference); pin.Reference != "" && name != "HEAD" {
			at = name
		}
	}
	return path.Base(src.Path) + "@" + at
}

// fetchError says why a repository gave no definition. A content that has changed is refused, a server that does not
// answer has failed; the rest is wrong in the Envfile.
func fetchError(err error, src source.Git) error {
	var e *git.Error
	if !errors.As(err, &e) {
		return err
	}
	d := &config.DefinitionError{Summary: e.Error(), Hint: e.Hint}
	switch e.Kind {
	case git.Unreachable, git.Denied:
		d.Class = diag.Failed
	case git.Changed:
		d.Class = diag.Refused
		d.Detail = fmt.Sprintf("%s has another content for it than it has now; somebody may have replaced it", lock.Name)
		d.Hint = "ask who keeps the repository why; envy lock --upgrade " + src.Address() + " takes what is there now"
	}
	return d
}
