package view

import (
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/resource"
)

func TestWatch(t *testing.T) {
	t.Parallel()
	rows := someRows()[:1]
	for _, test := range []struct {
		name         string
		format       Format
		color        bool
		first, later string // how a drawing begins
		lines        int
	}{
		{"plain", Plain, false, "10:11:12\nBOX", "\n10:11:13\nBOX", 7},
		{"terminal", Human, true, "\x1b[1mBOX", "\r\x1b[2A\x1b[J\x1b[1mBOX", 4},
		{"json", JSON, false, `{"format":"envy.status"`, `{"format":"envy.status"`, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, out, _ := shown(test.format, test.color, 200)
			now := time.Date(2026, 1, 2, 10, 11, 12, 0, time.UTC)
			v.Now = func() time.Time { return now }
			w := v.NewWatch()
			draw := func(state resource.State) string {
				t.Helper()
				before := out.Len()
				rows[0].State = state
				if err := w.Draw(func(v *View) error { return v.Status(rows, StatusOptions{}) }); err != nil {
					t.Fatal(err)
				}
				return out.String()[before:]
			}
			if got := draw(resource.StateRunning); !strings.HasPrefix(got, test.first) {
				t.Errorf("first %q", got)
			}
			now = now.Add(time.Second)
			if got := draw(resource.StateRunning); got != "" {
				t.Errorf("drawn again, though nothing changed: %q", got)
			}
			if got := draw(resource.StatePaused); !strings.HasPrefix(got, test.later) || !strings.Contains(got, "paused") {
				t.Errorf("later %q", got)
			}
			if got := strings.Count(out.String(), "\n"); got != test.lines {
				t.Errorf("%d lines in all, want %d:\n%s", got, test.lines, out)
			}
		})
	}
}

// What is higher than the terminal, or was broken by one that became narrower, is not drawn over by a wrong number of lines.
func TestWatchCountsRows(t *testing.T) {
	t.Parallel()
	v, out, _ := shown(Human, true, 10)
	w := v.NewWatch()
	draw := func(text string) string {
		before := out.Len()
		if err := w.Draw(func(v *View) error { return v.Out.Print(v.Out.Text().Paint(Strong, text).Add("\n")) }); err != nil {
			t.Fatal(err)
		}
		return out.String()[before:]
	}
	draw(strings.Repeat("x", 25))
	if got := draw("y"); !strings.HasPrefix(got, "\r\x1b[3A\x1b[J") {
		t.Errorf("over three rows: %q", got)
	}
	if err := w.Draw(func(v *View) error { return v.Out.Print(v.Out.Text().Add(strings.Repeat("z\n", defaultRows))) }); err != nil {
		t.Fatal(err)
	}
	if got := draw("y"); !strings.HasPrefix(got, "\n\x1b[1m") {
		t.Errorf("over more than a screen: %q", got)
	}
}
