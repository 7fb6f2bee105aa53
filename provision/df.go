package provision

import (
	"cmp"
	"context"
	"slices"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// Space is what envy's projects take on an engine's disk, in bytes.
type Space struct {
	Projects []ProjectSpace // by path
	Images   []ImageSpace   // that boxes are made from, largest first
	Shared   int64          // volumes of envy's own program
	Total    Shares         // Images has each layer once, whoever is on it
	Apart    int64          // what the boxes would take, had each an image of its own
}

// Shares are the parts of it.
type Shares struct{ Images, Boxes, Volumes int64 }

// Sum is all of it.
func (s Shares) Sum() int64 { return s.Images + s.Boxes + s.Volumes }

// ProjectSpace is one project's. Layers that it shares with others count here as well as there.
type ProjectSpace struct {
	Seen
	Shares
	Boxes   []BoxSpace
	Volumes []VolumeSpace
}

// BoxSpace is a box's own layer.
type BoxSpace struct {
	Name  string // what users type; a throw-away box's is its container's
	Image string
	Own   int64

	key resource.Key
}

// VolumeSpace is a volume. Known is false where the engine does not tell.
type VolumeSpace struct {
	Name  string
	Size  int64
	Known bool
}

// ImageSpace is an image that boxes are made from.
type ImageSpace struct {
	ID, Name string
	Boxes    int
	Size     int64 // by itself
	Alone    int64 // of it, what no other image here has
}

// MeasureSpace has the engine count: a ping, three lists, one call for containers and volumes (two for newer engines, which
// count only what is asked for), and two for each distinct image, however many boxes there are.
func MeasureSpace(ctx context.Context, e driver.Surveyor, me resource.Identity, find FindCheckout) (*Space, error) {
	all, seen, err := Survey(ctx, e, me, find)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, s := range seen {
		for _, b := range s.Observed.Boxes {
			ids = append(ids, b.ImageID)
		}
	}
	slices.Sort(ids)
	use, err := e.DiskUse(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	return spaceOf(all, seen, use), nil
}

func spaceOf(all resource.Everywhere, seen []Seen, use driver.DiskUse) *Space {
	s := &Space{}
	images := map[string]*ImageSpace{}
	for _, p := range seen {
		x := ProjectSpace{Seen: p}
		own := map[string]driver.ImageUse{}
		for _, b := range p.Observed.Boxes {
			image := use.Images[b.ImageID]
			own[b.ImageID] = image
			box := boxOf(b, nil)
			x.Boxes = append(x.Boxes, BoxSpace{Name: spaceName(b, box), Image: imageName(box), Own: use.Boxes[b.ID], key: box.Key})
			x.Shares.Boxes += use.Boxes[b.ID]
			s.Apart += use.Boxes[b.ID] + image.Size
			i := images[b.ImageID]
			if i == nil {
				i = &ImageSpace{ID: b.ImageID, Name: imageName(box), Size: image.Size}
				images[b.ImageID] = i
			}
			i.Boxes++
		}
		slices.SortStableFunc(x.Boxes, func(a, b BoxSpace) int {
			return cmp.Or(cmp.Compare(a.key.Box, b.key.Box), cmp.Compare(a.key.Index, b.key.Index), cmp.Compare(a.Name, b.Name))
		})
		for _, v := range p.Observed.Volumes {
			size, known := use.Volumes[v.Name]
			x.Shares.Volumes += size
			if v.Owner.Volume != resource.ClaimVolume {
				x.Volumes = append(x.Volumes, VolumeSpace{v.Name, size, known})
			}
		}
		for _, v := range p.Observed.Snapshots {
			size, known := use.Volumes[v.Name]
			x.Shares.Volumes += size
			if v.Owner.SnapshotPart == resource.SnapshotContent || v.Owner.SnapshotPart == resource.SnapshotBackup {
				x.Volumes = append(x.Volumes, VolumeSpace{v.Name, size, known})
			}
		}
		x.Shares.Images = newLayerBook(own).total()
		s.Total.Boxes += x.Shares.Boxes
		s.Total.Volumes += x.Shares.Volumes
		s.Projects = append(s.Projects, x)
	}
	for _, a := range all.Agents {
		s.Shared += use.Volumes[a.Name]
	}
	s.Total.Volumes += s.Shared
	book := newLayerBook(use.Images)
	s.Total.Images = book.total()
	for id, i := range images {
		i.Alone = book.alone(use.Images[id])
		s.Images = append(s.Images, *i)
	}
	slices.SortFunc(s.Images, func(a, b ImageSpace) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return s
}

func spaceName(b resource.BoxObserved, box Box) string {
	if b.Owner.Run != "" {
		return b.Name
	}
	return box.Name
}

// imageName tells an image that was built on a base from the base.
func imageName(b Box) string {
	name := imageText(b)
	if b.Spec.Image.Derived() {
		name += " with packages and setups"
	}
	return name
}

// layerBook has each layer of some images once. A layer is known by all that is below it, too.
type layerBook struct {
	images map[string]driver.ImageUse
	sizes  map[string]int64 // by chain
	users  map[string]int   // images that have it
}

func newLayerBook(images map[string]driver.ImageUse) layerBook {
	b := layerBook{images, map[string]int64{}, map[string]int{}}
	for _, i := range images {
		if !sized(i) {
			continue
		}
		for chain, l := range chains(i) {
			b.sizes[chain] = l.Size
			b.users[chain]++
		}
	}
	return b
}

func (b layerBook) total() int64 {
	var total int64
	for _, size := range b.sizes {
		total += size
	}
	for _, i := range b.images {
		total += b.rest(i)
	}
	return total
}

// alone is what no other image of the book has.
func (b layerBook) alone(i driver.ImageUse) int64 {
	size := b.rest(i)
	if sized(i) {
		for chain, l := range chains(i) {
			if b.users[chain] == 1 {
				size += l.Size
			}
		}
	}
	return size
}

// rest is what an image takes beyond its layers: compressed copies of them, on some engines. Of one whose layers' sizes are
// not known it is all but what the longest other image that it begins with takes.
func (b layerBook) rest(i driver.ImageUse) int64 {
	rest := i.Size
	if sized(i) {
		for _, l := range i.Layers {
			rest -= l.Size
		}
		return max(rest, 0)
	}
	var below int64
	for _, other := range b.images {
		if n := len(other.Layers); n > 0 && n < len(i.Layers) && slices.EqualFunc(other.Layers, i.Layers[:n], sameLayer) {
			below = max(below, other.Size)
		}
	}
	return max(rest-below, 0)
}

func sameLayer(a, b driver.LayerUse) bool { return a.ID == b.ID }

// sized reports whether the sizes of an image's layers are known; the engine tells all or none.
func sized(i driver.ImageUse) bool {
	return len(i.Layers) > 0 && !slices.ContainsFunc(i.Layers, func(l driver.LayerUse) bool { return l.Size < 0 })
}

// chains are an image's layers, each under a name for it with all that is below it.
func chains(i driver.ImageUse) func(yield func(string, driver.LayerUse) bool) {
	return func(yield func(string, driver.LayerUse) bool) {
		chain := ""
		for _, l := range i.Layers {
			chain = resource.Digest(chain + l.ID)
			if !yield(chain, l) {
				return
			}
		}
	}
}
