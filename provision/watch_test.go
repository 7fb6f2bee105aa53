package provision

import (
	"context"
	"errors"
	"testing"

	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/resource"
)

func TestWatch(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.up(`box "web" { image = "debian:bookworm-slim" }`, UpOptions{})
	enough := errors.New("seen enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	want := []resource.State{resource.StateRunning, resource.StatePaused, resource.StateRunning, resource.StateExited}
	by := []string{"pause", "unpause", "kill"}
	err := Watch(ctx, p.engine, p.id, func(ctx context.Context) error {
		seen, err := p.engine.Observe(ctx, p.id)
		if err != nil {
			return err
		}
		if seen.Boxes[0].State != want[0] {
			return nil // drawn for something else
		}
		if want = want[1:]; len(want) == 0 {
			cancel(enough)
			return nil
		}
		act := by[0]
		by = by[1:]
		return p.engine.(*fake.Engine).ByHand(act, "shop-web")
	})
	if !errors.Is(err, enough) {
		t.Errorf("%v; %v was not seen", err, want)
	}
}

func TestWatchEnds(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	broken := errors.New("broken")
	if err := Watch(t.Context(), p.engine, p.id, func(context.Context) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("draw failed: %v", err)
	}
	deaf := fake.Intercept(p.engine, fake.Fail(1, fake.Method("Events"), broken))
	if err := Watch(t.Context(), deaf, p.id, func(context.Context) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("the engine tells no more: %v", err)
	}
}
