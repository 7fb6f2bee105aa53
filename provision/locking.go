package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/boxes/bootstrap"
	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// confirmTime bounds asking registries about images that were there before envy was: an up must not wait for a network that
// it has no need of.
const confirmTime = 3 * time.Second

// digestOf is what an image is locked to, "" where it is not, or came from no registry.
func digestOf(l lock.Lock, reference string) string {
	entry, _ := l.FindImage(reference)
	return entry.Digest
}

// pinned is a reference that means one image, whatever its tag points to.
func pinned(reference, digest string) string { return reference + "@" + digest }

// ownHost begins the names of images that are envy's own, which no registry has.
const ownHost = "envy.local/"

// Lockable reports whether the lock has something to say about the image of a box: of a build it has only what that starts from
// ([BaseImages]), an image that is written with its digest says it itself, and one of an archive is its archive's.
func Lockable(b *config.Box) bool {
	return b.Build == nil && lockableName(b.Image)
}

// lockable is Lockable of what was lowered.
func lockable(i resource.ImageWanted) bool {
	return i.Build == nil && i.Archive == "" && lockableName(i.Spec.Reference)
}

func lockableName(ref string) bool {
	return ref != "" && !strings.Contains(ref, "@") && !strings.HasPrefix(ref, ownHost)
}

// settleImages finds out what the images that are not locked are: what the pull told, or, of one that was there before,
// what its registry confirms (§3: whether it came from one is never told by the engine alone). The boxes to be made bear the
// digest. Where no box is made of one, nobody is asked.
func (g *planning) settleImages(ctx context.Context) []lock.Image {
	ctx, cancel := context.WithTimeout(ctx, confirmTime)
	defer cancel()
	found := map[string]lock.Image{}
	var mu sync.Mutex
	var owner errgroup.Group
	owner.SetLimit(apply.DefaultParallel)
	for _, i := range g.desired.Images {
		ref, fact := i.Spec.Reference, g.images[i.Reference]
		if _, locked := g.project.Lock.FindImage(ref); locked || !lockable(i) || fact == nil || !g.making[i.ID] {
			continue
		}
		owner.Go(func() error {
			if image, ok := g.origin(ctx, ref, *fact); ok {
				mu.Lock()
				defer mu.Unlock()
				found[ref] = image
			}
			return nil
		})
	}
	_ = owner.Wait() // none of them fails: what is not known is left out
	out := slices.Clone(g.bases)
	for n := range g.desired.Images {
		i := &g.desired.Images[n]
		image, ok := found[i.Spec.Reference]
		if !ok || !lockable(*i) {
			continue
		}
		i.Digest = image.Digest
		if !slices.ContainsFunc(out, func(o lock.Image) bool { return o.Reference == image.Reference }) {
			out = append(out, image)
		}
	}
	return out
}

// origin is where an image that is on the engine came from; not ok where that cannot be told.
func (g *planning) origin(ctx context.Context, ref string, fact resource.ImageFact) (lock.Image, bool) {
	digest := g.pulled[ref]
	if digest == "" {
		if digest = digestIn(ref, fact.Digests); digest == "" || ownBase(fact) {
			return lock.Image{Reference: ref, Local: true}, true
		}
		_, err := g.env.Engine.Digest(ctx, pinned(ref, digest))
		switch {
		case driver.Is(err, driver.NotFound): // engines give digests to what was merely loaded, too
			return lock.Image{Reference: ref, Local: true}, true
		case err != nil:
			g.open(ref)
			return lock.Image{}, false
		}
	}
	return lock.Image{Reference: ref, Digest: digest}, true
}

// ownBase reports an image that envy made of packages, and nothing was put on: no registry need be asked about it.
func ownBase(fact resource.ImageFact) bool {
	_, made := fact.Labels[bootstrap.LabelSuite]
	return made && len(fact.Layers) == 1
}

// digestIn is the digest that an engine has for a reference's repository, "" for none.
func digestIn(ref string, digests []string) string {
	for _, d := range digests {
		if repository, digest, ok := strings.Cut(d, "@"); ok && repositoryOf(repository) == repositoryOf(ref) {
			return digest
		}
	}
	return ""
}

// repositoryOf is a reference without tag and digest, as engines shorten it.
func repositoryOf(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(ref, ':'); i > strings.LastIndexByte(ref, '/') {
		ref = ref[:i]
	}
	return strings.TrimPrefix(strings.TrimPrefix(ref, "docker.io/"), "library/")
}

// UnlockedError is an image of which nothing could be told; Err says why.
type UnlockedError struct {
	Reference string
	Origin    resource.Origin
	Err       error
}

func (e *UnlockedError) Error() string { return fmt.Sprintf("image %s: %v", e.Reference, e.Err) }

// Unwrap gives the cause.
func (e *UnlockedError) Unwrap() error { return e.Err }

// LockImages finds out what all images of a project are that its lock does not have: what their registries have under the
// references now, else what is on the engine. Nothing is fetched or changed. The error joins an [*UnlockedError] for each
// of which nothing could be told; the others are given all the same.
func LockImages(ctx context.Context, env Env, p *Project) ([]lock.Image, error) {
	desired, diags := lower(ctx, env, p)
	if err := diags.Err(); err != nil {
		return nil, err
	}
	var refs []resource.ImageWanted
	for _, i := range withBases(desired.Images) {
		_, locked := p.Lock.FindImage(i.Spec.Reference)
		same := func(r resource.ImageWanted) bool { return r.Spec.Reference == i.Spec.Reference }
		if !locked && lockable(i) && !slices.ContainsFunc(refs, same) {
			refs = append(refs, i)
		}
	}
	images, errs := make([]lock.Image, len(refs)), make([]error, len(refs))
	var group errgroup.Group
	group.SetLimit(apply.DefaultParallel)
	for n, i := range refs {
		group.Go(func() error {
			images[n], errs[n] = lockImage(ctx, env, i)
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	var out []lock.Image
	for _, i := range images {
		if i.Reference != "" {
			out = append(out, i)
		}
	}
	return out, errors.Join(errs...)
}

// withBases are images with those that builds start from.
func withBases(images []resource.ImageWanted) []resource.ImageWanted {
	out := slices.Clone(images)
	for _, i := range images {
		if i.Build == nil {
			continue
		}
		for _, f := range i.Build.From {
			out = append(out, resource.ImageWanted{Spec: resource.ImageSpec{Reference: f.Reference, Platform: i.Spec.Platform}, Origin: i.Origin})
		}
	}
	return out
}

func lockImage(ctx context.Context, env Env, i resource.ImageWanted) (lock.Image, error) {
	ref := i.Spec.Reference
	digest, err := env.Engine.Digest(ctx, ref)
	if err == nil {
		return lock.Image{Reference: ref, Digest: digest}, nil
	}
	if ctx.Err() != nil {
		return lock.Image{}, context.Cause(ctx)
	}
	if driver.Is(err, driver.Unreachable) {
		return lock.Image{}, err
	}
	fact, missing := env.Engine.Image(ctx, ref, i.Spec.Platform)
	if missing == nil && (digestIn(ref, fact.Digests) == "" || driver.Is(err, driver.NotFound)) {
		return lock.Image{Reference: ref, Local: true}, nil
	}
	return lock.Image{}, &UnlockedError{Reference: ref, Origin: i.Origin, Err: err}
}
