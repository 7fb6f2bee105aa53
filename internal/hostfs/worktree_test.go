package hostfs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
		Root: shop, Common: filepath.Join(base, "shop/.git"), Entry: filepath.Join(base, "shop/.git/worktrees/fix"),
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
