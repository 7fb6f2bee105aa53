package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArrange(t *testing.T) {
	t.Parallel()
	a := &app{}
	for typed, want := range map[string]string{
		"":                                   "",
		"--version":                          "--version",
		"nosuch --volumes":                   "nosuch --volumes",
		"up":                                 "up --",
		"up web --recreate":                  "up --recreate -- web",
		"up web --timeout 5m db":             "up --timeout 5m -- web db",
		"up --timeout=5m web":                "up --timeout=5m -- web",
		"up web --quiet -C dir":              "--quiet -C dir up -- web",
		"--file x up web --format json":      "--file x --format json up -- web",
		"-C dir --yes destroy --volumes web": "-C dir --yes destroy --volumes -- web",
		"up --nosuch web":                    "up --nosuch -- web",
		"up --timeout":                       "up --timeout --",
		"fmt - --check":                      "fmt --check -- -",
		"ssh web --debug -- ls --debug":      "--debug ssh -- web -- ls --debug",
		"ssh -c true web":                    "ssh -c true -- web",
		"ssh --":                             "ssh -- --",
		"exec --yes web ls --yes -- x":       "--yes exec -- web ls --yes -- x",
		"exec -- ls -la":                     "exec -- -- ls -la",
		"run web sh -c true":                 "run -- web sh -c true",
		"logs -f -n 5 web":                   "logs -f -n 5 -- web",
		"sync save --format x":               "sync save --format x",
		"-- up":                              "-- up",
	} {
		got := arrange(strings.Fields(typed), globalFlags(), a.commands())
		if diff := cmp.Diff(strings.Fields(want), got, cmp.Transformer("join", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
			t.Errorf("envy %s:\n%s", typed, diff)
		}
	}
}

// No word is lost or made up, but for the mark that ends the flags, and a command's words keep their order.
func FuzzArrange(f *testing.F) {
	for _, s := range []string{"up web --recreate", "exec web ls -la", "ssh -- a b", "-C x up --", "logs -n"} {
		f.Add(s)
	}
	a := &app{}
	f.Fuzz(func(t *testing.T, typed string) {
		words := strings.Fields(typed)
		got := arrange(slices.Clone(words), globalFlags(), a.commands())
		before, after := slices.Sorted(slices.Values(words)), slices.Sorted(slices.Values(got))
		if len(after) == len(before)+1 {
			i, found := slices.BinarySearch(after, endOfFlags)
			if !found {
				t.Fatalf("%q became %q", words, got)
			}
			after = slices.Delete(after, i, i+1)
		}
		if !slices.Equal(before, after) {
			t.Errorf("%q became %q", words, got)
		}
	})
}
