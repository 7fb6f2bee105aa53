package config

import (
	_ "embed"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

//go:embed envfile.tmpl
var envfileTemplate string

// Template is the Envfile that `envy init` writes: complete, commented, in canonical style, and valid for every project
// name and image reference that the language takes. Anything else stays inside its quotes and is what Load refuses.
func Template(project, image string) []byte {
	quote := func(s string) string { return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes()) }
	return []byte(strings.NewReplacer(`"@PROJECT@"`, quote(project), `"@IMAGE@"`, quote(image)).Replace(envfileTemplate))
}
