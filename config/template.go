package config

import (
	_ "embed"
	"strings"
)

//go:embed envfile.tmpl
var envfileTemplate string

// Template is the Envfile that `envy init` writes: complete, commented, in canonical style, and valid for every project
// name and image reference that the language takes.
func Template(project, image string) []byte {
	return []byte(strings.NewReplacer("@PROJECT@", project, "@IMAGE@", image).Replace(envfileTemplate))
}
