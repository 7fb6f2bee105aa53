package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/boxes/bootstrap"
	"github.com/envyhq/envy/internal/hostfs"
)

func TestAptsFilesAreThoseThatAptReads(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{
		"etc/apt/sources.list", "etc/apt/sources.list.d/b.sources", "etc/apt/sources.list.d/a.list", "etc/apt/sources.list.d/a.list.save",
		"etc/apt/sources.list.d/c.list~", "etc/apt/sources.list.d/.d.list", "etc/apt/apt.conf", "etc/apt/apt.conf.d/99x", "etc/apt/apt.conf.d/10.conf",
		"etc/apt/apt.conf.d/50.dpkg-new", "etc/apt/trusted.gpg.d/k.gpg", "etc/apt/trusted.gpg.d/k.asc", "etc/apt/trusted.gpg.d/k.kbx", "usr/k.gpg",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	host := aptHost{root}
	for what, tt := range map[string]struct {
		read func() ([]bootstrap.File, error)
		want string
	}{
		"sources":  {host.Sources, "/etc/apt/sources.list /etc/apt/sources.list.d/a.list /etc/apt/sources.list.d/b.sources"},
		"conf":     {host.Conf, "/etc/apt/apt.conf.d/10.conf /etc/apt/apt.conf.d/99x /etc/apt/apt.conf"},
		"keyrings": {host.Keyrings, "/etc/apt/trusted.gpg.d/k.asc /etc/apt/trusted.gpg.d/k.gpg"},
	} {
		files, err := tt.read()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		var paths []string
		for _, f := range files {
			paths = append(paths, f.Path)
			if "/"+string(f.Data) != f.Path {
				t.Errorf("%s holds %q", f.Path, f.Data)
			}
		}
		if diff := cmp.Diff(tt.want, strings.Join(paths, " ")); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	if f, err := host.Keyring("/usr/k.gpg"); err != nil || f.Path != "/usr/k.gpg" {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := host.Keyring("/usr/none.gpg"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a keyring that is not there: %v", err)
	}
	nowhere := aptHost{filepath.Join(root, "none")}
	if files, err := nowhere.Sources(); len(files) > 0 || err != nil {
		t.Errorf("without apt: %v, %v", files, err)
	}
}

func TestMirrorsAreRemembered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	state, err := hostfs.OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer state.Close()
	memory := seenReleases{state}
	date := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	if got, err := memory.Seen("http://a.example/", "s"); err != nil || !got.IsZero() {
		t.Errorf("at first: %v, %v", got, err)
	}
	if err := memory.Remember("http://a.example/", "s", date); err != nil {
		t.Fatal(err)
	}
	if got, err := memory.Seen("http://a.example/", "s"); err != nil || !got.Equal(date) {
		t.Errorf("then: %v, %v", got, err)
	}
	if got, err := memory.Seen("http://a.example/", "t"); err != nil || !got.IsZero() {
		t.Errorf("another suite: %v, %v", got, err)
	}
	if err := state.WriteFile(seenName("http://a.example/", "s"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := memory.Seen("http://a.example/", "s"); err == nil || !strings.Contains(err.Error(), "remove it to forget") {
		t.Errorf("damaged: %v", err)
	}
}
