package provision

import (
	"strings"
	"testing"
)

// TestNoteAboutRoot: a name that the image has keeps its ids unless a writable share makes it take the caller's.
func TestNoteAboutRoot(t *testing.T) {
	for name, tc := range map[string]struct {
		share string
		noted bool
	}{
		"writable share":  {`share "." { target = "/w" }`, true},
		"read-only share": {"share \".\" {\n target = \"/w\"\n read_only = true\n}", false},
		"no share":        {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			q := p.load("box \"db\" {\n image = \"debian:bookworm-slim\"\n user = \"postgres\"\n" + tc.share + "\n}")
			q.Values.Host.UID, q.Values.Host.GID = 0, 0
			made, err := MakePlan(t.Context(), p.env(), q, UpOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(made); strings.Contains(got, `user "postgres" has uid 0`) != tc.noted {
				t.Errorf("the plan notes uid 0: %v, want %v\n%s", !tc.noted, tc.noted, got)
			}
		})
	}
}
