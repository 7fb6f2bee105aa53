package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/recipe"
)

// pair is two boxes, the second after the first, which sees the checkout.
const pair = `
box "web" { image = "busybox:1" }
box "db" {
  image      = "busybox:1"
  depends_on = ["web"]
  share "." { target = "/data" }
}
`

// onCall does something before the engine is asked for a box's create or start.
func onCall(e driver.Engine, method, object string, do func()) driver.Engine {
	return fake.Intercept(e, func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if c.Method == method && strings.Contains(c.Object, object) {
			do()
		}
		return next(ctx)
	})
}

func refused(t *testing.T, err error) {
	t.Helper()
	var r *RefusedError
	if !errors.As(err, &r) || !strings.Contains(r.Text, "leads to /etc by now") || r.Hint == "" {
		t.Errorf("error = %v", err)
	}
}

func (p *project) states() []string {
	p.t.Helper()
	scene, err := Look(p.t.Context(), p.env(), p.id)
	if err != nil {
		p.t.Fatal(err)
	}
	var out []string
	for _, b := range scene.Observed.Boxes {
		out = append(out, fmt.Sprintf("%s %s", b.Name, b.State))
	}
	slices.Sort(out)
	return out
}

func newPair(t *testing.T) (p *project, swap func()) {
	t.Helper()
	p = newProject(t)
	p.host.links = map[string]string{}
	return p, func() { p.host.links[p.host.dir] = "/etc" }
}

// A source that is swapped for a link after the plan was made is not given to the engine: not at the create, not at the
// start after it, not at a later start.
func TestSwappedSource(t *testing.T) {
	t.Run("before the create", func(t *testing.T) {
		p, swap := newPair(t)
		p.engine = onCall(p.engine, "CreateBox", "web", swap)
		_, err := Up(t.Context(), p.env(), p.load(pair), UpOptions{Parallel: 1}, yes)
		refused(t, err)
		if got := p.states(); !slices.Equal(got, []string{"shop-web running"}) {
			t.Errorf("%v", got)
		}
	})
	t.Run("between create and start", func(t *testing.T) {
		p, swap := newPair(t)
		p.engine = onCall(p.engine, "CreateBox", "db", swap)
		_, err := Up(t.Context(), p.env(), p.load(pair), UpOptions{}, yes)
		refused(t, err)
		for _, s := range p.states() {
			if strings.HasPrefix(s, "shop-db") && !strings.HasSuffix(s, "created") {
				t.Errorf("%v", s)
			}
		}
	})
	t.Run("before a start", func(t *testing.T) {
		p, swap := newPair(t)
		p.up(pair, UpOptions{})
		p.halt()
		whole := p.engine
		p.engine = onCall(p.engine, "StartBox", "", swap) // web starts first
		_, err := Up(t.Context(), p.env(), p.load(pair), UpOptions{}, yes)
		refused(t, err)
		p.engine = whole
		if got := p.states(); !slices.Equal(got, []string{"shop-db exited", "shop-web running"}) {
			t.Errorf("%v", got)
		}
		p.host.links = nil
		p.up(pair, UpOptions{})
	})
	t.Run("of a throw-away box", func(t *testing.T) {
		p, swap := newPair(t)
		p.engine = onCall(p.engine, "CreateBox", "run-", swap)
		_, err := RunBox(t.Context(), p.env(), p.load(pair), "db", RunOptions{ID: "abcdef", Command: []string{"true"}}, yes)
		refused(t, err)
		if got := p.states(); !slices.Equal(got, []string{"shop-web running"}) {
			t.Errorf("%v", got)
		}
	})
	t.Run("while a replacement fails", func(t *testing.T) {
		p, swap := newPair(t)
		p.up(pair, UpOptions{})
		p.engine = onCall(p.engine, "StopBox", "", swap)
		_, err := Up(t.Context(), p.env(), p.load(strings.Replace(pair, "share", "env = { A = \"b\" }\n  share", 1)), UpOptions{}, yes)
		refused(t, err)
		if got := p.states(); !slices.Equal(got, []string{"shop-db exited", "shop-web running"}) {
			t.Errorf("%v", got)
		}
	})
}

func (p *project) halt() {
	p.t.Helper()
	scene, err := Look(p.t.Context(), p.env(), p.id)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := Halt(p.t.Context(), p.env(), scene, ScopeOptions{}, yes); err != nil {
		p.t.Fatal(err)
	}
}

