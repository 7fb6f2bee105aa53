package registry

import (
	"context"
	"io"
	"mime"
	"net/http"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The media types that are understood; docker's and OCI's differ in their names alone.
const (
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	accepted       = ocispec.MediaTypeImageIndex + ", " + dockerList + ", " + ocispec.MediaTypeImageManifest + ", " + dockerManifest
)

// Descriptor names content.
type Descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"` // "sha256:" and 64 hex digits
	Size      int64  `json:"size"`   // bytes
}

// Member is one manifest of an index.
type Member struct {
	Descriptor
	Platform    *ocispec.Platform `json:"platform"` // nil: it says none
	Annotations map[string]string `json:"annotations"`
}

// Manifest is a manifest or an index, as it came. Its digests and sizes are well formed, and not looked behind.
type Manifest struct {
	Digest    string
	MediaType string
	Data      []byte

	Members      []Member // of an index alone
	Config       Descriptor
	Layers       []Descriptor
	ArtifactType string
}

// IsIndex reports whether it is a list of manifests.
func (m Manifest) IsIndex() bool {
	return m.MediaType == ocispec.MediaTypeImageIndex || m.MediaType == dockerList
}

// Manifest gets what a reference means: a tag, a digest, or else the tag latest. What comes is held against the digest
// of the reference and of the answer. Every error is an [*Error]; the end of ctx is one of kind Unreachable.
func (c *Client) Manifest(ctx context.Context, ref string) (Manifest, error) {
	p, err := c.placeOf(ref)
	if err != nil {
		return Manifest{}, told(ctx, ref, err)
	}
	m, err := c.manifest(ctx, p)
	return m, told(ctx, ref, err)
}

func (c *Client) manifest(ctx context.Context, p place) (Manifest, error) {
	res, err := c.do(ctx, p, p.askManifest(http.MethodGet))
	if err != nil {
		return Manifest{}, err
	}
	if err := p.judge(res, http.StatusOK); err != nil {
		return Manifest{}, err
	}
	defer res.Body.Close()
	data, err := readAll(res.Body, MaxManifest)
	if err != nil {
		return Manifest{}, err
	}
	got := digestOf(data)
	if p.digest != "" && got != p.digest {
		return Manifest{}, fail(Changed, nil, "what the registry sends has the digest %s", got)
	}
	if said := res.Header.Get("Docker-Content-Digest"); strings.HasPrefix(said, "sha256:") && said != got {
		return Manifest{}, fail(Changed, nil, "the registry names the digest %.100s, and sends content of %s", said, got)
	}
	m, err := decodeManifest(mediaTypeOf(res), data)
	m.Digest = got
	return m, err
}

func (p place) askManifest(method string) request {
	return request{method: method, path: "manifests/" + p.wanted(), header: http.Header{"Accept": {accepted}}, scopes: p.pull()}
}

func mediaTypeOf(res *http.Response) string {
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

// document is the JSON of both kinds.
type document struct {
	Schema       int          `json:"schemaVersion"`
	MediaType    string       `json:"mediaType"`
	ArtifactType string       `json:"artifactType"`
	Config       *Descriptor  `json:"config"`
	Layers       []Descriptor `json:"layers"`
	Manifests    []Member     `json:"manifests"`
}

// decodeManifest reads a manifest or an index. One that could be taken for both is neither, whatever its header says.
func decodeManifest(mediaType string, data []byte) (Manifest, error) {
	m := Manifest{MediaType: mediaType, Data: data}
	var d document
	if err := decodeJSON(data, &d); err != nil {
		return Manifest{}, fail(Invalid, err, "the manifest cannot be read")
	}
	switch {
	case d.Schema != 2:
		return Manifest{}, fail(Invalid, nil, "it is a manifest of version %d; envy knows version 2", d.Schema)
	case d.MediaType != "" && d.MediaType != mediaType:
		return Manifest{}, fail(Invalid, nil, "the registry calls %.100q what calls itself %.100q", mediaType, d.MediaType)
	case d.Manifests != nil && (d.Layers != nil || d.Config != nil):
		return Manifest{}, fail(Invalid, nil, "it could be taken for an index and for a manifest")
	}
	switch mediaType {
	case ocispec.MediaTypeImageIndex, dockerList:
		m.Members = d.Manifests
		return m, m.checkMembers()
	case ocispec.MediaTypeImageManifest, dockerManifest:
		if d.Config == nil {
			return Manifest{}, fail(Invalid, nil, "it is a manifest without a configuration")
		}
		m.Config, m.Layers, m.ArtifactType = *d.Config, d.Layers, d.ArtifactType
		return m, m.checkParts()
	}
	return Manifest{}, fail(Invalid, nil, "it is of the kind %.100q, which envy does not know", mediaType)
}

func (m Manifest) checkMembers() error {
	if len(m.Members) > MaxMembers {
		return fail(TooLarge, nil, "it lists %d manifests, more than %d", len(m.Members), MaxMembers)
	}
	for _, x := range m.Members {
		if err := x.check(); err != nil {
			return err
		}
	}
	return nil
}

func (m Manifest) checkParts() error {
	if len(m.Layers) > MaxMembers {
		return fail(TooLarge, nil, "it lists %d layers, more than %d", len(m.Layers), MaxMembers)
	}
	for _, d := range append([]Descriptor{m.Config}, m.Layers...) {
		if err := d.check(); err != nil {
			return err
		}
	}
	return nil
}

func (d Descriptor) check() error {
	if d.Size < 0 {
		return fail(Invalid, nil, "it names content of %d bytes", d.Size)
	}
	return checkDigest(d.Digest)
}

// smallBlob reads a whole blob of a size that was announced.
func (c *Client) smallBlob(ctx context.Context, p place, d Descriptor) ([]byte, error) {
	if d.Size > MaxManifest {
		return nil, fail(TooLarge, nil, "its configuration has %d bytes, more than %d", d.Size, MaxManifest)
	}
	r, err := c.blob(ctx, p.with(d.Digest), d.Size)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}
