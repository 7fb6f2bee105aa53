package provision

import (
	"testing"

	"github.com/envyhq/envy/boxes/bootstrap"
	"github.com/envyhq/envy/provision/resource"
)

// TestDigestIn: an image's digest is that of its own repository, however the reference is written.
func TestDigestIn(t *testing.T) {
	digests := []string{"debian@sha256:1", "127.0.0.1:5000/team/x@sha256:2", "example.com/y@sha256:3", "nonsense"}
	for ref, want := range map[string]string{
		"debian": "sha256:1", "debian:12": "sha256:1", "docker.io/library/debian:12": "sha256:1", "library/debian": "sha256:1",
		"debian:12@sha256:9": "sha256:1", "127.0.0.1:5000/team/x": "sha256:2", "127.0.0.1:5000/team/x:1": "sha256:2", "example.com/y:2": "sha256:3",
		"y": "", "team/x": "", "example.com/debian": "",
	} {
		if got := digestIn(ref, digests); got != want {
			t.Errorf("%s: %q, want %q", ref, got, want)
		}
	}
}

// TestOwnBase: a base of packages came from no registry; what was built on one may have.
func TestOwnBase(t *testing.T) {
	labels := map[string]string{bootstrap.LabelSuite: "bookworm"}
	for name, tt := range map[string]struct {
		fact resource.ImageFact
		want bool
	}{
		"a base":         {resource.ImageFact{Labels: labels, Layers: []string{"1"}}, true},
		"built on one":   {resource.ImageFact{Labels: labels, Layers: []string{"1", "2"}}, false},
		"somebody's":     {resource.ImageFact{Layers: []string{"1"}}, false},
		"nothing known":  {resource.ImageFact{}, false},
		"without layers": {resource.ImageFact{Labels: labels}, false},
	} {
		if got := ownBase(tt.fact); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
