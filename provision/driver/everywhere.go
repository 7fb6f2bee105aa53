package driver

import (
	"context"

	"github.com/envyhq/envy/provision/resource"
)

// Surveyor tells of all that envy has on an engine, whichever checkout, user or machine made it.
type Surveyor interface {
	// Everywhere lists what checkouts own, by the rule of Observe, and the volumes of agents: a ping and three lists, however
	// many they are.
	Everywhere(ctx context.Context) (resource.Everywhere, error)
	// DiskUse tells what containers and volumes of envy's, and these images, by id, take on the engine's disk. It makes
	// the engine count, which may take seconds; what is gone by then is left out.
	DiskUse(ctx context.Context, images []string) (DiskUse, error)
}

// DiskUse is space on an engine's disk, in bytes.
type DiskUse struct {
	Boxes   map[string]int64 // of its own layer, by container id
	Volumes map[string]int64 // by name; those are left out whose size the engine does not tell
	Images  map[string]ImageUse
}

// ImageUse is an image and its layers, lowest first: what images share is the layers that they begin with.
type ImageUse struct {
	Size   int64 // as the engine lists it
	Layers []LayerUse
}

// LayerUse is one layer. Size is -1 where the engine does not tell of it by itself.
type LayerUse struct {
	ID   string
	Size int64
}
