package provision

import (
	"errors"
	"io"
	"testing"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
)

// TestRunLeavesItsBoxBehind: where the engine does not take the box away, or nobody knows whether it was made, the error
// says so; the next up takes it once its client is gone.
func TestRunLeavesItsBoxBehind(t *testing.T) {
	for name, tc := range map[string]struct {
		hook   fake.Hook
		behind bool
	}{
		"not removed":  {fake.Fail(1, fake.Method("RemoveBox"), &driver.Error{Kind: driver.Failed, Text: "busy"}), true},
		"cut off":      {fake.FailAfter(1, fake.Method("CreateBox"), &driver.Error{Kind: driver.Unreachable, Text: "EOF"}), true},
		"not made":     {fake.Fail(1, fake.Method("CreateBox"), &driver.Error{Kind: driver.Invalid, Text: "no"}), false},
		"not attached": {fake.Fail(1, fake.Method("Attach"), &driver.Error{Kind: driver.Failed, Text: "no"}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			const text = `box "web" { image = "busybox:1" }`
			engine := p.engine
			p.engine = fake.Intercept(engine, tc.hook)
			_, err := RunBox(t.Context(), p.env(), p.load(text), "web", RunOptions{
				ID: "abc123", Command: []string{"true"}, Streams: driver.Streams{Out: io.Discard, Err: io.Discard},
			}, yes)
			var behind *LeftBehindError
			if err == nil || errors.As(err, &behind) != tc.behind {
				t.Errorf("error %v", err)
			}
			p.engine = engine
			over := ""
			env := p.env()
			env.RunGone, env.RunOver = func(string) bool { return true }, func(run string) { over += run }
			if _, err := Up(t.Context(), env, p.load(text), UpOptions{}, yes); err != nil {
				t.Fatal(err)
			}
			if (over == "abc123") != tc.behind {
				t.Errorf("over is %q", over)
			}
			if s := p.look(); len(s.Observed.Boxes) != 1 {
				t.Errorf("boxes: %+v", s.Observed.Boxes)
			}
		})
	}
}
