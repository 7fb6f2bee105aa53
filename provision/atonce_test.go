package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
)

// TestBoxTakenAwayMeanwhile: another envy may take a box that was made and not yet started for one that was left; up
// makes it again. One that can never be started is told as it is.
func TestBoxTakenAwayMeanwhile(t *testing.T) {
	for name, times := range map[string]int32{"once": 1, "always": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			engine := p.engine
			var starts atomic.Int32
			p.engine = fake.Intercept(engine, func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
				if c.Method == "StartBox" && starts.Add(1) <= times {
					if err := engine.RemoveBox(ctx, c.Object); err != nil {
						t.Error(err)
					}
				}
				return next(ctx)
			})
			_, err := Up(t.Context(), p.env(), p.load(`box "web" { image = "busybox:1" }`), UpOptions{}, yes)
			switch name {
			case "once":
				if got := p.look().Boxes; err != nil || len(got) != 1 || got[0].State != "running" {
					t.Errorf("%v, boxes %+v", err, got)
				}
			default:
				if !driver.Is(err, driver.NotFound) || starts.Load() != maxAttempts {
					t.Errorf("%d starts: %v", starts.Load(), err)
				}
			}
		})
	}
}

// TestBoxStoppedMeanwhile: a box that runs when the plan is made may be stopped by what a killed envy told the engine; up
// starts it again. One that ends by itself once it was started is told as it is.
func TestBoxStoppedMeanwhile(t *testing.T) {
	const text = `
box "db" {
  image   = "busybox:1"
  command = ["sleep", "1000"]
  healthcheck { command = "true" }
}
box "web" {
  image      = "busybox:1"
  depends_on = ["db"]
  env        = { V = "%d" }
}`
	for name, times := range map[string]int32{"once": 1, "always": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.up(fmt.Sprintf(text, 1), UpOptions{})
			engine := p.engine
			var waits atomic.Int32
			p.engine = fake.Intercept(engine, func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
				if c.Method == "WaitHealthy" && waits.Add(1) <= times {
					if err := engine.StopBox(ctx, c.Object, time.Second); err != nil {
						t.Error(err)
					}
				}
				return next(ctx)
			})
			_, err := Up(t.Context(), p.env(), p.load(fmt.Sprintf(text, 2)), UpOptions{}, yes)
			var ended *apply.EndedError
			switch got := strings.Join(p.states(), ", "); {
			case name == "once" && (err != nil || got != "shop-db running, shop-web running" || waits.Load() != 2):
				t.Errorf("%d waits: %v, boxes %s", waits.Load(), err, got)
			case name == "always" && (!errors.As(err, &ended) || waits.Load() != 2):
				t.Errorf("%d waits: %v", waits.Load(), err)
			}
		})
	}
}
