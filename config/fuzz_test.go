package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/envyhq/envy/config"
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

// check: loading never panics, gives a project or an error but not both, and a text that is formatted stays as it is.
func check(t *testing.T, name string, data []byte) {
	project, list := config.Load(t.Context(), values(), config.Source{Name: name, Data: data})
	if (project == nil) != list.HasErrors() {
		t.Errorf("project %v, findings %v", project != nil, list)
	}
	for _, d := range list {
		if d.Summary == "" || strings.Contains(d.Summary+d.Detail+d.Hint, "hunter2") && !strings.Contains(string(data), "hunter2") {
			t.Errorf("finding %+v", d)
		}
	}
}

func FuzzParse(f *testing.F) {
	seed(f, "*.hcl")
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, config.FileName, data)
		if out, list := config.Format(data, config.FileName); (out == nil) != list.HasErrors() && len(data) > 0 {
			t.Errorf("formatting gave %q and %v", out, list)
		}
	})
}

func FuzzParseJSON(f *testing.F) {
	seed(f, "*.json")
	f.Fuzz(func(t *testing.T, data []byte) { check(t, config.FileNameJSON, data) })
}
