package provision

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
)

const faultProject = `
box "db" {
  image   = "postgres:16"
  service = true
  env     = { V = "%[1]s" }
  volume "data" { target = "/data" }
  provision "seed" { run = "test -f /data/seed || echo first-%[1]s > /data/seed" }
}
box "api" {
  image      = "busybox:1"
  depends_on = ["db"]
  memory     = "%[2]s"
  file "/etc/api" { content = "%[1]s" }
  provision "deps" { run = "echo %[1]s > /opt/deps" }
}
box "web" {
  image      = "busybox:1"
  packages   = []
  depends_on = ["api"]
  env        = { V = "%[1]s" }
  port "http" { guest = 80 }
}
`

var errInjected = errors.New("injected")

// dead fails every mutation from the n-th on: a process that was killed makes no more calls, its clean-up included.
// after lets the n-th itself take effect, as an engine that finishes what a dead client began.
func dead(n int64, after bool) fake.Hook {
	var calls atomic.Int64
	return func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if !c.Mutates() {
			return next(ctx)
		}
		switch i := calls.Add(1); {
		case i == n && after:
			return errors.Join(errInjected, next(ctx))
		case i >= n:
			return errInjected
		}
		return next(ctx)
	}
}

// TestFaults breaks an up (a first one, one with replacements and in-place changes, a destroy) at every call that
// changes something, in four ways. Each time the next up converges, with nothing doubled, orphaned or lost.
func TestFaults(t *testing.T) {
	hooks := map[string]func(n int) fake.Hook{
		"fails":                 func(n int) fake.Hook { return fake.Fail(n, fake.Mutations, errInjected) },
		"fails after the fact":  func(n int) fake.Hook { return fake.FailAfter(n, fake.Mutations, errInjected) },
		"killed":                func(n int) fake.Hook { return dead(int64(n), false) },
		"killed after the fact": func(n int) fake.Hook { return dead(int64(n), true) },
	}
	runs := 0
	for _, op := range []string{"first up", "edit", "destroy"} {
		for _, how := range sortedNames(hooks) {
			t.Run(op+" "+how, func(t *testing.T) {
				for n := 1; faultRun(t, op, n, hooks[how](n)); n++ {
					runs++
				}
			})
		}
	}
	t.Logf("%d runs", runs)
}

func sortedNames(m map[string]func(int) fake.Hook) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// faultRun is one broken operation and what follows; false when the fault was never reached.
func faultRun(t *testing.T, op string, n int, hook fake.Hook) bool {
	t.Helper()
	p := newProject(t)
	whole := p.engine
	one, two := fmt.Sprintf(faultProject, "one", "64m"), fmt.Sprintf(faultProject, "two", "96m")
	want := two
	if op != "first up" {
		p.up(one, UpOptions{})
	}
	p.engine = fake.Intercept(whole, hook)
	var err error
	switch op {
	case "destroy":
		want = one
		var scene *Scene
		if scene, err = Look(t.Context(), p.env(), p.id); err == nil {
			_, err = Destroy(t.Context(), p.env(), scene, ScopeOptions{}, yes)
		}
	default:
		_, err = Up(t.Context(), p.env(), p.load(two), UpOptions{}, yes)
	}
	p.engine = whole
	if err == nil {
		return false
	}
	if out, err := Up(t.Context(), p.env(), p.load(want), UpOptions{}, yes); err != nil {
		t.Fatalf("%s broken at call %d: the next up: %v\n%s", op, n, err, drawn(out))
	}
	p.check(want, fmt.Sprintf("%s broken at call %d", op, n), op != "first up")
	return true
}

// check holds the invariants: each box once, running, as the Envfile says; the volume's first content kept.
func (p *project) check(text, when string, seeded bool) {
	p.t.Helper()
	again, err := MakePlan(p.t.Context(), p.env(), p.load(text), UpOptions{})
	if err != nil || !again.Empty() {
		p.t.Fatalf("%s: the plan after the next up: %v\n%s", when, err, lines(again))
	}
	scene, err := Look(p.t.Context(), p.env(), p.id)
	if err != nil {
		p.t.Fatal(err)
	}
	var names []string
	for _, b := range scene.Observed.Boxes {
		base, _, _ := strings.Cut(b.Name, ".")
		names = append(names, base+" "+string(b.State))
	}
	sort.Strings(names)
	if got, want := strings.Join(names, ", "), "shop-api running, shop-db running, shop-web running"; got != want {
		p.t.Fatalf("%s: containers %s", when, got)
	}
	if len(scene.Observed.Networks) != 1 {
		p.t.Fatalf("%s: %d networks", when, len(scene.Observed.Networks))
	}
	if !seeded {
		return
	}
	for _, b := range scene.Boxes {
		if b.Name != "db" {
			continue
		}
		var out strings.Builder
		if _, err := p.engine.Exec(p.t.Context(), b.ID, driver.Exec{Argv: []string{"cat", "/data/seed"}}, driver.Streams{Out: &out, Err: &out}); err != nil {
			p.t.Fatal(err)
		}
		if out.String() != "first-one\n" {
			p.t.Fatalf("%s: the volume holds %q", when, out.String())
		}
	}
}
