package recipe

import (
	"archive/tar"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// FuzzIgnore: whatever stands in an ignore file, the context is a sorted list of what is in the tree, the Dockerfile and
// the ignore file always among it, and of the files exactly those that the patterns leave; the archive holds the same.
func FuzzIgnore(f *testing.F) {
	for _, s := range []string{
		"", "# c\n\n*.log\n", "*\n!**/keep\n", "d\n!d/e/keep", "[a", "!", "**/**/**", "\ufeffa", "../x", "/", "a\\", "[^a]*", "d/*\n!d/e", "*\n!*\n*", ".", "!.dockerignore\nDockerfile",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ignore string) {
		src := tree(
			"a", "b/c", "d/keep", "d/drop.log", "d/e/keep", "d/e/f/g", "x.log", "empty/", "l -> /etc/passwd", "odd [name]", "!bang",
			".dockerignore = ",
		)
		src[".dockerignore"].Data = []byte(ignore)
		c, err := NewContext(src, "")
		lines, lineErr := ignorefile.ReadAll(strings.NewReader(ignore))
		matcher, matchErr := patternmatcher.New(lines)
		if err != nil {
			if c != nil || !strings.Contains(err.Error(), ".dockerignore") && (lineErr != nil || matchErr != nil) {
				t.Errorf("error %v", err)
			}
			return
		}
		paths := c.Paths()
		if !slices.IsSorted(paths) || len(slices.Compact(slices.Clone(paths))) != len(paths) {
			t.Errorf("not a sorted set: %q", paths)
		}
		var want []string
		for name := range src {
			if ignored, err := ignores(matcher, name); err == nil && (!ignored || name == "Dockerfile" || name == ".dockerignore") && name != "empty" {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		files := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return src[p] == nil || p == "empty" })
		if diff := cmp.Diff(want, files); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(paths, packed(t, c)); diff != "" {
			t.Errorf("archive (-listed +packed):\n%s", diff)
		}
	})
}

// ignores asks about every step of the way to a file.
func ignores(matcher *patternmatcher.PatternMatcher, name string) (ignored bool, err error) {
	var info patternmatcher.MatchInfo
	for _, step := range append(parents(name), name) {
		if ignored, info, err = matcher.MatchesUsingParentResults(step, info); err != nil {
			return false, err
		}
	}
	return ignored, nil
}

// packed lists a context's archive.
func packed(t *testing.T, c *Context) []string {
	t.Helper()
	stream, err := c.Tar()
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var names []string
	for r := tar.NewReader(stream); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, strings.TrimSuffix(h.Name, "/"))
	}
}
