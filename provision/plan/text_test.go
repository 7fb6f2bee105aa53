package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/resource"
	"github.com/google/go-cmp/cmp"
)

// provisionLines are the lines of a plan's text that tell of provisioners.
func provisionLines(p *Plan) []string {
	var out []string
	for _, l := range Text(p) {
		if words := strings.Fields(l.Text); slices.Contains(words, "provision") {
			out = append(out, strings.Join(words, " "))
		}
	}
	return out
}

// A box that is made says which provisioners will run in it; one that stands says so of each.
func TestProvisionersAreShown(t *testing.T) {
	never := func(w *resource.BoxWanted) { w.Spec.Provisions[len(w.Spec.Provisions)-1].When = "never" }
	late := func(w *resource.BoxWanted) { w.Spec.Provisions[len(w.Spec.Provisions)-1].After = "healthy" }
	checked := spec(func(s *resource.BoxSpec) { s.Healthcheck = &resource.HealthSpec{Command: []string{"CMD", "true"}} })
	web := wantBox("web", "debian:12", provisioned("warm", "p1"), late, provisioned("deps", "p2"), provisioned("wipe", "p3"), never, checked)
	changed := wantBox("web", "debian:12", provisioned("warm", "p1"), late, provisioned("deps", "p9"), provisioned("wipe", "p3"), never, checked)

	w := newWorld(t)
	if diff := cmp.Diff([]string{"provision deps, warm"}, provisionLines(w.plan(Options{}, web))); diff != "" {
		t.Errorf("create: %s", diff)
	}
	if lines := provisionLines(w.plan(Options{NoProvision: true}, web)); lines != nil {
		t.Errorf("create without provisioning says %q", lines)
	}
	first := w.up(web)
	for _, c := range first.Changes {
		if len(c.Provisions) > 0 != (c.Address == boxAddress(web)) {
			t.Errorf("%s runs %q", c.Address, c.Provisions)
		}
	}
	p := w.plan(Options{}, changed)
	if diff := cmp.Diff([]string{"~ provision web.deps will run script, env or inputs changed"}, provisionLines(p)); diff != "" {
		t.Errorf("in place: %s", diff)
	}
	p = w.plan(Options{Recreate: true}, web)
	if diff := cmp.Diff([]string{"provision deps, warm"}, provisionLines(p)); diff != "" {
		t.Errorf("replace: %s", diff)
	}
	for _, s := range p.Steps { // stop it after the first provisioner: the rest is left
		if s.Op == OpProvision && s.Name == "deps" {
			w.apply(p, s.ID)
		}
	}
	if diff := cmp.Diff([]string{"provision warm"}, provisionLines(w.plan(Options{}, web))); diff != "" {
		t.Errorf("an unfinished replacement: %s", diff)
	}
}
