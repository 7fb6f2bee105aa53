package docker

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/versions"
	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

var _ driver.Surveyor = (*Engine)(nil)

// mountedContainer is an entry of the container list with what is mounted, which only a survey looks at.
type mountedContainer struct {
	listedContainer
	Mounts []struct{ Type, Name string }
}

// Everywhere implements driver.Surveyor. The label's value does not matter: every object of envy's has it, and what has it
// empty is of no checkout.
func (e *Engine) Everywhere(ctx context.Context) (resource.Everywhere, error) {
	about, err := e.ping(ctx)
	if err != nil {
		return resource.Everywhere{}, err
	}
	var containers []mountedContainer
	var all listings
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.getList(ctx, "/containers/json?all=1", resource.LabelCheckout, &containers) })
	g.Go(func() error { return e.getList(ctx, "/networks", resource.LabelCheckout, &all.networks) })
	g.Go(func() error { return e.getList(ctx, "/volumes", resource.LabelCheckout, &all.volumes) })
	if err := g.Wait(); err != nil {
		return resource.Everywhere{}, err
	}
	mounted := map[string][]string{}
	for _, c := range containers {
		all.containers = append(all.containers, c.listedContainer)
		for _, m := range c.Mounts {
			mounted[m.Name] = append(mounted[m.Name], c.ID)
		}
	}
	out := resource.Everywhere{Engine: about, Agents: agentsOf(all, mounted)}
	parts, first := all.byCheckout()
	for key, part := range parts {
		id := first[key].Identity()
		out.Checkouts = append(out.Checkouts, resource.Checkout{Identity: id, Observed: observed(about, *part, id)})
	}
	out.Checkouts = resource.SortCheckouts(out.Checkouts)
	return out, nil
}

// byCheckout parts what was listed by whose it is; what is nobody's is left out. The second result is the first owner of each.
func (l listings) byCheckout() (map[resource.CheckoutKey]*listings, map[resource.CheckoutKey]resource.Owner) {
	parts, first := map[resource.CheckoutKey]*listings{}, map[resource.CheckoutKey]resource.Owner{}
	of := func(labels map[string]string) *listings {
		owner := resource.OwnerOf(labels)
		key := owner.Key()
		if key.Checkout == "" {
			return &listings{}
		}
		if parts[key] == nil {
			parts[key], first[key] = &listings{}, owner
		}
		return parts[key]
	}
	for _, c := range l.containers {
		part := of(c.Labels)
		part.containers = append(part.containers, c)
	}
	for _, n := range l.networks {
		part := of(n.Labels)
		part.networks = append(part.networks, n)
	}
	for _, v := range l.volumes.Volumes {
		part := of(v.Labels)
		part.volumes.Volumes = append(part.volumes.Volumes, v)
	}
	return parts, first
}

