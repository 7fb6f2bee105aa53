package provision

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/provision/resource"
)

// elsewhere is a definition that does not lie in the checkout.
type elsewhere struct{ fstest.MapFS }

func (e elsewhere) Below(dir string) (fs.FS, error) { return fs.Sub(e.MapFS, dir) }

func (e elsewhere) Definition(context.Context, string, *config.Definition) (*config.Definition, error) {
	return &config.Definition{ID: "repository", File: "r/box.hcl", Data: e.MapFS["web/box.hcl"].Data, Tree: e, Content: e, Folder: "web"}, nil
}

func repository() elsewhere {
	return elsewhere{fstest.MapFS{
		"web/box.hcl":        {Data: []byte("box {\n build { context = \"ctx\" }\n setup \"s\" {\n run = \"cat a\"\n inputs = [\"in/*\", \"../shared/c\"]\n }\n}")},
		"web/ctx/Dockerfile": {Data: []byte("FROM debian:bookworm-slim\nCOPY x /x\n")}, "web/ctx/x": {Data: []byte("x")},
		"web/ctx/.dockerignore": {Data: []byte("drop\n")}, "web/ctx/drop": {Data: []byte("drop")},
		"web/in/a": {Data: []byte("a"), Mode: 0o755}, "shared/c": {Data: []byte("c")},
	}}
}

// wantedOf lowers an Envfile's box whose definitions lie there.
func (p *project) wantedOf(text string, d config.Definitions) (resource.ImageWanted, diag.List) {
	p.t.Helper()
	q, _, list := Load(p.t.Context(), []config.Source{{Name: "Envfile", Data: []byte(text)}}, config.Values{
		Files: files{p.host.MapFS, p.host}, Folder: ".", Dir: p.host.dir, Root: p.host.dir, DefaultName: "shop", Definitions: d,
	}, p.id)
	if err := list.Err(); err != nil {
		p.t.Fatal(err)
	}
	desired, diags := lower(p.t.Context(), p.env(), q)
	if len(desired.Images) != 1 {
		p.t.Fatalf("%d images, %v", len(desired.Images), diags)
	}
	return desired.Images[0], diags
}

// TestFilesOfADefinition: a definition's own files give the same image as the same files of a checkout, another content gives
// another one, and what is ignored decides nothing.
func TestFilesOfADefinition(t *testing.T) {
	p := newProject(t)
	from := "box \"web\" { from = \"r\" }"
	first, list := p.wantedOf(from, repository())
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	var inputs []string
	for _, in := range first.Setups[0].Inputs {
		inputs = append(inputs, in.Path+" "+string(in.Content))
	}
	if diff := cmp.Diff([]string{"in/a a", "shared/c c"}, inputs); diff != "" {
		t.Error(diff)
	}
	for name, tc := range map[string]struct {
		file, text string
		same       bool
	}{
		"the context": {"web/ctx/x", "other", false}, "the Dockerfile": {"web/ctx/Dockerfile", "FROM debian:bookworm-slim\n", false},
		"an input": {"shared/c", "other", false}, "another file": {"web/readme", "other", true}, "an ignored one": {"web/ctx/drop", "other", true},
		"what is ignored": {"web/ctx/.dockerignore", "x\n", false},
	} {
		changed := repository()
		changed.MapFS[tc.file] = &fstest.MapFile{Data: []byte(tc.text)}
		got, list := p.wantedOf(from, changed)
		if err := list.Err(); err != nil || (got.ID == first.ID) != tc.same {
			t.Errorf("%s: %v, the same is %v", name, err, got.ID == first.ID)
		}
	}
	for name, f := range repository().MapFS {
		p.host.MapFS[name] = f
	}
	p.host.MapFS["Envfile"] = &fstest.MapFile{}
	inside, list := p.wantedOf("box \"web\" { from = \"r\" }", local{p.host})
	if err := list.Err(); err != nil || inside.ID != first.ID {
		t.Errorf("%v: %s of the checkout, %s of a repository", err, inside.ID, first.ID)
	}
}

// local is the same definition in the checkout.
type local struct{ c *checkout }

func (l local) Definition(context.Context, string, *config.Definition) (*config.Definition, error) {
	return &config.Definition{ID: "directory", File: "web/box.hcl", Data: l.c.MapFS["web/box.hcl"].Data, Tree: files{l.c.MapFS, l.c}, Folder: "web", Dir: l.c.dir + "/web"}, nil
}

// TestInputsOfADefinition: what cannot be taken is told.
func TestInputsOfADefinition(t *testing.T) {
	p := newProject(t)
	for name, tc := range map[string]struct {
		file *fstest.MapFile
		want string
	}{
		"nothing": {nil, `input "../shared/c" matches no file`},
		"huge":    {&fstest.MapFile{Data: make([]byte, maxInput+1)}, "is over 64 MiB"},
		"folder":  {&fstest.MapFile{Mode: fs.ModeDir | 0o755}, "is no regular file"},
	} {
		tree := repository()
		delete(tree.MapFS, "shared/c")
		if tc.file != nil {
			tree.MapFS["shared/c"] = tc.file
		}
		_, list := p.wantedOf("box \"web\" { from = \"r\" }", tree)
		if err := list.Err(); err == nil || !strings.Contains(list[0].Summary+list[0].Detail, tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
	l := &lowering{host: p.host}
	if data, err := l.readInput(repository(), "web/ctx/drop", 3); err == nil || !strings.Contains(err.Error(), "come to more than 256 MiB") {
		t.Error(data, err)
	}
}
