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
)

// engineClock is hours off the caller's, and is set by so much more at some call.
type engineClock struct {
	off, jump time.Duration
	at        int64 // the call at which it is set; 0: never
	calls     atomic.Int64
}

func (c *engineClock) now() time.Time {
	t := time.Now().Add(c.off)
	if n := c.calls.Add(1); c.at > 0 && n >= c.at {
		t = t.Add(c.jump)
	}
	return t
}

const clockProject = `
box "web" {
  image = "debian:bookworm-slim"
  env   = { V = "%s" }
  volume "data" { target = "/data" }
  provision "deps" { run = "echo 1 > /opt-deps" }
  provision "each" {
    when = "always"
    run  = "echo 2 > /opt-each"
  }
}
box "db" {
  image      = "postgres:16"
  service    = true
  depends_on = ["web"]
}
`

// Whatever the engine's clock says, and whenever it is set, ups converge; of a clock that is merely off, nothing that
// provisioners wrote counts as lost.
func TestEngineClock(t *testing.T) {
	for _, off := range []time.Duration{-26 * time.Hour, -3 * time.Hour, 3 * time.Hour, 26 * time.Hour} {
		p := newProject(t)
		p.engine = fake.New(fake.Options{Images: fake.Stock(), Clock: (&engineClock{off: off}).now})
		p.up(fmt.Sprintf(clockProject, "1"), UpOptions{})
		if out := p.up(fmt.Sprintf(clockProject, "2"), UpOptions{}); strings.Contains(drawn(out), "lost") {
			t.Errorf("off by %s: what was provisioned counts as lost\n%s", off, drawn(out))
		}
	}
	for _, jump := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		for at := int64(1); at < 80; at += 3 {
			p := newProject(t)
			p.engine = fake.New(fake.Options{Images: fake.Stock(), Clock: (&engineClock{jump: jump, at: at}).now})
			for _, v := range []string{"1", "2", "2"} {
				text := fmt.Sprintf(clockProject, v)
				var more *apply.MoreLostError
				if _, err := Up(t.Context(), p.env(), p.load(text), UpOptions{}, yes); err != nil && !errors.As(err, &more) {
					t.Fatalf("set by %s at call %d: %v", jump, at, err)
				}
				p.up(text, UpOptions{}) // at the latest: in doubt the first one asks, rather than lose
			}
		}
	}
}

// What was changed by hand counts as lost also where the engine's clock was set back, so that the change looks older than
// what provisioners wrote.
func TestClockSetBack(t *testing.T) {
	clock := &engineClock{off: 3 * time.Hour, jump: -3 * time.Hour}
	p := newProject(t)
	p.engine = fake.New(fake.Options{Images: fake.Stock(), Clock: clock.now})
	out := p.up(fmt.Sprintf(clockProject, "1"), UpOptions{})
	clock.at = 1
	web, err := out.Scene.Select([]string{"web"})
	if err != nil {
		t.Fatal(err)
	}
	if code, err := Exec(t.Context(), p.env(), web[0], driver.Exec{Argv: []string{"sh", "-c", "echo mine > /opt-deps"}}, driver.Streams{}); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	var asked string
	refuse := func(_ context.Context, pl *plan.Plan) error {
		asked = lines(pl)
		return ErrDeclined
	}
	_, _ = Up(t.Context(), p.env(), p.load(fmt.Sprintf(clockProject, "2")), UpOptions{}, refuse)
	if !strings.Contains(asked, "would be lost") || !strings.Contains(asked, "/opt-deps") {
		t.Errorf("the change is not named:\n%s", asked)
	}
}
