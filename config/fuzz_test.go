package config_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

// seed adds the corpus.
func seed(f *testing.F, pattern string) {
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, p := range paths {
		src, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
}

// loaded evaluates under a deadline of its own: what takes longer has to end there, with a diagnostic. slow says that it
// came to that. Where even that end did not come, Go ends the test.
func loaded(t *testing.T, layers ...config.Source) (project *config.Project, list diag.List, slow bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	project, list = config.Load(ctx, values(), layers...)
	return project, list, ctx.Err() != nil
}

// check: what is loaded gives a project or errors but not both, the same each time; findings have words and a place; no
// string of a project holds what it must not.
func check(t *testing.T, layers ...config.Source) (*config.Project, bool) {
	t.Helper()
	project, list, slow := loaded(t, layers...)
	if (project == nil) != list.HasErrors() {
		t.Errorf("project %v, findings %v", project != nil, list)
	}
	checkFindings(t, list, layers)
	if slow {
		return project, false
	}
	again, more, slow := loaded(t, layers...)
	if slow {
		return project, false
	}
	if diff := cmp.Diff(list, more); diff != "" {
		t.Errorf("other findings the second time:\n%s", diff)
	}
	if !reflect.DeepEqual(project, again) {
		t.Errorf("another project the second time:\n%s", cmp.Diff(project, again))
	}
	if project != nil {
		checkStrings(t, reflect.ValueOf(*project), "project")
	}
	return project, true
}

func checkFindings(t *testing.T, list diag.List, layers []config.Source) {
	t.Helper()
	sources, all := map[string]string{"": ""}, ""
	for _, l := range layers {
		sources[l.Name] = string(l.Data)
		all += string(l.Data)
	}
	if len(list) > 101 { // of Parse and of Evaluate
		t.Errorf("%d findings", len(list))
	}
	for _, d := range list {
		src, known := sources[d.Range.File]
		start, end := d.Range.Start, d.Range.End
		switch {
		case !known, start.Byte > len(src), end.Byte < start.Byte, d.Range.File != "" && (start.Line < 1 || start.Column < 1 || end.Line < start.Line):
			t.Errorf("a place that is none: %+v", d)
		case d.Summary == "", d.Class != diag.Invalid, strings.ContainsAny(d.Excerpt, "\n"), utf8.RuneCountInString(d.Excerpt) > 201:
			t.Errorf("finding %+v", d)
		case strings.Contains(d.Summary+d.Detail+d.Hint, "hunter2") && !strings.Contains(all, "hunter2"):
			t.Errorf("a value of a dotenv file is shown: %+v", d)
		}
	}
}

// checkStrings looks into everything that a project holds. Contents of files are bytes.
func checkStrings(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		bad := func(r rune) bool { return r != '\t' && r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0) }
		if !utf8.ValidString(s) || strings.ContainsFunc(s, bad) || len(s) > config.MaxFileBytes {
			t.Errorf("%s is %.200q", path, s)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			checkStrings(t, v.Elem(), path)
		}
	case reflect.Slice:
		for i := range v.Len() {
			checkStrings(t, v.Index(i), path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; v.Type() != reflect.TypeFor[config.File]() || name != "Content" {
				checkStrings(t, v.Field(i), path+"."+name)
			}
		}
	}
}

// sameProject ignores where things are written.
var sameProject = cmpopts.IgnoreTypes(diag.Range{})

