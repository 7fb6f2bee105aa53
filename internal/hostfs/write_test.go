package hostfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names lists a directory with what the files hold.
func names(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		got[e.Name()] = e.Type().String()
		if e.Type().IsRegular() {
			data, err := os.ReadFile(filepath.Join(dir, e.Name()))
			must(t, err)
			got[e.Name()] = string(data)
		}
	}
	return got
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"old": "old", "sub/": ""})
	tr := tree(t, dir)
	must(t, tr.WriteFile("old", []byte("new"), 0o644))
	must(t, tr.WriteFile("sub/secret", []byte("s"), 0o600))
	if diff := cmp.Diff(map[string]string{"old": "new", "sub": "d---------"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(filepath.Join(dir, "sub/secret"))
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestWriteFileRefuses(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{
		"victim": "victim", "tree/sub/": "", "tree/target": "target",
		"tree/link": "-> target", "tree/out": "-> ../victim", "tree/dangling": "-> nowhere",
		"tree/fifo": "fifo", "tree/to-sub": "-> sub", "tree/to-out": "-> ..", "tree/device": "-> /dev/null",
	})
	dir := filepath.Join(base, "tree")
	before := names(t, dir)
	tr := tree(t, dir)
	var outside *OutsideError
	for name, want := range map[string]func(error) bool{
		"link": is(ErrNotRegular), "out": is(ErrNotRegular), "dangling": is(ErrNotRegular), "device": is(ErrNotRegular),
		"fifo": is(ErrNotRegular), "sub": is(ErrNotRegular),
		"to-sub/f": is(ErrNotDirectory), "to-out/victim": is(ErrNotDirectory), "target/f": is(ErrNotDirectory),
		"none/f": is(fs.ErrNotExist), "../victim": as(&outside), "/etc/x": as(&outside), ".": as(&outside),
	} {
		if err := tr.WriteFile(name, []byte("x"), 0o644); !want(err) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if diff := cmp.Diff(before, names(t, dir)); diff != "" {
		t.Errorf("something was written, or a temporary file stayed:\n%s", diff)
	}
	if diff := cmp.Diff("victim", names(t, base)["victim"]); diff != "" {
		t.Error(diff)
	}
}

func TestPending(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"f": "old"})
	tr := tree(t, dir)
	p, err := tr.Create("f", 0o644)
	must(t, err)
	_, err = p.WriteString("half")
	must(t, err)
	if got := names(t, dir)["f"]; got != "old" {
		t.Errorf("seen before the commit: %q", got)
	}
	must(t, p.Abort())
	if diff := cmp.Diff(map[string]string{"f": "old"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	p, err = tr.Create("f", 0o644)
	must(t, err)
	must(t, os.Remove(filepath.Join(dir, "f")))
	write(t, dir, map[string]string{"f": "-> elsewhere"})
	if err := p.Commit(); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a link came in between: %v", err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left behind: %v", got)
	}
}

func TestMkdirAll(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{"tree/f": "", "tree/have/": "", "tree/link": "-> have", "tree/out": "-> ..", "tree/broken": "-> none"})
	tr := tree(t, filepath.Join(base, "tree"))
	for _, name := range []string{"have", "have/a/b", "new/c", "."} {
		if err := tr.MkdirAll(name, 0o755); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"f", "f/x", "link/x", "out/x", "broken", "broken/x"} {
		if err := tr.MkdirAll(name, 0o755); !errors.Is(err, ErrNotDirectory) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	var outside *OutsideError
	if err := tr.MkdirAll("../x", 0o755); !errors.As(err, &outside) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"tree"}, keys(names(t, base))); diff != "" {
		t.Error(diff)
	}
}

func keys(m map[string]string) []string {
	var ks []string
	for k := range m {
		ks = append(ks, k)
	}
	return ks
}

