package provision

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// What an up that found nothing to do says is there is what the labels say, although it does not read them again.
func TestSceneOfAnUnchangedUp(t *testing.T) {
	const text = `box "db" {
  image = "debian:bookworm-slim"
  port "5432" {}
}
box "web" {
  image      = "debian:bookworm-slim"
  count      = 2
  memory     = "256m"
  depends_on = ["db"]
  primary    = true
  provision "deps" { run = "true" }
}`
	p := newProject(t)
	p.up(text, UpOptions{})
	out := p.up(text, UpOptions{})
	if !out.Plan.Empty() {
		t.Fatalf("there was something to do: %s", plan.Totals(out.Plan))
	}
	read, err := Look(t.Context(), p.env(), p.id)
	if err != nil {
		t.Fatal(err)
	}
	bySpec := cmp.Comparer(func(a, b resource.BoxSpec) bool { return a.Encode() == b.Encode() })
	ports := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Ports" }, cmp.Comparer(func(a, b []resource.PortSpec) bool {
		return resource.BoxSpec{Ports: a}.Encode() == resource.BoxSpec{Ports: b}.Encode()
	}))
	if diff := cmp.Diff(read.Boxes, out.Scene.Boxes, bySpec, ports); diff != "" {
		t.Error(diff)
	}
	o := out.Scene.Observed
	for i := range o.Boxes {
		o.Boxes[i].Spec = "{}"
	}
	known := map[string]*resource.BoxSpec{o.Boxes[0].ID: out.Scene.Boxes[0].Spec}
	for _, b := range newScene(o, p.id, known).Boxes {
		if (b.Spec.Image.Reference != "") != (known[b.ID] != nil) {
			t.Errorf("%s has spec %+v", b.Container, b.Spec)
		}
	}
}