func FuzzParse(f *testing.F) {
	seed(f, "*.hcl")
	f.Fuzz(func(t *testing.T, data []byte) {
		project, decided := check(t, config.Source{Name: config.FileName, Data: data})
		pretty, list := config.Format(data, config.FileName)
		if (pretty == nil) != list.HasErrors() && len(data) > 0 {
			t.Errorf("formatting gave %q and %v", pretty, list)
		}
		if pretty == nil {
			return
		}
		if twice, _ := config.Format(pretty, config.FileName); string(twice) != string(pretty) {
			t.Errorf("formatted once %q, twice %q", pretty, twice)
		}
		if after, _, slow := loaded(t, config.Source{Name: config.FileName, Data: pretty}); decided && !slow {
			if diff := cmp.Diff(project, after, sameProject); diff != "" {
				t.Errorf("formatting changed what it says:\n%s", diff)
			}
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	seed(f, "*.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, config.Source{Name: config.FileNameJSON, Data: data})
	})
}

// FuzzExpression knows the language's functions from the start.
func FuzzExpression(f *testing.F) {
	for _, known := range []map[string]string{expressions(), growing()} {
		for _, expr := range slices.Sorted(maps.Keys(known)) {
			if len(expr) < 1000 {
				f.Add(expr)
			}
		}
	}
	f.Fuzz(func(t *testing.T, expr string) {
		check(t, config.Source{Name: config.FileName, Data: []byte(around(expr))})
	})
}

// FuzzMerge: a personal layer that says nothing changes nothing.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(box("packages = [\"git\"]\nenv = { A = \"1\" }\nport \"80\" {}")), []byte("box \"a\" {\npackages = [\"curl\"]\nenv = { A = null }\nimage = null\nbuild {}\n}"))
	f.Add([]byte("variable \"x\" {\ndefault = 1\n}\n"+box("cpus = var.x")), []byte("variable \"x\" {\ndefault = 2\n}\nlocals {\ny = var.x\n}"))
	f.Fuzz(func(t *testing.T, envfile, local []byte) {
		check(t, config.Source{Name: config.FileName, Data: envfile}, config.Source{Name: config.LocalFileName, Data: local})
		alone, _, slow := loaded(t, config.Source{Name: config.FileName, Data: envfile})
		under, _, slower := loaded(t, config.Source{Name: config.FileName, Data: envfile}, config.Source{Name: config.LocalFileName})
		if diff := cmp.Diff(alone, under); diff != "" && !slow && !slower {
			t.Errorf("an empty layer changed the project:\n%s", diff)
		}
	})
}

// FuzzDefinition reads a box.hcl, from elsewhere and of the checkout: findings have a place in it or in the Envfile, nothing
// of the project gets into a box from elsewhere, and the same text gives the same twice.
func FuzzDefinition(f *testing.F) {
	for _, name := range slices.Sorted(maps.Keys(definitions())) {
		f.Add([]byte(definitions()[name]))
	}
	f.Add([]byte("box {\n build {\n context = \".\"\n dockerfile = \"Dockerfile\"\n args = { A = var.n }\n }\n setup \"s\" {\n run = \"x\"\n inputs = [\"*.txt\", \"../secret.txt\"]\n }\n}\nvariable \"n\" {}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, from := range []string{"x", "./src"} {
			all := definitions()
			all[from] = string(text)
			v := values()
			v.Definitions = all
			source := config.Source{Name: "Envfile", Data: fmt.Appendf(nil, "box \"a\" {\n image = \"y\"\n from = %q\n with = { n = 1, version = null }\n}", from)}
			project, list := config.Load(ctx, v, source)
			if (project == nil) != list.HasErrors() {
				t.Errorf("project %v, findings %v", project != nil, list)
			}
			checkFindings(t, list, []config.Source{
				source, {Name: path.Join(from, "box.hcl"), Data: text}, {Name: "go/box.hcl", Data: []byte(all["go"])},
				{Name: "app/box.hcl", Data: []byte(all["app"])}, {Name: "deep/box.hcl", Data: []byte(all["deep"])},
				{Name: "secret/box.hcl", Data: []byte(all["secret"])}, {Name: "cycle/box.hcl", Data: []byte(all["cycle"])},
				{Name: "cycle2/box.hcl", Data: []byte(all["cycle2"])}, {Name: "src/box.hcl", Data: []byte(all["./src"])},
			})
			if project != nil {
				checkStrings(t, reflect.ValueOf(*project), "project")
				if from == "x" && strings.Contains(cmp.Diff(nil, project.Boxes), homeDir+"/shop/") && !strings.Contains(string(text), "shop") && len(project.Boxes[0].Shares) == 0 {
					t.Error("a definition from elsewhere knows where the checkout lies")
				}
			}
		}
	})
}
