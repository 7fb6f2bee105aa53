package hostfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFind(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{
		"Envfile": "above home", "home/shop/Envfile": "", "home/shop/a/b/": "", "home/json/Envfile.json": "{}",
		"home/both/Envfile": "", "home/both/Envfile.json": "", "home/both/sub/": "",
		"home/empty/sub/": "", "home/dir/Envfile/": "", "home/inner/Envfile": "-> real", "home/inner/real": "",
		"home/out/Envfile": "-> ../shop/Envfile", "home/dangling/Envfile": "-> none", "home/fifo/Envfile": "fifo",
		"home/to-b": "-> shop/a/b",
	})
	home := filepath.Join(base, "home")
	var (
		both     *BothError
		outside  *OutsideError
		notFound *NotFoundError
	)
	for _, test := range []struct {
		start string
		want  Found
		err   func(error) bool
	}{
		{start: "shop", want: Found{"shop", Envfile}},
		{start: "shop/a/b", want: Found{"shop", Envfile}},
		{start: "to-b", want: Found{"shop", Envfile}},
		{start: "json", want: Found{"json", EnvfileJSON}},
		{start: "inner", want: Found{"inner", Envfile}},
		{start: "both", want: Found{"both", Envfile}, err: as(&both)},
		{start: "both/sub", want: Found{"both", Envfile}, err: as(&both)},
		{start: "empty/sub", err: as(&notFound)},
		{start: "dir", err: as(&notFound)},
		{start: "out", want: Found{"out", Envfile}, err: as(&outside)},
		{start: "dangling", want: Found{"dangling", Envfile}, err: is(ErrNotRegular)},
		{start: "fifo", want: Found{"fifo", Envfile}, err: is(ErrNotRegular)},
		{start: "nowhere", err: is(fs.ErrNotExist)},
		{start: "shop/Envfile", err: is(ErrNotDirectory)},
	} {
		t.Run(test.start, func(t *testing.T) {
			got, err := me(home).Find(filepath.Join(home, test.start))
			if test.err == nil {
				must(t, err)
			} else if !test.err(err) {
				t.Errorf("error %v", err)
			}
			if test.want == (Found{}) {
				if got != test.want {
					t.Errorf("found %v", got)
				}
				return
			}
			test.want.Dir = filepath.Join(home, test.want.Dir)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	want := []string{filepath.Join(home, "empty/sub"), filepath.Join(home, "empty"), home}
	if _, err := me(home).Find(want[0]); !errors.As(err, &notFound) || !cmp.Equal(want, notFound.Looked) {
		t.Errorf("looked: %v", err)
	}
	if got, err := me("/nonexistent").Find(want[0]); err != nil || got.Dir != base {
		t.Errorf("without a home on the way: %v, %v", got, err)
	}
}

func TestFindRefusesWhatOthersPutAbove(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, test := range []struct {
		name    string
		file    string
		uid     int // of file
		start   int // uid of the working directory
		process int
		refused bool
	}{
		{"of a stranger", Envfile, 4321, 1000, 1000, true},
		{"of a stranger, for root", Envfile, 4321, 1000, 0, true},
		{"of the caller", Envfile, 1000, 1000, 1000, false},
		{"of root", Envfile, 0, 1000, 1000, false},
		{"of the working directory's owner, for root", Envfile, 1000, 1000, 0, false},
		{"of the working directory's owner, for another", Envfile, 1000, 1000, 1001, true},
		{"a stranger's Envfile.local beside it", EnvfileLocal, 4321, 1000, 1000, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := tempDir(t)
			write(t, dir, map[string]string{Envfile: "", EnvfileLocal: "", "sub/": ""})
			must(t, os.Chown(filepath.Join(dir, test.file), test.uid, -1))
			must(t, os.Chown(filepath.Join(dir, "sub"), test.start, -1))
			p := me("/nonexistent")
			p.UID = test.process
			_, err := p.Find(filepath.Join(dir, "sub"))
			var refused *RefusedError
			if errors.As(err, &refused) != test.refused || !test.refused && err != nil {
				t.Errorf("error %v", err)
			}
			if _, err := p.Find(dir); err != nil {
				t.Errorf("in the working directory itself: %v", err)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"ci.hcl": "", "to": "-> .", "sub/out.hcl": "-> ../ci.hcl"})
	got, err := Named(filepath.Join(dir, "to/ci.hcl"))
	must(t, err)
	if diff := cmp.Diff(Found{dir, "ci.hcl"}, got); diff != "" {
		t.Error(diff)
	}
	var outside *OutsideError
	if _, err := Named(filepath.Join(dir, "sub/out.hcl")); !errors.As(err, &outside) {
		t.Errorf("a link out of its folder: %v", err)
	}
	for _, name := range []string{"none", "none/Envfile"} {
		if _, err := Named(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInside(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		files  map[string]string
		repo   string // where a repository is made
		dir    string
		inside string
		sub    string
	}{
		{name: "no repository", dir: "home/shop", inside: "home/shop", sub: "."},
		{name: "repository", repo: "home/shop/.git", dir: "home/shop", inside: "home/shop", sub: "."},
		{name: "below a repository", repo: "home/shop/.git", dir: "home/shop/env/dev", inside: "home/shop", sub: "env/dev"},
		{name: "home in git", repo: "home/.git", dir: "home/shop", inside: "home/shop", sub: "."},
		{name: "above home in git", repo: ".git", dir: "home/shop", inside: "home/shop", sub: "."},
		{name: "an empty .git", files: map[string]string{"home/shop/.git/": ""}, dir: "home/shop/env", inside: "home/shop/env", sub: "."},
		{name: "submodule", files: map[string]string{"home/shop/sub/.git": "gitdir: ../.git/modules/sub\n"}, repo: "home/shop/.git",
			dir: "home/shop/sub", inside: "home/shop/sub", sub: "."},
		{name: "a .git that is a link", files: map[string]string{"home/shop/.git": "-> ../store", "home/store/HEAD": "", "home/store/refs/": "", "home/store/objects/": ""},
			dir: "home/shop/env", inside: "home/shop", sub: "env"},
		{name: "a .git of no form", files: map[string]string{"home/shop/sub/.git": "hello"}, repo: "home/shop/.git",
			dir: "home/shop/sub", inside: "home/shop", sub: "sub"},
		{name: ".git is a FIFO", files: map[string]string{"home/shop/.git": "fifo"}, dir: "home/shop/env", inside: "home/shop/env", sub: "."},
		{name: "through a link", files: map[string]string{"home/link": "-> shop/env"}, repo: "home/shop/.git",
			dir: "home/link", inside: "home/shop", sub: "env"},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := tempDir(t)
			write(t, base, map[string]string{"home/shop/env/dev/": ""})
			write(t, base, test.files)
			if test.repo != "" {
				repository(t, filepath.Join(base, test.repo))
			}
			write(t, base, map[string]string{test.dir + "/Envfile": ""})
			c := open(t, filepath.Join(base, test.dir), filepath.Join(base, "home"))
			if got := c.Inside(); got != filepath.Join(base, test.inside) || c.Sub() != test.sub {
				t.Errorf("inside is %s, sub %s", got, c.Sub())
			}
			if c.Worktree() != nil {
				t.Error("took it for a linked worktree")
			}
			if c.Broad() {
				t.Error("took it for the home directory")
			}
		})
	}
}

func TestTrackedReadsNothingOutside(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	repository(t, filepath.Join(base, "store"))
	write(t, base, map[string]string{"shop/Envfile": "", "shop/.git": "-> ../store", "store/index": "DIRC"})
	if _, err := open(t, filepath.Join(base, "shop"), "/nonexistent").Tracked(EnvfileLocal); !errors.Is(err, ErrUnknown) || err.Error() != "is Envfile.local tracked by git: not known" {
		t.Errorf("error %v", err)
	}
	write(t, base, map[string]string{"shop2/Envfile": ""})
	repository(t, filepath.Join(base, "shop2/.git"))
	write(t, base, map[string]string{"shop2/.git/index": "-> ../../store/index"})
	var outside *OutsideError
	if _, err := open(t, filepath.Join(base, "shop2"), "/nonexistent").Tracked(EnvfileLocal); !errors.As(err, &outside) {
		t.Errorf("error %v", err)
	}
}

func TestForeignGitDoesNotCount(t *testing.T) {
	t.Parallel()
	needRoot(t)
	base := tempDir(t)
	write(t, base, map[string]string{"shop/env/Envfile": ""})
	repository(t, filepath.Join(base, "shop/.git"))
	must(t, os.Chown(filepath.Join(base, "shop/.git"), 4321, 4321))
	c := open(t, filepath.Join(base, "shop/env"), "/nonexistent")
	if c.Inside() != filepath.Join(base, "shop/env") {
		t.Errorf("inside is %s", c.Inside())
	}
}

func TestBroad(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{"home/dev/Envfile": "", "home/Envfile": "", "link": "-> home/dev"})
	broad := func(dir string) bool {
		return open(t, filepath.Join(base, dir), filepath.Join(base, "home/dev")).Broad()
	}
	if !broad("home/dev") || !broad("link") || !open(t, "/", filepath.Join(base, "home/dev")).Broad() {
		t.Error("the home directory or / is not broad")
	}
	if broad("home") {
		t.Error("a folder of the caller's own is broad, because their home lies in it")
	}
	needRoot(t)
	must(t, os.Chown(filepath.Join(base, "home"), 4321, 4321))
	c, err := OpenCheckout(Found{Dir: filepath.Join(base, "home"), Name: Envfile}, Caller{UID: 0, Home: filepath.Join(base, "home/dev")})
	must(t, err)
	defer c.Close()
	if !c.Broad() {
		t.Error("a folder of somebody else's is not broad, though the home lies in it")
	}
}

func TestLinksOutOfTheFolderAreNotRead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{Envfile, EnvfileJSON, EnvfileLocal, EnvfileLock, BoxFile, "ci.hcl"} {
		base := tempDir(t)
		repository(t, filepath.Join(base, ".git"))
		write(t, base, map[string]string{"elsewhere": "", "env/" + name: "-> ../elsewhere", "env/other": "-> ../elsewhere"})
		caller, err := me("/nonexistent").Caller(base)
		must(t, err)
		c, err := OpenCheckout(Found{Dir: filepath.Join(base, "env"), Name: "ci.hcl"}, caller)
		must(t, err)
		var outside *OutsideError
		if _, err := c.ReadFile("env/"+name, 0); !errors.As(err, &outside) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := fs.ReadFile(c.FS(), "env/"+name); !errors.As(err, &outside) {
			t.Errorf("%s, by the file system: %v", name, err)
		}
		if _, err := c.ReadFile("env/other", 0); err != nil { // any other file may be a link within the checkout
			t.Error(err)
		}
		must(t, c.Close())
	}
}

func TestReadingIsRelativeToTheInside(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	repository(t, filepath.Join(base, "shop/.git"))
	write(t, base, map[string]string{"shop/env/Envfile": "", "shop/shared/motd": "hello", "secret": ""})
	c := open(t, filepath.Join(base, "shop/env"), "/nonexistent")
	name, ok := c.Path("../shared/motd")
	if !ok {
		t.Fatal("taken for outside")
	}
	data, err := c.ReadFile(name, 0)
	if err != nil || string(data) != "hello" {
		t.Errorf("read %q, %v", data, err)
	}
	for _, out := range []string{"../../secret", "/etc/passwd"} {
		if name, ok := c.Path(out); ok {
			t.Errorf("%s: taken for inside, as %s", out, name)
		}
	}
}
