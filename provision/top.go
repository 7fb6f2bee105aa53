package provision

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// BoxUsage is what a box uses; of one that does not run, nothing.
type BoxUsage struct {
	Box       string
	State     resource.State
	Running   bool // or paused, so that there is something to tell
	Usage     driver.Usage
	Processes []driver.Process
	Unlisted  string // why the processes are not known; "" where they are, or nobody asked
}

// measured is how many boxes are looked at at once. A look is a second or two of waiting for the engine, which does them together.
const measured = 32

// Measure tells what boxes use, in their order, with their processes where these are asked for.
func Measure(ctx context.Context, env Env, boxes []Box, processes bool) ([]BoxUsage, error) {
	out := make([]BoxUsage, len(boxes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(measured)
	for i, b := range boxes {
		out[i] = BoxUsage{Box: b.Name, State: b.State}
		if b.State != resource.StateRunning && b.State != resource.StatePaused {
			continue
		}
		group.Go(func() error { return out[i].measure(ctx, env.Engine, b, processes) })
	}
	return out, group.Wait()
}

func (u *BoxUsage) measure(ctx context.Context, e driver.Gauge, b Box, processes bool) error {
	usage, err := e.Usage(ctx, b.ID)
	if driver.Is(err, driver.NotRunning) || driver.Is(err, driver.NotFound) { // it ended meanwhile
		u.State = resource.StateExited
		return nil
	}
	if err != nil {
		return err
	}
	u.Running, u.Usage = true, usage
	if !processes {
		return nil
	}
	list, err := e.Processes(ctx, b.ID)
	switch {
	case err == nil:
		u.Processes = list
	case driver.Is(err, driver.Failed):
		u.Unlisted = err.Error()
	case !driver.Is(err, driver.NotRunning) && !driver.Is(err, driver.NotFound):
		return err
	}
	return nil
}
