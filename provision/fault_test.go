package provision

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/envyhq/envy/provision/driver/fake"
)

// faultProject is three boxes with what there is to lose: volumes, what a provisioner did, a share. Its arguments are a
// value that replaces two boxes and changes a file and a provisioner of the third, and that one's memory.
const faultProject = `
box "db" {
  image   = "postgres:16"
  service = true
  env     = { V = "%[1]s" }
  volume "data" { target = "/data" }
  provision "seed" { run = "test -f /data/seed || echo first-%[1]s > /data/seed; echo %[1]s >> /data/runs" }
}
box "api" {
  image      = "busybox:1"
  depends_on = ["db"]
  memory     = "%[2]s"
  file "/etc/api" { content = "%[1]s" }
  share "made" {
    target = "/made"
    create = true
  }
  share "conf" {
    target = "/conf"
    mode   = "copy"
  }
  provision "deps" {
    run    = "echo %[1]s >> /opt/deps"
    inputs = ["package.json"]
  }
}
box "web" {
  image      = "busybox:1"
  depends_on = ["api"]
  env        = { V = "%[1]s" }
  port "http" { guest = 80 }
  share "." { target = "/workspace" }
  volume "cache" { target = "/workspace/cache" }
}
`

var errInjected = errors.New("injected")

// fault breaks one call of an operation. reached tells that it got that far.
type fault struct {
	name string
	hook func(n int, reached *atomic.Bool) fake.Hook
	// hangs: the call ends only with the caller's patience, so the operation is interrupted.
	hangs bool
	host  func(n int, reached *atomic.Bool) func() error // breaks the caller's machine instead
}

// faults are the ways in which a call can go wrong, reading ones included.
func faults() []fault {
	return append(hostFaults(),
		fault{name: "fails", hook: func(n int, reached *atomic.Bool) fake.Hook {
			return seen(reached, n, fake.Any, fake.Fail(n, fake.Any, errInjected))
		}},
		fault{name: "fails after the fact", hook: func(n int, reached *atomic.Bool) fake.Hook {
			return seen(reached, n, fake.Mutations, fake.FailAfter(n, fake.Mutations, errInjected))
		}},
		fault{name: "is killed before", hook: func(n int, reached *atomic.Bool) fake.Hook { return dead(n, reached, false) }},
		fault{name: "is killed after", hook: func(n int, reached *atomic.Bool) fake.Hook { return dead(n, reached, true) }},
		fault{name: "hangs", hangs: true, hook: func(n int, reached *atomic.Bool) fake.Hook {
			return seen(reached, n, fake.Any, fake.Hang(n, fake.Any))
		}})
}

// seen notes that the n-th matching call came.
func seen(reached *atomic.Bool, n int, m fake.Matching, hook fake.Hook) fake.Hook {
	var calls atomic.Int64
	return func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if m(c) && calls.Add(1) == int64(n) {
			reached.Store(true)
		}
		return hook(ctx, c, next)
	}
}

// dead fails every call from the n-th mutation on: a process that was killed makes no more, its clean-up included. after
// lets the n-th itself take effect, as an engine that finishes what a dead client began.
func dead(n int, reached *atomic.Bool, after bool) fake.Hook {
	var mutations atomic.Int64
	return func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if !c.Mutates() {
			if reached.Load() {
				return errInjected
			}
			return next(ctx)
		}
		switch i := mutations.Add(1); {
		case i == int64(n):
			reached.Store(true)
			if after {
				return errors.Join(errInjected, next(ctx))
			}
			return errInjected
		case i > int64(n):
			return errInjected
		}
		return next(ctx)
	}
}

// operation is what is broken: from is what stands before it, want what the next up is to reach.
type operation struct {
	name       string
	from, want string
	run        func(ctx context.Context, c *campaign) (*Outcome, error)
}

func operations() []operation {
	one, two := fmt.Sprintf(faultProject, "one", "64m"), fmt.Sprintf(faultProject, "two", "96m")
	up := func(text string, o UpOptions) func(context.Context, *campaign) (*Outcome, error) {
		return func(ctx context.Context, c *campaign) (*Outcome, error) {
			return Up(ctx, c.env(), c.load(text), o, yes)
		}
	}
	destroy := func(o ScopeOptions) func(context.Context, *campaign) (*Outcome, error) {
		return func(ctx context.Context, c *campaign) (*Outcome, error) {
			scene, err := Look(ctx, c.env(), c.id)
			if err != nil {
				return nil, err
			}
			return Destroy(ctx, c.env(), scene, o, yes)
		}
	}
	return []operation{
		{"first up", "", two, up(two, UpOptions{})},
		{"edit", one, two, up(two, UpOptions{})},
		{"recreate", one, one, up(one, UpOptions{Recreate: true})},
		{"reload", one, one, up(one, UpOptions{Restart: true})},
		{"destroy", one, one, destroy(ScopeOptions{})},
		{"destroy with volumes", one, two, destroy(ScopeOptions{Volumes: true})},
	}
}

// TestFaults breaks each operation at every call it makes, in every way. Each time nothing is lost, doubled or orphaned,
// success is claimed only of what is so, the next up converges, and a destroy after it leaves nothing.
func TestFaults(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	t.Run("every call", func(t *testing.T) {
		for _, op := range operations() {
			for _, f := range faults() {
				t.Run(op.name+" "+f.name, func(t *testing.T) {
					t.Parallel()
					for n := 1; bubble(t, func(t *testing.T) bool { return newCampaign(t, op).broken(op, f, n) }); n++ {
						runs.Add(1)
					}
				})
			}
		}
	})
	t.Logf("%d runs", runs.Load())
}

// TestFaultPairs breaks an operation and then the up that was to mend it, at random calls of both.
func TestFaultPairs(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 7))
	for range faultPairs {
		op := operations()[r.IntN(len(operations()))]
		f, g := faults()[r.IntN(len(faults()))], faults()[r.IntN(len(faults()))]
		n, m := 1+r.IntN(40), 1+r.IntN(40)
		name := fmt.Sprintf("%s %s at call %d, then the up %s at call %d", op.name, f.name, n, g.name, m)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) bool {
				c := newCampaign(t, op)
				mend := operation{"up", op.want, op.want, func(ctx context.Context, c *campaign) (*Outcome, error) {
					return Up(ctx, c.env(), c.load(op.want), UpOptions{}, yes)
				}}
				c.try(op, f, n)
				c.try(mend, g, m)
				c.mended(op)
				return true
			})
		})
	}
}

const faultPairs = 300

// bubble runs a function with a clock of its own, so that what hangs costs no time.
func bubble(t *testing.T, run func(t *testing.T) bool) (result bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { result = run(t) })
	return result
}
