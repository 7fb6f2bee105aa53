package registry_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/boxes/registry"
)

func TestImage(t *testing.T) {
	s := newSample(t)
	s.config = `{"os":"linux","architecture":"arm64","variant":"v8","config":{"User":"dev","Labels":{"a":"b"},"Healthcheck":{"Test":["CMD","x"],"Interval":5000000000}},"rootfs":{"type":"layers","diff_ids":["sha256:1","sha256:2"]}}`
	s.manifest = encode(t, map[string]any{"schemaVersion": 2, "config": descriptor("application/vnd.oci.image.config.v1+json", s.config), "layers": []any{}})
	s.index = index(t, member(s.manifest, "linux/arm64/v8", nil), member("gone", "linux/amd64", nil))
	nested := index(t, member(s.index, "linux/arm64", nil))
	st := s.store()
	st.manifests["nested"] = nested
	c, repo := serve(t, st)
	for _, ref := range []string{":one", ":1", "@" + digestOf(s.index)} {
		got, err := c.Image(t.Context(), repo+ref, "linux/arm64/v8")
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != digestOf(s.manifest) || got.Config.OS != "linux" || got.Config.Config.User != "dev" || got.Config.Config.Healthcheck.Interval.Seconds() != 5 {
			t.Errorf("%s: %+v", ref, got)
		}
		if diff := cmp.Diff([]string{"sha256:1", "sha256:2"}, got.Config.RootFS.DiffIDs); diff != "" {
			t.Error(diff)
		}
	}
	for ref, kind := range map[string]registry.Kind{":2": registry.NotFound, ":nested": registry.Invalid, ":A": registry.NotFound} {
		_, err := c.Image(t.Context(), repo+ref, "linux/arm64")
		wantKind(t, err, kind)
	}
	_, err := c.Image(t.Context(), repo+":1", "linux/s390x")
	wantKind(t, err, registry.NotFound, "no image for linux/s390x")
	_, err = c.Image(t.Context(), repo+":1", "linux/amd64")
	wantKind(t, err, registry.NotFound, "404")
	st.blobs[digestOf(s.config)] = "{" // another content of that digest
	_, err = c.Image(t.Context(), repo+":one", "")
	wantKind(t, err, registry.Changed)
}
