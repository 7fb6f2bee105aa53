package docker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/resource"
)

// TestInside: nobody named is the box's own user; the box's groups go to that one and to the user of shells; without
// root a user who would be made is a number.
func TestInside(t *testing.T) {
	groups := []string{"docker"}
	own := insideBox{boot: wire.Boot{User: "node", Groups: groups}, members: []string{"4:5"}}
	small := insideBox{
		boot:    wire.Boot{User: "501:20", Users: []wire.UserBoot{{Name: "dev", UID: 501, GID: 20}}, Groups: groups, Unprivileged: true},
		members: []string{"dev"},
	}
	for name, tc := range map[string]struct {
		in     insideBox
		user   string
		want   string
		groups []string
	}{
		"own":              {own, "", "node", groups},
		"own by name":      {own, "node", "node", groups},
		"of shells":        {own, "4:5", "4:5", groups},
		"another":          {own, "root", "root", nil},
		"small, own":       {small, "", "501:20", groups},
		"small, by name":   {small, "dev", "501:20", groups},
		"small, by number": {small, "501", "501", nil},
		"small, another":   {small, "node", "node", nil},
	} {
		if got := tc.in.user(tc.user); got != tc.want {
			t.Errorf("%s: runs as %q, want %q", name, got, tc.want)
		}
		if diff := cmp.Diff(tc.groups, tc.in.groups(tc.user)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestMembersOf(t *testing.T) {
	spec := resource.BoxSpec{User: &resource.UserSpec{Name: "dev"}, Login: &resource.UserSpec{Name: "0"}}
	if diff := cmp.Diff([]string{"dev", "0"}, membersOf(spec)); diff != "" {
		t.Error(diff)
	}
	if got := membersOf(resource.BoxSpec{}); got != nil {
		t.Errorf("nobody is written: %q", got)
	}
}
