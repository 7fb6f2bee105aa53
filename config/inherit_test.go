package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/config"
)

const templates = `
template "base" {
  image    = "debian:1"
  packages = ["git"]
  env      = { A = "base", B = "base" }
  memory   = "1g"
  port "http" { guest = 80 }
  share "." { target = "/workspace" }
}
template "node" {
  from     = template.base
  packages = ["nodejs", "git"]
  env      = { B = "node", C = "node", NAME = self.name }
}
template "quick" {
  memory = "2g"
  cpus   = 2
}
`

// summary is what the tests look at, in a line.
func summary(b *config.Box) string {
	var parts []string
	for _, p := range b.Packages {
		parts = append(parts, p.Written)
	}
	for _, e := range b.Env {
		parts = append(parts, e.Name+"="+e.Value.Value)
	}
	for _, p := range b.Ports {
		parts = append(parts, fmt.Sprintf("%s:%d", p.Label, p.Guest))
	}
	for _, s := range b.Shares {
		parts = append(parts, s.Label+"→"+s.Target)
	}
	if b.Build != nil {
		parts = append(parts, "build "+b.Build.Context.Written)
	}
	return fmt.Sprintf("%s %s %dM", b.Name, b.Image, b.Memory>>20) + " " + strings.Join(parts, " ")
}

// TestTemplates: the first definition is the lowest layer, the box the highest, Envfile.local above it.
func TestTemplates(t *testing.T) {
	for name, tc := range map[string]struct{ box, local, want string }{
		"one": {`box "a" { from = template.base }`, "", "a debian:1 1024M git A=base B=base http:80 .→/workspace"},
		"one made from another": {`box "a" { from = template.node }`, "",
			"a debian:1 1024M git nodejs A=base B=node C=node NAME=a http:80 .→/workspace"},
		"a list": {`box "a" { from = [template.node, template.quick] }`, "",
			"a debian:1 2048M git nodejs A=base B=node C=node NAME=a http:80 .→/workspace"},
		"the box on top": {`
box "a" {
  from     = template.base
  image    = "debian:2"
  packages = ["vim"]
  env      = { A = "box", B = null }
  port "http" { guest = 81 }
  port "sql" { guest = 5432 }
  share "." { target = "/app" }
}`, "", "a debian:2 1024M git vim A=box B= http:81 sql:5432 .→/app"},
		"a build in place of the image": {"box \"a\" {\n from = template.base\n memory = null\n build { context = \"app\" }\n}", "",
			"a  0M git A=base B=base http:80 .→/workspace build app"},
		"the local layer": {`box "a" { from = template.base }`, `
template "base" { memory = "3g" }
box "a" {
  image = "debian:3"
  port "http" { enabled = false }
}`, "a debian:3 3072M git A=base B=base .→/workspace"},
		"the local layer takes another":  {`box "a" { from = template.base }`, "box \"a\" {\n from = template.quick\n image = \"x\"\n}", "a x 2048M "},
		"the local layer takes none":     {"box \"a\" {\n from = template.base\n image = \"y\"\n}", `box "a" { from = null }`, "a y 0M "},
		"an image and two that give one": {"template \"c\" { image = \"c\" }\nbox \"a\" {\n from = [template.c, template.quick]\n image = \"y\"\n}", "", "a y 2048M "},
	} {
		t.Run(name, func(t *testing.T) {
			layers := []config.Source{{Name: "Envfile", Data: []byte(templates + tc.box)}}
			if tc.local != "" {
				layers = append(layers, config.Source{Name: config.LocalFileName, Data: []byte(tc.local)})
			}
			project, list := config.Load(t.Context(), values(), layers...)
			if err := list.Err(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, summary(project.Boxes[0])); diff != "" || len(project.Boxes) != 1 {
				t.Errorf("%d boxes: %s", len(project.Boxes), diff)
			}
		})
	}
}

// TestTemplateInBoxes: boxes of one template have their own self and ports, and share no list.
func TestTemplateInBoxes(t *testing.T) {
	project := load(t, values(), templates+`
box "a" {
  from     = template.node
  packages = ["a"]
}
box "b" {
  from     = template.node
  packages = ["b"]
  count    = 2
}`)
	var got []string
	for _, b := range project.Boxes {
		got = append(got, summary(b))
	}
	want := []string{
		"a debian:1 1024M git nodejs a A=base B=node C=node NAME=a http:80 .→/workspace",
		"b-1 debian:1 1024M git nodejs b A=base B=node C=node NAME=b-1 http:80 .→/workspace",
		"b-2 debian:1 1024M git nodejs b A=base B=node C=node NAME=b-2 http:80 .→/workspace",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a, b := project.Boxes[0].Ports[0].Host, project.Boxes[1].Ports[0].Host; a == b {
		t.Errorf("both have port %d", a)
	}
}

// TestTemplatesInJSON: the JSON syntax names templates in a string.
func TestTemplatesInJSON(t *testing.T) {
	project, list := config.Load(t.Context(), values(), config.Source{Name: "Envfile.json", Data: []byte(`{
	"template": {"base": {"image": "debian:1"}, "small": {"memory": "8m"}},
	"box": {"a": {"from": ["${template.base}", "${template.small}"]}, "b": {"from": "${template.base}"}}
}`)})
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	if got := summary(project.Boxes[0]) + summary(project.Boxes[1]); got != "a debian:1 8M b debian:1 0M " {
		t.Error(got)
	}
}

// TestTemplatesInARow: sixteen are well, one more is told.
func TestTemplatesInARow(t *testing.T) {
	row := func(n int) string {
		var s strings.Builder
		s.WriteString("template \"t1\" { image = \"debian\" }\n")
		for i := 2; i <= n; i++ {
			fmt.Fprintf(&s, "template \"t%d\" { from = template.t%d }\n", i, i-1)
		}
		fmt.Fprintf(&s, "box \"a\" { from = template.t%d }\n", n)
		return s.String()
	}
	load(t, values(), row(16))
	mustReport(t, "more than 16 definitions in a row", row(17))
}

// TestTemplateBombs: a small file that stands for much is told before it is built.
func TestTemplateBombs(t *testing.T) {
	var wide, square strings.Builder
	for level := range 15 {
		for i := range 10 {
			var from []string
			for j := range 10 {
				if level > 0 {
					from = append(from, fmt.Sprintf("template.t%d-%d", level-1, j))
				}
			}
			fmt.Fprintf(&wide, "template \"t%d-%d\" {\n packages = [\"p%d\"]\n from = [%s]\n}\n", level, i, i, strings.Join(from, ", "))
		}
	}
	wide.WriteString("box \"a\" {\n from = template.t14-0\n image = \"x\"\n}\n")
	if got := len(load(t, values(), wide.String()).Boxes[0].Packages); got != 10 {
		t.Errorf("%d packages", got)
	}
	square.WriteString("template \"big\" {\n image = \"x\"\n")
	for i := range 1000 {
		fmt.Fprintf(&square, "port \"p%d\" { guest = %d }\n", i, i+1)
	}
	square.WriteString("}\n")
	for i := range 1000 {
		fmt.Fprintf(&square, "box \"b%d\" { from = template.big }\n", i)
	}
	mustReport(t, "more than 200000 attributes and blocks", square.String())
}
