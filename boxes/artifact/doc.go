// Package artifact knows the one form that a box archive has in an OCI registry: what is pushed, and how the archive's
// bytes are put together again. It must not know an engine, the language or where a file lies.
//
// An archive is one manifest of OCI's, which follows from the archive's own: its configuration is manifest.json, its
// layers are all other members in their order, each under the digest that manifest.json has for it. So the same archive
// has the same digest in every registry, archives share what they have in common, and of what a registry says of one
// nothing has to be believed: a manifest with any other byte is refused, and content counts under its digest alone.
package artifact

import (
	"encoding/json"
	"fmt"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/registry"
	"github.com/envyhq/envy/boxes/source"
)

// The media types of an archive's parts.
const (
	TypeManifest = "application/vnd.envy.box.manifest.v1+json" // of the artifact too
	TypeMember   = "application/vnd.envy.box.member.v1"
)

// manifest is an OCI image manifest, as far as an archive's has it.
type manifest struct {
	SchemaVersion int                 `json:"schemaVersion"`
	MediaType     string              `json:"mediaType"`
	ArtifactType  string              `json:"artifactType"`
	Config        registry.Descriptor `json:"config"`
	Layers        []layer             `json:"layers"`
}

type layer struct {
	registry.Descriptor
	Annotations map[string]string `json:"annotations"`
}

// manifestOf is the one manifest that an archive has in a registry; digest is of the archive's own manifest.
func manifestOf(m *archive.Manifest, digest string) (registry.Manifest, error) {
	if len(m.Members) > registry.MaxMembers {
		return registry.Manifest{}, &archive.Error{
			Text: fmt.Sprintf("it has %d members, and a registry takes %d", len(m.Members), registry.MaxMembers),
			Hint: "the file itself can be put behind an https address",
		}
	}
	out := manifest{
		SchemaVersion: 2, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: TypeManifest, Layers: []layer{},
		Config: registry.Descriptor{MediaType: TypeManifest, Digest: digest, Size: int64(len(m.Text()))},
	}
	for _, x := range m.Members {
		out.Layers = append(out.Layers, layer{
			Descriptor:  registry.Descriptor{MediaType: TypeMember, Digest: "sha256:" + x.SHA256, Size: x.Size},
			Annotations: map[string]string{ocispec.AnnotationTitle: x.Path},
		})
	}
	data, err := json.Marshal(out)
	if err == nil && len(data) > registry.MaxManifest {
		err = &archive.Error{Text: "its manifest is larger than a registry takes"}
	}
	return registry.Manifest{MediaType: ocispec.MediaTypeImageManifest, Data: data}, err
}

// HostError is a host that references cannot name: they would take it for a part of a name at another registry.
type HostError struct{ Host string }

func (e *HostError) Error() string {
	return fmt.Sprintf("%q is no registry's host: that has a dot or a port, or is localhost", e.Host)
}

// repository is a source's as references have it, without tag and digest.
func repository(src source.Registry) (string, error) {
	if src.Host != "localhost" && !strings.ContainsAny(src.Host, ".:") {
		return "", &HostError{src.Host}
	}
	return src.Host + "/" + src.Repository, nil
}

// reference is what a source means now.
func reference(src source.Registry) (string, error) {
	repo, err := repository(src)
	if src.Digest != "" {
		return repo + "@" + src.Digest, err
	}
	return repo + ":" + src.Tag, err
}
