package config

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/envyhq/envy/internal/diag"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// anywhere resolves every path as a directory inside.
type anywhere struct{ fstest.MapFS }

func (anywhere) Resolve(p string) Location {
	return Location{Path: p, Inside: true, Rel: ".", Exists: p != "/p/new", Dir: true}
}

func everything(t *testing.T) (Source, Values) {
	t.Helper()
	src, err := os.ReadFile("testdata/valid_everything.hcl")
	if err != nil {
		t.Fatal(err)
	}
	return Source{Name: FileName, Data: src}, Values{
		Files: anywhere{fstest.MapFS{
			"dev.env": {Data: []byte("A=1\n")}, "more.env": {Data: []byte("B=1\n")}, "hello.txt": {Data: []byte("hello\n")}, "Dockerfile.dev": {}, "Dockerfile": {},
		}},
		Folder: ".", Dir: "/p", Root: "/p", Home: "/h", DefaultName: "dir", Checkout: "c",
		Host:     Host{CPUs: 2, Memory: 1 << 30},
		VarFiles: []Source{{Name: "v.hcl", Data: []byte("plain = null\n")}},
	}
}

// TestEveryAttributeReachesTheModel takes each attribute of the schema out of a file that writes all of them: the project
// must become another one (or wrong). An attribute that is decoded and then forgotten fails here.
func TestEveryAttributeReachesTheModel(t *testing.T) {
	source, v := everything(t)
	whole := evaluateWithout(t, source, v, nil, "")
	if whole == nil {
		t.Fatal("the whole file is not valid")
	}
	// These do not reach a Project; what they do is tested elsewhere.
	elsewhere := map[string]string{
		"variable.description":     "TestUnset",
		"box.from":                 "TestTemplates",
		"box.with":                 "TestDefinitions",
		"validation.condition":     "TestCorpus",
		"validation.error_message": "TestCorpus",
	}
	reached := map[string]bool{}
	for _, path := range nodePaths(t, source) {
		name := path[len(path)-1].schema
		for i := range name.attrs {
			a := &name.attrs[i]
			key := name.name + "." + a.name
			if a.notBuilt || reached[key] || path[len(path)-1].attrs[a.name] == nil && a.name != "enabled" {
				continue
			}
			if changed(whole, evaluateWithout(t, source, v, path, a.name)) {
				reached[key] = true
			}
		}
	}
	walk(languageSchema(), map[*block]bool{}, func(b *block) {
		for _, a := range b.attrs {
			key := b.name + "." + a.name
			if !a.notBuilt && !reached[key] && elsewhere[key] == "" {
				t.Errorf("%s changes nothing", key)
			}
		}
	})
}

// TestTemplateIsAsIfWritten: a box that is made from a template of everything is the box that says it all itself.
func TestTemplateIsAsIfWritten(t *testing.T) {
	source, v := everything(t)
	whole, list := Load(t.Context(), v, source)
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(source.Data), `box "web" {`, "box \"web\" {\n from = template.web\n}\ntemplate \"web\" {", 1)
	made, list := Load(t.Context(), v, Source{Name: source.Name, Data: []byte(text)})
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, made, cmpopts.IgnoreTypes(diag.Range{}), cmpopts.IgnoreFields(Box{}, "From")); diff != "" {
		t.Error(diff)
	}
}

func changed(a, b *Project) bool {
	return b == nil || !cmp.Equal(a, b, cmpopts.IgnoreTypes(diag.Range{}), cmpopts.IgnoreFields(Box{}, "Attrs", "From"))
}

// walk visits every type of block that this build has.
func walk(b *block, seen map[*block]bool, visit func(*block)) {
	if seen[b] || b.notBuilt || b.like != "" {
		return
	}
	seen[b] = true
	visit(b)
	for _, c := range b.blocks {
		walk(c, seen, visit)
	}
}

// nodePaths lists the way to every block of the file.
func nodePaths(t *testing.T, source Source) [][]*node {
	t.Helper()
	file, list := Parse(source)
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	var paths [][]*node
	var visit func(n *node, path []*node)
	visit = func(n *node, path []*node) {
		path = append(path[:len(path):len(path)], n)
		paths = append(paths, path)
		for _, c := range n.children {
			visit(c, path)
		}
	}
	visit(file.root, nil)
	return paths
}

// evaluateWithout evaluates the file with one attribute of one block taken out; `enabled` is set to false instead.
func evaluateWithout(t *testing.T, source Source, v Values, path []*node, name string) *Project {
	t.Helper()
	file, list := Parse(source)
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	n := file.root
	for i := 1; i < len(path); i++ {
		for _, c := range n.children {
			if c.schema.name == path[i].schema.name && c.label == path[i].label {
				n = c
				break
			}
		}
	}
	if name == "enabled" {
		off, _ := Parse(Source{Name: "off", Data: []byte("box \"x\" {\nenabled = false\n}")})
		n.attrs[name] = off.root.children[0].attrs[name]
	} else {
		delete(n.attrs, name)
	}
	project, list := file.Evaluate(t.Context(), v)
	if path == nil && list.HasErrors() {
		t.Fatal(list.Err())
	}
	return project
}

// TestSchemaIsDocumented: the reference is generated from these lines.
func TestSchemaIsDocumented(t *testing.T) {
	walk(languageSchema(), map[*block]bool{}, func(b *block) {
		if b.doc == "" && b.name != "" {
			t.Errorf("block %s has no doc", b.name)
		}
		for _, a := range b.attrs {
			if a.doc == "" && !a.notBuilt {
				t.Errorf("%s.%s has no doc", b.name, a.name)
			}
		}
	})
}
