package config_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

// checkout is a checkout in memory at /home/u/shop. Paths that start with /outside exist and lie outside of it.
type checkout struct{ fstest.MapFS }

const (
	checkoutDir = "/home/u/shop"
	homeDir     = "/home/u"
)

func (c checkout) Resolve(p string) config.Location {
	p = path.Clean(p)
	loc := config.Location{Path: p}
	switch {
	case p == checkoutDir:
		loc.Inside, loc.Rel, loc.Exists, loc.Dir = true, ".", true, true
	case strings.HasPrefix(p, checkoutDir+"/"):
		loc.Inside, loc.Rel = true, strings.TrimPrefix(p, checkoutDir+"/")
		if info, err := fs.Stat(c.MapFS, loc.Rel); err == nil {
			loc.Exists, loc.Dir = true, info.IsDir()
		}
	default:
		for _, there := range []string{"/outside", "/var/run", "/etc", homeDir, "/"} {
			if p == there || there != "/" && strings.HasPrefix(p, there+"/") {
				loc.Exists, loc.Dir = true, !strings.Contains(path.Base(p), ".")
			}
		}
	}
	return loc
}

// bigText is one byte too long; made once, since fuzzing asks for a checkout each time.
var bigText = []byte(strings.Repeat("x", config.MaxFileBytes+1))

// files are what every case finds in its checkout.
func files() checkout {
	return checkout{fstest.MapFS{
		"src/main.go":        {Data: []byte("package main\n")},
		"app/Dockerfile.dev": {Data: []byte("FROM scratch\n")},
		"app/Dockerfile":     {Data: []byte("FROM scratch\n")},
		"data/x":             {Data: []byte("x")},
		"hello.txt":          {Data: []byte("hello\n")},
		"run.sh":             {Data: []byte("echo ${HOME} %{x}\n")},
		"key.tmpl":           {Data: []byte("${env(\"API_KEY\")}")},
		"src/deep/x":         {Data: []byte("x")},
		"greet.tmpl":         {Data: []byte("Hello ${name}!\n%{ for x in list }${x};%{ endfor }")},
		"bad.tmpl":           {Data: []byte("Hello ${nobody}!\n")},
		"dev.env":            {Data: []byte("# comment\nexport TOKEN=hunter2\nQUOTED=\"a b\"\n")},
		"more.env":           {Data: []byte("TOKEN=other\n")},
		"broken.env":         {Data: []byte("A=1\nhunter2 is no assignment\n")},
		"latin1.txt":         {Data: []byte{0xe9}},
		"big.txt":            {Data: bigText},
	}}
}

func values() config.Values {
	return config.Values{
		Files: files(), Folder: ".", Dir: checkoutDir, Root: checkoutDir, Home: homeDir, DefaultName: "shop", Version: "0.3.0",
		Checkout: "c0ffee", Host: config.Host{UID: 1000, GID: 1000, OS: "linux", Arch: "amd64", CPUs: 4, Memory: 8 << 30},
		Env: func(name string) (string, bool) {
			v, ok := map[string]string{"API_KEY": "k", "HOME": homeDir, "EMPTY": "", "ENVY_VAR_from_env": "yes"}[name]
			return v, ok
		},
	}
}

// expectation is a comment "# ERROR: text", "# WARN: text" or "# GATE: text" at the end of a line, or "# ERROR-ANYWHERE: text".
type expectation struct {
	severity string
	line     int // 0: anywhere
	text     string
}

func expectations(src string, isJSON bool) []expectation {
	var list []expectation
	for i, line := range strings.Split(src, "\n") {
		for _, part := range strings.Split(line, "#")[1:] {
			part = strings.TrimSpace(part)
			if isJSON {
				part, _, _ = strings.Cut(part, `"`)
			}
			for _, kind := range []string{"ERROR", "WARN", "GATE"} {
				if text, ok := strings.CutPrefix(part, kind+": "); ok {
					list = append(list, expectation{kind, i + 1, text})
				}
				if text, ok := strings.CutPrefix(part, kind+"-ANYWHERE: "); ok {
					list = append(list, expectation{kind, 0, text})
				}
			}
		}
	}
	return list
}

// found renders what loading gave, in the form of expectations.
func found(project *config.Project, list diag.List) []expectation {
	var out []expectation
	for _, d := range list {
		kind := "ERROR"
		if d.Severity == diag.Warning {
			kind = "WARN"
		}
		out = append(out, expectation{kind, d.Range.Start.Line, strings.Join([]string{d.Summary, d.Detail, d.Hint}, " | ")})
	}
	if project != nil {
		for _, g := range project.Gate {
			out = append(out, expectation{"GATE", g.Range.Start.Line, string(g.Kind) + ": " + g.What})
		}
	}
	return out
}

// TestCorpus loads every file of testdata/*.hcl and *.json and compares what it reports with the comments in it: no more,
// no less. A file of that name with .local behind is the personal layer.
func TestCorpus(t *testing.T) {
	for _, name := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			src, err := os.ReadFile(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			layers := []config.Source{{Name: name, Data: src}}
			if local, err := os.ReadFile(filepath.Join("testdata", name+".local")); err == nil {
				layers = append(layers, config.Source{Name: config.LocalFileName, Data: local})
			}
			project, list := config.Load(t.Context(), values(), layers...)
			if (project == nil) != list.HasErrors() {
				t.Errorf("project is nil: %v, errors: %v", project == nil, list.HasErrors())
			}
			compare(t, expectations(string(src), strings.HasSuffix(name, ".json")), found(project, list))
			checkPlaces(t, list)
		})
	}
}

func corpus(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.hcl", "*.json"} {
		paths, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			names = append(names, filepath.Base(p))
		}
	}
	sort.Strings(names)
	if len(names) < 20 {
		t.Fatalf("only %d cases in testdata", len(names))
	}
	return names
}

// compare pairs each expectation with one finding at its line that holds its text.
func compare(t *testing.T, want, got []expectation) {
	t.Helper()
	used := make([]bool, len(got))
	for _, w := range want {
		hit := false
		for i, g := range got {
			if !used[i] && g.severity == w.severity && (w.line == 0 || g.line == w.line) && strings.Contains(g.text, w.text) {
				used[i], hit = true, true
				break
			}
		}
		if !hit {
			t.Errorf("missing %s at line %d: %s", w.severity, w.line, w.text)
		}
	}
	for i, g := range got {
		if !used[i] {
			t.Errorf("unexpected %s at line %d: %s", g.severity, g.line, g.text)
		}
	}
}

// checkPlaces: a finding in a file has its line as excerpt, and no finding shows the secret of the dotenv files.
func checkPlaces(t *testing.T, list diag.List) {
	t.Helper()
	for _, d := range list {
		if d.Range.Start.Line > 0 && d.Excerpt == "" && d.Range.Start.Line != 1 {
			t.Errorf("no excerpt for %s: %s", d.Range, d.Summary)
		}
		if strings.Contains(d.Summary+d.Detail+d.Hint, "hunter2") {
			t.Errorf("a value of a dotenv file is quoted: %s %s", d.Summary, d.Detail)
		}
		if d.Class != diag.Invalid {
			t.Errorf("class %v of %s", d.Class, d.Summary)
		}
	}
}
