package fake

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

var _ driver.Surveyor = (*Engine)(nil)

// Everywhere implements driver.Surveyor.
func (e *Engine) Everywhere(ctx context.Context) (resource.Everywhere, error) {
	r := resource.Everywhere{Engine: e.about()}
	err := e.do(ctx, "list everything", func(s *state, now time.Time) error {
		seen := map[resource.CheckoutKey]bool{}
		for _, labels := range s.labels() {
			owner := resource.OwnerOf(labels)
			if owner.Checkout == "" || seen[owner.Key()] {
				continue
			}
			seen[owner.Key()] = true
			observed := s.owned(owner.Identity(), now)
			observed.Engine = r.Engine
			r.Checkouts = append(r.Checkouts, resource.Checkout{Identity: owner.Identity(), Observed: observed})
		}
		for _, v := range s.volumes() {
			hash := v.Labels[resource.LabelAgent]
			if hash != "" && v.Name == agentVolume+hash && v.Labels[resource.LabelCheckout] == "" {
				r.Agents = append(r.Agents, resource.AgentVolume{Name: v.Name, Created: v.Created, Users: s.mounts(v.Name)})
			}
		}
		return nil
	})
	r.Checkouts = resource.SortCheckouts(r.Checkouts)
	return r, err
}

// agentVolume begins the name of a volume with an agent.
const agentVolume = "envy-agent-"

// labels are those of everything on the engine.
func (s *state) labels() []map[string]string {
	var all []map[string]string
	for _, b := range s.boxes() {
		all = append(all, b.Labels)
	}
	for _, n := range s.networks() {
		all = append(all, n.Labels)
	}
	for _, v := range s.volumes() {
		all = append(all, v.Labels)
	}
	return all
}

// mounts are the boxes that have a volume mounted.
func (s *state) mounts(volume string) []string {
	var ids []string
	for _, b := range s.boxes() {
		if b.Agent == volume || slices.Contains(slices.Collect(maps.Values(b.Volumes)), volume) {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

// DiskUse implements driver.Surveyor. Every layer but an image's last one, which takes what is left of its size, is empty.
func (e *Engine) DiskUse(ctx context.Context, images []string) (driver.DiskUse, error) {
	use := driver.DiskUse{Boxes: map[string]int64{}, Volumes: map[string]int64{}, Images: map[string]driver.ImageUse{}}
	err := e.do(ctx, "disk use", func(s *state, _ time.Time) error {
		for _, b := range s.boxes() {
			use.Boxes[b.ID] = sizeOf(b.Layer)
		}
		for _, v := range s.volumes() {
			use.Volumes[v.Name] = sizeOf(v.Files)
		}
		for _, id := range images {
			if i := s.Images[id]; i != nil {
				use.Images[id] = s.imageUse(i)
			}
		}
		return nil
	})
	return use, err
}

func sizeOf(files map[string]*file) int64 {
	var n int64
	for _, f := range files {
		n += int64(len(f.Content))
	}
	return n
}

// imageUse gives layers the sizes that their images have: an image's own is what it has beyond the one below it.
func (s *state) imageUse(i *image) driver.ImageUse {
	use := driver.ImageUse{Size: i.Fact.Size}
	var below int64
	for n, id := range i.Fact.Layers {
		l := driver.LayerUse{ID: id}
		for _, other := range s.Images {
			if len(other.Fact.Layers) == n+1 && other.Fact.Layers[n] == id {
				l.Size = max(other.Fact.Size-below, 0)
			}
		}
		below += l.Size
		use.Layers = append(use.Layers, l)
	}
	return use
}
