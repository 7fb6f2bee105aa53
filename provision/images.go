package provision

import (
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/recipe"
	"github.com/envyhq/envy/provision/resource"
)

// resolve inspects each distinct reference once, side by side, and fills in the tags that follow from it.
func (g *planning) resolve(ctx context.Context) error {
	refs := map[string]string{} // reference → platform
	for _, i := range g.desired.Images {
		if _, known := g.images[i.Reference]; !known && !(g.lazy && told(i)) {
			refs[i.Reference] = i.Spec.Platform
		}
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for ref, platform := range refs {
		group.Go(func() error {
			fact, err := g.env.Engine.Image(ctx, ref, platform)
			if err != nil && !driver.Is(err, driver.NotFound) {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			g.images[ref] = nil
			if err == nil {
				g.images[ref] = &fact
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for n := range g.desired.Images {
		i := &g.desired.Images[n]
		fact := g.images[i.Reference]
		if fact != nil {
			i.Spec.Base = fact.BaseID
		}
		if fact != nil && i.Spec.Derived() {
			if err := g.lockPackages(i, fact, g.chosen(i.ID)); err != nil {
				return err
			}
			i.Tag = recipe.LockedTag(i.Spec, i.Versions)
		}
		i.Cached, i.Bootstrap = g.offered(i.Tag), g.bootstrappable(*i)
	}
	return nil
}

// told reports an image of which a plan without steps needs to know nothing more than the labels of its boxes say: it is locked, and
// nothing is installed on top that is locked by platform (§7: one inspect per distinct unlocked reference).
func told(i resource.ImageWanted) bool { return i.Locked && packageKey(i) == "" }

// lookAtAll looks at the images that were left out, and reports whether there were any.
func (g *planning) lookAtAll(ctx context.Context) (bool, error) {
	left := g.lazy && slices.ContainsFunc(g.desired.Images, func(i resource.ImageWanted) bool {
		_, known := g.images[i.Reference]
		return !known
	})
	if g.lazy = false; !left {
		return false, nil
	}
	return true, g.resolve(ctx)
}
