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
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
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

// TestBoxGoneWhileLookedAt: engines take a box away bit by bit, and answer in many ways meanwhile. A plan looks again
// then, and tells an answer about a box that is still there as it is.
func TestBoxGoneWhileLookedAt(t *testing.T) {
	for _, c := range []struct {
		name             string
		removed, leaving bool
	}{{"removed", true, false}, {"being removed", false, true}, {"still there", false, false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			p.up(`box "web" { image = "busybox:1" }`, UpOptions{})
			p.engine = &leavingEngine{Engine: p.engine, removed: c.removed, leaving: c.leaving}
			got, err := MakePlan(t.Context(), p.env(), p.load(`
box "web" {
  image = "busybox:1"
  env   = { V = "2" }
}`), UpOptions{})
			switch {
			case c.removed || c.leaving:
				if err != nil || len(got.Changes) != 1 || got.Changes[0].Action != plan.Create {
					t.Errorf("%v, plan %+v", err, got)
				}
			case !driver.Is(err, driver.Failed):
				t.Errorf("no plan, but %v", err)
			}
		})
	}
}

// TestComparedTooEarly: a box that another envy has just made has no file system to compare yet, and is there all the same.
func TestComparedTooEarly(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.up(`box "web" { image = "busybox:1" }`, UpOptions{})
	p.engine = &earlyEngine{Engine: p.engine, times: 2}
	got, err := MakePlan(t.Context(), p.env(), p.load(`
box "web" {
  image = "busybox:1"
  env   = { V = "2" }
}`), UpOptions{})
	if err != nil || len(got.Changes) != 1 || got.Changes[0].Action != plan.Replace {
		t.Errorf("%v, plan %+v", err, got)
	}
}

type earlyEngine struct {
	driver.Engine
	times int
}

func (e *earlyEngine) Changes(ctx context.Context, id string) ([]driver.Change, error) {
	if e.times--; e.times >= 0 {
		return nil, &driver.Error{Kind: driver.NotFound, Op: "compare", Object: id, Text: "RWLayer of container is unexpectedly nil"}
	}
	return e.Engine.Changes(ctx, id)
}

// leavingEngine has a box that cannot be compared: it is removed meanwhile, or is listed as removing twice before it is.
type leavingEngine struct {
	driver.Engine
	removed, leaving bool
	looks            int
}

func (e *leavingEngine) Changes(ctx context.Context, id string) ([]driver.Change, error) {
	if e.removed {
		if err := e.RemoveBox(ctx, id); err != nil {
			return nil, err
		}
	}
	return nil, &driver.Error{Kind: driver.Failed, Op: "compare", Object: id, Text: "stat /layers/1: no such file or directory"}
}

func (e *leavingEngine) Observe(ctx context.Context, id resource.Identity) (resource.Observed, error) {
	o, err := e.Engine.Observe(ctx, id)
	if e.looks++; e.leaving && err == nil {
		if e.looks > 2 {
			return o, errors.Join(err, e.drop(ctx, &o))
		}
		o.Boxes[0].State = resource.StateRemoving
	}
	return o, err
}

func (e *leavingEngine) drop(ctx context.Context, o *resource.Observed) error {
	for _, b := range o.Boxes {
		if err := e.RemoveBox(ctx, b.ID); err != nil {
			return err
		}
	}
	o.Boxes = nil
	return nil
}

// TestBoxMadeLate: an engine goes on making what an envy that was killed told it to make, and the up behind that one may
// not see it when it begins. It looks again when it does at its end.
func TestBoxMadeLate(t *testing.T) {
	const text = `
box "db" { image = "busybox:1" }
box "web" {
  image = "busybox:1"
  env   = { V = "%d" }
}`
	p := newProject(t)
	late := &lateEngine{Engine: p.engine}
	p.engine = late
	p.up(fmt.Sprintf(text, 1), UpOptions{})
	late.now = true
	p.up(fmt.Sprintf(text, 2), UpOptions{})
	if got := strings.Join(p.states(), ", "); got != "shop-db running, shop-web running" || late.now {
		t.Errorf("boxes %s", got)
	}
}

// lateEngine makes a replacement of db, which nobody asked this up for, when told to make another box.
type lateEngine struct {
	driver.Engine
	db  driver.NewBox
	now bool
}

func (e *lateEngine) CreateBox(ctx context.Context, n driver.NewBox) (string, error) {
	if n.Name == "shop-db" {
		e.db = n
	}
	if e.now {
		e.now = false
		other := e.db
		other.Name += ".new"
		if _, err := e.Engine.CreateBox(ctx, other); err != nil {
			return "", err
		}
	}
	return e.Engine.CreateBox(ctx, n)
}
