package config_test

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/envyhq/envy/config"
)

// ownTree is the tree of a definition from elsewhere.
type ownTree struct{ fstest.MapFS }

func (o ownTree) Below(dir string) (fs.FS, error) { return fs.Sub(o.MapFS, dir) }

// building finds one definition, whose tree builds and setups take from.
type building struct{ def config.Definition }

func (b building) Definition(context.Context, string, *config.Definition) (*config.Definition, error) {
	def := b.def
	return &def, nil
}

func repository(text string) config.Definition {
	tree := ownTree{fstest.MapFS{
		"web/box.hcl": {Data: []byte(text)}, "web/Dockerfile": {Data: []byte("FROM x\n")}, "web/ci/Dockerfile.dev": {Data: []byte("FROM y\n")},
		"web/tools/a.sh": {Data: []byte("a")}, "shared/Dockerfile": {Data: []byte("FROM z\n")}, "shared/b.sh": {Data: []byte("b")},
	}}
	return config.Definition{ID: "repository", File: "repo/web/box.hcl", Data: []byte(text), Tree: tree, Content: tree, Folder: "web"}
}

func loadFrom(t *testing.T, def config.Definition, envfile string) (*config.Project, []string) {
	t.Helper()
	v := values()
	v.Definitions = building{def}
	project, list := config.Load(t.Context(), v, config.Source{Name: "Envfile", Data: []byte(envfile)})
	var found []string
	for _, d := range list {
		found = append(found, fmt.Sprintf("%s %s | %s", d.Range, d.Summary, d.Hint))
	}
	return project, found
}

// TestBuildElsewhere: a build's context and a setup's inputs lie in the definition's own tree, and stay in it.
func TestBuildElsewhere(t *testing.T) {
	tests := map[string]struct{ box, want string }{
		"its folder":          {"build {}", "web Dockerfile"},
		"a folder below":      {"build {\n context = \"ci\"\n dockerfile = \"Dockerfile.dev\"\n target = \"t\"\n}", "web/ci Dockerfile.dev t"},
		"beside it":           {"build { context = \"../shared\" }", "shared Dockerfile"},
		"a Dockerfile below":  {"build { dockerfile = \"ci/Dockerfile.dev\" }", "web ci/Dockerfile.dev"},
		"out of the tree":     {"build { context = \"../..\" }", "repo/web/box.hcl:2,20 `context`: ../..: a definition from elsewhere sees only its own files"},
		"an absolute path":    {"build { context = \"/etc\" }", "`context`: /etc: a definition from elsewhere"},
		"the home":            {"build { context = \"~/x\" }", "no such directory: ~/x"},
		"nothing there":       {"build { context = \"nowhere\" }", "no such directory: nowhere"},
		"a file":              {"build { context = \"Dockerfile\" }", "Dockerfile is no directory"},
		"no Dockerfile":       {"build { context = \"tools\" }", "no file Dockerfile in the context tools"},
		"another Dockerfile":  {"build { dockerfile = \"../shared/Dockerfile\" }", "`dockerfile`: expected"},
		"inputs":              {"image = \"x\"\n setup \"s\" {\n run = \"x\"\n inputs = [\"tools/**\", \"../shared/b.sh\"]\n}", "inputs web/tools/** shared/b.sh from web"},
		"inputs out of it":    {"image = \"x\"\n setup \"s\" {\n run = \"x\"\n inputs = [\"../../x\"]\n}", "`inputs`: ../../x: a definition from elsewhere sees only"},
		"inputs by full path": {"image = \"x\"\n setup \"s\" {\n run = \"x\"\n inputs = [\"/etc/passwd\"]\n}", "`inputs`"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			project, found := loadFrom(t, repository("box {\n "+tc.box+"\n}"), "box \"a\" { from = \"r\" }")
			got := strings.Join(found, "\n")
			if project != nil {
				got = taken(project.Boxes[0])
				if len(project.Gate) > 0 {
					t.Errorf("asks for %v", project.Gate)
				}
			}
			if !strings.Contains(got, tc.want) {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func taken(b *config.Box) string {
	var parts []string
	if x := b.Build; x != nil {
		if x.Tree == nil || x.Definition != "repository" {
			parts = append(parts, "of the host")
		}
		parts = append(parts, x.Context.Rel, x.Dockerfile, x.Target)
	}
	for _, s := range b.Setups {
		parts = append(parts, "inputs")
		for _, in := range s.Inputs {
			parts = append(parts, in.Pattern)
		}
		if s.Tree != nil {
			parts = append(parts, "from", s.Folder)
		}
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// TestBuildLayers: what the Envfile says of a definition's build is laid over it, and a context of the Envfile's is the checkout's.
func TestBuildLayers(t *testing.T) {
	def := repository("box {\n build { args = { A = \"1\" } }\n setup \"s\" {\n run = \"x\"\n inputs = [\"tools/a.sh\"]\n}\n}")
	project, found := loadFrom(t, def, "box \"a\" {\n from = \"r\"\n build { args = { B = \"2\" } }\n}")
	if project == nil || project.Boxes[0].Build.Tree == nil || len(project.Boxes[0].Build.Args) != 2 {
		t.Fatal(found)
	}
	project, found = loadFrom(t, def, "box \"a\" {\n from = \"r\"\n build { context = \"app\" }\n setup \"s\" { inputs = [\"hello.txt\"] }\n}")
	if project == nil {
		t.Fatal(found)
	}
	b := project.Boxes[0]
	if b.Build.Tree != nil || b.Build.Context.Rel != "app" || b.Setups[0].Tree != nil || b.Setups[0].Folder != "." {
		t.Errorf("%+v %+v", b.Build, b.Setups[0])
	}
}

// TestBuildOutside: a context in a directory outside is on the list.
func TestBuildOutside(t *testing.T) {
	def := repository("box {\n build { context = \"../shared\" }\n}")
	def.Place = "/srv/boxes"
	project, found := loadFrom(t, def, "box \"a\" { from = \"r\" }")
	if project == nil {
		t.Fatal(found)
	}
	if !slices.ContainsFunc(project.Gate, func(e config.GateEntry) bool {
		return e.Kind == config.GateContext && e.Reaches == "/srv/boxes/shared" && e.What == `box "a" is built from /srv/boxes/shared, outside the project`
	}) {
		t.Errorf("%+v", project.Gate)
	}
}

// TestNothingBuilt: the catalogue and archives have nothing that could be built.
func TestNothingBuilt(t *testing.T) {
	for name, box := range map[string]string{
		"built": "build { dockerfile = \"Dockerfile\" }", "taken": "image = \"x\"\n setup \"s\" {\n run = \"x\"\n inputs = [\"tools/a.sh\"]\n}",
	} {
		def := repository("box {\n " + box + "\n}")
		def.Content = nil
		project, found := loadFrom(t, def, "box \"a\" { from = \"r\" }")
		if want := "nothing is " + name + " from the files of a definition of the catalogue"; project != nil || len(found) != 1 || !strings.Contains(found[0], want) {
			t.Errorf("%v, want %s", found, want)
		}
		def.Image = "x"
		project, found = loadFrom(t, def, "box \"a\" { from = \"r\" }")
		want := "from the files of the definition of an archive, which has its image with it"
		if name == "built" {
			want = "a definition that has its image with it cannot build one"
		}
		if project != nil || !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("%v, want %s", found, want)
		}
	}
}
