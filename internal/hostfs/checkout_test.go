package hostfs

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
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
		{start: "dangling", want: Found{"dangling", Envfile}, err: is(fs.ErrNotExist)},
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
	write(t, base, map[string]string{"home/dev/Envfile": "", "home/Envfile": ""})
	for _, dir := range []string{"home", "home/dev"} {
		if !open(t, filepath.Join(base, dir), filepath.Join(base, "home/dev")).Broad() {
			t.Errorf("%s is not broad", dir)
		}
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

// worktree makes a repository and a linked worktree of it, as git does.
func worktree(t *testing.T) (base, shop string) {
	t.Helper()
	base = tempDir(t)
	shop = filepath.Join(base, "shop-fix")
	repository(t, filepath.Join(base, "shop/.git"))
	write(t, base, map[string]string{
		"shop-fix/Envfile":                     "",
		"shop-fix/.git":                        "gitdir: " + filepath.Join(base, "shop/.git/worktrees/fix") + "\n",
		"shop/.git/worktrees/fix/gitdir":       filepath.Join(shop, ".git") + "\n",
		"shop/.git/worktrees/fix/commondir":    "/etc\n",
		"shop/.git/worktrees/fix/HEAD":         "ref: refs/heads/fix\n",
		"shop/.git/worktrees/other/gitdir":     "/nowhere/.git\n",
		"forged/worktrees/fix/gitdir":          filepath.Join(shop, ".git") + "\n",
		"shop/.git/modules/worktrees/x/gitdir": "x",
	})
	return base, shop
}

func TestWorktree(t *testing.T) {
	t.Parallel()
	base, shop := worktree(t)
	c := open(t, shop, "/nonexistent")
	got := c.Worktree()
	if got == nil {
		t.Fatal("not taken for a worktree")
	}
	got.commonInfo = nil
	want := &Worktree{
		Common: filepath.Join(base, "shop/.git"), Entry: filepath.Join(base, "shop/.git/worktrees/fix"),
		Named: filepath.Join(base, "shop/.git/worktrees/fix"), Back: filepath.Join(shop, ".git"),
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Worktree{})); diff != "" {
		t.Error(diff)
	}
	p, err := c.Resolve("../shop/.git/objects")
	must(t, err)
	if p.Zone != CommonGit {
		t.Errorf("the common git directory is in zone %v", p.Zone)
	}
	if p, err = c.Resolve("../shop"); err != nil || p.Zone != Outside {
		t.Errorf("the main work tree is in zone %v, %v", p.Zone, err)
	}
}

func TestWorktreeForgeries(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]func(t *testing.T, base, shop string){
		"names another's entry": func(t *testing.T, base, shop string) {
			pointer(t, shop+"/.git", "gitdir: "+base+"/shop/.git/worktrees/other\n")
		},
		"names the common directory": func(t *testing.T, base, shop string) {
			pointer(t, shop+"/.git", "gitdir: "+base+"/shop/.git\n")
		},
		"names no repository": func(t *testing.T, base, shop string) {
			pointer(t, shop+"/.git", "gitdir: "+base+"/forged/worktrees/fix\n")
		},
		"names a folder that leads elsewhere": func(t *testing.T, base, shop string) {
			write(t, base, map[string]string{"shop/.git/worktrees/link": "-> ../../../forged/worktrees/fix"})
			pointer(t, shop+"/.git", "gitdir: "+base+"/shop/.git/worktrees/link\n")
		},
		"points back elsewhere": func(t *testing.T, base, shop string) {
			pointer(t, base+"/shop/.git/worktrees/fix/gitdir", base+"/other/.git\n")
		},
		"points back by a link": func(t *testing.T, base, shop string) {
			must(t, os.Remove(base+"/shop/.git/worktrees/fix/gitdir"))
			write(t, base, map[string]string{"real": shop + "/.git", "shop/.git/worktrees/fix/gitdir": "-> " + base + "/real"})
		},
		"points back through a FIFO": func(t *testing.T, base, shop string) {
			must(t, os.Remove(base+"/shop/.git/worktrees/fix/gitdir"))
			write(t, base, map[string]string{"shop/.git/worktrees/fix/gitdir": "fifo"})
		},
		"the entry is another's": func(t *testing.T, base, shop string) {
			needRoot(t)
			must(t, os.Chown(base+"/shop/.git/worktrees/fix", 4321, -1))
		},
		"the common directory is another's": func(t *testing.T, base, shop string) {
			needRoot(t)
			must(t, os.Chown(base+"/shop/.git", 4321, -1))
		},
		"two lines": func(t *testing.T, base, shop string) {
			pointer(t, shop+"/.git", "gitdir: "+base+"/shop/.git/worktrees/fix\n/etc\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, shop := worktree(t)
			forge(t, base, shop)
			c := open(t, shop, "/nonexistent")
			if w := c.Worktree(); w != nil {
				t.Errorf("believed %+v", w)
			}
			if p, err := c.Resolve(filepath.Join(base, "shop/.git")); err != nil || p.Zone != Outside {
				t.Errorf("zone %v, %v", p.Zone, err)
			}
		})
	}
}

func pointer(t *testing.T, file, content string) {
	t.Helper()
	must(t, os.WriteFile(file, []byte(content), 0o644))
}

// The real program's worktree and index are read, where there is one.
func TestWithGit(t *testing.T) {
	t.Parallel()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("no git here")
	}
	for _, format := range []string{"2", "4"} {
		for _, object := range []string{"sha1", "sha256"} {
			t.Run(object+" index "+format, func(t *testing.T) {
				base := tempDir(t)
				run := func(dir string, args ...string) {
					t.Helper()
					cmd := exec.Command(git, append([]string{"-C", filepath.Join(base, dir), "-c", "index.version=" + format,
						"-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
					cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
					if out, err := cmd.CombinedOutput(); err != nil {
						t.Fatalf("git %v: %v\n%s", args, err, out)
					}
				}
				write(t, base, map[string]string{"shop/Envfile": "", "shop/env/Envfile": "", "shop/env/Envfile.local": "", "shop/env/Envfile.lock": "",
					"shop/a-very-long-name-that-comes-first": "", "shop/env/z": ""})
				run("shop", "init", "-q", "--object-format="+object)
				c := open(t, filepath.Join(base, "shop/env"), "/nonexistent")
				if got, err := c.Tracked(EnvfileLocal); got || err != nil {
					t.Errorf("before any index: %v, %v", got, err)
				}
				run("shop", "add", ".")
				run("shop", "add", "-N", "-f", "env/Envfile.lock") // an intent to add has extended flags
				run("shop", "commit", "-q", "-m", "x")
				run("shop", "worktree", "add", "-q", "../fix")
				for _, dir := range []string{"shop/env", "fix/env"} {
					c := open(t, filepath.Join(base, dir), "/nonexistent")
					for name, want := range map[string]bool{EnvfileLocal: true, "z": true, "none": false, "Envfile.loca": false} {
						if got, err := c.Tracked(name); got != want || err != nil {
							t.Errorf("%s: %s is tracked: %v, %v", dir, name, got, err)
						}
					}
				}
				if w := open(t, filepath.Join(base, "fix/env"), "/nonexistent").Worktree(); w == nil || w.Common != filepath.Join(base, "shop/.git") {
					t.Errorf("worktree %+v", w)
				}
				run("shop", "update-index", "--split-index")
				if _, err := open(t, filepath.Join(base, "shop/env"), "/nonexistent").Tracked("none"); !errors.Is(err, ErrUnknown) {
					t.Errorf("a split index: %v", err)
				}
			})
		}
	}
}