// Devices below /dev may move there; others must lead where they led.
func TestSwappedDevice(t *testing.T) {
	for device, tc := range map[string]struct {
		now string
		ok  bool
	}{
		"/dev/serial/x": {"/dev/ttyUSB1", true},
		"/dev/fuse":     {"/etc/shadow", false},
		"/srv/device":   {"/dev/sda", false},
		"/srv/same":     {"/srv/same", true},
	} {
		t.Run(device, func(t *testing.T) {
			p := newProject(t)
			p.host.links = map[string]string{}
			p.engine = onCall(p.engine, "CreateNetwork", "", func() { p.host.links[device] = tc.now })
			text := fmt.Sprintf("box \"web\" {\n  image = \"busybox:1\"\n  devices = [%q]\n}", device)
			_, err := Up(t.Context(), p.env(), p.load(text), UpOptions{}, yes)
			var r *RefusedError
			if (err == nil) != tc.ok || err != nil && !errors.As(err, &r) {
				t.Errorf("error = %v", err)
			}
		})
	}
}

// The gate is asked about each evaluation: with the ports of boxes that exist, and with others where these are taken.
// What it refuses leaves the engine as it was.
func TestGateIsAskedAboutEveryEvaluation(t *testing.T) {
	p := newProject(t)
	const text = `
box "web" {
  image = "busybox:1"
  port "http" { guest = 80 }
  share "x" {
    source = "/srv/${self.port.http.host}"
    target = "/srv"
    create = true
  }
}
`
	seen := []string{}
	env := p.env()
	env.Gate = func(_ context.Context, c *config.Project) error {
		for _, g := range c.Gate {
			if !slices.Contains(seen, g.What) {
				seen = append(seen, g.What)
			}
		}
		if len(seen) > 1 {
			return ErrDeclined
		}
		return nil
	}
	first := p.load(text)
	port := first.Config.Boxes[0].Ports[0].Host
	p.host.listens = []plan.PortTaken{{Port: port, Holder: "somebody"}}
	var m mutations
	env.Engine = fake.Intercept(p.engine, m.hook)
	_, err := Up(t.Context(), env, first, UpOptions{}, yes)
	if !errors.Is(err, ErrDeclined) || len(seen) != 2 || m != 0 {
		t.Errorf("error = %v, seen = %q, %d changes", err, seen, m)
	}
	if _, err := MakePlan(t.Context(), env, first, UpOptions{}); !errors.Is(err, ErrDeclined) {
		t.Errorf("plan: %v", err)
	}
	if _, err := RunProvisioners(t.Context(), env, first, nil, nil); !errors.Is(err, ErrDeclined) {
		t.Errorf("provision: %v", err)
	}
	if _, err := RunBox(t.Context(), env, first, "web", RunOptions{}, yes); !errors.Is(err, ErrDeclined) {
		t.Errorf("run: %v", err)
	}
}

type mutations int

func (m *mutations) hook(ctx context.Context, c fake.Call, next func(context.Context) error) error {
	if c.Mutates() {
		*m++
	}
	return next(ctx)
}

// A build context that is not trusted is not read.
func TestGateComesBeforeReading(t *testing.T) {
	p := newProject(t, "app/Dockerfile", "FROM busybox:1")
	env := p.env()
	env.Host = unread{p.host, t}
	env.Gate = func(context.Context, *config.Project) error { return ErrDeclined }
	text := `box "web" {
  build { context = "app" }
  setup "x" {
    run    = "true"
    inputs = ["app/Dockerfile"]
  }
}`
	for _, do := range []func() error{
		func() error { _, err := MakePlan(t.Context(), env, p.load(text), UpOptions{}); return err },
		func() error { _, err := Up(t.Context(), env, p.load(text), UpOptions{}, yes); return err },
		func() error { _, err := Settled(t.Context(), env, p.load(text)); return err },
	} {
		if err := do(); !errors.Is(err, ErrDeclined) {
			t.Errorf("error = %v", err)
		}
	}
}

// unread is a host of which nothing may be read.
type unread struct {
	*checkout
	t *testing.T
}

func (u unread) Tree(string) (recipe.Source, error) {
	u.t.Error("the context is read")
	return nil, errors.New("no")
}

func (u unread) Match(context.Context, config.Tree, []string) ([]HostFile, []string, error) {
	u.t.Error("the inputs are read")
	return nil, nil, errors.New("no")
}

func TestSettled(t *testing.T) {
	p := newProject(t)
	text := `box "web" {
  image = "busybox:1"
  port "http" { guest = 80 }
}`
	port := p.load(text).Config.Boxes[0].Ports[0].Host
	p.host.listens = []plan.PortTaken{{Port: port, Holder: "somebody"}}
	p.up(text, UpOptions{})
	c, err := Settled(t.Context(), p.env(), p.load(text))
	if err != nil || c.Name != "shop" || c.Boxes[0].Ports[0].Host == port {
		t.Errorf("%+v, %v", c, err)
	}
}
