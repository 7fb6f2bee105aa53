package docker

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// listings are the three lists that everything about a checkout, or about the whole engine, is read from.
type listings struct {
	containers []listedContainer
	networks   []listedNetwork
	volumes    listedVolumes
}

type listedNetwork struct {
	ID         string `json:"Id"`
	Name       string
	Created    time.Time
	Internal   bool
	EnableIPv6 bool
	IPAM       struct{ Config []struct{ Subnet string } }
	Labels     map[string]string
}

type listedVolumes struct{ Volumes []listedVolume }

type listedVolume struct {
	Name      string
	CreatedAt string
	Labels    map[string]string
}

// list asks for the three lists at once; label filters them, "" does not.
func (e *Engine) list(ctx context.Context, label string) (listings, error) {
	var all listings
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return e.getList(ctx, "/containers/json?all=1", label, &all.containers) })
	g.Go(func() error { return e.getList(ctx, "/networks", label, &all.networks) })
	g.Go(func() error { return e.getList(ctx, "/volumes", label, &all.volumes) })
	return all, g.Wait()
}

// Observe implements driver.Observer. The ping comes first because the version in the lists' paths is in its answer; a
// later Observe of the same process does without.
func (e *Engine) Observe(ctx context.Context, id resource.Identity) (resource.Observed, error) {
	about, err := e.ping(ctx)
	if err != nil {
		return resource.Observed{}, err
	}
	all, err := e.list(ctx, resource.LabelCheckout+"="+id.Checkout)
	if err != nil {
		return resource.Observed{}, err
	}
	return observed(about, all, id), nil
}

// observed sorts what was listed into what id owns and what merely has its labels.
func observed(about resource.Engine, all listings, id resource.Identity) resource.Observed {
	o := resource.Observed{Engine: about}
	ids := []resource.Identity{id}
	for _, v := range all.volumes.Volumes {
		ids = resource.Called(ids, v.Name, resource.OwnerOf(v.Labels))
	}
	for _, c := range all.containers {
		owner := resource.OwnerOf(c.Labels)
		switch {
		case !id.Owns(owner):
		case slices.ContainsFunc(ids, func(id resource.Identity) bool { return id.Bears(c.name(), owner) }):
			o.Boxes = append(o.Boxes, c.observed(owner))
		default:
			o.Strangers = append(o.Strangers, c.name())
		}
	}
	for _, n := range all.networks {
		owner := resource.OwnerOf(n.Labels)
		switch {
		case !id.Owns(owner):
		case bearsNetwork(id, n.Name, owner):
			o.Networks = append(o.Networks, n.observed(owner))
		default:
			o.Strangers = append(o.Strangers, n.Name)
		}
	}
	for _, v := range all.volumes.Volumes {
		owner := resource.OwnerOf(v.Labels)
		switch {
		case !id.Owns(owner):
		case owner.SnapshotPart != "" && v.Name == resource.SnapshotVolumeName(id, owner):
			o.Snapshots = append(o.Snapshots, resource.SnapshotVolume{Name: v.Name, Owner: owner, Data: v.Labels[resource.LabelSnapshotData]})
		case owner.SnapshotPart == "" && bearsVolume(id, v.Name, owner):
			o.Volumes = append(o.Volumes, resource.VolumeObserved{Name: v.Name, Owner: owner})
		default:
			o.Strangers = append(o.Strangers, v.Name)
		}
	}
	nameNetworks(o.Boxes, all.networks)
	slices.SortFunc(o.Boxes, func(a, b resource.BoxObserved) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(o.Networks, olderNetwork)
	slices.SortFunc(o.Volumes, func(a, b resource.VolumeObserved) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(o.Snapshots, func(a, b resource.SnapshotVolume) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(o.Strangers)
	return o
}

// nameNetworks fills in the ids that a list leaves out for boxes that never started, where a name is clear.
func nameNetworks(boxes []resource.BoxObserved, networks []listedNetwork) {
	ids := map[string]string{}
	for _, n := range networks {
		if _, double := ids[n.Name]; double {
			ids[n.Name] = ""
			continue
		}
		ids[n.Name] = n.ID
	}
	for _, b := range boxes {
		for i := range b.Networks {
			if b.Networks[i].ID == "" {
				b.Networks[i].ID = ids[b.Networks[i].Name]
			}
		}
	}
}

// olderNetwork orders doubles of one name by age, because the oldest is the one that is kept.
func olderNetwork(a, b resource.NetworkObserved) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// bearsNetwork reports whether a network has the name that envy gives to what its labels say it is.
func bearsNetwork(id resource.Identity, name string, o resource.Owner) bool {
	return o.Network != "" &&
		(name == resource.NetworkName(id.Project, o.Network) || name == resource.NetworkName(o.Project, o.Network))
}

// bearsVolume does the same for a volume: a claim, a shared one, or a box's.
func bearsVolume(id resource.Identity, name string, o resource.Owner) bool {
	if o.Volume == "" {
		return false
	}
	for _, project := range []string{id.Project, o.Project} {
		switch {
		case o.Volume == resource.ClaimVolume:
			if name == resource.ClaimName(project) {
				return true
			}
		case o.Box == "":
			if name == resource.VolumeName(project, "", o.Volume) {
				return true
			}
		default:
			key := resource.Key{Box: o.Box, Index: max(o.Index, 1)}
			if name == resource.VolumeName(project, key.ReplicaName(true), o.Volume) ||
				key.Index == 1 && name == resource.VolumeName(project, o.Box, o.Volume) {
				return true
			}
		}
	}
	return false
}

func (n listedNetwork) observed(owner resource.Owner) resource.NetworkObserved {
	out := resource.NetworkObserved{
		ID: n.ID, Name: n.Name, Owner: owner, Internal: n.Internal, IPv6: n.EnableIPv6, Created: n.Created,
	}
	for _, c := range n.IPAM.Config {
		out.Subnets = append(out.Subnets, c.Subnet)
	}
	return out
}

// Names implements driver.Observer.
func (e *Engine) Names(ctx context.Context) (driver.Names, error) {
	if _, err := e.ping(ctx); err != nil {
		return driver.Names{}, err
	}
	all, err := e.list(ctx, "")
	if err != nil {
		return driver.Names{}, err
	}
	names := driver.Names{
		Containers: map[string]resource.Owner{},
		Networks:   map[string]resource.Owner{},
		Volumes:    map[string]resource.Owner{},
	}
	for _, c := range all.containers {
		names.Containers[c.name()] = resource.OwnerOf(c.Labels)
	}
	for _, n := range all.networks {
		names.Networks[n.Name] = resource.OwnerOf(n.Labels)
	}
	for _, v := range all.volumes.Volumes {
		names.Volumes[v.Name] = resource.OwnerOf(v.Labels)
	}
	return names, nil
}

// PublishedPorts implements driver.Observer. Stopped containers list no ports, so they are not asked for.
func (e *Engine) PublishedPorts(ctx context.Context) ([]driver.PortHolder, error) {
	if _, err := e.ping(ctx); err != nil {
		return nil, err
	}
	var containers []listedContainer
	if err := e.getList(ctx, "/containers/json", "", &containers); err != nil {
		return nil, err
	}
	var out []driver.PortHolder
	for _, c := range containers {
		for _, p := range c.Ports {
			if p.PublicPort != 0 {
				out = append(out, driver.PortHolder{
					Port: p.PublicPort, Protocol: p.Type, Address: p.IP, Holder: c.name(), ID: c.ID,
					Owner: resource.OwnerOf(c.Labels), Compose: c.Labels[resource.LabelComposeProject],
				})
			}
		}
	}
	return out, nil
}
