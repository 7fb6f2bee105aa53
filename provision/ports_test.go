package provision

import (
	"strings"
	"testing"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/plan"
)

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
