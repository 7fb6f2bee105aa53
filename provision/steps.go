package provision

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync/atomic"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/recipe"
	"github.com/envyhq/envy/provision/resource"
)

// hostSteps is what apply needs of the caller's machine, for one plan.
type hostSteps struct {
	g    *planning
	slot atomic.Int64
}

func newHostSteps(g *planning) *hostSteps { return &hostSteps{g: g} }

// Layers implements apply.Host: packages and setups on the base that is there now.
func (h *hostSteps) Layers(ctx context.Context, w resource.ImageWanted) (driver.Build, error) {
	fact := h.g.images[w.Reference]
	if fact == nil {
		return driver.Build{}, fmt.Errorf("the base image %s is not on the engine", w.Reference)
	}
	manager := ""
	if len(w.Spec.Packages) > 0 {
		var err error
		if manager, err = h.g.env.Engine.PackageManager(ctx, w.Reference); err != nil {
			return driver.Build{}, fmt.Errorf("image %s: no package manager that envy knows (apt, apk, dnf, zypper, pacman): %w", w.Reference, err)
		}
	}
	namespace := ""
	if w.Build != nil {
		namespace = h.g.project.Identity.Checkout
	}
	r, err := recipe.New(recipe.Input{
		From: w.Reference, Base: *fact, Manager: manager, Packages: w.Spec.Packages, Versions: w.Versions, Setups: w.Setups,
		Cache: recipe.Cache{Secret: h.g.env.Cache, Namespace: namespace, Slot: int(h.slot.Add(1) - 1)},
	})
	if err != nil {
		return driver.Build{}, err
	}
	return driver.Build{
		Tag: w.Tag, Dockerfile: recipe.Dockerfile, Context: r.Context, Classic: r.Classic, Platform: w.Spec.Platform,
		Labels: imageLabels(w.Spec), Locate: r.Locate,
	}, nil
}

// Load implements apply.Host.
func (h *hostSteps) Load(ctx context.Context, w resource.ImageWanted, task string) error {
	if h.g.env.Archives == nil {
		return fmt.Errorf("there is no archive that has the image %s", w.Reference)
	}
	return h.g.env.Archives.Load(ctx, w.Reference, func(current, total int64) {
		h.g.env.Sink.Send(event.Event{
			ID: task, Kind: event.Progress, Subject: "image." + w.Reference, Text: string(plan.OpLoad), Current: current, Total: total, Unit: "bytes",
		})
	})
}

// imageLabels blank what an image would pass on to containers that are not envy's, and hold its recipe by value.
func imageLabels(spec resource.ImageSpec) map[string]string {
	l := resource.Identity{}.Labels(resource.Owner{})
	l[resource.LabelRecipe] = recipe.Label(spec)
	return l
}

// Build implements apply.Host: a build {}.
func (h *hostSteps) Build(_ context.Context, w resource.ImageWanted) (driver.Build, error) {
	written := writtenBuild(h.g.project.Config, w.Build)
	if written == nil {
		return driver.Build{}, fmt.Errorf("the Envfile has no build of %s", w.Build.Dir)
	}
	c, err := contextOf(h.g.env.Host, h.g.project.Config, written)
	if err != nil {
		return driver.Build{}, err
	}
	if c, err = pin(c, w); err != nil {
		return driver.Build{}, err
	}
	args := maps.Clone(map[string]string(w.Build.Args))
	if args == nil {
		args = map[string]string{}
	}
	args[recipe.NamespaceArg] = h.g.project.Identity.Checkout // never the Envfile's to choose
	return driver.Build{
		Tag: w.Reference, Dockerfile: c.Dockerfile(), Context: c.Tar, Args: args, Target: w.Build.Target, Platform: w.Spec.Platform,
		Labels: imageLabels(resource.ImageSpec{Build: w.Spec.Build, Platform: w.Spec.Platform}), NoCache: h.g.options.Build,
	}, nil
}

// writtenBuild is the build {} that a wanted one was lowered from, or another one of the same files.
func writtenBuild(p *config.Project, w *resource.BuildWanted) *config.Build {
	for _, b := range p.Boxes {
		x := b.Build
		if x == nil || x.Dockerfile != w.Dockerfile {
			continue
		}
		if x.Tree == nil && w.Definition == "" && x.Context.Path == w.Dir || x.Tree != nil && x.Definition == w.Definition && x.Context.Rel == w.Dir {
			return x
		}
	}
	return nil
}

