package registry

import (
	"context"
	"time"
)

// Image is what a registry says of an image for one platform, by content that has the digest.
type Image struct {
	Digest string // of the manifest
	Config ImageConfig
}

// ImageConfig is an image's configuration, as engines write it.
type ImageConfig struct {
	OS      string `json:"os"`
	Arch    string `json:"architecture"`
	Variant string `json:"variant"`
	Config  struct {
		User         string              `json:"User"`
		Env          []string            `json:"Env"`
		Entrypoint   []string            `json:"Entrypoint"`
		Cmd          []string            `json:"Cmd"`
		Workdir      string              `json:"WorkingDir"`
		Volumes      map[string]struct{} `json:"Volumes"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Labels       map[string]string   `json:"Labels"`
		StopSignal   string              `json:"StopSignal"`
		Shell        []string            `json:"Shell"`
		Healthcheck  *struct {
			Test        []string
			Interval    time.Duration
			Timeout     time.Duration
			StartPeriod time.Duration
			Retries     int
		} `json:"Healthcheck"`
	} `json:"config"`
	RootFS struct {
		DiffIDs []string `json:"diff_ids"` // lowest first
	} `json:"rootfs"`
}

// Image reads an image's configuration and none of its layers; of an index that of the platform "os/architecture". An
// index without it is NotFound. Errors as of Manifest.
func (c *Client) Image(ctx context.Context, ref, platform string) (Image, error) {
	p, err := c.placeOf(ref)
	if err != nil {
		return Image{}, told(ctx, ref, err)
	}
	i, err := c.image(ctx, p, platform)
	return i, told(ctx, ref, err)
}

func (c *Client) image(ctx context.Context, p place, platform string) (Image, error) {
	m, err := c.manifest(ctx, p)
	if err != nil {
		return Image{}, err
	}
	if m.IsIndex() {
		members, err := m.platforms()
		if err != nil {
			return Image{}, err
		}
		if members[platform] == "" {
			return Image{}, fail(NotFound, nil, "its index has no image for %s", platform)
		}
		if m, err = c.manifest(ctx, p.with(members[platform])); err != nil {
			return Image{}, err
		}
		if m.IsIndex() {
			return Image{}, fail(Invalid, nil, "its index lists an index")
		}
	}
	i := Image{Digest: m.Digest}
	data, err := c.smallBlob(ctx, p, m.Config)
	if err != nil {
		return Image{}, err
	}
	if err := decodeJSON(data, &i.Config); err != nil {
		return Image{}, fail(Invalid, err, "the image's configuration cannot be read")
	}
	return i, nil
}
