package provision

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// campaign is one project under faults.
type campaign struct {
	*project
	whole driver.Engine
	files Host // the caller's machine; broken by turns
}

func (c *campaign) env() Env {
	e := c.project.env()
	e.Host = c.files
	return e
}

func newCampaign(t *testing.T, op operation) *campaign {
	p := newProject(t, "package.json", "{}", "conf/x", "x")
	c := &campaign{p, p.engine, p.host}
	if err := os.WriteFile(filepath.Join(p.host.dir, "kept"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"conf", "made"} {
		if err := os.Mkdir(filepath.Join(p.host.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if op.from != "" {
		p.up(op.from, UpOptions{})
	}
	return c
}

// broken is one broken operation and what follows; false when the call was never reached.
func (c *campaign) broken(op operation, f fault, n int) bool {
	c.t.Helper()
	reached := c.try(op, f, n)
	if reached {
		c.mended(op)
	}
	return reached
}

// try runs the operation with its n-th call broken; false when the call was never reached. What it says of itself must
// be so: a success is one, and what a report calls done was done.
func (c *campaign) try(op operation, f fault, n int) (reached bool) {
	c.t.Helper()
	var hit atomic.Bool
	ctx, interrupt := context.WithCancel(c.t.Context())
	defer interrupt()
	answered := &answers{}
	c.engine = fake.Intercept(fake.Intercept(c.whole, f.hook(n, &hit)), answered.hook)
	if f.host != nil {
		c.files = &brokenHost{Host: c.host, breaks: f.host(n, &hit)}
	}
	if f.hangs {
		defer time.AfterFunc(time.Minute, interrupt).Stop() // the caller's patience
	}
	out, err := op.run(ctx, c)
	c.engine, c.files = c.whole, c.host
	when := fmt.Sprintf("%s %s at call %d", op.name, f.name, n)
	if err == nil && !c.holds(op) {
		c.t.Fatalf("%s: it says that it succeeded", when)
	}
	if out != nil && out.Report != nil {
		answered.support(c.t, when, out.Report)
		if err == nil && len(out.Report.Failures)+len(out.Report.Skipped) > 0 {
			c.t.Fatalf("%s: no error, but failures %v and skipped %v", when, out.Report.Failures, out.Report.Skipped)
		}
	}
	return hit.Load()
}

// holds reports whether what the operation is for is so.
func (c *campaign) holds(op operation) bool {
	if strings.HasPrefix(op.name, "destroy") {
		scene, err := Look(c.t.Context(), c.env(), c.id)
		return err == nil && len(scene.Observed.Boxes) == 0
	}
	p, err := MakePlan(c.t.Context(), c.env(), c.load(op.want), UpOptions{})
	return err == nil && p.Empty()
}

// answers counts the calls by method that the engine said it did.
type answers struct {
	mu   sync.Mutex
	done map[string]int
}

func (a *answers) hook(ctx context.Context, c fake.Call, next func(context.Context) error) error {
	err := next(ctx)
	if err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.done == nil {
			a.done = map[string]int{}
		}
		a.done[c.Method]++
	}
	return err
}

// support checks that a report claims no more than the engine answered.
func (a *answers) support(t *testing.T, when string, report *apply.Report) {
	t.Helper()
	methods := map[plan.Op]string{
		plan.OpCreateNetwork: "CreateNetwork", plan.OpCreateVolume: "CreateVolume", plan.OpCreateBox: "CreateBox", plan.OpStart: "StartBox",
		plan.OpProvision: "Provision", plan.OpRename: "RenameBox", plan.OpRemove: "RemoveBox", plan.OpLimit: "LimitBox",
	}
	claimed := map[string]int{}
	for _, s := range report.Done {
		if m := methods[s.Op]; m != "" {
			claimed[m]++
		}
	}
	for m, n := range claimed {
		if n > a.done[m] {
			t.Fatalf("%s: the report claims %d of %s, the engine answered %d", when, n, m, a.done[m])
		}
	}
}

// mended is the next up and what must hold after it, whatever went wrong before.
func (c *campaign) mended(op operation) {
	c.t.Helper()
	if out, err := Up(c.t.Context(), c.env(), c.load(op.want), UpOptions{}, yes); err != nil {
		c.t.Fatalf("the next up: %v\n%s", err, drawn(out))
	}
	if again, err := MakePlan(c.t.Context(), c.env(), c.load(op.want), UpOptions{}); err != nil || !again.Empty() {
		c.t.Fatalf("the plan after the next up: %v\n%s", err, lines(again))
	}
	c.nothingLost(op)
	c.nothingDoubled()
	scene, err := Look(c.t.Context(), c.env(), c.id)
	if err == nil {
		_, err = Destroy(c.t.Context(), c.env(), scene, ScopeOptions{Volumes: true}, yes)
	}
	if err != nil {
		c.t.Fatalf("the next destroy: %v", err)
	}
	if left, err := Look(c.t.Context(), c.env(), c.id); err != nil || len(left.Observed.Boxes)+len(left.Observed.Networks)+len(left.Observed.Volumes) > 0 {
		c.t.Fatalf("the next destroy left %+v (%v)", left.Observed, err)
	}
}

// nothingLost: the first content of the volume and the share, and no provisioner ran again that had been recorded.
func (c *campaign) nothingLost(op operation) {
	c.t.Helper()
	if got, err := os.ReadFile(filepath.Join(c.host.dir, "kept")); err != nil || string(got) != "mine" {
		c.t.Fatalf("the share holds %q (%v)", got, err)
	}
	if op.from != "" && op.name != "destroy with volumes" {
		if got := c.cat("db", "/data/seed"); got != "first-one\n" {
			c.t.Fatalf("the volume holds %q", got)
		}
	}
	runs := strings.Fields(c.cat("api", "/opt/deps"))
	if unique := slices.Compact(slices.Sorted(slices.Values(runs))); len(unique) != len(runs) {
		c.t.Fatalf("the provisioner ran twice: %q", runs)
	}
}

func (c *campaign) cat(box, path string) string {
	c.t.Helper()
	scene, err := Look(c.t.Context(), c.env(), c.id)
	if err != nil {
		c.t.Fatal(err)
	}
	var out strings.Builder
	for _, b := range scene.Boxes {
		if b.Name != box {
			continue
		}
		if _, err := c.engine.Exec(c.t.Context(), b.ID, driver.Exec{Argv: []string{"cat", path}}, driver.Streams{Out: &out, Err: &out}); err != nil {
			c.t.Fatal(err)
		}
	}
	return out.String()
}

// nothingDoubled: each box once and running, one network, the volumes of the Envfile and of the image.
func (c *campaign) nothingDoubled() {
	c.t.Helper()
	scene, err := Look(c.t.Context(), c.env(), c.id)
	if err != nil {
		c.t.Fatal(err)
	}
	var got []string
	for _, b := range scene.Observed.Boxes {
		name, _, _ := strings.Cut(b.Name, ".")
		got = append(got, "box "+name+" "+string(b.State))
	}
	for _, n := range scene.Observed.Networks {
		got = append(got, "network "+n.Name)
	}
	for _, v := range scene.Observed.Volumes {
		got = append(got, "volume "+v.Name)
	}
	slices.Sort(got)
	want := []string{
		"box shop-api running", "box shop-db running", "box shop-web running", "network shop",
		"volume shop-db.data", "volume shop-db." + resource.ImageVolumeLabel("/var/lib/postgresql/data"), "volume shop-web.cache", "volume shop.envy",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		c.t.Fatalf("what is there: %s", diff)
	}
}
