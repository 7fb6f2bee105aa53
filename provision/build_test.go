package provision

import (
	"testing"

	"github.com/envyhq/envy/provision/plan"
	"github.com/google/go-cmp/cmp"
)

// TestOneBuildForAll: boxes that put different packages on one build have it built once.
func TestOneBuildForAll(t *testing.T) {
	p := newProject(t, "app/Dockerfile", "FROM debian:bookworm-slim\n")
	made, err := MakePlan(t.Context(), p.env(), p.load(`
box "web" {
  packages = ["git"]
  build { context = "app" }
}
box "worker" {
  packages = ["curl"]
  build { context = "app" }
}
box "plain" {
  build { context = "app" }
}
`), UpOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ops := map[plan.Op]int{}
	for _, s := range made.Steps {
		if s.Op == plan.OpBuild || s.Op == plan.OpBuildLayers {
			ops[s.Op]++
		}
	}
	if diff := cmp.Diff(map[plan.Op]int{plan.OpBuild: 1, plan.OpBuildLayers: 2}, ops); diff != "" {
		t.Errorf("image steps: %s\n%s", diff, lines(made))
	}
}
