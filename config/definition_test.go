package config_test

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

// shelf holds definitions by what `from` says: those that begin with a dot are directories of the checkout, the others
// come from elsewhere and have a tree of their own.
type shelf map[string]string

func (s shelf) Definition(_ context.Context, ref string, by *config.Definition) (*config.Definition, error) {
	name, constraint, _ := strings.Cut(ref, "@")
	text, ok := s[name]
	if !ok {
		return nil, &config.DefinitionError{Summary: "no box " + name, Hint: "write another"}
	}
	d := &config.Definition{ID: name, File: path.Join(name, config.DefinitionFile), Data: []byte(text), Constraint: constraint}
	if strings.HasPrefix(name, ".") {
		d.Tree, d.Folder, d.Dir = files(), path.Clean(name), path.Join(checkoutDir, name)
		return d, nil
	}
	tree := fstest.MapFS{"box/greet.txt": {Data: []byte("hello from elsewhere\n")}, "secret.txt": {Data: []byte("s")}, "box/t": {Data: []byte("${env(\"HOME\")}")}, "box/Dockerfile": {}}
	d.Tree, d.Folder = tree, "box"
	if name == "x" { // a repository; the others are of the catalogue
		d.Content = ownTree{tree}
	}
	return d, nil
}

// definitions are what every case may name.
func definitions() shelf {
	return shelf{
		"go": `
variable "version" {
  type    = string
  default = null
}
variable "tools" {
  type    = list(string)
  default = []
  validation {
    condition     = !contains(var.tools, "bad")
    error_message = "no bad tools"
  }
}
locals {
  versions = ["1.24", "1.25", "1.26"]
  image    = var.version == null ? "debian:1" : "golang:${var.version}"
}
box {
  image    = local.image
  packages = concat(["git"], var.tools)
  env      = { GO = coalesce(var.version, "distribution"), NAME = self.name }
  memory   = "1g"
}`,
		"app": `
variable "port" { type = number }
variable "greeting" { default = "none" }
box {
  from = "go"
  with = { version = "1.${var.port - 3000}", tools = ["make"] }
  env  = { GREETING = var.greeting, TEXT = trimspace(file("greet.txt")) }
  port "http" { guest = var.port }
  message = "open ${self.port.http.host}"
}`,
		"deep":   "variable \"n\" {}\nlocals { twice = var.n * 2 }\nbox {\n image = \"x:${local.twice}\"\n env = { N = var.n }\n}",
		"secret": "variable \"key\" {\n sensitive = true\n}\nbox {\n image = \"x\"\n env = { KEY = var.key }\n}",
		"cycle":  "box { from = \"cycle2\" }", "cycle2": "box { from = \"cycle\" }",
		"./src": `
variable "who" { default = "me" }
box {
  build { dockerfile = "main.go" }
  setup "x" {
    run    = "make"
    inputs = ["deep/**"]
  }
  env = { DIR = project.dir, ABS = abspath("x"), UID = host.uid, MAIN = trimspace(file("main.go")) }
  share "." { target = "/w" }
  provision "p" {
    run    = "true"
    inputs = ["hello.txt"]
  }
}`,
	}
}

func loadWith(t *testing.T, s shelf, text string) (*config.Project, diag.List) {
	t.Helper()
	v := values()
	v.Definitions = s
	return config.Load(t.Context(), v, config.Source{Name: "Envfile", Data: []byte(text)})
}

