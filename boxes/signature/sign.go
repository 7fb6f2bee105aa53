package signature

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/envyhq/envy/boxes/registry"
)

// Sign puts a signature of the manifest or index with the digest of into the repository of a reference, beside those that are there: of too many
// the oldest goes. Two at the same moment may lose one of the two, as with cosign. Errors are the registry's. What ctx breaks
// off leaves at most blobs that nothing names.
func Sign(ctx context.Context, c *registry.Client, ref, of string, s Signer) error {
	var p payload
	p.Critical.Identity.Reference, p.Critical.Image.Digest, p.Critical.Type = repository(ref), of, subject
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	sign, err := s.sign(text)
	if err != nil {
		return err
	}
	layers, err := read(ctx, c, ref, of)
	if err != nil {
		return err
	}
	own := layer{describe(payloadType, text), map[string]string{annotation: base64.StdEncoding.EncodeToString(sign)}}
	if layers = append(layers, own); len(layers) > MaxSignatures {
		layers = layers[1:]
	}
	config, err := json.Marshal(configOf(layers))
	if err != nil {
		return err
	}
	about := describe(ocispec.MediaTypeImageConfig, config)
	data, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageManifest, "config": about, "layers": layers,
	})
	if err != nil {
		return err
	}
	for _, b := range []registry.Content{content(own.Descriptor, text), content(about, config)} {
		if err := c.PushBlob(ctx, ref, b); err != nil {
			return err
		}
	}
	return c.PushManifest(ctx, place(ref, of), registry.Manifest{MediaType: ocispec.MediaTypeImageManifest, Data: data})
}

// configOf is an image's configuration that says nothing but which layers there are: registries want one.
func configOf(layers []layer) any {
	var ids []string
	for _, l := range layers {
		ids = append(ids, l.Digest)
	}
	return map[string]any{"architecture": "", "os": "", "config": map[string]any{}, "rootfs": map[string]any{"type": "layers", "diff_ids": ids}}
}

func describe(kind string, data []byte) registry.Descriptor {
	sum := sha256.Sum256(data)
	return registry.Descriptor{MediaType: kind, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(data))}
}

func content(d registry.Descriptor, data []byte) registry.Content {
	return registry.Content{Digest: d.Digest, Size: d.Size, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}