// A folder that turns into a link while it is written to never leads the file elsewhere, not even within the tree.
func TestSwappedFolders(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"victim/": "", "dir/": ""})
	tr := tree(t, dir)
	stop := swap(t, filepath.Join(dir, "dir"), "victim", "")
	written := 0
	for i := range 8000 {
		if tr.MkdirAll("dir/sub", 0o755) == nil {
			written++
		}
		if i%500 == 0 { // each waits for the disk
			_ = tr.WriteFile("dir/f", []byte("x"), 0o644) // an error is the folder's turn as a link
		}
	}
	stop()
	if got := names(t, filepath.Join(dir, "victim")); len(got) > 0 {
		t.Errorf("written through a link: %v", got)
	}
	if written == 0 {
		t.Error("nothing was ever written")
	}
}

func TestRemove(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"f": "", "link": "-> kept/f", "kept/f": "kept", "to": "-> kept"})
	tr := tree(t, dir)
	for _, name := range []string{"f", "link", "none", "none/f"} {
		if err := tr.Remove(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := tr.Remove("to/f"); !errors.Is(err, ErrNotDirectory) {
		t.Errorf("through a link: %v", err)
	}
	if got := names(t, filepath.Join(dir, "kept")); got["f"] != "kept" {
		t.Errorf("kept: %v", got)
	}
}

func TestMakeDir(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{"shop/Envfile": "", "beside/": "", "shop/link": "-> ../beside"})
	c := open(t, filepath.Join(base, "shop"), "/nonexistent")
	for _, path := range []string{"new/deep", "link/there", "../beside/other"} {
		p, err := c.Resolve(path)
		must(t, err)
		must(t, c.MakeDir(p, 0o755))
		if info, err := os.Stat(filepath.Join(base, "shop", path)); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", path, err)
		}
		must(t, c.MakeDir(p, 0o755))
	}
	p, err := c.Resolve("late/deep")
	must(t, err)
	write(t, base, map[string]string{"shop/late": "-> ../beside"})
	if err := c.MakeDir(p, 0o755); !errors.Is(err, ErrNotDirectory) {
		t.Errorf("a link came in between: %v", err)
	}
}

func TestCache(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"Envfile": ""})
	c := open(t, dir, "/nonexistent")
	for range 2 {
		cache, err := c.Cache()
		must(t, err)
		must(t, cache.WriteFile("x", []byte("y"), 0o644))
		must(t, cache.Close())
	}
	if diff := cmp.Diff(map[string]string{".gitignore": "*\n", "x": "y"}, names(t, filepath.Join(dir, ".envy"))); diff != "" {
		t.Error(diff)
	}
}

func TestCacheIsNotUsed(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"link":     {".envy": "-> other", "other/": ""},
		"file":     {".envy": "x"},
		"dangling": {".envy": "-> other"},
	} {
		dir := tempDir(t)
		write(t, dir, map[string]string{"Envfile": ""})
		write(t, dir, files)
		if _, err := open(t, dir, "/nonexistent").Cache(); !errors.Is(err, ErrNotDirectory) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	t.Run("of another", func(t *testing.T) {
		needRoot(t)
		dir := tempDir(t)
		write(t, dir, map[string]string{"Envfile": "", ".envy/": ""})
		must(t, os.Chown(filepath.Join(dir, ".envy"), 4321, 4321))
		if _, err := open(t, dir, "/nonexistent").Cache(); !errors.Is(err, ErrForeign) {
			t.Errorf("error %v", err)
		}
	})
}

func TestWritePath(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"real/": "", "to": "-> real", "out": "-> real/f"})
	caller, err := me(dir).Caller(dir)
	must(t, err)
	must(t, caller.WritePath(filepath.Join(dir, "to/f"), []byte("x"), 0o600))
	if got := names(t, filepath.Join(dir, "real")); got["f"] != "x" {
		t.Errorf("wrote %v", got)
	}
	for _, path := range []string{filepath.Join(dir, "out"), "/dev/null", dir} {
		if err := caller.WritePath(path, []byte("y"), 0o600); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: error %v", path, err)
		}
	}
}
