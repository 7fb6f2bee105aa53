package pagetest

import (
	"os"
	"path/filepath"
	"testing"
)

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestHold(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	const (
		old  = "a\n<!-- one: generated -->\nold\n<!-- end of one -->\nb\n<!-- two: generated -->\n<!-- end of two -->\n"
		want = "a\n<!-- one: generated -->\nnew\n<!-- end of one -->\nb\n<!-- two: generated -->\nmore\n<!-- end of two -->\n"
	)
	if err := os.WriteFile(page, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{"one": "new\n", "two": "more\n"}
	for _, step := range []struct {
		name          string
		update, fails bool
		left          string
	}{
		{"out of step", false, true, old}, {"update", true, false, want}, {"in step", false, false, want},
	} {
		r := &recorder{TB: t}
		if got := Hold(r, page, parts, step.update); got != want || r.failed != step.fails {
			t.Errorf("%s: failed %v, gave %q", step.name, r.failed, got)
		}
		if data, err := os.ReadFile(page); err != nil || string(data) != step.left {
			t.Errorf("%s: the page is %q, %v", step.name, data, err)
		}
	}
}

func TestReplaceWantsMarks(t *testing.T) {
	for _, text := range []string{"", "<!-- x: generated -->\n", "<!-- end of x -->", "<!-- end of x --><!-- x: generated -->\n"} {
		if got, err := replace(text, "x", "y\n"); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}
