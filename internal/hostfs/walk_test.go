package hostfs

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func walkTree(t *testing.T) *Tree {
	t.Helper()
	base := tempDir(t)
	write(t, base, map[string]string{
		"secret/f":                  "",
		"tree/package.json":         "",
		"tree/src/a.go":             "",
		"tree/src/a_test.go":        "",
		"tree/src/deep/b.go":        "",
		"tree/src/deep/er/c.go":     "",
		"tree/src/deep/er/c.txt":    "",
		"tree/src/.hidden":          "",
		"tree/src/.git/index":       "",
		"tree/src/.envy/cache":      "",
		"tree/.git/HEAD":            "",
		"tree/empty/":               "",
		"tree/link.json":            "-> package.json",
		"tree/to-src":               "-> src",
		"tree/src/to-out":           "-> ../../secret",
		"tree/src/loop":             "-> .",
		"tree/out":                  "-> ../secret",
		"tree/fifo":                 "fifo",
		"tree/star*/x":              "",
		"tree/vendor/src/a.go":      "",
		"tree/vendor/deep/src/z.go": "",
	})
	return tree(t, filepath.Join(base, "tree"))
}

func TestMatch(t *testing.T) {
	t.Parallel()
	tr := walkTree(t)
	for _, test := range []struct {
		pattern string
		want    []string
	}{
		{"package.json", []string{"package.json"}},
		{"./src/../package.json", []string{"package.json"}},
		{"*.json", []string{"link.json", "package.json"}},
		{"link.json", []string{"link.json"}},
		{"src/*.go", []string{"src/a.go", "src/a_test.go"}},
		{"src/?.go", []string{"src/a.go"}},
		{"src/[ab].go", []string{"src/a.go"}},
		{"src", []string{"src/.hidden", "src/a.go", "src/a_test.go", "src/deep/b.go", "src/deep/er/c.go", "src/deep/er/c.txt", "src/loop", "src/to-out"}},
		{"src/deep/**", []string{"src/deep/b.go", "src/deep/er/c.go", "src/deep/er/c.txt"}},
		{"src/**/*.txt", []string{"src/deep/er/c.txt"}},
		{"src/**/b.go", []string{"src/deep/b.go"}},
		{"**/src/*.go", []string{"src/a.go", "src/a_test.go", "vendor/deep/src/z.go", "vendor/src/a.go"}},
		{"src/**/er/**", []string{"src/deep/er/c.go", "src/deep/er/c.txt"}},
		{"*/deep", []string{"src/deep/b.go", "src/deep/er/c.go", "src/deep/er/c.txt", "vendor/deep/src/z.go"}},
		{`star\*/x`, []string{"star*/x"}},
		{"src/.git", []string{"src/.git/index"}},
		{"to-src/a.go", []string{"to-src/a.go"}},
		{"to-src/deep", []string{"to-src/deep/b.go", "to-src/deep/er/c.go", "to-src/deep/er/c.txt"}},
		{"empty", nil},
		{"nothing", nil},
		{"package.json/x", nil},
		{"src/*.rs", nil},
	} {
		t.Run(test.pattern, func(t *testing.T) {
			files, unmatched, err := tr.Match(t.Context(), ".", []string{test.pattern})
			must(t, err)
			var got []string
			for _, f := range files {
				got = append(got, f.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if (len(unmatched) > 0) != (test.want == nil && test.pattern != "empty") {
				t.Errorf("unmatched %v", unmatched)
			}
		})
	}
}

func TestMatchLinks(t *testing.T) {
	t.Parallel()
	tr := walkTree(t)
	kinds := map[string]string{}
	for _, pattern := range []string{"link.json", "lin*.json"} {
		files, _, err := tr.Match(t.Context(), ".", []string{pattern})
		must(t, err)
		kinds[pattern] = files[0].Info.Mode().Type().String() + files[0].Link
	}
	// A name that was written is followed; what a wildcard finds is what stands there.
	if diff := cmp.Diff(map[string]string{"link.json": "----------", "lin*.json": "L---------package.json"}, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestMatchRelative(t *testing.T) {
	t.Parallel()
	files, unmatched, err := walkTree(t).Match(t.Context(), "src/deep", []string{"../*.go", "er", "../../package.json", "none*"})
	must(t, err)
	var got []string
	for _, f := range files {
		got = append(got, f.Name)
	}
	want := []string{"package.json", "src/a.go", "src/a_test.go", "src/deep/er/c.go", "src/deep/er/c.txt"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"none*"}, unmatched); diff != "" {
		t.Error(diff)
	}
}

func TestMatchErrors(t *testing.T) {
	t.Parallel()
	tr := walkTree(t)
	var outside *OutsideError
	for pattern, want := range map[string]func(error) bool{
		"../secret/f": as(&outside), "/etc/*": as(&outside), "src/../../secret": as(&outside),
		"out/f": as(&outside), "out": as(&outside), "out/*": as(&outside), "src/[": is(path.ErrBadPattern),
	} {
		if files, _, err := tr.Match(t.Context(), ".", []string{pattern}); !want(err) {
			t.Errorf("%s: %v, %v", pattern, files, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("interrupted")
	cancel(reason)
	if _, _, err := tr.Match(ctx, ".", []string{"src/**"}); !errors.Is(err, reason) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestWalk(t *testing.T) {
	t.Parallel()
	tr := walkTree(t)
	var got []string
	must(t, tr.Walk(t.Context(), "src", func(e Entry) error {
		got = append(got, e.Name)
		if e.Name == "src/deep/er" {
			return fs.SkipDir
		}
		return nil
	}))
	want := []string{
		"src/.envy", "src/.envy/cache", "src/.git", "src/.git/index", "src/.hidden", "src/a.go", "src/a_test.go",
		"src/deep", "src/deep/b.go", "src/deep/er", "src/loop", "src/to-out",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	stop := errors.New("enough")
	if err := tr.Walk(t.Context(), ".", func(Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	w := walker{tree: tr, left: 3}
	if err := w.walk(t.Context(), ".", func(Entry) error { return nil }); !errors.Is(err, ErrTooMany) {
		t.Errorf("over the limit: %v", err)
	}
}

// TestMatchElsewhere: a tree of another kind is matched as one of the host is.
func TestMatchElsewhere(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{
		"a/x.go": {Data: []byte("x"), Mode: 0o755}, "a/b/y.go": {}, "a/l": {Data: []byte("b/y.go"), Mode: fs.ModeSymlink}, "z.go/in": {}, "a/.git/config": {},
	}
	files, unmatched, err := Match(t.Context(), tree, ".", []string{"a/**/*.go", "none", "a/l*"})
	must(t, err)
	var got []string
	for _, f := range files {
		got = append(got, f.Name+" "+f.Info.Mode().String()+" "+f.Link)
	}
	if diff := cmp.Diff([]string{"a/b/y.go ---------- ", "a/l L--------- b/y.go", "a/x.go -rwxr-xr-x "}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"none"}, unmatched); diff != "" {
		t.Error(diff)
	}
	for _, pattern := range []string{"../x", "/etc/*", "a/../../x"} {
		if files, _, err := Match(t.Context(), tree, ".", []string{pattern}); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%s: %v, %v", pattern, files, err)
		}
	}
}

// TestBelow: what a directory gives away keeps to it.
func TestBelow(t *testing.T) {
	t.Parallel()
	f := walkTree(t).FS()
	sub, err := f.Below("src")
	must(t, err)
	if _, err := fs.ReadFile(sub, "deep/b.go"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"to-out/f", "to-out", "../package.json"} {
		if data, err := fs.ReadFile(sub, name); err == nil {
			t.Errorf("%s: %q", name, data)
		}
	}
	for _, dir := range []string{"..", "out", "package.json", "nowhere"} {
		if sub, err := f.Below(dir); err == nil {
			t.Errorf("%s: %v", dir, sub)
		}
	}
}
