package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/provision"
)

// lockFiles are what was settled on: the file that is committed, and what only the user's own layers name, which stands in
// their state.
type lockFiles struct {
	name      string // of the file, beside the Envfile
	there     bool
	committed lock.Lock
	personal  lock.Lock
}

// personalLocks is the folder of locks in the user's state; personalLock is this checkout's.
const personalLocks = "boxes"

func personalLock(p *place) string { return personalLocks + "/" + p.identity.Checkout + ".lock" }

// readLocks reads both. A committed one that cannot be read is an error that names the line; the user's own is then as if
// it were not there, since it is only a shortcut.
func (s *session) readLocks(p *place) (lockFiles, error) {
	l := lockFiles{name: lock.NameFor(p.checkout.Name())}
	path, _ := p.checkout.Path(l.name)
	data, err := p.checkout.ReadFile(path, lock.MaxBytes)
	tooLarge := (*hostfs.TooLargeError)(nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.As(err, &tooLarge):
		if !s.renews {
			return l, lockError(l.name, &lock.Error{Summary: fmt.Sprintf("it is larger than %d bytes", lock.MaxBytes), Hint: lock.Renew})
		}
	case err != nil:
		return l, err
	default:
		if l.committed, err = lock.Decode(data); err != nil && !s.renews {
			return l, lockError(l.name, err)
		}
		l.there = err == nil
	}
	state, err := p.caller.FindDir(p.caller.Dirs.State)
	if err != nil {
		return l, nil //nolint:nilerr // then there is nothing of one's own yet
	}
	defer state.Close()
	if data, err := state.ReadOwn(personalLock(p), lock.MaxBytes); err == nil {
		l.personal, _ = lock.Decode(data)
	}
	return l, nil
}

func lockError(name string, err error) error {
	var bad *lock.Error
	if !errors.As(err, &bad) {
		return fmt.Errorf("%s: %w", name, err)
	}
	at := diag.Range{File: name}
	at.Start.Line, at.End.Line = bad.Line, bad.Line
	return diag.List{{Summary: bad.Summary, Hint: bad.Hint, Range: at}}.Err()
}

// obeyed is what counts: with --locked only what is committed.
func (l lockFiles) obeyed(locked bool) lock.Lock {
	out := l.committed
	if locked {
		return out
	}
	for _, b := range l.personal.Boxes {
		if _, ok := out.FindBox(b.Source, b.Ref, b.Version); !ok {
			out.SetBox(b)
		}
	}
	for _, a := range l.personal.Archives {
		if _, ok := out.FindArchive(a.Source); !ok {
			out.SetArchive(a)
		}
	}
	for _, i := range l.personal.Images {
		if _, ok := out.FindImage(i.Reference); !ok {
			out.SetImage(i)
		}
	}
	for _, p := range l.personal.Packages {
		for platform, versions := range p.Platforms {
			if _, ok := out.FindPackages(p.Recipe, platform); !ok {
				out.SetPackages(p.Recipe, platform, versions)
			}
		}
	}
	return out
}

// settled is what images and packages were found to be.
type settled struct {
	images   []lock.Image
	packages []provision.PackageVersions
}

// lockEdit is how far a lock is written anew.
type lockEdit struct {
	exactly bool // what nothing asks for goes
	upgrade bool // what depends on what was forgotten goes, too
}

// settledLocks are the locks with what a project was settled on. What the Envfile alone does not ask for, without personal
// layers and values that were typed, enters the user's own.
func (s *session) settledLocks(ctx context.Context, p *provision.Project, now settled, edit lockEdit) lockFiles {
	out, known := s.lockFiles, s.lockFiles.obeyed(false)
	out.there = out.there || edit.exactly
	asked, whole := s.asks(ctx, p)
	if out.personal = (lock.Lock{}); edit.exactly && whole {
		out.committed = lock.Lock{}
	}
	for id, shared := range asked.uses {
		if b, ok := s.finder.Settled(id); ok {
			out.side(shared).SetBox(b)
		}
		for _, a := range s.finder.SettledArchives(id) {
			out.side(shared).SetArchive(a)
		}
	}
	for _, i := range now.images {
		known.SetImage(i)
	}
	for _, x := range now.packages {
		known.SetPackages(x.Key, x.Platform, x.Versions)
	}
	for _, i := range known.Images {
		shared, names := asked.images[i.Reference]
		if cached := strings.HasPrefix(i.Reference, recipeImages) && !edit.upgrade; names || cached {
			out.side(shared || cached).SetImage(i)
		}
	}
	for _, x := range known.Packages {
		if shared, names := asked.packages[x.Recipe]; names {
			for platform, versions := range x.Platforms {
				out.side(shared).SetPackages(x.Recipe, platform, versions)
			}
		}
	}
	return out
}

// asked is what a project asks for, and whether the Envfile alone does.
type asked struct {
	uses     map[string]bool // definitions, by id
	images   map[string]bool // by reference
	packages map[string]bool // by the lock's key
}

// add adds what a project asks for. It reports whether that is all: what could not be read may ask for more.
func (a asked) add(p *provision.Project, shared func(file string) bool, read baseReader) (all bool) {
	all = true
	for _, use := range p.File.Uses() {
		a.uses[use.ID] = a.uses[use.ID] || !use.Personal && shared("")
	}
	for _, b := range p.Config.Boxes {
		own := shared(b.AttrRange("image").File)
		if provision.Lockable(b) {
			a.images[b.Image] = a.images[b.Image] || own
		}
		bases, ok := read(b)
		for _, image := range bases.References {
			a.images[image] = a.images[image] || shared(placeOf(b.Build, func(file string) bool { return !shared(file) }).File)
		}
		all = all && ok
		own = own && shared(b.AttrRange("packages").File)
		for _, x := range b.Setups {
			own = own && (len(x.Packages) == 0 || shared(x.Range.File))
		}
		if key := provision.PackageKey(b); key != "" {
			a.packages[key] = a.packages[key] || own
		}
	}
	return all
}