// TestDefinitions: a box made from a definition is the definition's box, with its own values, and the box on top.
func TestDefinitions(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"as it is": {`box "a" { from = "go" }`, "a debian:1 1024M git GO=distribution NAME=a"},
		"with a value": {`box "a" {
 from = "go"
 with = { version = "1.26", tools = ["gcc"] }
}`, "a golang:1.26 1024M git gcc GO=1.26 NAME=a"},
		"with a constraint":          {`box "a" { from = "go@~> 1.24, < 1.26" }`, "a golang:1.25 1024M git GO=1.25 NAME=a"},
		"with null":                  {"box \"a\" {\n from = \"go\"\n with = { version = null }\n}", "a debian:1 1024M git GO=distribution NAME=a"},
		"the box on top":             {"box \"a\" {\n from = \"go\"\n image = \"own\"\n packages = [\"vim\"]\n env = { GO = \"own\" }\n}", "a own 1024M git vim GO=own NAME=a"},
		"one made from another":      {"box \"a\" {\n from = \"app\"\n with = { port = 3026 }\n}", "a golang:1.26 1024M git make GO=1.26 GREETING=none NAME=a TEXT=hello from elsewhere http:3026"},
		"a template over it":         {"template \"t\" {\n from = \"go\"\n with = { version = \"1.25\" }\n memory = \"2g\"\n}\nbox \"a\" { from = template.t }", "a golang:1.25 2048M git GO=1.25 NAME=a"},
		"a list with a template":     {"template \"t\" { memory = \"2g\" }\nbox \"a\" { from = [\"go\", template.t] }", "a debian:1 2048M git GO=distribution NAME=a"},
		"the project's values":       {"variable \"v\" { default = \"1.26\" }\nlocals { x = var.v }\nbox \"a\" {\n from = \"go\"\n with = { version = local.x }\n}", "a golang:1.26 1024M git GO=1.26 NAME=a"},
		"another box's port":         {"box \"a\" {\n from = \"app\"\n with = { port = 3026, greeting = box.b.port.x.host }\n}\nbox \"b\" {\n image = \"x\"\n port \"x\" {\n guest = 1\n host = 77\n }\n}", "a golang:1.26 1024M git make GO=1.26 GREETING=77 NAME=a TEXT=hello from elsewhere http:3026 / b x 0M x:1"},
		"names of its own":           {"variable \"n\" { default = 1 }\nlocals { twice = \"no\" }\nbox \"a\" {\n from = \"deep\"\n with = { n = var.n + 1 }\n env = { M = local.twice }\n}", "a x:4 0M M=no N=2"},
		"one definition, two values": {"box \"a\" {\n from = \"deep\"\n with = { n = 1 }\n}\nbox \"b\" {\n from = \"deep\"\n with = { n = 2 }\n}", "a x:2 0M N=1 / b x:4 0M N=2"},
		"replicas":                   {"box \"a\" {\n count = 2\n from = \"deep\"\n with = { n = self.index }\n}", "a-1 x:2 0M N=1 / a-2 x:4 0M N=2"},
	} {
		t.Run(name, func(t *testing.T) {
			project, list := loadWith(t, definitions(), tc.text)
			if err := list.Err(); err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, b := range project.Boxes {
				lines = append(lines, summary(b))
			}
			if got := strings.Join(lines, " / "); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// TestDefinitionErrors: what is wrong in or with a definition is told where it stands, and who named it.
func TestDefinitionErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		more shelf
		text string
		want []string
	}{
		"unknown":          {nil, `box "a" { from = "nope" }`, []string{"Envfile:1,18 `from`: no box nope | write another"}},
		"unknown variable": {nil, "box \"a\" {\n from = \"go\"\n with = { verson = 1 }\n}", []string{"Envfile:3,11 no variable `verson` in go/box.hcl | did you mean `version`?"}},
		"no value":         {nil, `box "a" { from = "deep" }`, []string{"Envfile:1,18 var.n of deep/box.hcl has no value | give one: with = { n = … }"}},
		"wrong type":       {nil, "box \"a\" {\n from = \"app\"\n with = { port = \"x\" }\n}", []string{"Envfile:3,18 var.port of app/box.hcl is not valid"}},
		"a rule":           {nil, "box \"a\" {\n from = \"go\"\n with = { tools = [\"bad\"] }\n}", []string{"Envfile:3,19 var.tools of go/box.hcl is not valid: no bad tools"}},
		"no map":           {nil, "box \"a\" {\n from = \"go\"\n with = [1]\n}", []string{"Envfile:3,9 `with`: expected { NAME = value }"}},
		"with and no from": {nil, "box \"a\" {\n image = \"x\"\n with = {}\n}", []string{"Envfile:3,2 `with` sets a definition's variables, and there is no `from`"}},
		"with for templates": {nil, "template \"t\" {}\nbox \"a\" {\n image = \"x\"\n from = template.t\n with = {}\n}",
			[]string{"Envfile:5,2 `with` sets a definition's variables, and `from` names no definition"}},
		"no version":    {nil, `box "a" { from = "go@> 2" }`, []string{"Envfile:1,18 no version is > 2: there are: 1.24, 1.25, 1.26"}},
		"no constraint": {nil, `box "a" { from = "go@newest" }`, []string{`Envfile:1,18 "newest" is no constraint on a version`}},
		"no versions":   {nil, `box "a" { from = "secret@1" }`, []string{"Envfile:1,18 the definition secret/box.hcl knows no versions", "Envfile:1,18 var.key of secret/box.hcl has no value"}},
		"two ways":      {nil, "box \"a\" {\n from = \"go@1.24\"\n with = { version = \"1.25\" }\n}", []string{"Envfile:3,11 `version` is chosen by the constraint in `from`"}},
		"two bases":     {nil, "box \"a\" {\n from = [\"go\", \"deep\"]\n with = { n = 1 }\n}", []string{"Envfile:2,16 go/box.hcl and deep/box.hcl both give the base"}},
		"twice":         {nil, "box \"a\" { from = [\"go\", \"go\"] }", []string{"Envfile:1,25 go/box.hcl is named twice"}},
		"a cycle":       {nil, `box "a" { from = "cycle" }`, []string{"cycle2/box.hcl:1,14 the definition cycle/box.hcl is made from itself: in the definition that cycle/box.hcl:1,14 names"}},
		"self in count": {shelf{"n": "variable \"n\" {}\nbox {\n image = \"x\"\n count = var.n\n}"}, "box \"a\" {\n from = \"n\"\n with = { n = self.index }\n}", []string{"n/box.hcl:4,10 `count` cannot depend on self"}},
		"a port before it is known": {shelf{"n": "variable \"n\" {}\nbox {\n image = \"x\"\n port \"x\" { guest = var.n }\n}"}, "box \"a\" {\n from = \"n\"\n with = { n = box.b.port.y.host }\n}\nbox \"b\" {\n image = \"x\"\n port \"y\" { guest = 1 }\n}",
			[]string{"n/box.hcl:4,21 `guest` cannot depend on a port's number"}},
		"no such variable in it": {shelf{"n": "variable \"nn\" { default = 1 }\nbox { image = \"x${var.n}\" }"}, `box "a" { from = "n" }`,
			[]string{"n/box.hcl:2,22 no variable `n`: in the definition that Envfile:1,18 names"}},
		"locals in a circle": {shelf{"n": "locals {\n a = local.b\n b = local.a\n}\nbox { image = local.a }"}, `box "a" { from = "n" }`,
			[]string{"n/box.hcl:2,2 local.a depends on itself: local.a → local.b → local.a"}},
		"more than a box": {shelf{"n": "envy { name = \"x\" }\nvolume \"v\" {}\nbox { image = \"x\" }\nbox { image = \"y\" }"}, `box "a" { from = "n" }`,
			[]string{"n/box.hcl:1,1 no block `envy` in the file", "n/box.hcl:2,1 no block `volume` in the file", "n/box.hcl:4,1 the block `box` is written twice"}},
		"a box with a name": {shelf{"n": "box \"x\" { image = \"x\" }"}, `box "a" { from = "n" }`, []string{"n/box.hcl:1,5 too many labels for `box`"}},
		"no box":            {shelf{"n": "variable \"x\" { default = 1 }"}, `box "a" { from = "n" }`, []string{"n/box.hcl:1,1 the definition has no box"}},
		"broken":            {shelf{"n": "box {"}, `box "a" { from = "n" }`, []string{"n/box.hcl:1,5 Unclosed configuration block"}},
		"what it cannot see": {shelf{"n": "box {\n image = \"x\"\n env = { A = env(\"HOME\"), B = project.dir, C = box.a.name, D = host.uid, E = abspath(\".\"), F = file(\"../secret.txt\"), G = file(\"/etc/passwd\") }\n}"}, `box "a" { from = "n" }`,
			[]string{"n/box.hcl:3,14 `env` cannot be used in a definition from elsewhere", "n/box.hcl:3,31 `project` cannot be used", "n/box.hcl:3,48 `box` cannot be used", "n/box.hcl:3,64 `host` cannot be used", "n/box.hcl:3,78 `abspath` cannot be used"}},
		"files out of its tree": {shelf{"n": "box {\n image = \"x\"\n env = { A = file(\"../../etc/passwd\"), B = 1 }\n}", "m": "box {\n image = \"x\"\n env = { A = file(\"/etc/passwd\") }\n}"}, "box \"a\" { from = \"n\" }\nbox \"b\" { from = \"m\" }",
			[]string{"n/box.hcl:3,20 Invalid function argument", "m/box.hcl:3,20 Invalid function argument"}},
		"the project's variables": {shelf{"n": "box {\n image = \"x\"\n env_file = \"dev.env\"\n}"}, `box "a" { from = "n" }`, []string{"n/box.hcl:3,13 `env_file` cannot stand in a definition from elsewhere"}},
		"a template's env":        {shelf{"n": "box {\n image = \"x\"\n env = { A = templatefile(\"t\", {}) }\n}"}, `box "a" { from = "n" }`, []string{"n/box.hcl:3,28 Invalid function argument | sees only its own files"}},
		"a secret in an image": {shelf{"n": "variable \"key\" {\n sensitive = true\n}\nbox { image = \"x:${var.key}\" }"}, "box \"a\" {\n from = \"n\"\n with = { key = \"hunter2\" }\n}",
			[]string{"n/box.hcl:4,15 `image`: a sensitive value cannot stand here"}},
	} {
		t.Run(name, func(t *testing.T) {
			all := definitions()
			for k, v := range tc.more {
				all[k] = v
			}
			project, list := loadWith(t, all, tc.text)
			if project != nil {
				t.Error("a project in spite of errors")
			}
			var got []string
			for _, d := range list {
				got = append(got, fmt.Sprintf("%s %s: %s | %s", d.Range, d.Summary, d.Detail, d.Hint))
				if strings.Contains(d.Summary+d.Detail+d.Hint, "hunter2") {
					t.Error("a secret is shown:", d)
				}
			}
			for _, want := range tc.want {
				place, rest, _ := strings.Cut(want, " ")
				if !slices.ContainsFunc(got, func(g string) bool {
					found := strings.HasPrefix(g, place+" ")
					for _, part := range strings.FieldsFunc(rest, func(r rune) bool { return r == '|' }) {
						for _, piece := range strings.SplitN(part, ": ", 2) {
							found = found && strings.Contains(g, strings.TrimSpace(piece))
						}
					}
					return found
				}) {
					t.Errorf("missing %s", want)
				}
			}
			if t.Failed() || len(got) > len(tc.want) {
				t.Errorf("got\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

// TestLocalDefinition: what a definition of the checkout builds and reads is relative to it, what it shares to the Envfile.
func TestLocalDefinition(t *testing.T) {
	project, list := loadWith(t, definitions(), `box "a" { from = "./src" }`)
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	b := project.Boxes[0]
	got := fmt.Sprint(summary(b), " ", b.Build.Context.Rel, " ", b.Setups[0].Inputs[0].Pattern, " ", b.Provisioners[0].Inputs[0].Pattern, " ", b.Shares[0].Source.Rel)
	want := "a  0M ABS=/home/u/shop/src/x DIR=/home/u/shop MAIN=package main UID=1000 .→/w build . src src/deep/** hello.txt ."
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !slices.Contains(project.Reads, "src/main.go") {
		t.Errorf("reads %v", project.Reads)
	}
}

// TestDefinitionLayers: Envfile.local may set inputs too, and JSON may name definitions.
func TestDefinitionLayers(t *testing.T) {
	v := values()
	v.Definitions = definitions()
	for name, layers := range map[string][]config.Source{
		"local": {
			{Name: "Envfile", Data: []byte("box \"a\" {\n from = \"go\"\n with = { version = \"1.24\", tools = [\"gcc\"] }\n}")},
			{Name: "Envfile.local", Data: []byte("box \"a\" { with = { version = \"1.26\" } }")},
		},
		"JSON": {{Name: "Envfile.json", Data: []byte(`{"box": {"a": {"from": "go", "with": {"version": "1.26", "tools": ["gcc"]}}}}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			project, list := config.Load(t.Context(), v, layers...)
			if err := list.Err(); err != nil {
				t.Fatal(err)
			}
			if got, want := summary(project.Boxes[0]), "a golang:1.26 1024M git gcc GO=1.26 NAME=a"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// TestDefinitionLimits: definitions multiply in a list, and in a row.
func TestDefinitionLimits(t *testing.T) {
	row, tree := shelf{"d0": "box { image = \"x\" }", "e0": "box { memory = \"1g\" }"}, shelf{"t0": "box { memory = \"1g\" }"}
	for i := 1; i < 20; i++ {
		row[fmt.Sprint("d", i)] = fmt.Sprintf("box { from = \"d%d\" }", i-1)
	}
	for i := 1; i < 14; i++ { // each made from ten of the next below
		var names []string
		for j := range 10 {
			name := fmt.Sprintf("t%d_%d", i, j)
			names = append(names, fmt.Sprintf("%q", fmt.Sprintf("t%d_%d", i-1, j)))
			if i == 1 {
				names = []string{`"t0"`}
			}
			tree[name] = ""
		}
		for j := range 10 {
			tree[fmt.Sprintf("t%d_%d", i, j)] = "box { from = [" + strings.Join(names, ", ") + "] }"
		}
	}
	for name, tc := range map[string]struct {
		shelf      shelf
		from, want string
	}{
		"16 in a row":   {row, "d15", ""},
		"17 in a row":   {row, "d16", "more than 16 definitions in a row"},
		"a tree of ten": {tree, "t13_0", "definitions come to more than 200000 attributes and blocks"},
	} {
		t.Run(name, func(t *testing.T) {
			_, list := loadWith(t, tc.shelf, fmt.Sprintf("box \"a\" {\n image = \"y\"\n from = %q\n}", tc.from))
			text := ""
			for _, d := range list {
				text += d.Summary + "\n"
			}
			if tc.want == "" && len(list) > 0 || !strings.Contains(text, tc.want) {
				t.Errorf("got %s", text)
			}
		})
	}
}

// TestDefinitionGrowth: what is small where it is written may be large where it is used; each of these ends.
func TestDefinitionGrowth(t *testing.T) {
	var variables, reads, chain strings.Builder
	for i := range 8_000 {
		fmt.Fprintf(&variables, "variable \"v%d\" { default = 1 }\n", i)
		fmt.Fprintf(&reads, "  L%d = var.v%d\n", i, i)
		fmt.Fprintf(&chain, "  c%d = local.c%d\n", i, i+1)
	}
	all := shelf{
		"wide":  variables.String() + "box {\n image = \"x\"\n labels = {\n" + reads.String() + " }\n}",
		"whole": variables.String() + "box {\n image = \"x\"\n env = { A = length(var), B = length(var) }\n}",
		"long":  "locals {\n" + chain.String() + "  c8000 = \"x\"\n}\nbox { image = local.c0 }",
	}
	many := func(from string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "box \"b%d\" { from = %q }\n", i, from)
		}
		return b.String()
	}
	for name, tc := range map[string]struct{ text, want string }{
		"one of many variables":   {many("wide", 1), ""},
		"many of many variables":  {many("wide", 40), "definitions come to more than"},
		"a list of the same":      {"box \"a\" { from = [" + strings.Repeat("\"wide\", ", 2_000) + "] }", "wide/box.hcl is named twice"},
		"the whole scope":         {many("whole", 3), ""},
		"a long chain":            {many("long", 3), ""},
		"many that are not there": {many("nope", 2_000), "no box nope"},
	} {
		t.Run(name, func(t *testing.T) {
			_, list := loadWith(t, all, tc.text)
			text := ""
			for _, d := range list {
				text += d.Summary + "\n"
			}
			if tc.want == "" && text != "" || !strings.Contains(text, tc.want) {
				t.Errorf("got %.500s", text)
			}
		})
	}
}
