package driver

import (
	"context"

	"github.com/envyhq/envy/provision/resource"
)

// Snapshotter keeps what boxes and volumes hold, inside the engine.
type Snapshotter interface {
	// CommitBox makes an image of a box's own file system on top of the image that it was made of; mounts are no part of it.
	// It pauses nothing: what changes meanwhile may be in it by half. Of the box's configuration the image has nothing, but
	// perhaps names of environment variables, without values; it has that of the box's image, and Labels. Engines keep
	// times to the second, and of extended attributes only capabilities. Nothing but the image is left, whether it
	// succeeds or fails; ended by ctx or killed, an image with Labels and without a name may be. Error kinds: NotFound,
	// NoSpace.
	CommitBox(ctx context.Context, c Commit) (Committed, error)
	// CopyVolume makes the content of one volume that of another, byte for byte: owners, modes, times, links, holes and
	// extended attributes. Both must be there; what To held is gone. It gives the bytes that were written, on the disk.
	// Fails or ends it before it is done, then To holds a part; a copy into To that a killed client began is ended first.
	// Error kinds: NotFound (a volume, or Image), NoSpace.
	CopyVolume(ctx context.Context, c VolumeCopy) (bytes int64, err error)
	// OwnedImages lists the images whose labels name the checkout and its user, named or not, by id.
	OwnedImages(ctx context.Context, id resource.Identity) ([]OwnedImage, error)
}

// Commit is an image to be made of a box. Labels are complete: none of the box's is kept.
type Commit struct {
	ID        string
	Reference string
	Labels    map[string]string
}

// Committed is the image that was made. Own is the size of the layer on top of the box's image, in bytes.
type Committed struct {
	ImageID string
	Own     int64
}

// VolumeCopy names two volumes, and any image that the engine has: it is what engines need to do something with a volume.
type VolumeCopy struct {
	From  string
	To    string
	Image string
}

// OwnedImage is an image that a checkout's labels are on.
type OwnedImage struct {
	ID         string
	References []string
	Labels     map[string]string
	Size       int64 // in bytes
}