// asks tells what a project that was let pass asks for. Whole is false where the Envfile alone cannot be evaluated, because it
// needs a value that is given elsewhere: then what stands in personal files counts as personal, and nothing can be said to be
// asked for by nobody. So it is where a Dockerfile cannot be read.
func (s *session) asks(ctx context.Context, p *provision.Project) (a asked, whole bool) {
	a = asked{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	alone, read := s.alone(ctx, p), s.bases(within(p))
	if alone == nil {
		personal := map[string]bool{hostfs.EnvfileLocal: true}
		for _, use := range p.File.Uses() {
			personal[use.File] = use.Personal
		}
		a.add(p, func(file string) bool { return !personal[file] }, read)
		return a, false
	}
	whole = a.add(alone, func(string) bool { return true }, read)
	return a, a.add(p, func(string) bool { return false }, read) && whole
}

// alone is the Envfile without personal layers, and without values from the command line and the environment; nil where it
// does not hold by itself.
func (s *session) alone(ctx context.Context, p *provision.Project) *provision.Project {
	layers, err := s.place.layers()
	if err != nil {
		return nil
	}
	values := p.Values
	values.Vars, values.VarFiles = nil, nil
	values.Env = func(name string) (string, bool) {
		if strings.HasPrefix(name, "ENVY_VAR_") {
			return "", false
		}
		return p.Values.Env(name)
	}
	alone, _, _ := provision.Load(ctx, layers[:1], values, s.place.identity)
	return alone
}

// unsettled reports whether nothing was found out that the locks do not say.
func (s *session) unsettled(p *provision.Project, now settled) bool {
	if len(now.images)+len(now.packages) > 0 {
		return false
	}
	have := s.lockFiles.obeyed(false)
	for _, use := range p.File.Uses() {
		b, ok := s.finder.Settled(use.ID)
		if old, locked := have.FindBox(b.Source, b.Ref, b.Version); ok && (!locked || old != b) {
			return false
		}
		for _, a := range s.finder.SettledArchives(use.ID) {
			if old, locked := have.FindArchive(a.Source); !locked || old != a {
				return false
			}
		}
	}
	return true
}

// recipeImages begins the tags of recipes: under those the lock has what was put into the team's cache.
const recipeImages = "envy.local/recipe:"

// platforms adds the digests of all platforms to images that were settled, as far as their registries tell this machine.
func (s *session) platforms(ctx context.Context, images []lock.Image) []lock.Image {
	ctx, cancel := context.WithTimeout(ctx, platformTime)
	defer cancel()
	out := slices.Clone(images)
	client := sync.OnceValue(s.registry)
	var all sync.WaitGroup
	for n := range out {
		i := &out[n]
		if i.Local || i.Digest == "" || len(i.Platforms) > 0 {
			continue
		}
		all.Go(func() {
			found, err := client().Resolve(ctx, i.Reference+"@"+i.Digest)
			if err == nil && found.Digest == i.Digest {
				i.Platforms = found.Platforms
			}
		})
	}
	all.Wait()
	return out
}

// platformTime bounds asking registries for what is good to know: the digest of all platforms together is what counts.
const platformTime = 5 * time.Second

// side is the committed lock, or the user's own.
func (l *lockFiles) side(shared bool) *lock.Lock {
	if shared {
		return &l.committed
	}
	return &l.personal
}

// saveLocks writes what is another than before, and tells the changes of the committed one. Where somebody else wrote that
// meanwhile, theirs stands, and only what is missing in it is added.
func (s *session) saveLocks(l lockFiles) ([]string, error) {
	if err := s.savePersonal(l); err != nil {
		return nil, err
	}
	now, err := s.readLocks(s.place)
	if err != nil {
		return nil, err
	}
	if len(lock.Diff(s.lockFiles.committed, now.committed)) > 0 {
		l.committed = added(now.committed, l.committed)
	}
	changes := lock.Diff(now.committed, l.committed)
	if len(changes) > 0 || l.there && !now.there {
		data, err := l.committed.Encode()
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", l.name, err)
		}
		path, _ := s.place.checkout.Path(l.name)
		if err := s.place.checkout.WriteFile(path, data, 0o644); err != nil {
			return nil, fmt.Errorf("write %s: %w", l.name, err)
		}
	}
	s.lockFiles = l
	return changes, nil
}

// added is a lock with what another has and it lacks.
func added(to, from lock.Lock) lock.Lock {
	over := lockFiles{committed: to, personal: from}
	return over.obeyed(false)
}

func (s *session) savePersonal(l lockFiles) error {
	if len(lock.Diff(s.lockFiles.personal, l.personal)) == 0 {
		return nil
	}
	state, err := s.state()
	if err != nil {
		return err
	}
	defer state.Close()
	if len(l.personal.Archives)+len(l.personal.Boxes)+len(l.personal.Images)+len(l.personal.Packages) == 0 {
		return state.Remove(personalLock(s.place))
	}
	data, err := l.personal.Encode()
	if err != nil {
		return err
	}
	if err := state.MkdirAll(personalLocks, 0o700); err != nil {
		return err
	}
	return state.WriteFile(personalLock(s.place), data, 0o600)
}
