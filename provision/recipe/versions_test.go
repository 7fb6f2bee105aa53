package recipe

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/resource"
)

// managed is a manager whose list is in files: what is there before it installs, and after.
type managed struct {
	lister, installer string // programs
	before, after     string // what lister prints
	want              string // in Installed
	order             string // how one is installed in a version
}

func managers() map[string]managed {
	return map[string]managed{
		APT: {
			"dpkg-query", "apt-get", "ii base-files 1\nrc gone 2\nii libc6:amd64 2.36-9\n",
			"ii base-files 1\nrc gone 2\nii git 1:2.39.5-0+deb12u1\nii libc6:amd64 2.36-9+deb12u9\n",
			"git 1:2.39.5-0+deb12u1\nlibc6:amd64 2.36-9+deb12u9\n", "git=1:2.39.5-0+deb12u1",
		},
		APK: {
			"apk", "apk", "musl-1.2.5-r9\n", "git-2.49.0-r0\nmusl-1.2.5-r9\npcre2-dev-10.43-r1\n",
			"git 2.49.0-r0\npcre2-dev 10.43-r1\n", "git=2.49.0-r0",
		},
		DNF: {
			"rpm", "dnf", "bash 0:5.2-1.fc42.x86_64\ngpg-pubkey 0:a-b.(none)\n", "bash 0:5.2-1.fc42.x86_64\ngit 0:2.49-1.fc42.x86_64\ngpg-pubkey 0:c-d.(none)\n",
			"git 0:2.49-1.fc42.x86_64\n", "git-0:2.49-1.fc42.x86_64",
		},
		Zypper: {"rpm", "zypper", "bash 5.2-1.1\n", "bash 5.2-1.1\ngit 2.49-1.1\n", "git 2.49-1.1\n", "git=2.49-1.1"},
		Pacman: {"pacman", "pacman", "bash 5.2-1\n", "bash 5.2-2\ngit 2.49-1\n", "bash 5.2-2\ngit 2.49-1\n", "git"},
	}
}

// runManaged runs a package step against the manager, and gives what it printed.
func runManaged(t *testing.T, m managed, dir string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	for name, content := range map[string]string{"now": m.before, "after": m.after} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list := "case \"$*\" in -W*|'info -v'|-qa*|-Q) cat '" + bin + "/now'; exit ;; esac\n"
	stubs := map[string]string{
		m.lister:    list,
		m.installer: "case \"$*\" in *update*) [ \"${0##*/}\" = apk ] || exit 0 ;; esac\necho \"$*\" >>'" + bin + "/calls'\ncp '" + bin + "/after' '" + bin + "/now'\n",
	}
	if m.lister == m.installer {
		stubs[m.lister] = list + stubs[m.installer]
	}
	for name, body := range stubs {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(dir, "packages/step"), filepath.Join(dir, "packages/cache"))
	cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	calls, _ := os.ReadFile(filepath.Join(bin, "calls"))
	return string(out) + string(calls), err
}

// TestInstalledIsWrittenDown: what the step installed or changed stands in the image, for every manager, and can be ordered
// again.
func TestInstalledIsWrittenDown(t *testing.T) {
	for manager, m := range managers() {
		t.Run(manager, func(t *testing.T) {
			in := example()
			in.Manager, in.Packages = manager, []string{"git"}
			dir := unpack(t, in)
			if out, err := runManaged(t, m, dir); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			data, err := os.ReadFile(filepath.Join(dir, "installed", filepath.Base(Installed)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m.want, string(data)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			versions, err := DecodeInstalled(data)
			if err != nil {
				t.Fatal(err)
			}
			in.Versions = versions
			dir = unpack(t, in)
			out, err := runManaged(t, m, dir)
			if err != nil || !strings.Contains(out, " "+m.order) {
				t.Errorf("locked: %v, want %s in\n%s", err, m.order, out)
			}
			in.Versions["git"] = "0.0.9"
			if out, err := runManaged(t, m, unpack(t, in)); err == nil || !strings.Contains(out, "the lock holds git 0.0.9") {
				t.Errorf("another version than is locked: %v\n%s", err, out)
			}
		})
	}
}

func TestLockedOrdersRefuse(t *testing.T) {
	for _, versions := range []map[string]string{
		{"-o": "1"}, {"git": "-1"}, {"git": "1 2"}, {"git": ""}, {"a/b": "1"}, {"git;x": "1"}, {"git": "$(x)"}, {"https://h/x": "1"}, {"": "1"}, {"git": "1\n2"},
	} {
		in := example()
		in.Versions = versions
		if _, err := New(in); err == nil {
			t.Errorf("%v is taken", versions)
		}
	}
}

func TestDecodeInstalled(t *testing.T) {
	for text, ok := range map[string]bool{
		"": true, "git 1\n": true, "git 1": true, "git\n": false, "git 1 2\n": false, "-x 1\n": false, "a b;c\n": false, "\x00 1\n": false,
		strings.Repeat("a 1\n", MaxInstalled): false,
	} {
		if _, err := DecodeInstalled([]byte(text)); (err == nil) != ok {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestLockKeyAndTag(t *testing.T) {
	spec := resource.ImageSpec{Reference: "debian:12", Base: "b", Packages: []string{"git", "curl"}}
	if got := LockKey(spec); got != "debian:12 + git curl" {
		t.Error(got)
	}
	long := spec
	for range 500 {
		long.Packages = append(long.Packages, "package")
	}
	other := long
	other.Packages = append([]string{}, long.Packages...)
	other.Packages[400] = "another"
	if a, b := LockKey(long), LockKey(other); a == b || len(a) > 1100 {
		t.Errorf("keys of %d bytes", len(a))
	}
	one, two := LockedTag(spec, map[string]string{"git": "1"}), LockedTag(spec, map[string]string{"git": "2"})
	if LockedTag(spec, nil) != Tag(spec) || one == two || !strings.HasPrefix(one, Tag(spec)+"-") {
		t.Error(one, two, Tag(spec))
	}
}

func FuzzDecodeInstalled(f *testing.F) {
	f.Add([]byte("git 1:2.39.5-0+deb12u1\nlibc6:amd64 2.36\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		versions, err := DecodeInstalled(data)
		if err != nil {
			return
		}
		in := example()
		in.Versions = versions
		r, err := New(in)
		if err != nil {
			return
		}
		if strings.Count(r.Text(), "\n") != strings.Count(exampleBuildKit, "\n") {
			t.Error("it reaches the Dockerfile")
		}
	})
}
