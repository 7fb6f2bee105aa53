package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// onSmallDisk moves a checkout, and the state of its user, to a small file system. Only this test and what it runs see it:
// its thread has its mounts for itself, and ends with the test.
func (p *project) onSmallDisk() {
	p.t.Helper()
	disk := p.t.TempDir()
	runtime.LockOSThread() // and never unlocked
	if err := errors.Join(
		syscall.Unshare(syscall.CLONE_NEWNS|syscall.CLONE_FS), syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("none", disk, "tmpfs", 0, "size=128k,nr_inodes=64"),
	); err != nil {
		p.t.Skipf("mounts of a test's own need root on Linux: %v", err)
	}
	p.t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			p.t.Error(err)
		}
	})
	p.dir, p.state = disk, filepath.Join(disk, "state")
	p.env = append(p.env, "XDG_STATE_HOME="+p.state)
	p.t.Cleanup(p.clean)
}

// full runs do while the disk has no room for a byte, or for a file, and reports what do changed on it.
func (p *project) full(what string, do func()) {
	p.t.Helper()
	ballast := filepath.Join(p.dir, "ballast")
	if err := os.Mkdir(ballast, 0o755); err != nil {
		p.t.Fatal(err)
	}
	var content []byte
	if what == "bytes" {
		content = make([]byte, 4096)
	}
	for i := 0; ; i++ {
		if err := os.WriteFile(fmt.Sprintf("%s/%d", ballast, i), content, 0o644); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			p.t.Fatal(err)
		}
	}
	before := p.files()
	do()
	if after := p.files(); after != before {
		p.t.Errorf("on a full disk the files became\n%s\nand were\n%s", after, before)
	}
	if err := os.RemoveAll(ballast); err != nil {
		p.t.Fatal(err)
	}
}

// files are the checkout's files and the user's state, with what they hold.
func (p *project) files() string {
	p.t.Helper()
	var all []string
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) == "ballast" {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, fmt.Sprintf("%s %q", strings.TrimPrefix(path, p.dir), data))
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// noRoom runs envy, which must fail for want of room, say of which file, and what to do.
func (p *project) noRoom(file string, args ...string) {
	p.t.Helper()
	r := p.want(1, args...)
	if !strings.Contains(r.stderr, p.dir) || !strings.Contains(r.stderr, file+": no space left on device") || !strings.Contains(r.stderr, "Hint: make room") || strings.Contains(r.stderr, ".envy-") {
		p.t.Errorf("%v says:\n%s", args, r.stderr)
	}
}

// TestFullDisk: what cannot be written fails before anything is done, with the old file as it was; what needs no room works,
// so that a destroy can make some.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"bytes", "files"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, "")
			p.onSmallDisk()
			text := "box \"web\" {\n  image = %q\n     cap_add = [%s]\n}\n"
			p.write(fmt.Sprintf(text, tiny, `"NET_ADMIN"`))
			p.file("plan.json", "an older one\n")
			hash := p.hash()
			p.full(what, func() {
				p.noRoom("", "trust", "--accept", hash)
				p.want(5, "up")
			})
			p.ok("trust", "--accept", hash)
			p.full(what, func() { p.noRoom("", "up") }) // it has no key yet
			if left := p.containers(); len(left) != 0 {
				t.Errorf("an up without a key made %v", left)
			}
			p.ok("up")
			p.full(what, func() {
				p.ok("plan")
				p.noRoom("/plan.json", "plan", "--out", "plan.json")
				p.noRoom("/Envfile", "fmt")
				p.ok("exec", "web", "true")
				if what == "files" {
					p.noRoom("", "halt") // of which no other envy may know
				} else {
					p.ok("halt")
					p.ok("up")
					p.ok("destroy", "--yes", "--volumes")
				}
			})
			p.write(fmt.Sprintf(text, tiny, `"NET_ADMIN", "SYS_TIME"`))
			hash = p.hash()
			p.full(what, func() { p.noRoom("", "trust", "--accept", hash) })
			p.ok("trust", "--accept", hash)
			p.ok("up")
			p.quiet()
		})
	}
}