// agentsOf are the volumes that are an agent's by label and by name.
func agentsOf(l listings, mounted map[string][]string) []resource.AgentVolume {
	var out []resource.AgentVolume
	for _, v := range l.volumes.Volumes {
		hash := v.Labels[resource.LabelAgent]
		if hash != "" && v.Name == agentVolumePrefix+hash && v.Labels[resource.LabelCheckout] == "" {
			out = append(out, resource.AgentVolume{Name: v.Name, Created: engineTime(v.CreatedAt), Users: mounted[v.Name]})
		}
	}
	slices.SortFunc(out, func(a, b resource.AgentVolume) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

const (
	// typedUse is the API version from which one kind of object can be counted alone.
	typedUse = "1.42"
	// countTime bounds the engine's counting. Some storage drivers walk every file of every container.
	countTime = 30 * time.Minute
	// countAgain is how long to wait for an engine that counts for somebody else.
	countAgain = 100 * time.Millisecond
)

// DiskUse implements driver.Surveyor. Engines that can count volumes alone are asked for containers of envy's alone; older
// ones count all that they have in one call.
func (e *Engine) DiskUse(ctx context.Context, images []string) (driver.DiskUse, error) {
	about, err := e.ping(ctx)
	if err != nil {
		return driver.DiskUse{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	use := driver.DiskUse{Boxes: map[string]int64{}, Volumes: map[string]int64{}, Images: map[string]driver.ImageUse{}}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	typed := versions.GreaterThanOrEqualTo(e.version(about), typedUse)
	if typed {
		g.Go(func() error { return e.boxUse(ctx, use.Boxes) })
	}
	g.Go(func() error { return e.ownUse(ctx, typed, use) })
	var mu sync.Mutex
	for _, id := range images {
		g.Go(func() error {
			one, err := e.imageUse(ctx, id)
			if driver.Is(err, driver.NotFound) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			use.Images[id] = one
			return err
		})
	}
	return use, g.Wait()
}

func (e *Engine) boxUse(ctx context.Context, boxes map[string]int64) error {
	var list []struct {
		ID     string `json:"Id"`
		SizeRw int64
	}
	err := e.getList(ctx, "/containers/json?all=1&size=1", resource.LabelCheckout, &list)
	for _, c := range list {
		boxes[c.ID] = c.SizeRw
	}
	return err
}

// ownUse fills in volumes; and containers, where one kind cannot be asked for alone.
func (e *Engine) ownUse(ctx context.Context, typed bool, use driver.DiskUse) error {
	var only []types.DiskUsageObject
	if typed {
		only = []types.DiskUsageObject{types.VolumeObject}
	}
	found, err := e.count(ctx, types.DiskUsageOptions{Types: only})
	if err != nil {
		return e.classify(cause(ctx, err), "count", "what the engine's disk holds")
	}
	for _, v := range found.Volumes {
		if v != nil && v.UsageData != nil && v.UsageData.Size >= 0 {
			use.Volumes[v.Name] = v.UsageData.Size
		}
	}
	for _, c := range found.Containers {
		if !typed && c != nil && c.Labels[resource.LabelCheckout] != "" {
			use.Boxes[c.ID] = c.SizeRw
		}
	}
	return nil
}

// count asks the engine to count. Older ones do so for one caller at a time, and turn the others away.
func (e *Engine) count(ctx context.Context, o types.DiskUsageOptions) (types.DiskUsage, error) {
	for {
		found, err := e.api.DiskUsage(ctx, o)
		if err == nil || !strings.Contains(err.Error(), "disk usage operation is already running") {
			return found, err
		}
		select {
		case <-ctx.Done():
			return found, context.Cause(ctx)
		case <-time.After(countAgain):
		}
	}
}

// imageUse asks for an image's layers, and for their sizes, which stand in its history without the layers' ids: in the
// same order, those that are empty among them. Where the two do not fit together the layers' sizes are not known.
func (e *Engine) imageUse(ctx context.Context, id string) (driver.ImageUse, error) {
	object := quoted("image", id)
	found, err := e.api.ImageInspect(ctx, id)
	if err != nil {
		return driver.ImageUse{}, e.classify(err, "inspect", object)
	}
	history, err := e.api.ImageHistory(ctx, id)
	if err != nil {
		return driver.ImageUse{}, e.classify(err, "inspect", object)
	}
	sizes := make([]int64, len(history))
	for i, h := range history {
		sizes[len(sizes)-1-i] = h.Size // newest first, in the answer
	}
	return driver.ImageUse{Size: found.Size, Layers: layersOf(found.RootFS.Layers, sizes)}, nil
}

// layersOf puts sizes to layers. Steps that made no layer have size 0, but so do layers without a file: sizes are known where
// each step made a layer, or where as many steps as there are layers made something.
func layersOf(ids []string, steps []int64) []driver.LayerUse {
	var sizes []int64
	for _, s := range steps {
		if s > 0 {
			sizes = append(sizes, s)
		}
	}
	if len(steps) == len(ids) {
		sizes = steps
	}
	out := make([]driver.LayerUse, len(ids))
	for i, id := range ids {
		out[i] = driver.LayerUse{ID: id, Size: -1}
		if len(sizes) == len(ids) {
			out[i].Size = sizes[i]
		}
	}
	return out
}
