package git

import (
	"context"
	"errors"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/envyhq/envy/boxes/source"
)

// The most references that are asked for together.
const maxWants = 5000

// query finds one commit in a repository that is open.
type query struct {
	f          *Fetcher
	src        source.Git
	locked     *Pin
	repository // opened anew where one answer was not enough
}

func (q *query) run(ctx context.Context) (plumbing.Hash, Pin, objects, error) {
	if q.locked != nil {
		commit, from, err := q.pinned(ctx)
		return commit, *q.locked, from, err
	}
	name, err := q.advertised().choose(q.src)
	if err != nil {
		return plumbing.ZeroHash, Pin{}, nil, err
	}
	if name == "" {
		commit, from, err := q.byHash(ctx, strings.ToLower(q.src.Ref))
		return commit, Pin{}, from, err
	}
	commit, from, err := q.reference(ctx, name)
	return commit, Pin{Reference: name}, from, err
}

// reference fetches the one commit of a reference.
func (q *query) reference(ctx context.Context, name string) (plumbing.Hash, objects, error) {
	h := q.advertised().hash[name]
	from, err := q.fetch(ctx, []plumbing.Hash{h}, true)
	if err != nil {
		return h, nil, classed(ctx, err, "the connection failed")
	}
	commit, err := peel(from, h)
	return commit, from, err
}

// pinned fetches the locked commit. A tag is asked what it points to by now.
func (q *query) pinned(ctx context.Context) (plumbing.Hash, objects, error) {
	want, name := plumbing.NewHash(q.locked.Commit), q.locked.Reference
	refs := q.advertised()
	_, there := refs.hash[name]
	if there && strings.HasPrefix(name, tags) {
		if peeled, ok := refs.peeled[name]; ok && peeled != want {
			return want, nil, q.moved(peeled)
		}
		commit, from, err := q.reference(ctx, name)
		if err == nil && commit != want {
			err = q.moved(commit)
		}
		return commit, from, err
	}
	commit, from, err := q.byHash(ctx, q.locked.Commit)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == NotFound {
		err = q.gone(there)
	}
	return commit, from, err
}

func (q *query) moved(now plumbing.Hash) error {
	return fail(Changed, nil, "%s was %s, is now %s", short(q.locked.Reference), q.locked.Commit, now).
		hint("ask who keeps the repository why; envy lock --upgrade takes what is there now")
}

func (q *query) gone(there bool) error {
	e := fail(Changed, nil, "commit %s is no longer there", q.locked.Commit)
	switch {
	case there:
		e.Summary += "; " + short(q.locked.Reference) + " is now " + q.advertised().commit(q.locked.Reference).String()
	case q.locked.Reference != "":
		e.Summary += ", nor is " + short(q.locked.Reference)
	}
	return e.hint("envy lock --upgrade takes what is there now")
}

// byHash fetches a commit by its digits: alone where a reference has it or the server gives it, else out of everything.
func (q *query) byHash(ctx context.Context, digits string) (plumbing.Hash, objects, error) {
	if isHash(digits) {
		h := plumbing.NewHash(digits)
		name := q.advertised().pointing(h)
		if name != "" {
			return q.reference(ctx, name)
		}
		if q.serves(h) {
			from, err := q.fetch(ctx, []plumbing.Hash{h}, true)
			if !errors.Is(err, errNotServed) {
				return q.found(from, h, err)
			}
			if err := q.again(ctx); err != nil {
				return h, nil, err
			}
		}
	}
	if name := q.advertised().beginning(digits); name != "" && !isHash(digits) {
		return q.reference(ctx, name)
	}
	from, err := q.everything(ctx)
	if err != nil {
		return plumbing.ZeroHash, nil, err
	}
	found, err := from.commits(digits)
	switch {
	case err != nil:
		return plumbing.ZeroHash, nil, err
	case len(found) == 0:
		return plumbing.ZeroHash, nil, q.unknown(digits)
	case len(found) > 1:
		return plumbing.ZeroHash, nil, fail(NotFound, nil, "more than one commit begins with %s", digits)
	}
	return found[0], from, nil
}

func (q *query) unknown(digits string) error {
	return fail(NotFound, nil, "there is no tag, branch or commit %q", digits).near(q.advertised().nearest(q.src.Ref))
}

// found holds that a commit was asked for, and not anything else that has a hash.
func (q *query) found(from objects, h plumbing.Hash, err error) (plumbing.Hash, objects, error) {
	if err != nil {
		return h, nil, err
	}
	_, err = get(from, h, plumbing.CommitObject)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == NotFound {
		return h, nil, q.unknown(h.String())
	}
	if err != nil {
		return h, nil, err
	}
	return h, from, nil
}

// again opens the repository anew, for a second answer.
func (q *query) again(ctx context.Context) error {
	next, err := q.f.open(ctx, q.src.Repository)
	if err != nil {
		return err
	}
	old := q.repository
	q.repository = next
	return old.Close()
}

// everything fetches all branches and tags with their history.
func (q *query) everything(ctx context.Context) (objects, error) {
	var wants []plumbing.Hash
	for name, h := range q.advertised().hash {
		if name == head || strings.HasPrefix(name, heads) || strings.HasPrefix(name, tags) {
			wants = append(wants, h)
		}
	}
	if len(wants) == 0 {
		return nil, fail(NotFound, nil, "the repository is empty")
	}
	if len(wants) > maxWants {
		return nil, fail(TooLarge, nil, "it has more than %d branches and tags", maxWants).hint("ask for a tag or a branch")
	}
	return q.fetch(ctx, wants, false)
}
