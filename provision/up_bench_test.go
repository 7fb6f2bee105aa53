package provision

import (
	"context"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

// frozen answers the two questions of an unchanged up from memory, so that what is measured is envy's own work.
type frozen struct {
	*countingEngine
	observed resource.Observed
	facts    map[string]resource.ImageFact
}

func (f *frozen) Observe(context.Context, resource.Identity) (resource.Observed, error) {
	return f.observed, nil
}
func (f *frozen) Image(_ context.Context, ref, _ string) (resource.ImageFact, error) {
	return f.facts[ref], nil
}

func BenchmarkUnchangedUp50(b *testing.B) {
	t := &testing.T{}
	p := newProjectIn(t, b.TempDir())
	text := `box "web" {
  image = "busybox:1"
  count = 50
  env   = { A = "1" }
  share "." { target = "/workspace" }
}`
	ctx := context.Background()
	if _, err := Up(ctx, p.env(), p.loadIn(ctx, text), UpOptions{}, yes); err != nil {
		b.Fatal(err)
	}
	o, err := p.engine.Observe(ctx, p.id)
	if err != nil {
		b.Fatal(err)
	}
	fact, err := p.engine.Image(ctx, "busybox:1", "")
	if err != nil {
		b.Fatal(err)
	}
	p.engine = &frozen{&countingEngine{Engine: p.engine, calls: map[string]int{}}, o, map[string]resource.ImageFact{"busybox:1": fact}}
	for b.Loop() {
		if out, err := Up(ctx, p.env(), p.loadIn(ctx, text), UpOptions{}, yes); err != nil || !out.Plan.Empty() {
			b.Fatal(err, drawn(out))
		}
	}
}
