// Package signature reads and writes signatures of images in registries, in the form that sigstore's cosign gave them: beside
// an image with the digest sha256:HEX its signatures are the layers of a manifest with the tag sha256-HEX.sig, each a small
// JSON text that names the digest, signed by a key. So cosign verifies what envy signs, and the other way round.
//
// Keys are files of the user's own. Certificates, transparency logs and keyless signing are not known here: a signature
// counts by a key that was named, or not at all. This package knows digests and keys; it must not know what an image is for.
//
// The form is that of cosign's SIGNATURE_SPEC.
package signature

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/envyhq/envy/boxes/registry"
)

const (
	payloadType = "application/vnd.dev.cosign.simplesigning.v1+json"
	annotation  = "dev.cosignproject.cosign/signature"
	subject     = "cosign container image signature"

	// MaxSignatures is how many signatures of one image are looked at, and kept.
	MaxSignatures = 32
	maxPayload    = 64 << 10 // bytes
)

// payload is what is signed.
type payload struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

// layer is a signature in its manifest.
type layer struct {
	registry.Descriptor
	Annotations map[string]string `json:"annotations,omitempty"`
}

// UnsignedError tells that no key that was named has signed an image.
type UnsignedError struct {
	Digest string
	Others int // signatures that are there, and do not count
}

func (e *UnsignedError) Error() string {
	if e.Others == 0 {
		return "nobody has signed " + e.Digest
	}
	return fmt.Sprintf("no key of yours has signed %s, only others or in another form (%d)", e.Digest, e.Others)
}

// Check looks whether one of the keys has signed the manifest with a digest, or the index that a reference means, if that
// lists it. It is nil if so, an [*UnsignedError] if not, and else an error of the registry's. Who signed is looked at, not
// for which repository: a mirror of the registry has the same signatures.
func Check(ctx context.Context, c *registry.Client, ref, digest string, keys []Key) error {
	err := check(ctx, c, ref, digest, keys)
	if _, ok := errors.AsType[*UnsignedError](err); !ok {
		return err
	}
	index, other := c.Manifest(ctx, ref)
	if other != nil || !index.IsIndex() || index.Digest == digest {
		return err
	}
	for _, m := range index.Members {
		if m.Digest == digest {
			return check(ctx, c, ref, index.Digest, keys)
		}
	}
	return err
}

func check(ctx context.Context, c *registry.Client, ref, digest string, keys []Key) error {
	layers, err := read(ctx, c, ref, digest)
	if err != nil {
		return err
	}
	for _, l := range layers {
		ok, err := l.by(ctx, c, ref, digest, keys)
		if ok || err != nil {
			return err
		}
	}
	return &UnsignedError{Digest: digest, Others: len(layers)}
}

// read gives the signatures beside a digest, of what form ever.
func read(ctx context.Context, c *registry.Client, ref, digest string) ([]layer, error) {
	m, err := c.Manifest(ctx, place(ref, digest))
	switch {
	case registry.Is(err, registry.NotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case m.IsIndex():
		return nil, fmt.Errorf("%s: it should be signatures, and is an index", place(ref, digest))
	}
	var d struct {
		Layers []layer `json:"layers"`
	}
	if err := json.Unmarshal(m.Data, &d); err != nil {
		return nil, fmt.Errorf("%s: %w", place(ref, digest), err)
	}
	if len(d.Layers) > MaxSignatures {
		return nil, fmt.Errorf("%s: it has %d signatures, more than %d", place(ref, digest), len(d.Layers), MaxSignatures)
	}
	return d.Layers, nil
}

// by reports whether it is the signature of one of the keys on that digest. Nothing of the text is read before.
func (l layer) by(ctx context.Context, c *registry.Client, ref, digest string, keys []Key) (bool, error) {
	sign, err := base64.StdEncoding.DecodeString(l.Annotations[annotation])
	if err != nil || len(sign) == 0 || l.MediaType != payloadType || l.Size > maxPayload {
		return false, nil //nolint:nilerr // somebody else's, in another form
	}
	r, err := c.Blob(ctx, ref, l.Digest, maxPayload)
	if err != nil {
		return false, err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return false, err
	}
	for _, k := range keys {
		if !k.verifies(text, sign) {
			continue
		}
		var p payload
		if json.Unmarshal(text, &p) == nil && p.Critical.Type == subject && p.Critical.Image.Digest == digest {
			return true, nil
		}
	}
	return false, nil
}

// place is where the signatures of a digest are, in the repository of a reference.
func place(ref, digest string) string {
	return repository(ref) + ":" + strings.Replace(digest, ":", "-", 1) + ".sig"
}

// repository is a reference without tag and digest.
func repository(ref string) string {
	repo, _, _ := strings.Cut(ref, "@")
	if colon := strings.LastIndexByte(repo, ':'); colon > strings.LastIndexByte(repo, '/') {
		repo = repo[:colon]
	}
	return repo
}
