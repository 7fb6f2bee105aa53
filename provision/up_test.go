package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
	"github.com/google/go-cmp/cmp"
)

const shop = `
box "db" {
  image   = "postgres:16"
  service = true
  volume "data" { target = "/var/lib/postgresql/data" }
}
box "web" {
  image      = "debian:bookworm-slim"
  packages   = ["git"]
  env        = { URL = "http://localhost:${self.port.http.host}" }
  user       = "dev"
  depends_on = ["db"]
  port "http" { guest = 3000 }
  share "." { target = "/workspace" }
  volume "modules" { target = "/workspace/node_modules" }
  provision "deps" {
    run    = "touch /opt/deps"
    inputs = ["package.json"]
  }
}
`

func TestUp(t *testing.T) {
	p := newProject(t, "package.json", "{}")
	out := p.up(shop, UpOptions{})
	var names []string
	for _, b := range out.Scene.Boxes {
		names = append(names, b.Container+" "+string(b.State))
	}
	if diff := cmp.Diff([]string{"shop-db running", "shop-web running"}, names); diff != "" {
		t.Errorf("boxes: %s", diff)
	}
	if diff := cmp.Diff([]string{p.host.dir + "/node_modules"}, p.host.made); diff != "" {
		t.Errorf("mount points made by the caller: %s", diff)
	}
	web, err := out.Scene.Select([]string{"web"})
	if err != nil {
		t.Fatal(err)
	}
	if port := web[0].Ports[0].Host; port < 20000 || port > 29999 {
		t.Errorf("a port without host is %d", port)
	}
}

// TestUnchangedCalls pins what an up with nothing to do costs (§7): one observation and one inspect a reference.
func TestUnchangedCalls(t *testing.T) {
	p := newProject(t, "package.json", "{}")
	p.up(shop, UpOptions{})
	calls := &countingEngine{Engine: p.engine, calls: map[string]int{}}
	p.engine = calls
	if _, err := Up(t.Context(), p.env(), p.load(shop), UpOptions{}, yes); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"Observe": 1, "Image debian:bookworm-slim": 1, "Image postgres:16": 1}
	if diff := cmp.Diff(want, calls.calls); diff != "" {
		t.Errorf("calls of an unchanged up: %s", diff)
	}
}

// TestUnchangedCallsAreConstant: what an up with nothing to do asks is the same for 1 box, 10 and 50, whatever they have.
func TestUnchangedCallsAreConstant(t *testing.T) {
	for _, n := range []int{1, 10, 50} {
		p := newProject(t)
		text := fmt.Sprintf(`
box "web" {
  image      = "busybox:1"
  count      = %d
  command    = ["sleep", "1000"]
  depends_on = ["db"]
  env        = { SELF = self.name, URL = "http://localhost:${self.port.http.host}" }
  memory     = "64m"
  port "http" { guest = 80 }
  port "admin" {
    guest = 81
    host  = 8100
    auto  = true
  }
  share "." { target = "/workspace" }
  volume "data" { target = "/data" }
  provision "first" { run = "true" }
  healthcheck { command = "true" }
}
box "db" { image = "busybox:1" }
box "more" {
  image = "busybox:1"
  count = %[1]d
}
`, n)
		p.up(text, UpOptions{})
		calls := &countingEngine{Engine: p.engine, calls: map[string]int{}}
		p.engine = calls
		for _, o := range []UpOptions{{}, {Scale: map[string]int{"web": n}}, {Boxes: []string{"web"}}} {
			clear(calls.calls)
			out, err := Up(t.Context(), p.env(), p.load(text), o, yes)
			if err != nil || !out.Plan.Empty() || len(out.Scene.Boxes) != 2*n+1 {
				t.Fatalf("%d boxes, %+v: %v", n, o, err)
			}
			if diff := cmp.Diff(map[string]int{"Observe": 1, "Image busybox:1": 1}, calls.calls); diff != "" {
				t.Errorf("calls of an unchanged up of %d replicas, %+v: %s", n, o, diff)
			}
		}
	}
}

