package recipe

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/patternmatcher"
)

// Which files are in a context must not depend on which folders were skipped on the way: asking about every file, from
// its outermost folder down, gives the same ones.
func TestSkippingFoldersLosesNothing(t *testing.T) {
	parts := []string{"a", "b", "c.txt", "d"}
	words := append([]string{"*", "**", "?", "*.txt", "[ab]"}, parts...)
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string, most int) string {
		var out []string
		for range 1 + random.IntN(most) {
			out = append(out, from[random.IntN(len(from))])
		}
		return strings.Join(out, "/")
	}
	for range 500 {
		var patterns []string
		for range 1 + random.IntN(4) {
			patterns = append(patterns, []string{"", "!"}[random.IntN(2)]+pick(words, 3))
		}
		src := fstest.MapFS{"Dockerfile": {}, ".dockerignore": {Data: []byte(strings.Join(patterns, "\n"))}}
		for range 12 {
			src[pick(parts, 4)+"/f"] = &fstest.MapFile{}
		}
		matcher, err := patternmatcher.New(patterns)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for name := range src {
			ignored := false
			var info patternmatcher.MatchInfo
			for _, step := range append(parents(name), name) {
				if ignored, info, err = matcher.MatchesUsingParentResults(step, info); err != nil {
					t.Fatal(err)
				}
			}
			if !ignored || name == "Dockerfile" || name == ".dockerignore" {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		c, err := NewContext(src, "")
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(c.Paths(), func(p string) bool { return src[p] == nil })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("patterns %q (-want +got):\n%s", patterns, diff)
		}
	}
}
