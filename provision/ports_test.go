package provision

import (
	"context"
	"strings"
	"testing"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/plan"
	"github.com/google/go-cmp/cmp"
)

// TestPortHolders: who has a fixed port is named, a project with its folder; a program is looked up for such ports alone.
func TestPortHolders(t *testing.T) {
	fixed := `
box "web" {
  image = "busybox:1"
  port "http" {
    guest = 80
    host  = 8080
  }
}`
	detail := func(p *project, text string) string {
		t.Helper()
		pl, err := MakePlan(t.Context(), p.env(), p.load(text), UpOptions{})
		if err != nil || len(pl.Problems) != 1 {
			t.Fatalf("a taken port: %v %+v", err, pl)
		}
		return pl.Problems[0].Detail
	}
	p := newProject(t)
	p.host.listens = []plan.PortTaken{{Port: 8080, Protocol: "tcp"}, {Port: 8081, Protocol: "tcp"}}
	if got := detail(p, fixed); !strings.HasSuffix(got, "; nginx (process 8080) has it") {
		t.Error(got)
	}
	p.host.listens = nil
	first := p.up(fixed, UpOptions{}).Scene.Boxes[0]
	if got := detail(p, fixed+strings.Replace(fixed, "web", "api", 1)); !strings.HasSuffix(got, "; container "+first.Container+" has it") {
		t.Error(got)
	}
	other := newProject(t)
	other.engine = p.engine
	if got := detail(other, fixed); !strings.HasSuffix(got, "; container "+first.Container+" of project shop in "+p.host.dir+" has it") {
		t.Error(got)
	}
	if diff := cmp.Diff([]int{8080}, p.host.looked); diff != "" || other.host.looked != nil {
		t.Errorf("programs that were looked up: %s %v", diff, other.host.looked)
	}
	auto := strings.Replace(fixed, "8080", "8080\n    auto = true", 1)
	if got := other.up(auto, UpOptions{}).Scene.Boxes[0].Ports[0].Host; got != 8081 || other.host.looked != nil {
		t.Errorf("an auto port is %d, looked up %v", got, other.host.looked)
	}
}

// TestHostIsTakenOut: a number that the Envfile gave and gives no longer is not kept.
func TestHostIsTakenOut(t *testing.T) {
	const free = "box \"web\" {\n  image = \"busybox:1\"\n  port \"http\" {\n    guest = 80\n  }\n}\n"
	for _, tc := range []struct {
		was   string
		taken int
	}{
		{was: "host = 8080"},
		{was: "host = 8080\n auto = true"},
		{was: "host = 8080\n auto = true", taken: 8080},
		{was: "host = 25000\n auto = true"},
	} {
		p := newProject(t)
		p.host.listens = []plan.PortTaken{{Port: tc.taken}}
		port := func(text string) int { return p.up(text, UpOptions{}).Scene.Boxes[0].Ports[0].Host }
		was := port(strings.Replace(free, "guest = 80", "guest = 80\n"+tc.was, 1))
		want := config.DerivedPort(p.id.Checkout, "web", "http", 1)
		if got := port(free); was == want || got != want {
			t.Errorf("%+v: %d, then %d; want the derived %d", tc, was, got, want)
		}
	}
}

// late is an engine whose port is taken after the plan was made: from the first start on.
type late struct {
	driver.Engine
	starts int
	taken  func()
}

func (l *late) StartBox(ctx context.Context, id, restart string) error {
	l.starts++
	l.taken()
	return l.Engine.StartBox(ctx, id, restart)
}

// TestPortTakenMeanwhile: a port that somebody took after the plan was made is picked anew where it may be another.
func TestPortTakenMeanwhile(t *testing.T) {
	for _, tc := range []struct {
		name, port   string
		seen         bool // by a new plan
		want, starts int
	}{
		{"auto", "guest = 80\n    host = 8080\n    auto = true", true, 8081, 2},
		{"fixed", "guest = 80\n    host = 8080", true, 0, 1},
		{"auto, and nobody is seen", "guest = 80\n    host = 8080\n    auto = true", false, 0, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProject(t)
			engine := fake.New(fake.Options{Images: fake.Stock()})
			l := &late{Engine: engine}
			l.taken = func() {
				if err := engine.ByHand("listen", "8080"); err != nil {
					t.Error(err)
				}
				if tc.seen {
					p.host.listens = []plan.PortTaken{{Port: 8080}}
				}
			}
			p.engine = l
			out, err := Up(t.Context(), p.env(), p.load("box \"web\" {\n  image = \"busybox:1\"\n  port \"http\" {\n    "+tc.port+"\n  }\n}"), UpOptions{}, yes)
			if l.starts != tc.starts {
				t.Errorf("%d starts, want %d", l.starts, tc.starts)
			}
			if tc.want == 0 {
				if !driver.Is(err, driver.PortTaken) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || out.Scene.Boxes[0].Ports[0].Host != tc.want {
				t.Errorf("%v: %+v", err, out.Scene)
			}
		})
	}
}
