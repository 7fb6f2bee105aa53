package docker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/agent/wire"
)

// TestInside: nobody named is the box's own user, with its groups; without root all run as the container does.
func TestInside(t *testing.T) {
	own := insideBox{boot: wire.Boot{User: "node", Groups: []string{"docker"}}, own: "0:0"}
	small := insideBox{boot: wire.Boot{User: "dev", Unprivileged: true}, own: "501:20"}
	for name, tc := range map[string]struct {
		in     insideBox
		user   string
		want   string
		groups []string
	}{
		"own":              {own, "", "node", []string{"docker"}},
		"own by name":      {own, "node", "node", []string{"docker"}},
		"another":          {own, "root", "root", nil},
		"small, own":       {small, "", "501:20", nil},
		"small, by name":   {small, "dev", "501:20", nil},
		"small, by number": {small, "501", "501", nil},
	} {
		if got := tc.in.user(tc.user); got != tc.want {
			t.Errorf("%s: runs as %q, want %q", name, got, tc.want)
		}
		if diff := cmp.Diff(tc.groups, tc.in.groups(tc.user)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
