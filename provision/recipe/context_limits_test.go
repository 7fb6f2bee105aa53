package recipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestIgnoreLimits: what patterns cost is bounded, and ordinary ones in a large tree are not.
func TestIgnoreLimits(t *testing.T) {
	lines := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+"\n", i)
		}
		return b.String()
	}
	for name, tc := range map[string]struct {
		patterns string
		files    int
		refused  bool
	}{
		"ordinary":           {lines(40, "folder%d") + lines(20, "**/*.x%d"), 10_000, false},
		"many names":         {lines(100_000, "a%d"), 1000, true},
		"many wildcards":     {lines(10_000, "**/x*%d/**/*b*/**/*c*"), 1, true},
		"many exceptions":    {lines(30_000, "!**/x*%d/**/*b*"), 1, true},
		"wildcards for many": {lines(5000, "**/x*%d/**/*b*/**/*c*"), 300, true},
		"one that is long":   {strings.Repeat("x*", 9000), 4000, true},
	} {
		t.Run(name, func(t *testing.T) {
			src := fstest.MapFS{"Dockerfile": {}, ".dockerignore": {Data: []byte(tc.patterns)}}
			for i := range tc.files {
				src[fmt.Sprintf("xxxxxxxx/bbbbbbbbbb/ccccccccc/%d", i)] = &fstest.MapFile{}
			}
			_, err := NewContext(src, "")
			if (err != nil) != tc.refused || err != nil && !strings.Contains(err.Error(), ".dockerignore has too many patterns") {
				t.Error(err)
			}
		})
	}
}

// crowd is a folder of so many files.
type crowd struct {
	fstest.MapFS
	files int
}

func (c crowd) ReadDir(name string) ([]fs.DirEntry, error) {
	info, err := fs.Stat(c.MapFS, "Dockerfile")
	if err != nil {
		return nil, err
	}
	return slices.Repeat([]fs.DirEntry{fs.FileInfoToDirEntry(info)}, c.files), nil
}

// TestCrowd: a context has at most half a million names.
func TestCrowd(t *testing.T) {
	if _, err := NewContext(crowd{fstest.MapFS{"Dockerfile": {}}, 1000}, ""); err != nil {
		t.Error(err)
	}
	if _, err := NewContext(crowd{fstest.MapFS{"Dockerfile": {}}, 500_001}, ""); err == nil || !strings.Contains(err.Error(), "leaves too many") {
		t.Error(err)
	}
}

// endless is a file without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}
func (e *endless) Close() error { return nil }

// TestHashEnds: a file that is too large to wait for does not keep anybody waiting.
func TestHashEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("interrupted")
	c := &Context{entries: []entry{{name: "x", open: func() (io.ReadCloser, int64, error) {
		cancel(reason)
		return &endless{}, 1 << 40, nil
	}}}}
	if _, err := c.Hash(ctx); !errors.Is(err, reason) {
		t.Error(err)
	}
}
