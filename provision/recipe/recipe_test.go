package recipe

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/resource"
)

func example() Input {
	return Input{
		From: "debian:bookworm-slim", Base: resource.ImageFact{BaseID: "b1", User: "app user"},
		Manager: APT, Packages: []string{"git", "curl"},
		Setups: []resource.SetupWanted{
			{Name: "tool", Script: "make install\n"},
			{Name: "home", Script: "#!/bin/bash\ntouch ~/x\n", User: "dev"},
		},
		Cache: Cache{Secret: "s", Slot: 1},
	}
}

const exampleBuildKit = `FROM debian:bookworm-slim
# packages
USER 0
RUN --mount=type=bind,source=packages,target=/dev/envy/packages --mount=type=cache,id=CACHE,target=/dev/envy/cache,sharing=locked ["/bin/sh", "/dev/envy/packages/step", "/dev/envy/cache"]



# setup.tool
RUN --mount=type=bind,source=setup/tool,target=/dev/envy/setup.tool ["/bin/sh", "/dev/envy/setup.tool/step"]




# setup.home
USER dev
RUN --mount=type=bind,source=setup/home,target=/dev/envy/setup.home ["/bin/sh", "/dev/envy/setup.home/step"]



USER "app user"
`

const exampleClassic = `FROM debian:bookworm-slim
# packages
COPY packages /.envy-build
USER 0
RUN ["/bin/sh", "-c", "/bin/sh /.envy-build/step /.envy-build/cache && rm -rf /.envy-build"]


# setup.tool
COPY setup/tool /.envy-build
RUN ["/bin/sh", "-c", "/bin/sh /.envy-build/step && rm -rf /.envy-build"]



# setup.home
COPY setup/home /.envy-build
USER dev
RUN ["/bin/sh", "/.envy-build/step"]
USER 0
RUN ["/bin/sh", "-c", "rm -rf /.envy-build"]
USER "app user"
`

