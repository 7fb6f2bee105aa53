package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/envyhq/envy/config"
)

// TestDefinitionsOfLayers: what a personal layer overrides is looked at all the same, and what it takes away is gone.
func TestDefinitionsOfLayers(t *testing.T) {
	tests := map[string]struct{ envfile, local, want string }{
		"an overridden name":       {"box \"a\" {\n from = \"go\"\n with = { version = var.nope }\n}", "box \"a\" { with = { version = \"1.26\" } }", "Envfile:3,24 no variable `nope`"},
		"an overridden function":   {"box \"a\" {\n from = \"go\"\n with = { version = nope() }\n}", "box \"a\" { with = { version = \"1.26\" } }", "Envfile:3,21"},
		"an overridden variable":   {"box \"a\" {\n from = \"go\"\n with = { nope = 1 }\n}", "box \"a\" { with = { version = \"1.26\" } }", "no variable `nope` in go/box.hcl"},
		"what is known later":      {"box \"a\" {\n from = \"go\"\n with = { version = box.b.name }\n}\nbox \"b\" { image = \"x\" }", "box \"a\" { with = { version = \"1.26\" } }", "golang:1.26"},
		"from taken away":          {"box \"a\" {\n from = \"go\"\n with = { version = \"1.26\" }\n}", "box \"a\" {\n from = null\n image = \"x\"\n}", "a x"},
		"its with is looked at":    {"box \"a\" {\n from = \"go\"\n with = { version = var.nope }\n}", "box \"a\" {\n from = null\n image = \"x\"\n}", "Envfile:3,24 no variable `nope`"},
		"from taken away with it":  {"box \"a\" {\n from = \"go\"\n}", "box \"a\" {\n from = null\n with = { version = \"1.26\" }\n image = \"x\"\n}", "`with` sets a definition's variables, and there is no `from`"},
		"none from the start":      {"box \"a\" {\n from = null\n with = { version = \"1.26\" }\n image = \"x\"\n}", "", "and there is no `from`"},
		"a list of nothing":        {"box \"a\" {\n from = [null]\n image = \"x\"\n}", "", "expected the name of a definition"},
		"an unused template":       {"template \"t\" { from = \"broken\" }\nbox \"a\" { image = \"x\" }", "", "broken/box.hcl:3,14 no variable `nope`"},
		"a used one":               {"template \"t\" { from = \"broken\" }\nbox \"a\" { from = template.t }\nbox \"b\" { from = \"broken\" }", "", "broken/box.hcl:3,14 no variable `nope`"},
		"a template of a template": {"template \"t\" { from = \"broken\" }\ntemplate \"u\" { from = template.t }\nbox \"a\" { image = \"x\" }", "", "broken/box.hcl:3,14 no variable `nope`"},
		"a good template":          {"template \"t\" {\n from = \"go\"\n with = { version = \"1.26\" }\n}\nbox \"a\" { image = \"x\" }", "", "a x"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			all := definitions()
			all["broken"] = "box {\n image = \"x\"\n memory = var.nope\n}"
			v := values()
			v.Definitions = all
			layers := []config.Source{{Name: "Envfile", Data: []byte(tc.envfile)}}
			if tc.local != "" {
				layers = append(layers, config.Source{Name: "Envfile.local", Data: []byte(tc.local)})
			}
			project, list := config.Load(t.Context(), v, layers...)
			got := ""
			if project != nil {
				got = summary(project.Boxes[0])
			}
			for _, d := range list {
				got += fmt.Sprintf("\n%s %s", d.Range, d.Summary)
			}
			if !strings.Contains(got, tc.want) || len(list) > 1 {
				t.Errorf("got %s\nwant %s", got, tc.want)
			}
		})
	}
}
