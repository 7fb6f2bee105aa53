package hostfs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func members(t *testing.T, r io.Reader) []string {
	t.Helper()
	var got []string
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		must(t, err)
		data, err := io.ReadAll(tr)
		must(t, err)
		got = append(got, fmt.Sprintf("%s %o %d:%d %s%s", h.Name, h.Mode, h.Uid, h.Gid, h.Linkname, data))
	}
}

func TestArchive(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"d/b": "bee", "d/sub/c": "sea", "d/link": "-> /etc/passwd", "d/fifo": "fifo", "d/sub/empty/": "", "l": "-> d"})
	must(t, os.Chmod(filepath.Join(dir, "d"), 0o750))
	must(t, os.Chmod(filepath.Join(dir, "d/b"), 0o600))
	for name, want := range map[string][]string{
		"d": {
			"./ 750 0:0 ", "b 600 0:0 bee", "link 777 0:0 /etc/passwd", "sub/ 755 0:0 ", "sub/c 644 0:0 sea", "sub/empty/ 755 0:0 ",
		},
		"d/b": {". 600 0:0 bee"},
	} {
		a, err := Archive(t.Context(), filepath.Join(dir, name))
		must(t, err)
		if diff := cmp.Diff(want, members(t, a)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		must(t, a.Close())
	}
	if _, err := Archive(t.Context(), filepath.Join(dir, "l")); err == nil {
		t.Error("followed a link")
	}
	if _, err := Archive(t.Context(), filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	a, err := Archive(t.Context(), filepath.Join(dir, "d"))
	must(t, err)
	must(t, a.Close()) // unread: it must not wait for a reader
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("interrupted")
	cancel(reason)
	a, err = Archive(ctx, filepath.Join(dir, "d"))
	must(t, err)
	if _, err := io.ReadAll(a); !errors.Is(err, reason) {
		t.Errorf("cancelled: %v", err)
	}
	must(t, a.Close())
}

func TestMakeMountPoint(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{"shop/Envfile": "", "shop/have": "kept", "shop/real/": "", "shop/to": "-> real", "shop/out": "-> ..", "shop/broken": "-> none"})
	c := open(t, filepath.Join(base, "shop"), "/nonexistent")
	share, err := c.Resolve(".")
	must(t, err)
	for rel, folder := range map[string]bool{"node_modules": true, "a/b/modules": true, "etc/app.conf": false, "have": true, "to": true, ".": true} {
		must(t, c.MakeMountPoint(share, rel, folder))
		must(t, c.MakeMountPoint(share, rel, folder))
		info, err := os.Stat(filepath.Join(base, "shop", rel))
		must(t, err)
		if rel != "have" && info.IsDir() != folder {
			t.Errorf("%s is a folder: %v", rel, info.IsDir())
		}
	}
	if got := names(t, filepath.Join(base, "shop"))["have"]; got != "kept" {
		t.Errorf("what was there is %q", got)
	}
	for _, rel := range []string{"to/new", "broken", "broken/new", "out/new", "have/new", "../new", "/new"} {
		for _, folder := range []bool{true, false} {
			if err := c.MakeMountPoint(share, rel, folder); err == nil {
				t.Errorf("%s, folder %v: made", rel, folder)
			}
		}
	}
	if got := names(t, filepath.Join(base, "shop/real")); len(got) > 0 {
		t.Errorf("made through a link: %v", got)
	}
}