// TestUnchangedLockedCalls: of an image that is locked, the boxes' labels say enough.
func TestUnchangedLockedCalls(t *testing.T) {
	p := newProject(t, "package.json", "{}")
	fact, err := p.engine.Image(t.Context(), "postgres:16", "")
	if err != nil {
		t.Fatal(err)
	}
	_, digest, _ := strings.Cut(fact.Digests[0], "@")
	bare := strings.Replace(shop, `  volume "data" { target = "/var/lib/postgresql/data" }`, "", 1) // the image has it as a VOLUME
	load := func() *Project {
		q := p.load(bare)
		q.Lock.SetImage(lock.Image{Reference: "postgres:16", Digest: digest})
		return q
	}
	if _, err := Up(t.Context(), p.env(), load(), UpOptions{}, yes); err != nil {
		t.Fatal(err)
	}
	calls := &countingEngine{Engine: p.engine, calls: map[string]int{}}
	p.engine = calls
	if _, err := Up(t.Context(), p.env(), load(), UpOptions{}, yes); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"Observe": 1, "Image debian:bookworm-slim": 1}, calls.calls); diff != "" {
		t.Errorf("calls of an unchanged up: %s", diff)
	}
	if out, err := Up(t.Context(), p.env(), load(), UpOptions{Recreate: true}, yes); err != nil || len(out.Report.Done) == 0 {
		t.Errorf("recreate: %v", err)
	}
}

func TestInputsRerunOneProvisioner(t *testing.T) {
	p := newProject(t, "package.json", "{}")
	p.up(shop, UpOptions{})
	p.host.MapFS["package.json"].Data = []byte(`{"x":1}`)
	out := p.up(shop, UpOptions{})
	var ops []string
	for _, s := range out.Plan.Steps {
		ops = append(ops, string(s.Op))
	}
	if diff := cmp.Diff([]string{"rename", "provision", "rename"}, ops); diff != "" {
		t.Errorf("steps after an input changed: %s\n%s", diff, lines(out.Plan))
	}
}

func TestFailedProvisionerRunsAgain(t *testing.T) {
	p := newProject(t)
	bad := `box "web" {
  image = "busybox:1"
  provision "deps" { run = "exit 3" }
}`
	_, err := Up(t.Context(), p.env(), p.load(bad), UpOptions{}, yes)
	var f *apply.Failure
	var script *driver.ScriptError
	if !errors.As(err, &f) || !errors.As(err, &script) || script.Code != 3 || f.Step.Origin.Line != 3 {
		t.Fatalf("error = %v", err)
	}
	scene, err := Look(t.Context(), p.env(), p.id)
	if err != nil {
		t.Fatal(err)
	}
	if b := scene.Boxes[0]; !b.Fresh || b.State != resource.StateRunning {
		t.Errorf("after a failed provisioner: %+v", b)
	}
	p.up(strings.Replace(bad, "exit 3", "exit 0", 1), UpOptions{})
}

func TestNames(t *testing.T) {
	p := newProject(t)
	box := `box "web" { image = "busybox:1" }`
	p.up(box, UpOptions{})
	other := newProject(t)
	other.engine = p.engine
	out := other.up(box, UpOptions{})
	name := out.Scene.Boxes[0].Container
	if !strings.HasPrefix(name, "shop-") || name == "shop-web" || !strings.HasSuffix(name, "-web") {
		t.Errorf("a second checkout's box is called %q", name)
	}
	out = other.up(box, UpOptions{})
	if !out.Plan.Empty() {
		t.Errorf("the second checkout does not keep its name:\n%s", lines(out.Plan))
	}
}

func TestMovedCheckoutIsRefused(t *testing.T) {
	p := newProject(t)
	box := `box "web" { image = "busybox:1" }`
	p.id = NewIdentity("host-1", 1000, "/gone", "Envfile")
	p.up(box, UpOptions{})
	p.id = NewIdentity("host-1", 1000, p.host.dir, "Envfile")
	_, err := MakePlan(t.Context(), p.env(), p.load(box), UpOptions{})
	var refused *RefusedError
	if !errors.As(err, &refused) || !strings.Contains(refused.Text, "/gone") {
		t.Errorf("a moved checkout: %v", err)
	}
}