// Prepare implements apply.Host: sources that must exist, and mount points inside shares, made by the caller so that no
// root-owned folder appears in a checkout. Last, all paths are looked at once more: the engine follows links.
func (h *hostSteps) Prepare(box string, spec resource.BoxSpec) error {
	if err := h.prepare(spec); err != nil {
		return err
	}
	return h.check(box, spec)
}

func (h *hostSteps) prepare(spec resource.BoxSpec) error {
	host := h.g.env.Host
	for _, m := range spec.Mounts {
		if m.Type != resource.MountBind && m.Type != resource.MountCopy {
			continue
		}
		if there, _ := host.Exists(m.Source); there {
			continue
		}
		if !m.Create {
			return fmt.Errorf("share %q: %s is not there; write create = true to have it made", m.Name, m.Source)
		}
		if err := host.MakeSource(m.Source); err != nil {
			return fmt.Errorf("share %q: %w", m.Name, err)
		}
	}
	for _, m := range spec.Mounts {
		share, rel, ok := enclosingShare(spec.Mounts, m)
		if !ok {
			continue
		}
		dir := true
		if m.Type == resource.MountBind {
			_, dir = host.Exists(m.Source)
		}
		if err := host.MakeMountPoint(share.Source, rel, dir); err != nil {
			return fmt.Errorf("mount point %s in share %q: %w", m.Target, share.Name, err)
		}
	}
	return nil
}

// Check implements apply.Host: the engine follows the paths of a box at each start.
func (h *hostSteps) Check(box, id string) error {
	for _, b := range h.g.observed.Boxes {
		if b.ID != id {
			continue
		}
		spec, err := resource.DecodeSpec(b.Spec)
		if err != nil {
			return err
		}
		return h.check(box, *spec)
	}
	for _, w := range h.g.desired.Boxes {
		if w.Replica() == box {
			return h.check(box, w.Spec)
		}
	}
	return fmt.Errorf("box %q: nothing is known of its shares", box)
}

// check refuses paths that lead elsewhere than they led when they were looked at: sources, which had no links then, and
// devices.
func (h *hostSteps) check(box string, spec resource.BoxSpec) error {
	for _, m := range spec.Mounts {
		if m.Type != resource.MountBind {
			continue // volumes have no path, copies are read by envy, which looks by itself
		}
		if err := h.leads(fmt.Sprintf("share %q", m.Name), m.Source, func(to string) bool { return to == m.Source }); err != nil {
			return err
		}
	}
	for _, text := range spec.Devices {
		device, _, _ := strings.Cut(text, ":")
		led := h.device(box, device)
		sameDevice := func(to string) bool { return to == led || within(device, "/dev") && within(to, "/dev") }
		if err := h.leads("device", device, sameDevice); err != nil {
			return err
		}
	}
	return nil
}

// leads refuses a path that leads to another place than it may.
func (h *hostSteps) leads(what, path string, may func(to string) bool) error {
	to, err := h.g.env.Host.Leads(path)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case !may(to):
		return Moved(what, path, to)
	}
	return nil
}

// device is where a device of a box led when the Envfile was evaluated; itself where that does not tell.
func (h *hostSteps) device(box, path string) string {
	for _, b := range h.g.project.Config.Boxes {
		for _, d := range b.Devices {
			if b.Name == box && d.Host == path {
				return d.Place.Path
			}
		}
	}
	return path
}

// enclosingShare is the innermost writable bind share that a mount point lies in, with the path below it.
func enclosingShare(mounts []resource.MountSpec, m resource.MountSpec) (share resource.MountSpec, rel string, ok bool) {
	if m.Type == resource.MountCopy {
		return share, "", false
	}
	for _, s := range mounts {
		if s.Target == m.Target || !within(m.Target, s.Target) || len(s.Target) <= len(share.Target) && ok {
			continue
		}
		share, rel, ok = s, strings.TrimPrefix(strings.TrimPrefix(m.Target, s.Target), "/"), true
	}
	if ok && (share.Type != resource.MountBind || share.Git) {
		return share, "", false
	}
	return share, rel, ok
}

// Archive implements apply.Host.
func (h *hostSteps) Archive(m resource.MountSpec) (io.ReadCloser, error) {
	return h.g.env.Host.Archive(m.Source)
}
