package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/recipe"
)

// hostAt is the host of a checkout with the given files, and its folder.
func hostAt(t *testing.T, files map[string]string) (*host, string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files["shop/Envfile"] = ""
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shop := filepath.Join(dir, "shop")
	c, err := hostfs.OpenCheckout(hostfs.Found{Dir: shop, Name: hostfs.Envfile}, hostfs.Caller{UID: os.Geteuid(), GID: os.Getegid(), Home: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &host{checkout: c}, shop
}

func TestHostTreeStreamsLargeFiles(t *testing.T) {
	t.Parallel()
	large := string(bytes.Repeat([]byte("x"), hostfs.DefaultLimit+1))
	h, shop := hostAt(t, map[string]string{"shop/app/Dockerfile": "FROM x", "shop/app/large": large, "secret": "s"})
	if err := os.Symlink("../../secret", filepath.Join(shop, "app/out")); err != nil {
		t.Fatal(err)
	}
	tree, err := h.Tree(filepath.Join(shop, "app"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := tree.Open("large")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil || len(data) != len(large) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if _, err := tree.Open("out"); err == nil {
		t.Error("a link out of the context is followed")
	}
	if to, err := tree.ReadLink("out"); err != nil || to != "../../secret" {
		t.Errorf("link to %q, %v", to, err)
	}
	c, err := recipe.NewContext(tree, "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Dockerfile", "large", "out"}, c.Paths()); diff != "" {
		t.Error(diff)
	}
}

// A path of the plan that was swapped for a link is refused by all that uses it.
func TestHostRefusesSwappedPaths(t *testing.T) {
	t.Parallel()
	h, shop := hostAt(t, map[string]string{"elsewhere/file": "x"})
	swapped := filepath.Join(shop, "app")
	if err := os.Symlink("../elsewhere", swapped); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Tree(swapped); err == nil {
		t.Error("as a build context")
	}
	if _, err := h.Archive(swapped); err == nil {
		t.Error("as a copy")
	}
	if err := h.MakeMountPoint(swapped, "modules", true); err == nil {
		t.Error("for a mount point")
	}
	if err := h.MakeSource(filepath.Join(swapped, "new")); err == nil {
		t.Error("for a new folder")
	}
	if _, err := os.Stat(filepath.Join(shop, "../elsewhere/modules")); err == nil {
		t.Error("made outside")
	}
}

func TestHostMatchAndOpen(t *testing.T) {
	t.Parallel()
	h, _ := hostAt(t, map[string]string{"shop/a.json": "one", "shop/src/b.go": "two", "shop/src/deep/c.go": "three"})
	files, unmatched, err := h.Match(t.Context(), nil, []string{"a.json", "src/**/*.go", "none"})
	if err != nil {
		t.Fatal(err)
	}
	want := []provision.HostFile{{Name: "a.json", Mode: 0o644}, {Name: "src/b.go", Mode: 0o644}, {Name: "src/deep/c.go", Mode: 0o644}}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"none"}, unmatched); diff != "" {
		t.Error(diff)
	}
	f, err := h.Open("src/b.go")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if data, err := io.ReadAll(f); err != nil || string(data) != "two" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestHostExists(t *testing.T) {
	t.Parallel()
	h, shop := hostAt(t, map[string]string{"shop/file": ""})
	for path, want := range map[string][2]bool{".": {true, true}, "file": {true, false}, "none": {false, false}} {
		exists, dir := h.Exists(filepath.Join(shop, path))
		if exists != want[0] || dir != want[1] {
			t.Errorf("%s: exists %v, folder %v", path, exists, dir)
		}
	}
	if err := h.MakeSource(filepath.Join(shop, "new/folder")); err != nil {
		t.Fatal(err)
	}
	if _, dir := h.Exists(filepath.Join(shop, "new/folder")); !dir {
		t.Error("the folder was not made")
	}
}
