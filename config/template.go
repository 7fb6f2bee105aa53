package config

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

//go:embed envfile.tmpl
var envfileTemplate string

// Start is what an Envfile begins with.
type Start struct {
	Project string
	Image   string // the base of the box to work in, where From is ""
	From    string // the definition of the box to work in
	Service string // a definition for a box beside it, called by its own name; "" = an example in a comment
}

// Template is the Envfile that `envy init` writes: complete, commented, in canonical style, and valid for every project
// name, image reference and definition that the language takes. Anything else stays inside its quotes and is what Load
// refuses.
func Template(s Start) []byte {
	quote := func(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }
	base := "# The base. Any image will do: it need not be made for envy. `envy box list` has definitions to start from.\n  image = " + quote(s.Image)
	if s.From != "" {
		base = "# What it is made from. `envy box show` says what a definition takes, which stands in with = { … }.\n  from = " + quote(s.From)
	}
	beside := `# A service beside it, of the catalogue or of any image with service = true. Other boxes reach it by its name, db.
# With depends_on = ["db"] in "dev" it is started and ready first.
#
# box "db" {
#   from = "postgres"
#   with = { database = "app" }
# }
`
	if s.Service != "" {
		name, _, _ := strings.Cut(s.Service, "@")
		name = strings.TrimSpace(name)
		base += fmt.Sprintf("\n\n  # Started first, and ready; reached by its name.\n  depends_on = [%s]", quote(name))
		beside = fmt.Sprintf("# A service beside it: `envy box show` says what it takes, which stands in with = { … }.\nbox %s {\n  from = %s\n}\n", quote(name), quote(s.Service))
	}
	return []byte(strings.NewReplacer(`"@PROJECT@"`, quote(s.Project), "@BASE@", base, "@BESIDE@", beside).Replace(envfileTemplate))
}