func TestPortsAreKeptAndPickedAnew(t *testing.T) {
	p := newProject(t)
	text := `box "web" {
  image = "busybox:1"
  port "http" { guest = 80 }
  env = { V = "1" }
}`
	first := p.up(text, UpOptions{}).Scene.Boxes[0].Ports[0].Host
	text = strings.Replace(text, `"1"`, `"2"`, 1)
	if again := p.up(text, UpOptions{}).Scene.Boxes[0].Ports[0].Host; again != first {
		t.Errorf("the port moved on a replace: %d, then %d", first, again)
	}
	scene, err := Look(t.Context(), p.env(), p.id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Destroy(t.Context(), p.env(), scene, ScopeOptions{}, yes); err != nil {
		t.Fatal(err)
	}
	p.host.listens = []plan.PortTaken{{Port: first, Holder: "nginx (pid 7)"}}
	if moved := p.up(text, UpOptions{}).Scene.Boxes[0].Ports[0].Host; moved == first {
		t.Errorf("a port that is taken is used all the same: %d", moved)
	}
	fixed := `box "api" {
  image = "busybox:1"
  port "http" {
    guest = 80
    host  = 8080
  }
}`
	p.host.listens = []plan.PortTaken{{Port: 8080, Holder: "nginx (pid 7)"}}
	pl, err := MakePlan(t.Context(), p.env(), p.load(fixed), UpOptions{})
	if err != nil || len(pl.Problems) != 1 || !strings.Contains(pl.Problems[0].Detail, "nginx (pid 7)") {
		t.Errorf("a fixed port that is taken: %v %+v", err, pl)
	}
}

func TestDestroyAndHalt(t *testing.T) {
	p := newProject(t, "package.json", "{}")
	p.up(shop, UpOptions{})
	scene := func() *Scene {
		s, err := Look(t.Context(), p.env(), p.id)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	out, err := Halt(t.Context(), p.env(), scene(), ScopeOptions{}, yes)
	if err != nil {
		t.Fatal(err)
	}
	if first := out.Plan.Changes[0].Address.Box; first != "web" {
		t.Errorf("halt stops %s first; dependents go first", first)
	}
	p.up(shop, UpOptions{})
	if _, err := Destroy(t.Context(), p.env(), scene(), ScopeOptions{}, yes); err != nil {
		t.Fatal(err)
	}
	if s := scene(); len(s.Boxes) != 0 || len(s.Observed.Networks) != 0 || len(s.Observed.Volumes) != 3 {
		t.Errorf("destroy left %d boxes, %d networks, %d volumes (two and the claim stay)", len(s.Boxes), len(s.Observed.Networks), len(s.Observed.Volumes))
	}
	if _, err := Destroy(t.Context(), p.env(), scene(), ScopeOptions{Volumes: true}, yes); err != nil {
		t.Fatal(err)
	}
	if s := scene(); len(s.Observed.Volumes) != 0 {
		t.Errorf("destroy --volumes left %v", s.Observed.Volumes)
	}
}

func TestDeclinedChangesNothing(t *testing.T) {
	p := newProject(t)
	_, err := Up(t.Context(), p.env(), p.load(`box "web" { image = "busybox:1" }`), UpOptions{}, func(context.Context, *plan.Plan) error { return ErrDeclined })
	if !errors.Is(err, ErrDeclined) {
		t.Fatal(err)
	}
	if s, err := Look(t.Context(), p.env(), p.id); err != nil || len(s.Observed.Boxes)+len(s.Observed.Volumes)+len(s.Observed.Networks) > 0 {
		t.Errorf("something was made: %v %+v", err, s)
	}
}

func TestSavedPlan(t *testing.T) {
	p := newProject(t)
	text := `box "web" { image = "busybox:1" }`
	saved, err := MakePlan(t.Context(), p.env(), p.load(text), UpOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var stale *StalePlanError
	if _, err := Up(t.Context(), p.env(), p.load(`box "web" { image = "debian:bookworm" }`), UpOptions{Plan: saved}, yes); !errors.As(err, &stale) {
		t.Errorf("another Envfile: %v", err)
	}
	if _, err := Up(t.Context(), p.env(), p.load(text), UpOptions{Plan: saved}, yes); err != nil {
		t.Errorf("the same Envfile: %v", err)
	}
	if _, err := Up(t.Context(), p.env(), p.load(text), UpOptions{Plan: saved}, yes); !errors.As(err, &stale) {
		t.Errorf("applied twice: %v", err)
	}
}

func TestRunBox(t *testing.T) {
	p := newProject(t, "package.json", "{}")
	var out strings.Builder
	code, err := RunBox(t.Context(), p.env(), p.load(shop), "web", RunOptions{
		ID: "abc123", Command: []string{"sh", "-c", "echo hi; exit 7"}, Streams: driver.Streams{Out: &out, Err: &out},
	}, yes)
	if err != nil || code != 7 || strings.TrimSpace(out.String()) != "hi" {
		t.Errorf("run: code %d, output %q, %v", code, out.String(), err)
	}
	scene, err := Look(t.Context(), p.env(), p.id)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range scene.Observed.Boxes {
		names = append(names, b.Name)
	}
	if diff := cmp.Diff([]string{"shop-db"}, names); diff != "" {
		t.Errorf("only the dependency is up: %s", diff)
	}
}

func TestWorktreeMounts(t *testing.T) {
	p := newProject(t)
	p.host.worktree = &Worktree{
		Common: "/home/u/main/.git", Entry: "/home/u/main/.git/worktrees/shop", Named: "/home/u/main/.git/worktrees/shop",
		Back: p.host.dir + "/.git", Root: p.host.dir,
	}
	l, diags := lower(t.Context(), p.env(), p.load(`box "web" {
  image = "busybox:1"
  share "." { target = "/workspace" }
}`))
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range l.Boxes[0].Spec.Mounts {
		got = append(got, m.Source+" "+m.Target)
	}
	want := []string{
		p.host.dir + " /workspace", "/home/u/main/.git /home/u/main/.git", "/home/u/main/.git/worktrees /home/u/main/.git/worktrees",
		"/home/u/main/.git/worktrees/shop /home/u/main/.git/worktrees/shop", p.host.dir + " " + p.host.dir,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mounts of a linked worktree: %s", diff)
	}
}

// countingEngine counts the calls that use cases make.
type countingEngine struct {
	driver.Engine
	mu    sync.Mutex // images are asked for at once
	calls map[string]int
}

func (c *countingEngine) count(call string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call]++
}

func (c *countingEngine) Observe(ctx context.Context, id resource.Identity) (resource.Observed, error) {
	c.count("Observe")
	return c.Engine.Observe(ctx, id)
}

func (c *countingEngine) Image(ctx context.Context, ref, platform string) (resource.ImageFact, error) {
	c.count("Image " + ref)
	return c.Engine.Image(ctx, ref, platform)
}

func (c *countingEngine) Names(ctx context.Context) (driver.Names, error) {
	c.count("Names")
	return c.Engine.Names(ctx)
}

func (c *countingEngine) PublishedPorts(ctx context.Context) ([]driver.PortHolder, error) {
	c.count("PublishedPorts")
	return c.Engine.PublishedPorts(ctx)
}

func (c *countingEngine) Detail(ctx context.Context, id string) (resource.BoxDetail, error) {
	c.count("Detail")
	return c.Engine.Detail(ctx, id)
}

func (c *countingEngine) Record(ctx context.Context, id string) (resource.Record, error) {
	c.count("Record")
	return c.Engine.Record(ctx, id)
}

func (c *countingEngine) Ping(ctx context.Context) (resource.Engine, error) {
	c.count("Ping")
	return c.Engine.Ping(ctx)
}

func TestAutoPort(t *testing.T) {
	p := newProject(t)
	text := `box "web" {
  image = "busybox:1"
  port "http" {
    guest = 80
    host  = 8080
    auto  = true
  }
}`
	port := func(text string) int { return p.up(text, UpOptions{}).Scene.Boxes[0].Ports[0].Host }
	p.host.listens = []plan.PortTaken{{Port: 8080}}
	if got := port(text); got != 8081 {
		t.Fatalf("the next free port is 8081, got %d", got)
	}
	p.host.listens = nil
	if got := port(text); got != 8081 {
		t.Errorf("a port that was picked moved to %d", got)
	}
	if got := port(strings.Replace(text, "8080", "9090", 1)); got != 9090 {
		t.Errorf("an edited port is %d, want 9090", got)
	}
}

// TestSecretsAreNotShown: what a provisioner prints of its environment has no sensitive value in it, nor has the plan.
func TestSecretsAreNotShown(t *testing.T) {
	p := newProject(t, "dev.env", "TOKEN=hunter2\n")
	var out strings.Builder
	env := p.env()
	env.Output = func(string) io.Writer { return &out }
	o, err := Up(t.Context(), env, p.load(`variable "pin" {
  type      = string
  default   = "90210"
  sensitive = true
}
box "web" {
  image    = "busybox:1"
  env_file = "dev.env"
  provision "show" {
    run = "echo token $TOKEN pin $PIN"
    env = { PIN = var.pin }
  }
}`), UpOptions{}, yes)
	if err != nil {
		t.Fatal(err)
	}
	if want := "token (sensitive) pin (sensitive)\n"; out.String() != want {
		t.Errorf("shown: %q, want %q", out.String(), want)
	}
	saved, err := json.Marshal(o.Plan)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(saved) + lines(o.Plan); strings.Contains(s, "hunter2") || strings.Contains(s, "90210") {
		t.Error("the plan holds a sensitive value")
	}
}
