package hostfs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestXDG(t *testing.T) {
	t.Parallel()
	env := map[string]string{"XDG_CONFIG_HOME": "/cfg", "XDG_CACHE_HOME": "relative", "XDG_STATE_HOME": ""}
	got := XDG(func(name string) string { return env[name] }, "/home/dev")
	want := Dirs{Config: "/cfg/envy", Cache: "/home/dev/.cache/envy", State: "/home/dev/.local/state/envy", Data: "/home/dev/.local/share/envy"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCaller(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := tempDir(t)
	env := map[string]string{"XDG_CONFIG_HOME": "/root-cfg"}
	process := func(uid int) Process {
		return Process{
			UID: uid, GID: uid, Home: "/h", Getenv: func(n string) string { return env[n] },
			HomeOf: func(uid int) (string, bool) { return "/home/dev", uid == 1000 },
		}
	}
	own := Dirs{Config: "/root-cfg/envy", Cache: "/h/.cache/envy", State: "/h/.local/state/envy", Data: "/h/.local/share/envy"}
	for _, test := range []struct {
		name         string
		uid          int
		owner, group int
		want         Caller
	}{
		{"a user, their own", 1000, 1000, 1000, Caller{UID: 1000, GID: 1000, Home: "/h", Dirs: own}},
		{"a user, another's", 1000, 1001, 1001, Caller{UID: 1000, GID: 1000, Home: "/h", Dirs: own}},
		{"root, root's", 0, 0, 0, Caller{Home: "/h", Dirs: own}},
		{"root, a user's", 0, 1000, 100, Caller{UID: 1000, GID: 100, Home: "/home/dev", foreign: true,
			Dirs: Dirs{Config: "/home/dev/.config/envy", Cache: "/home/dev/.cache/envy", State: "/home/dev/.local/state/envy", Data: "/home/dev/.local/share/envy"}}},
		{"root, of an owner without account", 0, 4321, 4321, Caller{UID: 4321, GID: 4321, Home: "/h", Dirs: own, foreign: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			must(t, os.Chown(dir, test.owner, test.group))
			got, err := process(test.uid).Caller(dir)
			must(t, err)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(Caller{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOpenDir(t *testing.T) {
	t.Parallel()
	home := tempDir(t)
	c, err := me(home).Caller(home)
	must(t, err)
	state, err := c.OpenDir(c.Dirs.State)
	must(t, err)
	must(t, state.Close())
	info, err := os.Stat(filepath.Join(home, ".local/state/envy"))
	must(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := (Caller{UID: 1}).OpenDir("envy"); err == nil {
		t.Error("opened a relative directory")
	}
}

func TestOpenDirForAnother(t *testing.T) {
	t.Parallel()
	needRoot(t)
	base := tempDir(t)
	home := filepath.Join(base, "home")
	write(t, base, map[string]string{"home/shop/Envfile": "", "etc/": "", "home/.cache": "-> ../etc", "home/.config/": ""})
	must(t, os.Chown(filepath.Join(home, "shop"), 1000, 1000))
	p := me("/root")
	p.HomeOf = func(int) (string, bool) { return home, true }
	c, err := p.Caller(filepath.Join(home, "shop"))
	must(t, err)
	state, err := c.OpenDir(c.Dirs.State)
	must(t, err)
	unlock, err := state.Lock(t.Context(), "locks", "x", Holder{}, nil)
	must(t, err)
	must(t, state.WriteFile("key", nil, 0o600))
	must(t, state.Close())
	for _, name := range []string{"", "/locks", "/locks/x", "/key"} {
		info, err := os.Lstat(c.Dirs.State + name)
		must(t, err)
		if uid, gid := ownerOf(info); uid != 1000 || gid != 1000 {
			t.Errorf("%s belongs to %d:%d", c.Dirs.State+name, uid, gid)
		}
	}
	must(t, unlock())
	if _, err := c.OpenDir(c.Dirs.Cache); err == nil {
		t.Error("followed the user's link out of their home as root")
	}
	write(t, home, map[string]string{".config/envy/": ""})
	must(t, os.Chown(filepath.Join(home, ".config/envy"), 4321, 4321))
	if _, err := c.OpenDir(c.Dirs.Config); !errors.Is(err, ErrForeign) {
		t.Errorf("a third one's directory: %v", err)
	}
}

func TestFilesMadeByRootBelongToTheCheckoutsOwner(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := tempDir(t)
	write(t, dir, map[string]string{"Envfile": ""})
	must(t, os.Chown(dir, 1000, 1000))
	c := open(t, dir, "/root")
	must(t, c.MkdirAll("a/b", 0o755))
	must(t, c.WriteFile("Envfile.lock", nil, 0o644))
	cache, err := c.Cache()
	must(t, err)
	must(t, cache.Close())
	for _, name := range []string{"a", "a/b", "Envfile.lock", ".envy", ".envy/.gitignore"} {
		info, err := os.Lstat(filepath.Join(dir, name))
		must(t, err)
		if uid, gid := ownerOf(info); uid != 1000 || gid != 1000 {
			t.Errorf("%s belongs to %d:%d", name, uid, gid)
		}
	}
}
