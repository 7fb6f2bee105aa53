package git

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/envyhq/envy/boxes/source"
)

// Fetch gets the tree that a source asks for and says what it is. With a lock it is the locked commit, whatever branches
// point to by now, and no connection is opened where the cache has it; a tag that was moved is an error of kind Changed,
// as is a tree whose hash is another. ctx bounds all of it; its end is an error of kind Unreachable that wraps the cause.
// Every error is an [*Error].
func (f *Fetcher) Fetch(ctx context.Context, src source.Git, locked *Pin) (Tree, Pin, error) {
	t, pin, err := f.fetch(ctx, src, locked)
	return t, pin, told(ctx, src, err)
}

// Resolve says what a source asks for now, without fetching it: the pin has no hash. The commit of an annotated tag of a
// server that does not say it, and of abbreviated hashes, is not known so; both are fetched.
func (f *Fetcher) Resolve(ctx context.Context, src source.Git) (Pin, error) {
	pin, err := f.resolve(ctx, src)
	return pin, told(ctx, src, err)
}

func told(ctx context.Context, src source.Git, err error) error {
	if err == nil {
		return nil
	}
	e := *classed(ctx, err, "the connection failed")
	e.Source = src.String()
	return &e
}

func (f *Fetcher) fetch(ctx context.Context, src source.Git, locked *Pin) (Tree, Pin, error) {
	if err := checked(src, locked); err != nil {
		return Tree{}, Pin{}, err
	}
	if t, ok, err := f.cached(src, locked); ok || err != nil {
		return t, *locked, err
	}
	commit, pin, from, err := f.get(ctx, src, locked)
	if err != nil {
		return Tree{}, Pin{}, err
	}
	defer from.Close()
	root, err := treeOf(from, commit)
	if err != nil {
		return Tree{}, Pin{}, err
	}
	entries, err := collect(from, root)
	if err != nil {
		return Tree{}, Pin{}, err
	}
	encoded := encode(entries)
	pin.Commit, pin.Hash = commit.String(), hashOf(encoded)
	if locked != nil && locked.Hash != pin.Hash {
		return Tree{}, Pin{}, fail(Changed, nil, "commit %s had content %s, and has %s", pin.Commit, locked.Hash, pin.Hash)
	}
	t, err := newTree(entries, src.Dir)
	if err != nil {
		return Tree{}, Pin{}, err
	}
	if f.cfg.Cache != nil {
		if err := f.cfg.Cache.Put(cacheKey(src, pin.Commit), encoded); err != nil {
			t.Notes = append(t.Notes, "it could not be kept in the cache: "+err.Error())
		}
	}
	return t, pin, nil
}

// checked refuses values that no text gives.
func checked(src source.Git, locked *Pin) error {
	if again, err := source.Parse(src.String()); err != nil || again.String() != src.String() {
		return fail(Invalid, err, "it is no source")
	}
	if locked == nil {
		return nil
	}
	if digits, ok := strings.CutPrefix(locked.Hash, "sha256:"); !isHash(locked.Commit) || !ok || len(digits) != 64 || !isHex(digits) {
		return fail(Invalid, nil, "the lock has no commit and hash")
	}
	return nil
}

func cacheKey(src source.Git, commit string) string {
	sum := sha256.Sum256([]byte(src.Repository.String() + "\n" + commit))
	return hex.EncodeToString(sum[:])
}

// cached is the locked tree out of the cache. A copy that is not what was locked is passed over, and replaced later.
func (f *Fetcher) cached(src source.Git, locked *Pin) (Tree, bool, error) {
	if locked == nil || f.cfg.Cache == nil {
		return Tree{}, false, nil
	}
	encoded, err := f.cfg.Cache.Get(cacheKey(src, locked.Commit), maxForm)
	if err != nil || hashOf(encoded) != locked.Hash {
		return Tree{}, false, nil //nolint:nilerr // then it is fetched
	}
	entries, err := decode(encoded)
	if err != nil {
		return Tree{}, false, err
	}
	t, err := newTree(entries, src.Dir)
	return t, err == nil, err
}

func (f *Fetcher) open(ctx context.Context, r source.Repository) (repository, error) {
	switch r.Scheme {
	case "https":
		return as(f.openWeb(ctx, r))
	case "ssh":
		return as(f.openShell(ctx, r))
	}
	return as(f.openFolder(r.Path))
}

// as keeps a nil pointer from becoming a repository.
func as[R repository](r R, err error) (repository, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

// got is objects, and the repository that they may still be read from.
type got struct {
	objects
	repository
}

func (f *Fetcher) get(ctx context.Context, src source.Git, locked *Pin) (plumbing.Hash, Pin, got, error) {
	r, err := f.open(ctx, src.Repository)
	if err != nil {
		return plumbing.ZeroHash, Pin{}, got{}, err
	}
	q := query{f: f, src: src, locked: locked, repository: r}
	commit, pin, from, err := q.run(ctx)
	if err != nil {
		return plumbing.ZeroHash, Pin{}, got{}, errors.Join(err, q.repository.Close())
	}
	return commit, pin, got{from, q.repository}, nil
}

func (f *Fetcher) resolve(ctx context.Context, src source.Git) (Pin, error) {
	if err := checked(src, nil); err != nil {
		return Pin{}, err
	}
	r, err := f.open(ctx, src.Repository)
	if err != nil {
		return Pin{}, err
	}
	defer r.Close()
	refs := r.advertised()
	name, err := refs.choose(src)
	if err != nil {
		return Pin{}, err
	}
	_, isPeeled := refs.peeled[name]
	switch {
	case name != "" && (isPeeled || !strings.HasPrefix(name, tags)):
		return Pin{Commit: refs.commit(name).String(), Reference: name}, nil
	case name == "" && isHash(strings.ToLower(src.Ref)):
		return Pin{Commit: strings.ToLower(src.Ref)}, nil
	}
	// A lightweight tag looks as an annotated one whose commit is not told.
	q := query{f: f, src: src, repository: r}
	commit, pin, _, err := q.run(ctx)
	if err != nil {
		return Pin{}, err
	}
	pin.Commit = commit.String()
	return pin, nil
}
