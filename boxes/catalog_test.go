package boxes_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/pagetest"
)

//go:generate go test -run TestCatalogPage . -update

var update = flag.Bool("update", false, "write the table of docs/boxes.md")

// TestCatalogPage holds the manual to the catalogue, or writes it with -update.
func TestCatalogPage(t *testing.T) {
	var s strings.Builder
	s.WriteString("| `from` | | versions | `with` |\n|---|---|---|---|\n")
	for _, name := range boxes.Names() {
		def, err := (&boxes.Finder{}).Definition(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		doc, list := config.Describe(t.Context(), def)
		if len(list) > 0 {
			t.Fatal(list)
		}
		about, _, _ := strings.Cut(doc.About, ". ")
		var takes []string
		for _, v := range doc.Variables {
			if v.Description == "" || v.Default == "" {
				t.Errorf("%s: variable %s has no description or no default", name, v.Name)
			}
			takes = append(takes, "`"+v.Name+"`")
		}
		fmt.Fprintf(&s, "| `%s` | %s | %s | %s |\n", name, strings.TrimSuffix(about, "."), strings.Join(doc.Versions, ", "), strings.Join(takes, ", "))
	}
	pagetest.Hold(t, "../docs/boxes.md", map[string]string{"catalogue": s.String()}, *update)
}

// TestDescribe: what a definition says of itself, and what is wrong with it.
func TestDescribe(t *testing.T) {
	doc, list := config.Describe(t.Context(), &config.Definition{File: "x/box.hcl", Data: []byte("# A box\n# of ours.\n\n# not this\nvariable \"a\" {\n  type = list(string)\n}\nvariable \"b\" {\n  default = { x = 1 }\n  description = \"B\"\n}\nbox { image = \"x\" }")})
	if len(list) > 0 {
		t.Fatal(list)
	}
	if got, want := fmt.Sprintf("%+v", *doc), "{About:A box of ours. Variables:[{Name:a Type:list(string) Description: Default:} {Name:b Type: Description:B Default:{ x = 1 }}] Versions:[]}"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, text := range []string{"box {", "variable \"a\" {\n type = nope\n}\nbox {}", "locals {\n versions = var.x\n}\nbox {}\nbox {}", "variable \"a\" {\n description = 1/0\n}\nbox {}"} {
		if _, list := config.Describe(t.Context(), &config.Definition{File: "x/box.hcl", Data: []byte(text)}); !list.HasErrors() || list[0].Range.File != "x/box.hcl" {
			t.Errorf("%q: %v", text, list)
		}
	}
}
