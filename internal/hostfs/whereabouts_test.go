package hostfs_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/envyhq/envy/internal/hostfs"
)

func TestFindFolder(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, dir := range []string{"src/shop", "src/other", "empty"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "nowhere"), filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(root, name) }
	for path, want := range map[string]hostfs.Whereabouts{
		at("src/shop"):            hostfs.There,
		at("file"):                hostfs.There, // whatever it is by now
		at("link"):                hostfs.There,
		at("src/gone"):            hostfs.Gone,
		at("src/gone/and/below"):  hostfs.Gone,
		at("file/shop"):           hostfs.Gone,
		at("empty/shop"):          hostfs.Unknown,
		at("empty/work/shop"):     hostfs.Unknown,
		at("link/shop"):           hostfs.Unknown,
		"/no-such-folder-of-envy": hostfs.Unknown,
		"/mnt/envy-disk/shop":     hostfs.Unknown,
		"/media/envy/stick/shop":  hostfs.Unknown,
	} {
		got, why := hostfs.FindFolder(path)
		if got != want || (got == hostfs.Unknown) != (why != "") {
			t.Errorf("%s: %v %q, want %v", path, got, why, want)
		}
	}
}
