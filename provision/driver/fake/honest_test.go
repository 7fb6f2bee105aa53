package fake_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// clock is a time that only tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (b *bench) hand(words ...string) {
	b.Helper()
	if err := b.ByHand(words...); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) seen() resource.BoxObserved {
	b.Helper()
	o, err := b.Observe(b.Context(), identity("shop"))
	if err != nil {
		b.Fatal(err)
	}
	if len(o.Boxes) != 1 {
		b.Fatalf("%d boxes", len(o.Boxes))
	}
	return o.Boxes[0]
}

func TestTimePasses(t *testing.T) {
	c := newClock()
	b := newBench(t, fake.Options{Clock: c.Now}, command("sleep 10; exit 3"))
	c.add(9 * time.Second)
	if s := b.seen().State; s != resource.StateRunning {
		t.Errorf("after 9 s: %s", s)
	}
	c.add(time.Second)
	if o := b.seen(); o.State != resource.StateExited || o.ExitCode != 3 {
		t.Errorf("after 10 s: %s %d", o.State, o.ExitCode)
	}
}

func TestRestartPolicy(t *testing.T) {
	c := newClock()
	b := newBench(t, fake.Options{Clock: c.Now}, command("sleep 10; exit 3"))
	if err := b.StartBox(t.Context(), b.id, "on-failure"); err != nil {
		t.Fatal(err)
	}
	c.add(10 * time.Second)
	if s := b.seen().State; s != resource.StateRestarting {
		t.Errorf("after a failure: %s", s)
	}
	c.add(time.Second)
	if s := b.seen().State; s != resource.StateRunning {
		t.Errorf("a second later: %s", s)
	}
	b.hand("stop", "shop-web")
	b.hand("restart-engine")
	if s := b.seen().State; s != resource.StateExited {
		t.Errorf("stopped by hand, after the engine's restart: %s", s)
	}
	if err := b.StartBox(t.Context(), b.id, "unless-stopped"); err != nil {
		t.Fatal(err)
	}
	b.hand("restart-engine")
	if s := b.seen().State; s != resource.StateRunning {
		t.Errorf("after the engine's restart: %s", s)
	}
}

func TestProbes(t *testing.T) {
	c := newClock()
	b := newBench(t, fake.Options{Clock: c.Now}, command("sleep 1000"), func(n *driver.NewBox) {
		n.Spec.Healthcheck = &resource.HealthSpec{Command: []string{"CMD-SHELL", "test -e /ok"}, Interval: 1000, Retries: 2}
	})
	for _, want := range []resource.Health{resource.HealthStarting, resource.HealthStarting, resource.HealthUnhealthy} {
		if h := b.seen().Health; h != want {
			t.Errorf("health is %q, want %q", h, want)
		}
		c.add(time.Second)
	}
	b.hand("write", "shop-web", "/ok")
	c.add(time.Second)
	if h := b.seen().Health; h != resource.HealthHealthy {
		t.Errorf("health is %q when the check passes", h)
	}
}

func TestByHand(t *testing.T) {
	b := newBench(t, fake.Options{}, command("sleep 1000"))
	for _, c := range []struct {
		words string
		state resource.State
	}{
		{"pause shop-web", resource.StatePaused},
		{"unpause shop-web", resource.StateRunning},
		{"exit shop-web 5", resource.StateExited},
		{"start shop-web", resource.StateRunning},
		{"dead shop-web", resource.StateDead},
	} {
		b.hand(strings.Fields(c.words)...)
		if s := b.seen().State; s != c.state {
			t.Errorf("after %s: %s", c.words, s)
		}
	}
	list, err := b.List()
	if err != nil || !strings.HasPrefix(list, "box shop-web dead\nvolume envy-agent-") {
		t.Errorf("list %q, %v", list, err)
	}
	for _, words := range []string{"", "explode", "explode shop-web", "stop nobody", "exit shop-web x", "unpause shop-web", "listen x"} {
		if err := b.ByHand(strings.Fields(words)...); err == nil {
			t.Errorf("%q is no error", words)
		}
	}
	b.hand("down")
	if _, err := b.Ping(t.Context()); !driver.Is(err, driver.Unreachable) {
		t.Errorf("ping of an engine that is down: %v", err)
	}
	b.hand("up")
	b.hand("remove", "shop-web")
	if _, err := b.Detail(t.Context(), b.id); !driver.Is(err, driver.NotFound) {
		t.Errorf("detail of what was removed: %v", err)
	}
}

