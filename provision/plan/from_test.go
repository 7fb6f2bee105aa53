package plan

import (
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

// TestBuildFrom: another digest of what a build starts from replaces a box; what only one side knows does not.
func TestBuildFrom(t *testing.T) {
	for _, tt := range []struct {
		name       string
		have, want resource.StrMap
		changes    string // paths
	}{
		{"unknown in the label", nil, resource.StrMap{"a": digest1}, ""},
		{"unknown now", resource.StrMap{"a": digest1}, nil, ""},
		{"the same", resource.StrMap{"a": digest1}, resource.StrMap{"a": digest1}, ""},
		{"another", resource.StrMap{"a": digest1, "b": digest1}, resource.StrMap{"a": digest2, "b": digest1}, "build.from.a"},
		{"of a registry by now", resource.StrMap{"a": resource.FromLocal}, resource.StrMap{"a": digest1}, "build.from.a"},
		{"one known by one, one by the other", resource.StrMap{"a": digest1}, resource.StrMap{"b": digest1}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := func(from resource.StrMap, base string) resource.BoxSpec {
				return resource.BoxSpec{Image: resource.ImageSpec{Base: base, Build: &resource.BuildSpec{Context: "c", From: from}}}
			}
			have, want := spec(tt.have, "b"), spec(tt.want, "")
			before := have.Encode() + want.Encode()
			var paths []string
			for _, c := range compare(have, want) {
				if !c.Forces {
					t.Errorf("%s forces nothing", c.Path)
				}
				paths = append(paths, c.Path)
			}
			if got := strings.Join(paths, " "); got != tt.changes {
				t.Errorf("changes: %q", got)
			}
			if have.Encode()+want.Encode() != before {
				t.Error("comparing changed a spec")
			}
		})
	}
}
