package archive

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The documents of an image layout, as far as an archive has them (OCI image specification 1.1). Their texts are computed,
// never read.
const (
	layoutText   = `{"imageLayoutVersion":"1.0.0"}`
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
)

type descriptor struct {
	MediaType string    `json:"mediaType"`
	Digest    string    `json:"digest"`
	Size      int64     `json:"size"`
	Platform  *platform `json:"platform,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitempty"`
}

func (p platform) String() string {
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type imageManifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

// imageConfig is what of an image's configuration its layers and its platform are told by. There is more in it, which is
// the engine's business.
type imageConfig struct {
	platform
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

func decodeConfig(data []byte) (*imageConfig, error) {
	var c imageConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, wrongf("the image's configuration cannot be read")
	}
	if c.OS == "" || c.Architecture == "" || strings.Contains(c.OS+c.Architecture+c.Variant, "/") {
		return nil, wrongf("the image's configuration does not say what it is for")
	}
	if c.RootFS.Type != "layers" || len(c.RootFS.DiffIDs) > maxLayers {
		return nil, wrongf("the image's configuration names no layers, or too many")
	}
	for _, id := range c.RootFS.DiffIDs {
		if !isDigest(id) {
			return nil, wrongf("the image's configuration names a layer without a sha256")
		}
	}
	return &c, nil
}

// layers are the digests of a configuration's layers, each once.
func (c *imageConfig) layers() []string {
	var out []string
	seen := map[string]bool{}
	for _, id := range c.RootFS.DiffIDs {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}

// documents are the members of an image before its configuration, for layers of these sizes.
func documents(config []byte, c *imageConfig, sizes map[string]int64) (layout, list, manifest []byte) {
	m := imageManifest{
		SchemaVersion: 2, MediaType: typeManifest, Layers: []descriptor{},
		Config: descriptor{MediaType: typeConfig, Digest: digestOf(config), Size: int64(len(config))},
	}
	for _, id := range c.RootFS.DiffIDs {
		m.Layers = append(m.Layers, descriptor{MediaType: typeLayer, Digest: id, Size: sizes[id]})
	}
	manifest = text(m)
	list = text(index{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{{
		MediaType: typeManifest, Digest: digestOf(manifest), Size: int64(len(manifest)), Platform: &c.platform,
	}}})
	return []byte(layoutText), list, manifest
}

func text(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil { // strings and numbers always encode
		panic(fmt.Sprintf("archive: encode a document of an image: %v", err))
	}
	return out
}
