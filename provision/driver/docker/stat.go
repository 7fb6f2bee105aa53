package docker

import (
	"context"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
)

// statCalls is how many paths of a stopped box are asked about at once: each call mounts its file system.
const statCalls = 8

// Stat implements driver.Inspector: one call of the agent in a running box, one call a path in a stopped one.
func (e *Engine) Stat(ctx context.Context, id string, paths []string) (map[string]driver.Stat, bool, error) {
	asked := paths[:min(len(paths), wire.MaxPaths)]
	stdin, err := wire.Encode(wire.StatRequest{Paths: asked})
	if err != nil {
		return nil, false, invalid("look into", id, err.Error(), err)
	}
	reply, ok, err := ask[wire.StatReply](ctx, e, id, wire.VerbStat, stdin)
	switch {
	case err != nil && ctx.Err() != nil:
		return map[string]driver.Stat{}, false, nil //nolint:nilerr // out of time is an answer here
	case driver.Is(err, driver.NotRunning):
		return e.statStopped(ctx, id, paths)
	case err != nil:
		return nil, false, err
	case !ok:
		return e.statStopped(ctx, id, paths)
	}
	stats := make(map[string]driver.Stat, len(reply.Stats))
	for _, s := range reply.Stats {
		stats[s.Path] = driver.Stat{
			Exists: s.Exists, Dir: s.Mode&syscall.S_IFMT == syscall.S_IFDIR, Size: s.Size, MTime: time.Unix(0, s.MTime),
		}
	}
	return stats, len(stats) >= len(paths), nil
}

// statStopped asks the engine, path by path. It begins with /, whose absence means that nothing can be known.
func (e *Engine) statStopped(ctx context.Context, id string, paths []string) (map[string]driver.Stat, bool, error) {
	stats := map[string]driver.Stat{}
	if _, err := e.statPath(ctx, id, "/"); err != nil {
		if ctx.Err() != nil || driver.Is(err, driver.NotFound) && e.exists(ctx, id) {
			return stats, false, nil //nolint:nilerr // not to be known is an answer here
		}
		return nil, false, err
	}
	found := make([]*driver.Stat, len(paths))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(statCalls)
	for i, path := range paths {
		g.Go(func() error {
			s, err := e.statPath(gctx, id, path)
			switch {
			case err == nil:
				found[i] = &s
			case driver.Is(err, driver.NotFound):
				found[i] = &driver.Stat{}
			default:
				return err
			}
			return nil
		})
	}
	err := g.Wait()
	complete := true
	for i, s := range found {
		if s == nil {
			complete = false
			continue
		}
		stats[paths[i]] = *s
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		return nil, false, err
	}
	return stats, complete, nil
}

func (e *Engine) exists(ctx context.Context, id string) bool {
	_, err := e.api.ContainerInspect(ctx, id)
	return err == nil
}

func (e *Engine) statPath(ctx context.Context, id, path string) (driver.Stat, error) {
	got, err := e.api.ContainerStatPath(ctx, id, path)
	if err != nil {
		return driver.Stat{}, e.classify(err, "look into", boxObject(id))
	}
	return driver.Stat{Exists: true, Dir: got.Mode.IsDir(), Size: got.Size, MTime: got.Mtime}, nil
}
