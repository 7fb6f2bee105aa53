// Package pagetest is for tests that hold generated parts of the manual's pages to what the code says. It knows marks in
// text; it must not know what the parts are about.
package pagetest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Hold compares what stands between marks of a page with parts, by the name of the mark, and returns the page as it ought
// to be. A part ends in a newline. With update it is written, else a page that is out of step fails the test.
func Hold(t testing.TB, page string, parts map[string]string, update bool) string {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	for mark, part := range parts {
		if want, err = replace(want, mark, part); err != nil {
			t.Fatalf("%s: %v", page, err)
		}
	}
	switch {
	case want == string(data):
	case !update:
		t.Errorf("%s is out of step (go generate mends it; -want +got):\n%s", page, cmp.Diff(want, string(data)))
	default:
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil { //nolint:gosec // a page of the manual
			t.Fatal(err)
		}
	}
	return want
}

// replace puts part between the marks of that name.
func replace(text, mark, part string) (string, error) {
	begin, end := "<!-- "+mark+": generated -->\n", "<!-- end of "+mark+" -->"
	head, rest, opened := strings.Cut(text, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !opened || !closed {
		return "", fmt.Errorf("there are no marks for %q", mark)
	}
	return head + begin + part + end + tail, nil
}
