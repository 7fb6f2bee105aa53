package provision

import (
	"context"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

const (
	// watchQuiet is how long nothing must have happened before it is drawn: what comes together is drawn once.
	watchQuiet = 60 * time.Millisecond
	// watchLate is when it is drawn all the same, though more keeps coming.
	watchLate = 500 * time.Millisecond
	// watchAgain is when it is looked at once more after the last event. Engines tell of a change before their lists have
	// it, and do not say from when on they tell.
	watchAgain = time.Second
)

// Watch calls draw at once, and again whenever something happened to a box of the checkout, until ctx ends, draw fails, or
// the engine tells no more. It does not poll. Error: ctx's cause, draw's, or the engine's.
func Watch(ctx context.Context, e driver.Observer, id resource.Identity, draw func(context.Context) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	happened, ended := make(chan struct{}, 1), make(chan struct{})
	var failed error // of the engine, once ended is closed
	go func() {
		defer close(ended)
		failed = e.Events(ctx, id, driver.EventOptions{}, func(driver.BoxEvent) bool {
			select {
			case happened <- struct{}{}:
			default: // it will be looked at
			}
			return true
		})
	}()
	defer func() {
		stop(nil)
		<-ended
	}()
	again := time.NewTimer(watchAgain)
	defer again.Stop()
	for {
		if err := draw(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ended:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return failed
		case <-happened:
			calm(ctx, happened)
			again.Reset(watchAgain)
		case <-again.C:
		}
	}
}

// calm waits until nothing more comes, for a while.
func calm(ctx context.Context, happened <-chan struct{}) {
	late := time.NewTimer(watchLate)
	defer late.Stop()
	for {
		quiet := time.NewTimer(watchQuiet)
		select {
		case <-happened:
			quiet.Stop()
			continue
		case <-quiet.C:
		case <-late.C:
		case <-ctx.Done():
		}
		quiet.Stop()
		return
	}
}
