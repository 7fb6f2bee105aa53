package registry_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/envyhq/envy/boxes/registry"
)

func digestOf(data string) string {
	sum := sha256.Sum256([]byte(data))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func descriptor(kind, data string) registry.Descriptor {
	return registry.Descriptor{MediaType: kind, Digest: digestOf(data), Size: int64(len(data))}
}

// sample is an image with an index above it, as texts.
type sample struct{ config, layer, manifest, index string }

func newSample(t *testing.T) sample {
	t.Helper()
	s := sample{config: `{"os":"linux","architecture":"arm64","variant":"v8"}`, layer: strings.Repeat("layer ", 20_000)}
	s.manifest = encode(t, map[string]any{
		"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageManifest, "config": descriptor(ocispec.MediaTypeImageConfig, s.config),
		"layers": []registry.Descriptor{descriptor(ocispec.MediaTypeImageLayerGzip, s.layer)},
	})
	s.index = encode(t, map[string]any{
		"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex, "manifests": []any{
			member(s.manifest, "linux/arm64/v8", nil),
			member("other", "linux/amd64", nil),
			member("beside", "unknown/unknown", map[string]string{"vnd.docker.reference.type": "attestation-manifest"}),
		},
	})
	return s
}

func member(data, platform string, notes map[string]string) map[string]any {
	m := map[string]any{"mediaType": ocispec.MediaTypeImageManifest, "digest": digestOf(data), "size": len(data), "annotations": notes}
	if platform != "" {
		parts := append(strings.Split(platform, "/"), "", "")
		m["platform"] = map[string]string{"os": parts[0], "architecture": parts[1], "variant": parts[2]}
	}
	return m
}

// index is one of nothing but members.
func index(t *testing.T, members ...any) string {
	t.Helper()
	return encode(t, map[string]any{"schemaVersion": 2, "mediaType": ocispec.MediaTypeImageIndex, "manifests": members})
}

// store is what a server of a test has: manifests by tag or digest, and blobs by digest.
type store struct{ manifests, blobs map[string]string }

func (s sample) store() store {
	return store{
		manifests: map[string]string{"1": s.index, digestOf(s.index): s.index, "one": s.manifest, digestOf(s.manifest): s.manifest},
		blobs:     map[string]string{digestOf(s.config): s.config, digestOf(s.layer): s.layer},
	}
}

// ServeHTTP gives what is there, of the repository team/x.
func (s store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, name, _ := strings.Cut(r.URL.Path, "/v2/team/x/")
	if key, ok := strings.CutPrefix(name, "manifests/"); ok && s.manifests[key] != "" {
		data := s.manifests[key]
		kind := ocispec.MediaTypeImageIndex
		if strings.Contains(data, `"layers"`) {
			kind = ocispec.MediaTypeImageManifest
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Docker-Content-Digest", digestOf(data))
		fmt.Fprint(w, data)
		return
	}
	if data := s.blobs[strings.TrimPrefix(name, "blobs/")]; data != "" {
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(data))
		return
	}
	w.WriteHeader(http.StatusNotFound)
	fmt.Fprint(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no such tag"}]}`)
}

// serve runs a server with TLS and gives a client that trusts it, and the repository's name.
func serve(t *testing.T, h http.Handler, change ...func(*registry.Config)) (c *registry.Client, repo string) {
	t.Helper()
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	cfg := configFor(s)
	for _, f := range change {
		f(&cfg)
	}
	c = registry.New(cfg)
	t.Cleanup(func() { _ = c.Close() })
	return c, strings.TrimPrefix(s.URL, "https://") + "/team/x"
}

func configFor(servers ...*httptest.Server) registry.Config {
	pool := x509.NewCertPool()
	for _, s := range servers {
		pool.AddCert(s.Certificate())
	}
	return registry.Config{Agent: "envy/test", TLS: &tls.Config{RootCAs: pool}, Pause: time.Millisecond}
}

func withUser(cfg *registry.Config) {
	cfg.Credentials = func(context.Context, string) (user, secret, identity string, err error) {
		return "me", "s3cret", "", nil
	}
}

func wantKind(t *testing.T, err error, kind registry.Kind, parts ...string) {
	t.Helper()
	if !registry.Is(err, kind) {
		t.Errorf("error %v, want kind %d", err, kind)
		return
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %v, want %q in it", err, p)
		}
	}
}
