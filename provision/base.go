package provision

import (
	"context"
	"fmt"

	"github.com/envyhq/envy/boxes/bootstrap"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// BaseError is a base image that cannot be pulled, and could be made from packages.
type BaseError struct {
	Reference string
	Err       error // the pull's
}

func (e *BaseError) Error() string { return e.Err.Error() }

// Unwrap gives the pull's error.
func (e *BaseError) Unwrap() error { return e.Err }

// bootstrappable reports whether an image may, and can by its name, be made from packages. They are of the engine's own
// platform, and never what the lock names.
func (g *planning) bootstrappable(i resource.ImageWanted) bool {
	return g.bootstrap && i.Build == nil && !i.Locked && i.Spec.Platform == "" && fromPackages(i.Reference)
}

func fromPackages(ref string) bool {
	_, err := bootstrap.ParseReference(ref)
	return err == nil
}

// instead makes an image that no registry gave from packages; nil once it is there. Else it gives the pull's error, or
// why it could not be made.
func (g *planning) instead(ctx context.Context, i resource.ImageWanted, pull error) error {
	switch {
	case !driver.Is(pull, driver.NoRegistry) && !driver.Is(pull, driver.NotFound):
		return pull
	case !i.Bootstrap || g.env.Bootstrap == nil:
		if i.Spec.Platform == "" && !i.Locked && fromPackages(i.Reference) {
			return &BaseError{i.Reference, pull}
		}
		return pull
	}
	if _, err := g.env.Engine.Image(ctx, i.Reference, ""); err == nil {
		return nil // a suite's other name was made a moment ago, and this one with it
	}
	g.note("%s cannot be pulled; it is made from packages", i.Reference)
	if err := g.env.Bootstrap(ctx, i.Reference); err != nil {
		return fmt.Errorf("it cannot be pulled, nor made from packages: %w", err)
	}
	return nil
}