func TestAmbiguousNetwork(t *testing.T) {
	b := newBench(t, fake.Options{})
	id, err := b.CreateNetwork(t.Context(), driver.NewNetwork{Name: "shop", Labels: identity("shop").Labels(resource.Owner{Network: "default"})})
	if err != nil {
		t.Fatal(err)
	}
	b.hand("foreign-network", "shop")
	box, err := b.CreateBox(t.Context(), newBox("shop-db", func(n *driver.NewBox) {
		n.Spec.NetworkMode, n.Spec.Networks = "", []resource.NetworkJoin{{Network: "default"}}
		n.Networks = map[string]driver.NetworkRef{"default": {ID: id, Name: "shop"}}
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.StartBox(t.Context(), box, ""); !driver.Is(err, driver.Failed) || !strings.Contains(err.Error(), "ambiguous") {
		t.Errorf("start with two networks of one name: %v", err)
	}
}

func TestPoolsRunOut(t *testing.T) {
	e := fake.New(fake.Options{})
	id := identity("shop")
	for i := range 32 {
		label := "n" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		n := driver.NewNetwork{Name: resource.NetworkName("shop", label), Labels: id.Labels(resource.Owner{Network: label})}
		if _, err := e.CreateNetwork(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	seen, err := e.Observe(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	subnets := map[string]bool{}
	for _, n := range seen.Networks {
		subnets[n.Subnets[0]] = true
	}
	if len(subnets) != 32 || !subnets["10.0.1.0/24"] {
		t.Errorf("subnets: %v", subnets)
	}
}

func TestImageVolumes(t *testing.T) {
	e := fake.New(fake.Options{Images: fake.Stock()})
	id, err := e.CreateBox(t.Context(), newBox("shop-db", func(n *driver.NewBox) { n.Image, n.Spec.Service = "postgres:16", true }))
	if err != nil {
		t.Fatal(err)
	}
	anonymous := func() int {
		names, err := e.Names(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(names.Volumes) - 1 // the agent's
	}
	if n := anonymous(); n != 1 {
		t.Errorf("%d volumes for an uncovered VOLUME path", n)
	}
	if err := e.StartBox(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := e.Logs(t.Context(), id, driver.LogOptions{Tail: -1}, &out, &out); err != nil || out.String() != "ready to accept connections\n" {
		t.Errorf("the service printed %q, %v", out.String(), err)
	}
	if err := e.RemoveBox(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if n := anonymous(); n != 0 {
		t.Errorf("%d volumes outlived their box", n)
	}
}

func TestRegistry(t *testing.T) {
	e := fake.New(fake.Options{Registry: map[string]fake.Image{"debian:bookworm": {}, "registry.example.com/x/y:1": {Denied: true}}})
	pull := func(ref string) error { _, err := e.Pull(t.Context(), ref, "", event.Discard{}, "image.x"); return err }
	if _, err := e.Image(t.Context(), "debian:bookworm", ""); !driver.Is(err, driver.NotFound) {
		t.Errorf("before the pull: %v", err)
	}
	if err := pull("docker.io/library/debian:bookworm"); err != nil {
		t.Error(err)
	}
	fact, err := e.Image(t.Context(), "debian:bookworm", "")
	if err != nil || len(fact.Digests) != 1 {
		t.Fatalf("after the pull: %+v, %v", fact, err)
	}
	if same, err := e.Image(t.Context(), "debian@"+strings.Split(fact.Digests[0], "@")[1], ""); err != nil || same.ID != fact.ID {
		t.Errorf("by digest: %s, %v", same.ID, err)
	}
	if err := pull("debian:nope"); !driver.Is(err, driver.NotFound) {
		t.Errorf("no such tag: %v", err)
	}
	if err := pull("registry.example.com/x/y:1"); !driver.Is(err, driver.Denied) {
		t.Errorf("private: %v", err)
	}
	if err := e.ByHand("offline"); err != nil {
		t.Fatal(err)
	}
	if err := pull("debian:bookworm"); !driver.Is(err, driver.NoRegistry) {
		t.Errorf("offline: %v", err)
	}
}

func TestScriptFunction(t *testing.T) {
	var got []string
	b := newBench(t, fake.Options{Script: func(box, script string) (string, int) {
		got = append(got, box, script)
		return "said", 9
	}})
	var out bytes.Buffer
	err := b.Provision(t.Context(), b.id, resource.ProvisionScript{Name: "p", Hash: "h", Script: "npm ci | tee log"}, &out)
	var s *driver.ScriptError
	if !errors.As(err, &s) || s.Code != 9 || s.Output != "said" || out.String() != "said" {
		t.Errorf("%v, printed %q", err, out.String())
	}
	if d := cmp.Diff([]string{"shop-web", "npm ci | tee log"}, got); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
}

func TestFileIsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "engine.json")
	first, err := fake.Open(path, fake.Options{Images: fake.Stock()})
	if err != nil {
		t.Fatal(err)
	}
	second, err := fake.Open(path, fake.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := first.CreateBox(t.Context(), newBox("shop-web", command("until test -e /go; do sleep 0.01; done; exit 6")))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.StartBox(t.Context(), id, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := first.CreateBox(t.Context(), newBox("shop-web")); !driver.Is(err, driver.Conflict) {
		t.Errorf("the name is not shared: %v", err)
	}
	if err := first.ByHand("write", "shop-web", "/go"); err != nil {
		t.Fatal(err)
	}
	if code, err := second.WaitExit(t.Context(), id); err != nil || code != 6 {
		t.Errorf("exit code %d, %v", code, err)
	}
}

func TestEventsKeepTheLast(t *testing.T) {
	b := newBench(t, fake.Options{})
	for range 200 {
		b.hand("pause", "shop-web")
		b.hand("unpause", "shop-web")
	}
	b.hand("remove", "shop-web")
	var got []string
	o := driver.EventOptions{Since: driver.Moment{Ago: time.Hour}, Until: driver.Moment{At: time.Now()}}
	if err := b.Events(t.Context(), identity("shop"), o, func(e driver.BoxEvent) bool {
		got = append(got, e.Action)
		return true
	}); err != nil {
		t.Error(err)
	}
	if n := len(got); n != 256 || !slices.Equal(got[n-3:], []string{"die", "stop", "destroy"}) {
		t.Errorf("%d events that end in %v", n, got[max(0, n-3):])
	}
}
