package view

import (
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

func someProjects() []ProjectRow {
	size := int64(1_300_000)
	return []ProjectRow{
		{Project: "shop", Path: "/src/shop", Checkout: "there", Mine: true, User: "1000", Host: "h1", Size: &size, Volumes: []string{"shop-db.data"}, Boxes: []ProjectBox{
			{"web", resource.StateRunning, resource.HealthHealthy}, {"db", resource.StateRunning, resource.HealthUnhealthy}, {"job", resource.StateExited, ""},
		}},
		{Project: "shop-1a2b3c", Path: "/src/wt/evil\x1b[2J", Checkout: "gone", Mine: true, User: "1000", Host: "h1", Boxes: []ProjectBox{{"web", resource.StateRunning, ""}}},
		{Project: "theirs", Path: "/home/you/x", Checkout: "there", User: "1001", Host: "h1", Boxes: []ProjectBox{{"web", resource.StatePaused, ""}}},
		{Project: "old", Path: "/home/you/y", Checkout: "gone", User: "1001", Host: "h1"},
		{Project: "disk", Path: "/mnt/d/x", Checkout: "unknown", Why: "a disk may not be mounted below /mnt", Mine: true, User: "1000", Host: "h1"},
		{Project: "far", Path: "/src/far", Checkout: "remote", User: "1000", Host: "h2", Boxes: []ProjectBox{{"web", resource.StateDead, ""}}},
	}
}

func TestProjects(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		golden string
		format Format
		color  bool
		rows   []ProjectRow
		size   bool
	}{
		{"projects.plain", Plain, false, someProjects(), false},
		{"projects.color", Human, true, someProjects(), true},
		{"projects.plain.one", Plain, false, someProjects()[:1], false},
		{"projects.json", JSON, false, someProjects(), true},
		{"projects.empty", Plain, false, nil, false},
		{"projects.empty.json", JSON, false, nil, false},
		{"projects.empty.quiet", Quiet, false, nil, false},
	} {
		t.Run(test.golden, func(t *testing.T) {
			v, out, err := shown(test.format, test.color, 0)
			if err := v.Projects(test.rows, test.size); err != nil {
				t.Fatal(err)
			}
			golden(t, test.golden, out.String())
			if err.Len() > 0 {
				t.Errorf("stderr %q", err)
			}
		})
	}
}