func TestDockerfiles(t *testing.T) {
	in := example()
	r, err := New(in)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(exampleBuildKit, "CACHE", in.Cache.ID("b1", APT), 1)
	if diff := cmp.Diff(want, r.Text()); diff != "" {
		t.Errorf("BuildKit (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(exampleClassic, r.ClassicText()); diff != "" {
		t.Errorf("classic (-want +got):\n%s", diff)
	}
}

func TestLocateAgreesInBothForms(t *testing.T) {
	r, err := New(example())
	if err != nil {
		t.Fatal(err)
	}
	for form, text := range map[string]string{"buildkit": r.Text(), "classic": r.ClassicText()} {
		want := ""
		for i, line := range strings.Split(text, "\n") {
			if name, ok := strings.CutPrefix(line, "# "); ok {
				want = name
			}
			if strings.HasPrefix(line, "USER \"app") {
				want = ""
			}
			if got := r.Locate(i + 1); line != "" && got != want {
				t.Errorf("%s: Locate(%d) = %q, want %q: %s", form, i+1, got, want, line)
			}
		}
	}
	for _, line := range []int{-5, 0, 1, 1000} {
		if got := r.Locate(line); got != "" {
			t.Errorf("Locate(%d) = %q", line, got)
		}
	}
}

func TestCacheIDTellsApart(t *testing.T) {
	base := Cache{Secret: "s"}
	ids := map[string]string{base.ID("b1", APT): "base"}
	for name, id := range map[string]string{
		"base id": base.ID("b2", APT), "manager": base.ID("b1", APK), "secret": Cache{Secret: "t"}.ID("b1", APT),
		"namespace": Cache{Secret: "s", Namespace: "c"}.ID("b1", APT), "slot": Cache{Secret: "s", Slot: 1}.ID("b1", APT),
	} {
		if other, ok := ids[id]; ok {
			t.Errorf("%s and %s share the cache %s", name, other, id)
		}
		ids[id] = name
	}
}

func TestNewRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*Input)
		want   string
	}{
		"from":          {func(in *Input) { in.From = "a\nRUN x" }, "is not a reference"},
		"from flag":     {func(in *Input) { in.From = "--platform=x" }, "is not a reference"},
		"user":          {func(in *Input) { in.Base.User = "a\nb" }, "control character"},
		"secret":        {func(in *Input) { in.Cache.Secret = "" }, "no secret"},
		"manager":       {func(in *Input) { in.Manager = "brew" }, `"brew" is not known`},
		"option":        {func(in *Input) { in.Packages = []string{"--purge"} }, "hyphen"},
		"path":          {func(in *Input) { in.Packages = []string{"./x.deb"} }, "path or a URL"},
		"url":           {func(in *Input) { in.Packages = []string{"https://h/x"} }, "path or a URL"},
		"removal":       {func(in *Input) { in.Packages = []string{"bash-"} }, "removal"},
		"no name":       {func(in *Input) { in.Packages = []string{""} }, "is no name"},
		"local rpm":     {func(in *Input) { in.Manager, in.Packages = DNF, []string{"x.rpm"} }, "is a file"},
		"conflict":      {func(in *Input) { in.Manager, in.Packages = APK, []string{"!musl"} }, "removal"},
		"setup name":    {func(in *Input) { in.Setups[0].Name = "a b" }, "not a name"},
		"setup twice":   {func(in *Input) { in.Setups[1].Name = "tool" }, "of its own"},
		"setup user":    {func(in *Input) { in.Setups[0].User = "a\nb" }, "control character"},
		"env name":      {func(in *Input) { in.Setups[0].Env = resource.StrMap{"A=B": "c"} }, "environment"},
		"input outside": {func(in *Input) { in.Setups[0].Inputs = []resource.InputFile{{Path: "../x"}} }, "clean relative"},
		"input twice":   {func(in *Input) { in.Setups[0].Inputs = []resource.InputFile{{Path: "x"}, {Path: "x"}} }, "of its own"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in := example()
			tt.change(&in)
			if _, err := New(in); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// unpack writes a recipe's context to a directory.
func unpack(t *testing.T, in Input) string {
	t.Helper()
	r, err := New(in)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := r.Context()
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	dir := t.TempDir()
	for tr := tar.NewReader(stream); ; {
		h, err := tr.Next()
		if err == io.EOF {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, h.Name)
		if h.Typeflag == tar.TypeDir {
			if err := os.Mkdir(name, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.ReplaceAll(content, []byte(path.Dir(Installed)), []byte(dir+"/installed"))
		if err := os.WriteFile(name, content, os.FileMode(h.Mode)); err != nil {
			t.Fatal(err)
		}
	}
}

// What a person writes reaches a program byte for byte, whatever the shell would make of it.
var awkward = []string{"plain", "two words", "it's", `"q"`, "$HOME", "`id`", `back\slash\`, "new\nline", "*", "#x", ";&|<>", "ünï", "a=1.*", "trailing\n"}

func TestPackageNamesSurvive(t *testing.T) {
	calls := map[string][][]string{
		APT: {
			{"apt-get", "update"},
			append([]string{"apt-get", "install", "-y", "--allow-downgrades", "--"}, awkward...),
		},
		APK:    {append([]string{"apk", "add", "--cache-dir", "CACHE", "--update-cache", "--no-progress", "--"}, awkward...)},
		DNF:    {append([]string{"dnf", "-y", "--setopt=cachedir=CACHE", "--setopt=keepcache=1", "install", "--"}, awkward...)},
		Zypper: {append([]string{"zypper", "--non-interactive", "--cache-dir", "CACHE", "install", "--"}, awkward...)},
		Pacman: {append([]string{"pacman", "-Syu", "--noconfirm", "--needed", "--noprogressbar", "--cachedir", "CACHE", "--"}, awkward...)},
	}
	for manager, want := range calls {
		t.Run(manager, func(t *testing.T) {
			in := example()
			in.Manager, in.Packages = manager, awkward
			dir := unpack(t, in)
			got := runWithStub(t, want[0][0], filepath.Join(dir, "packages/step"))
			got = slices.DeleteFunc(got, func(call []string) bool { return slices.Contains(call, "-Q") || slices.Contains(call, "info") })
			for i := range want {
				for j := range want[i] {
					want[i][j] = strings.Replace(want[i][j], "CACHE", filepath.Join(dir, "packages/cache"), 1)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// runWithStub runs a package step with a manager that only writes down how it was called. The options that apt's calls
// have in common are left out.
func runWithStub(t *testing.T, manager, step string) [][]string {
	t.Helper()
	bin := t.TempDir()
	log := filepath.Join(bin, "log")
	stub := "#!/bin/sh\nprintf '%s\\0' \"${0##*/}\" \"$@\" >>'" + log + "'\nprintf '\\0' >>'" + log + "'\n"
	if err := os.WriteFile(filepath.Join(bin, manager), []byte(stub), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", step, filepath.Join(filepath.Dir(step), "cache"))
	cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("step: %v\n%s", err, out)
	}
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var calls [][]string
	for call := range strings.SplitSeq(strings.TrimSuffix(string(data), "\x00\x00"), "\x00\x00") {
		words := strings.Split(call, "\x00")
		var kept []string
		for i := 0; i < len(words); i++ {
			switch {
			case manager == "apt-get" && words[i] == "-q":
			case manager == "apt-get" && words[i] == "-o":
				i++
			default:
				kept = append(kept, words[i])
			}
		}
		calls = append(calls, kept)
	}
	return calls
}

func TestPackageStepFailsWithItsManager(t *testing.T) {
	for manager, program := range map[string]string{APT: "apt-get", APK: "apk", DNF: "dnf", Zypper: "zypper", Pacman: "pacman"} {
		in := example()
		in.Manager, in.Packages = manager, []string{"git"}
		dir := unpack(t, in)
		bin := t.TempDir()
		if err := os.WriteFile(filepath.Join(bin, program), []byte("#!/bin/sh\nexit 104\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "/bin/sh", dir+"/packages/step", dir+"/cache")
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin"}
		_ = cmd.Run() // the exit code says it
		if got := cmd.ProcessState.ExitCode(); got != 104 {
			t.Errorf("%s: exit code %d, want the manager's 104", manager, got)
		}
	}
}

func TestSetupSeesWhatItWasGiven(t *testing.T) {
	env := resource.StrMap{"WITH.DOT": "d'o\nt"}
	for i, v := range awkward {
		env["V"+string(rune('A'+i))] = v
	}
	report := "cat data/in.txt; printf '%s\\0' \"$0\" \"$PWD\"\n" // $0 and $PWD end differently in the two forms
	for name, first := range map[string]string{"plain": "", "own interpreter": "#!/usr/bin/env -S sh -eu\n"} {
		t.Run(name, func(t *testing.T) {
			in := example()
			in.Setups = []resource.SetupWanted{{
				Name: "tool", Env: env, Script: first + report + "env -0\nfalse\necho not reached\n",
				Inputs: []resource.InputFile{{Path: "data/in.txt", Mode: 0o644, Content: []byte("input\x00")}},
			}}
			dir := unpack(t, in) + "/setup/tool"
			cmd := exec.CommandContext(t.Context(), "/bin/sh", dir+"/step")
			cmd.Env = []string{"PATH=/usr/bin:/bin"}
			out, _ := cmd.Output() // it ends at false
			if code := cmd.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit code %d, want 1: %s", code, out)
			}
			parts := strings.Split(string(out), "\x00")
			if want := []string{"input", dir + "/run", dir + "/inputs"}; !cmp.Equal(want, parts[:3]) {
				t.Errorf("input, $0 and working directory are %q, want %q", parts[:3], want)
			}
			got := map[string]bool{}
			for _, p := range parts[3:] {
				got[p] = true
			}
			for k, v := range env {
				if k != "WITH.DOT" && !got[k+"="+v] {
					t.Errorf("the script does not see %s=%q", k, v)
				}
			}
		})
	}
}

func TestContextIsDeterministic(t *testing.T) {
	in := example()
	in.Setups[0].Inputs = []resource.InputFile{{Path: "b", Mode: 0o644}, {Path: "a/x", Mode: 0o755}}
	read := func(in Input) string {
		r, err := New(in)
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Context()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	one := read(in)
	in.Setups[0].Inputs[0], in.Setups[0].Inputs[1] = in.Setups[0].Inputs[1], in.Setups[0].Inputs[0]
	if one != read(in) {
		t.Error("the order of inputs changes the context")
	}
	in.Setups[0].Inputs[0].Mode = 0o777
	if one != read(in) {
		t.Error("bits of the umask change the context")
	}
	if Setup(in.Setups[0]).Inputs == "" || Setup(in.Setups[1]).Inputs != "" {
		t.Error("Setup: a hash of inputs where there are some, none elsewhere")
	}
	before := Setup(in.Setups[0])
	in.Setups[0].Inputs[0].Mode = 0o644
	if Setup(in.Setups[0]).Inputs == before.Inputs || one == read(in) {
		t.Error("the executable bit does not count")
	}
}

func TestUserIsRestoredOnlyWhereChanged(t *testing.T) {
	tests := []struct{ base, setup, last string }{
		{"", "", ""}, {"root", "", ""}, {"0", "root", ""}, {"dev", "dev", ""},
		{"", "dev", `USER ""`}, {"dev", "", "USER dev"}, {"1000:1000", "", "USER 1000:1000"},
		{`a$b"c\d`, "", `USER "a\$b\"c\\d"`},
	}
	for _, tt := range tests {
		in := Input{From: "x", Base: resource.ImageFact{User: tt.base}, Setups: []resource.SetupWanted{{Name: "s", User: tt.setup}}}
		r, err := New(in)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimRight(r.Text(), "\n"), "\n")
		if last := lines[len(lines)-1]; tt.last == "" && strings.Contains(r.Text(), "USER") || tt.last != "" && last != tt.last {
			t.Errorf("base %q, setup %q: ends in %q, want %q\n%s", tt.base, tt.setup, last, tt.last, r.Text())
		}
	}
}

// TestSetupUnset: null takes a variable of the image's away, before the script's own are set, and is another recipe.
func TestSetupUnset(t *testing.T) {
	w := resource.SetupWanted{Name: "s", Script: "true", Unset: []string{"PROXY"}}
	step, err := setupStep(w)
	if err != nil || !strings.Contains(step, "\nunset PROXY\n") {
		t.Errorf("step %q, error %v", step, err)
	}
	if equalSetup(Setup(w), Setup(resource.SetupWanted{Name: "s", Script: "true"})) {
		t.Error("a variable that is taken away changes nothing")
	}
	w.Unset = []string{"a.b"}
	if _, err := setupStep(w); err == nil {
		t.Error("a name that no shell unsets was let through")
	}
}
