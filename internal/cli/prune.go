package cli

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// defaultOlder is how long what can be had again is kept without being used.
const defaultOlder = "30d"

func (a *app) pruneCommand() *cli.Command {
	return a.command("prune", "remove what belongs to checkouts that are gone, and what nothing uses; asks first", "", func(ctx context.Context, c *cli.Context, s *session) error {
		if _, err := atMost(c, 0); err != nil {
			return err
		}
		older, err := parseAge(c.String("older"))
		if err != nil {
			return err
		}
		o := provision.PruneOptions{Volumes: c.StringSlice("volume"), Before: s.app.m.Now().Add(-older), AskLoss: !s.g.yes}
		for _, path := range c.StringSlice("gone") {
			o.Gone = append(o.Gone, filepath.Clean(inDir(s.g.dir, path)))
		}
		return s.prune(ctx, o)
	},
		&cli.StringSliceFlag{Name: "volume", Usage: "also the volume of this `NAME`, of a checkout that is gone, with all that is in it"},
		&cli.StringSliceFlag{Name: "gone", Usage: "count the checkout at `PATH` as gone, where that cannot be told"},
		&cli.StringFlag{Name: "older", Usage: "of images, cached files and versions of envy's own program only those that are older than `AGE`: 12h, 30d, 0 for all", Value: defaultOlder},
	)
}

// parseAge reads a duration that may be in days.
func parseAge(text string) (time.Duration, error) {
	wrong := &usageError{text: "--older needs an age, as 12h, 30d or 0"}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, wrong
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return 0, wrong
	}
	return age, nil
}

func (s *session) prune(ctx context.Context, o provision.PruneOptions) error {
	env, caller, err := s.pruneEnv(ctx)
	if err != nil {
		return err
	}
	found, err := provision.FindPrunable(ctx, env, o)
	if err != nil {
		return err
	}
	cached, err := staleCache(caller, o.Before)
	if err != nil {
		return err
	}
	before := pruneJSON(found)
	before.Cached = cached
	if err := s.settle(); err != nil {
		return err
	}
	if err := s.view.PruneBefore(before); err != nil {
		return err
	}
	total := before.Total()
	if total == "" {
		return s.view.Pruned(before)
	}
	if err := s.confirm(ctx, "Remove "+total+"?", total+" would be removed"); err != nil {
		return err
	}
	done, err := provision.Prune(ctx, env, found, o)
	after := pruneJSON(done)
	if err == nil {
		after.Cached, err = cached, sweepCache(caller, o.Before)
	}
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	return s.view.Pruned(after)
}

// pruneEnv is what prune works with, which is no checkout.
func (s *session) pruneEnv(ctx context.Context) (provision.PruneEnv, hostfs.Caller, error) {
	env := provision.PruneEnv{Find: findCheckout}
	caller, err := s.callerHere()
	if err != nil {
		return env, caller, err
	}
	if env.Me, err = s.me(); err != nil {
		return env, caller, err
	}
	if err := s.openEngine(); err != nil {
		return env, caller, err
	}
	if s.about, err = s.engine.Ping(ctx); err != nil {
		return env, caller, err
	}
	env.Env = provision.Env{
		Engine: s.engine, Sink: s.sink(), Now: s.app.m.Now, Version: s.app.m.Version, Output: s.sink().Output,
		RunOver: func(id string) { s.forgetRun(caller, id) },
	}
	env.Lock = func(ctx context.Context, checkout string) (func() error, error) {
		state, err := openState(caller)
		if err != nil {
			return nil, err
		}
		defer state.Close()
		return s.lockCheckout(ctx, state, checkout, "prune")
	}
	return env, caller, nil
}

func pruneJSON(p *provision.Pruning) view.PruneJSON {
	j := view.PruneJSON{Agents: p.Agents, Young: len(p.Young)}
	for _, x := range p.Projects {
		j.Projects = append(j.Projects, prunedProject(x))
	}
	for _, i := range p.Images {
		j.Images = append(j.Images, view.PrunedImage{Reference: i.Reference, Size: i.Size})
	}
	for _, x := range p.NotFound {
		j.NotFound = append(j.NotFound, view.LostCheckout{Path: x.Identity.Path, Why: x.Why})
	}
	return j
}

func prunedProject(x provision.PrunedProject) view.PrunedProject {
	out := view.PrunedProject{Project: x.Identity.Project, Path: x.Identity.Path, Kept: x.Plan.Kept}
	for _, c := range x.Plan.Changes {
		_, name, _ := strings.Cut(c.Address.String(), ".") // web, web.run-3f2a1c
		switch c.Address.Kind {
		case resource.KindBox:
			out.Boxes = append(out.Boxes, name)
			if c.Loss != nil && (c.Loss.Unknown || c.Loss.Count > 0) {
				out.Losses = append(out.Losses, plan.LossText(*c.Loss, name))
			}
		case resource.KindNetwork:
			out.Networks = append(out.Networks, c.Summary)
		case resource.KindVolume:
			out.Volumes = append(out.Volumes, c.Summary)
		}
	}
	return out
}

// cacheFolders are those of the user's cache in which every file can be had again.
func cacheFolders() []string { return []string{gitFolder, headFolder, fetchedFolder} }

// staleCache counts what nobody has used for long.
func staleCache(caller hostfs.Caller, before time.Time) (view.PrunedCache, error) {
	var all view.PrunedCache
	err := inCache(caller, func(cache *hostfs.Tree, dir string) error {
		files, size, err := cache.Stale(dir, before)
		all.Files, all.Bytes = all.Files+files, all.Bytes+size
		return err
	})
	return all, err
}

func sweepCache(caller hostfs.Caller, before time.Time) error {
	return inCache(caller, func(cache *hostfs.Tree, dir string) error {
		if err := cache.Sweep(dir, before); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

func inCache(caller hostfs.Caller, do func(cache *hostfs.Tree, dir string) error) error {
	cache, err := caller.FindDir(caller.Dirs.Cache)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer cache.Close()
	var problems []error
	for _, dir := range cacheFolders() {
		problems = append(problems, do(cache, dir))
	}
	return errors.Join(problems...)
}
