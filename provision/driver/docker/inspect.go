package docker

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// Detail implements driver.Inspector.
func (e *Engine) Detail(ctx context.Context, id string) (resource.BoxDetail, error) {
	got, err := e.inspect(ctx, id, "inspect")
	if err != nil {
		return resource.BoxDetail{}, err
	}
	h, s := got.HostConfig, got.State
	d := resource.BoxDetail{
		ID: got.ID, Memory: h.Memory, NanoCPUs: h.NanoCPUs, Restart: restartText(h.RestartPolicy),
		ExitCode: s.ExitCode, OOM: s.OOMKilled, Error: s.Error, Running: s.Running, Started: engineTime(s.StartedAt), Finished: engineTime(s.FinishedAt),
		Life: bootOfContainer(got.Config).ID,
	}
	for name, ep := range got.NetworkSettings.Networks {
		d.Networks = append(d.Networks, resource.NetworkJoinObserved{
			ID: ep.NetworkID, Name: name, Aliases: aliasesObserved(ep.Aliases, got.ID), IP: ep.IPAddress,
		})
	}
	slices.SortFunc(d.Networks, func(a, b resource.NetworkJoinObserved) int { return strings.Compare(a.Name, b.Name) })
	for _, m := range got.Mounts {
		d.Mounts = append(d.Mounts, m.Destination)
	}
	slices.Sort(d.Mounts)
	return d, nil
}

// inspect asks for all that an engine says of a container; op is why. Every part is there, and every network: an answer
// that lacks one is an error.
func (e *Engine) inspect(ctx context.Context, id, op string) (container.InspectResponse, error) {
	got, err := e.api.ContainerInspect(ctx, id)
	if err == nil {
		err = whole(got)
	}
	if err != nil {
		return container.InspectResponse{}, e.classify(err, op, boxObject(id))
	}
	maps.DeleteFunc(got.NetworkSettings.Networks, func(_ string, n *network.EndpointSettings) bool { return n == nil })
	return got, nil
}

func whole(c container.InspectResponse) error {
	if c.ContainerJSONBase == nil || c.HostConfig == nil || c.State == nil || c.Config == nil || c.NetworkSettings == nil {
		return errLacks
	}
	return nil
}

// aliasesObserved leaves out the short id, which engines before API 1.45 add by themselves.
func aliasesObserved(aliases []string, id string) []string {
	var out []string
	for _, a := range aliases {
		if len(a) < 12 || !strings.HasPrefix(id, a) {
			out = append(out, a)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// engineTime reads the engine's times; its "never" is the year 1, which is zero.
func engineTime(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

// Size implements driver.Inspector.
func (e *Engine) Size(ctx context.Context, id string) (rw, root int64, err error) {
	got, _, err := e.api.ContainerInspectWithRaw(ctx, id, true)
	if err == nil {
		err = whole(got)
	}
	if err != nil {
		return 0, 0, e.classify(err, "inspect", boxObject(id))
	}
	if got.SizeRw != nil {
		rw = *got.SizeRw
	}
	if got.SizeRootFs != nil {
		root = *got.SizeRootFs
	}
	return rw, root, nil
}

// Changes implements driver.Inspector. The engine does not say what is a directory: what is a mount point or has
// something below it in the list is left out here, and the rest is for Stat to tell. What the agent keeps for itself is
// left out, too.
func (e *Engine) Changes(ctx context.Context, id string) ([]driver.Change, error) {
	now, err := e.inspect(ctx, id, "compare")
	if err != nil {
		return nil, err
	}
	diff, err := e.api.ContainerDiff(ctx, id)
	if err != nil {
		return nil, e.classify(err, "compare", boxObject(id))
	}
	points := map[string]bool{}
	for _, m := range now.Mounts {
		points[m.Destination] = true
	}
	return changesOf(diff, points), nil
}

func changesOf(diff []container.FilesystemChange, points map[string]bool) []driver.Change {
	slices.SortFunc(diff, func(a, b container.FilesystemChange) int { return strings.Compare(a.Path, b.Path) })
	parents := map[string]bool{}
	for _, c := range diff {
		if i := strings.LastIndexByte(c.Path, '/'); i > 0 {
			parents[c.Path[:i]] = true
		}
	}
	var out []driver.Change
	for _, c := range diff {
		if parents[c.Path] || points[c.Path] || within(c.Path, wire.MountDir) || within(c.Path, wire.StateDir) {
			continue
		}
		change := driver.Change{Path: c.Path}
		switch c.Kind {
		case container.ChangeAdd:
			change.Kind = driver.Added
		case container.ChangeDelete:
			change.Kind, change.Deleted = driver.Removed, true
		}
		out = append(out, change)
	}
	return out
}

// within reports whether a path is dir or below it.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
