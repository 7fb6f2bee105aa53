package registry

import (
	"context"
	"net/http"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Resolved is what a reference means now.
type Resolved struct {
	Digest string // of the index, or of the manifest where there is none
	// Platforms are the digests of manifests by os/architecture[/variant], as the registry writes them; empty where it
	// says none. What stands beside images, as attestations do, is left out.
	Platforms map[string]string
}

// Digest asks what digest a tag has, with as little traffic as there can be; that of a reference with a digest is no
// question. Nothing has vouched for the answer of a registry yet: content does, when it comes. Errors as of Manifest.
func (c *Client) Digest(ctx context.Context, ref string) (string, error) {
	p, err := c.placeOf(ref)
	if err != nil {
		return "", told(ctx, ref, err)
	}
	digest, err := c.digest(ctx, p)
	return digest, told(ctx, ref, err)
}

func (c *Client) digest(ctx context.Context, p place) (string, error) {
	if p.digest != "" {
		return p.digest, nil
	}
	res, err := c.do(ctx, p, p.askManifest(http.MethodHead))
	if err != nil {
		return "", err
	}
	_ = res.Body.Close() // a HEAD has none
	digest := res.Header.Get("Docker-Content-Digest")
	if res.StatusCode == http.StatusOK && checkDigest(digest) == nil {
		return digest, nil
	}
	m, err := c.manifest(ctx, p) // some registries have no digest to say, and no words for what is wrong
	return m.Digest, err
}

// Resolve gives the digest that a reference has now, and of an index the digest of every platform, out of content that
// has that digest. Of a single image the platform is what its configuration says. An index with one platform twice, told
// apart by nothing, is Invalid: which one an engine takes could not be locked. Errors as of Manifest.
func (c *Client) Resolve(ctx context.Context, ref string) (Resolved, error) {
	p, err := c.placeOf(ref)
	if err != nil {
		return Resolved{}, told(ctx, ref, err)
	}
	r, err := c.resolve(ctx, p)
	return r, told(ctx, ref, err)
}

func (c *Client) resolve(ctx context.Context, p place) (Resolved, error) {
	digest, err := c.digest(ctx, p)
	if err != nil {
		return Resolved{}, err
	}
	m, err := c.manifest(ctx, p.with(digest))
	if err != nil {
		return Resolved{}, err
	}
	r := Resolved{Digest: digest}
	if m.IsIndex() {
		r.Platforms, err = m.platforms()
		return r, err
	}
	name, err := c.platformOf(ctx, p, m)
	if err == nil && name != "" {
		r.Platforms = map[string]string{name: digest}
	}
	return r, err
}

// attestation is the annotation of what stands beside an image.
const attestation = "vnd.docker.reference.type"

func (m Manifest) platforms() (map[string]string, error) {
	out := map[string]string{}
	first := map[string]Member{}
	for _, x := range m.Members {
		if x.Platform == nil || x.Platform.OS == "unknown" || x.Platform.OS == "" || x.Annotations[attestation] != "" {
			continue
		}
		name, err := platformName(*x.Platform)
		if err != nil {
			return nil, err
		}
		before, twice := first[name]
		if !twice {
			out[name], first[name] = x.Digest, x
			continue
		}
		if before.Digest != x.Digest && alike(*before.Platform, *x.Platform) {
			return nil, fail(Invalid, nil, "its index has two images for %s", name)
		}
	}
	return out, nil
}

// alike: nothing tells an engine which of two images of one platform is meant. Versions and features do, and then the
// first is the general one.
func alike(a, b ocispec.Platform) bool {
	return a.OSVersion == b.OSVersion && strings.Join(a.OSFeatures, ",") == strings.Join(b.OSFeatures, ",")
}

func platformName(p ocispec.Platform) (string, error) {
	parts := []string{p.OS, p.Architecture}
	if p.Variant != "" {
		parts = append(parts, p.Variant)
	}
	for _, s := range parts {
		if s == "" || len(s) > 32 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_.") != "" {
			return "", fail(Invalid, nil, "it names a platform that cannot be: %.100q", strings.Join(parts, "/"))
		}
	}
	return strings.Join(parts, "/"), nil
}

// platformOf is the platform of a single image; "" for what is no image.
func (c *Client) platformOf(ctx context.Context, p place, m Manifest) (string, error) {
	if m.Config.MediaType != ocispec.MediaTypeImageConfig && m.Config.MediaType != "application/vnd.docker.container.image.v1+json" {
		return "", nil
	}
	data, err := c.smallBlob(ctx, p, m.Config)
	if err != nil {
		return "", err
	}
	var about ocispec.Platform
	if err := decodeJSON(data, &about); err != nil {
		return "", fail(Invalid, err, "the image's configuration cannot be read")
	}
	if about.OS == "" {
		return "", nil
	}
	return platformName(about)
}
