package provision

import (
	"strings"
	"testing"

	"github.com/envyhq/envy/config"
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
