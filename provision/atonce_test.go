package provision

import (
	"context"
	"sync/atomic"
	"testing"

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
