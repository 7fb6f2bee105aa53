package archtest

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// load makes a module of sources by path.
func load(t *testing.T, sources map[string]string) *Module {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, source := range sources {
		fsys[name] = &fstest.MapFile{Data: []byte(source)}
	}
	m, err := Load("example.org/m", fsys, slices.Collect(maps.Keys(sources)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// texts returns the findings as text, cut at the first colon after the place: reasons are the table's matter.
func texts(found []Finding) []string {
	var out []string
	for _, f := range found {
		text, _, _ := strings.Cut(f.Text, ":")
		f.Text = text
		out = append(out, f.String())
	}
	return out
}

func TestLoadRefusesWhatDoesNotParse(t *testing.T) {
	fsys := fstest.MapFS{"a/a.go": {Data: []byte("package a\nfunc {")}}
	if _, err := Load("example.org/m", fsys, []string{"a/a.go"}); err == nil || !strings.Contains(err.Error(), "a/a.go") {
		t.Fatalf("error %v, want one that names the file", err)
	}
	if _, err := Load("example.org/m", fsys, []string{"b/b.go"}); err == nil {
		t.Fatal("no error for a file that is not there")
	}
}

func TestCheckLayers(t *testing.T) {
	layers := []Layer{
		{Dir: "low", Reason: "r"},
		{Dir: "mid", May: []string{"low"}, Reason: "r"},
		{Dir: "top", May: []string{"..."}, Not: []string{"secret/..."}, Reason: "r"},
		{Dir: "tree", May: []string{"low/..."}, Reason: "r"},
		{Dir: "low/sub", Reason: "r"}, {Dir: "secret/x", Reason: "r"},
		{Dir: "absent", Reason: "a row may wait for its package"},
	}
	m := load(t, map[string]string{
		"low/a.go":       "package low\nimport _ \"example.org/m/mid\"\n",
		"low/a_test.go":  "package low\nimport _ \"example.org/m/top\"\n",
		"low/sub/a.go":   "package sub\nimport _ \"example.org/modern\"\n",
		"mid/a.go":       "package mid\nimport (\n\t_ \"example.org/m/low\"\n\t_ \"example.org/m/low/sub\"\n)\n",
		"tree/a.go":      "package tree\nimport _ \"example.org/m/low/sub\"\n",
		"top/a.go":       "package top\nimport (\n\t_ \"example.org/m/low\"\n\t_ \"example.org/m/secret/x\"\n)\n",
		"secret/x/a.go":  "package x\n",
		"stranger/a.go":  "package stranger\n",
		"only/a_test.go": "package only_test\nimport _ \"example.org/m/top\"\n",
	})
	want := []string{
		"low/a.go:2: low must not import mid",
		"mid/a.go:4: mid must not import low/sub",
		"stranger: the import table has no row for this package; decide what it may import, and why",
		"top/a.go:4: top must not import secret/x",
	}
	if diff := cmp.Diff(want, texts(CheckLayers(m, layers))); diff != "" {
		t.Error(diff)
	}
}

func TestCheckLibraries(t *testing.T) {
	libraries := []Library{{Path: "lib.org/x", Except: []string{"lib.org/x/units"}, Only: []string{"a", "c/..."}, Reason: "r"}}
	m := load(t, map[string]string{
		"a/a.go":      "package a\nimport _ \"lib.org/x/client\"\n",
		"b/a.go":      "package b\nimport _ \"lib.org/x/client\"\n",
		"b/b.go":      "package b\nimport _ \"lib.org/x/units\"\n",
		"b/c.go":      "package b\nimport _ \"lib.org/xylophone\"\n",
		"b/a_test.go": "package b\nimport _ \"lib.org/x\"\n",
		"c/d/a.go":    "package d\nimport _ \"lib.org/x\"\n",
	})
	want := []string{"b/a.go:2: b must not import lib.org/x/client"}
	if diff := cmp.Diff(want, texts(CheckLibraries(m, libraries))); diff != "" {
		t.Error(diff)
	}
}

func TestCheckAccess(t *testing.T) {
	rules := []Access{
		{Path: "os", Names: []string{"Open"}, Only: []string{"door"}, Reason: "r"},
		{Path: "os/exec", Reason: "r"},
	}
	m := load(t, map[string]string{
		"door/a.go":   "package door\nimport \"os\"\nvar _ = os.Open\n",
		"a/call.go":   "package a\nimport \"os\"\nfunc f() { os.Open(\"x\"); os.Getenv(\"x\") }\n",
		"a/value.go":  "package a\nimport host \"os\"\nvar _ = host.Open\n",
		"a/dot.go":    "package a\nimport . \"os\"\n",
		"a/exec.go":   "package a\nimport \"os/exec\"\n",
		"a/local.go":  "package a\nimport \"os\"\nfunc g() { var os struct{ Open int }; _ = os.Open }\nvar _ = os.Getenv\n",
		"a/a_test.go": "package a\nimport \"os\"\nvar _ = os.Open\n",
	})
	want := []string{
		"a/call.go:3: a must not use os.Open",
		"a/dot.go:1: a must not import os",
		"a/exec.go:1: a must not import os/exec",
		"a/value.go:3: a must not use os.Open",
	}
	if diff := cmp.Diff(want, texts(CheckAccess(m, rules))); diff != "" {
		t.Error(diff)
	}
}

func TestCheckInit(t *testing.T) {
	m := load(t, map[string]string{
		"a/a.go":      "package a\ntype t struct{}\nfunc (t) init() {}\nfunc initialise() {}\n",
		"a/b.go":      "package a\n\nfunc init() {}\n",
		"a/a_test.go": "package a\nfunc init() {}\n",
	})
	want := []string{"a/a_test.go:2: no init functions", "a/b.go:3: no init functions"}
	if diff := cmp.Diff(want, texts(CheckInit(m))); diff != "" {
		t.Error(diff)
	}
}

func TestCheckState(t *testing.T) {
	tests := []struct {
		name, source string
		want         string // "" for a variable that may stand
	}{
		{"sentinel", `var x = errors.New("x")`, ""},
		{"pattern", `var x = regexp.MustCompile("x")`, ""},
		{"table", `var x = map[string]int{"a": 1}`, ""},
		{"array", `var x = [...]string{"a"}`, ""},
		{"pointer to a literal", `var x = &T{}`, ""},
		{"whole package of constructors", `var x = cty.Object(nil)`, ""},
		{"constructor of its own", `var x = pure()`, ""},
		{"assertion", `var _ I = T{}`, ""},
		{"embedded", "//go:embed file\nvar x []byte", ""},
		{"embedded in a group", "var (\n//go:embed file\nx []byte\n)", ""},
		{"read", `var x = []int{1}` + "\nfunc f() int { for i := range x { _ = i }; return x[0] }", ""},
		{"a local one of that name", `var x = []int{1}` + "\nfunc f() { x := []int{2}; x[0] = 3; _ = &x }", ""},
		{"a field of that name", `var x = []int{1}` + "\nfunc f(t T) { t.x = 3 }", ""},

		{"no initialiser", `var x int`, "replaced"},
		{"number", `var x = 5`, "replaced"},
		{"seam", `var x = time.Now`, "replaced"},
		{"function", `var x = func() {}`, "replaced"},
		{"unknown constructor", `var x = http.DefaultTransport.Clone()`, "replaced"},
		{"function of its own", `var x = impure()`, "replaced"},
		{"assigned", `var x = []int{1}` + "\nfunc f() { x = nil }", "written"},
		{"assigned by index", `var x = []int{1}` + "\nfunc f() { x[0] = 2 }", "written"},
		{"assigned by slice", `var x = []int{1}` + "\nfunc f() { copy(x[1:], x) }", "written"},
		{"assigned by field", `var x = &T{}` + "\nfunc f() { (*x).a.b = 2 }", "written"},
		{"incremented", `var x = []int{1}` + "\nfunc f() { x[0]++ }", "written"},
		{"deleted from", `var x = map[int]int{}` + "\nfunc f() { delete(x, 1) }", "written"},
		{"address taken", `var x = T{}` + "\nfunc f() { g(&x) }", "written"},
		{"ranged into", `var x = []int{1}` + "\nfunc f() { for x[0] = range 3 {} }", "written"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := load(t, map[string]string{"a/a.go": "package a\n" + tt.source + "\n"})
			found := CheckState(m, []string{"errors.New", "regexp.MustCompile", "cty.*", "a.pure"}, nil)
			switch {
			case tt.want == "" && len(found) > 0:
				t.Errorf("found %v, want nothing", found)
			case tt.want != "" && (len(found) != 1 || !strings.Contains(found[0].Text, tt.want)):
				t.Errorf("found %v, want one that says %q", found, tt.want)
			}
		})
	}
}

func TestCheckStateSeesOtherFilesAndPackages(t *testing.T) {
	m := load(t, map[string]string{
		"a/a.go": "package a\nvar X = []int{1}\nvar Y = []int{1}\nvar Z = []int{1}\n",
		"a/b.go": "package a\nfunc f() { X[0] = 2 }\n",
		"b/b.go": "package b\nimport other \"example.org/m/a\"\nfunc f() { other.Y = nil; _ = other.Z }\n",
	})
	want := []string{"a/b.go:2: package variable X is written here", "b/b.go:3: package variable Y is written here"}
	if diff := cmp.Diff(want, texts(CheckState(m, nil, nil))); diff != "" {
		t.Error(diff)
	}
}

func TestCheckStateAllows(t *testing.T) {
	m := load(t, map[string]string{"a/a.go": "package a\nvar x = 1\n"})
	allowed := []Variable{
		{Dir: "a", Name: "x", Reason: "r"},
		{Dir: "a", Name: "gone", Reason: "r"},
		{Dir: "not-yet", Name: "x", Reason: "r"},
	}
	want := []string{"a: variable gone is allowed (r) and does not exist"}
	if diff := cmp.Diff(want, texts(CheckState(m, nil, allowed))); diff != "" {
		t.Error(diff)
	}
}

func TestCheckSize(t *testing.T) {
	body := func(lines int) string { return "func f() {" + strings.Repeat("\n", lines-1) + "}\n" }
	m := load(t, map[string]string{
		"a/fits.go":      "package a\n" + body(MaxFunction),
		"a/function.go":  "package a\n" + body(MaxFunction+1),
		"a/reason.go":    "package a\n//archtest:long one table\n" + body(MaxFunction+1),
		"a/silent.go":    "package a\n//archtest:long\n" + body(MaxFunction+1),
		"a/stale.go":     "package a\n//archtest:long one table\n" + body(3),
		"a/full.go":      "package a\n" + strings.Repeat("\n", MaxFile-1),
		"a/file.go":      "package a\n" + strings.Repeat("\n", MaxFile),
		"a/fileok.go":    "//archtest:long one grammar\n\npackage a\n" + strings.Repeat("\n", MaxFile),
		"a/generated.go": "// Code generated by x. DO NOT EDIT.\n\npackage a\n" + body(MaxFile),
		"a/a_test.go":    "package a\n" + body(MaxFile),
	})
	want := []string{
		"a/file.go:1: a/file.go has 401 lines, more than 400",
		"a/function.go:2: f has 61 lines, more than 60",
		"a/silent.go:3: f needs a reason after //archtest",
		"a/stale.go:3: f has 3 lines, which needs no //archtest",
	}
	if diff := cmp.Diff(want, texts(CheckSize(m))); diff != "" {
		t.Error(diff)
	}
}

func TestCheckDocs(t *testing.T) {
	m := load(t, map[string]string{
		"good/doc.go":    "// Package good is.\npackage good\n",
		"good/more.go":   "package good\n",
		"none/a.go":      "package none\n",
		"wrong/a.go":     "// Package other is.\npackage wrong\n",
		"detached/a.go":  "// Package detached is.\n\npackage detached\n",
		"test/a.go":      "package test\n",
		"test/a_test.go": "// Package test is.\npackage test\n",
		"cmd/x/main.go":  "// X does.\npackage main\n",
		"cmd/y/main.go":  "package main\n",
		"e2e/e_test.go":  "package e2e\n",
	})
	want := []string{"cmd/y", "detached", "none", "test", "wrong"}
	var got []string
	for _, f := range CheckDocs(m) {
		got = append(got, f.Pos.Filename)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCheckTop(t *testing.T) {
	want := []string{"scratch: does not belong at the root, which reads as the pipeline"}
	if diff := cmp.Diff(want, texts(CheckTop([]string{".git", "cmd", "scratch"}, []string{"cmd"}))); diff != "" {
		t.Error(diff)
	}
}
