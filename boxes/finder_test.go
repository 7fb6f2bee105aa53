package boxes_test

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/config"
)

// checkout is a checkout in memory at /p. Paths below /outside exist, and links are names that lead to other paths.
type checkout struct {
	fstest.MapFS
	links map[string]string
}

func (c checkout) Resolve(p string) config.Location {
	p = path.Clean(p)
	for link, to := range c.links {
		if p == link || strings.HasPrefix(p, link+"/") {
			p = to + strings.TrimPrefix(p, link)
		}
	}
	at := config.Location{Path: p}
	rel, inside := strings.CutPrefix(p, "/p/")
	if p == "/p" {
		rel, inside = ".", true
	}
	if !inside {
		at.Exists, at.Dir = strings.HasPrefix(p, "/outside"), true
		return at
	}
	at.Inside, at.Rel = true, rel
	if info, err := fs.Stat(c.MapFS, rel); err == nil {
		at.Exists, at.Dir = true, info.IsDir()
	}
	return at
}

func finder() *boxes.Finder {
	text := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return &boxes.Finder{Folder: "sub", Dir: "/p/sub", Files: checkout{
		MapFS: fstest.MapFS{
			"sub/boxes/web/box.hcl": text("box { from = \"../base\" }"), "sub/boxes/base/box.hcl": text("box { image = \"x\" }"),
			"shared/box.hcl": text("box { image = \"shared\" }"), "sub/empty/x": text(""), "sub/file": text(""),
			"sub/folder/box.hcl/x": text(""), "sub/linked/box.hcl": text("box {}"), "other.hcl": text("box {}"),
		},
		links: map[string]string{"/p/sub/out": "/outside", "/p/sub/linked/box.hcl": "/p/other.hcl"},
	}}
}

// TestDirectories: a directory of the checkout is a definition, one that is outside or links out is not.
func TestDirectories(t *testing.T) {
	for ref, want := range map[string]string{
		"./boxes/web": "boxes/web/box.hcl sub/boxes/web /p/sub/boxes/web",
		"../shared":   "../shared/box.hcl shared /p/shared",
		"/p/shared":   "is a path of one machine",
		"./nowhere":   "no such directory: ./nowhere",
		"./empty":     "no box.hcl in empty",
		"./file":      "./file is no directory",
		"./folder":    "is no regular file",
		"./linked":    "box.hcl in ./linked is a link out of its directory",
		"./out":       "the definition ./out lies outside the checkout",
		"../../x":     "no such directory: ../../x",
		"/outside":    "is a path of one machine",
	} {
		def, err := finder().Definition(t.Context(), ref, nil)
		got := fmt.Sprint(err)
		if err == nil {
			got = strings.Join([]string{def.File, def.Folder, def.Dir}, " ")
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}

// TestDirectoryOfDefinition: what a definition names is relative to it, and one of the catalogue stays in it.
func TestDirectoryOfDefinition(t *testing.T) {
	web, err := finder().Definition(t.Context(), "./boxes/web", nil)
	if err != nil {
		t.Fatal(err)
	}
	base, err := finder().Definition(t.Context(), "../base", web)
	if err != nil || base.File != "boxes/base/box.hcl" {
		t.Errorf("%v, %v", base, err)
	}
	minimal, err := finder().Definition(t.Context(), "minimal", web)
	if err != nil || minimal.Dir != "" {
		t.Fatal(minimal, err)
	}
	for _, ref := range []string{"/etc", "../../..", "../../../etc"} {
		if def, err := finder().Definition(t.Context(), ref, minimal); err == nil {
			t.Errorf("%s: %v", ref, def)
		}
	}
}

// TestNames: what is no name of the catalogue is told, with what may have been meant.
func TestNames(t *testing.T) {
	for ref, want := range map[string]string{
		"go": "", "go@~> 1.25": "", "postgress": `did you mean "postgres"?`, "": "the source is empty", "boxes": "\"./boxes\"",
		"git::https://example.com/x": "no repository can be fetched here", "oci://example.com/x:1": "no registry can be asked here",
		"a/b": "./a/b", "github.com/org/repo": "git::https", "..hidden": "..hidden", "go/../node": "does not say what it is", "go@": "is no version constraint",
	} {
		_, err := finder().Definition(t.Context(), ref, nil)
		text := ""
		if known, ok := err.(*config.DefinitionError); ok { //nolint:errorlint // as it is returned
			text = known.Summary + known.Detail + known.Hint
		} else if err != nil {
			t.Error(err)
		}
		if want == "" && err != nil || !strings.Contains(text, want) {
			t.Errorf("%q: %s, want %s", ref, text, want)
		}
	}
}

// TestSameName: a directory that is called as the catalogue is another definition.
func TestSameName(t *testing.T) {
	f := finder()
	files := f.Files.(checkout)
	files.MapFS["sub/catalog/go/box.hcl"] = &fstest.MapFile{Data: []byte("box { image = file(\"mine.txt\") }")}
	files.MapFS["sub/catalog/go/mine.txt"] = &fstest.MapFile{Data: []byte("mine")}
	for _, text := range []string{
		"box \"a\" { from = \"./catalog/go\" }\nbox \"b\" { from = \"go\" }", "box \"b\" { from = \"go\" }\nbox \"a\" { from = \"./catalog/go\" }",
	} {
		project, list := config.Load(t.Context(), config.Values{
			Files: f.Files, Folder: f.Folder, Dir: f.Dir, Root: "/p", DefaultName: "p", Checkout: "c", Definitions: f,
		}, config.Source{Name: "Envfile", Data: []byte(text)})
		if err := list.Err(); err != nil {
			t.Fatal(err)
		}
		for _, b := range project.Boxes {
			if want := map[string]string{"a": "mine", "b": "debian:bookworm-slim"}[b.Name]; b.Image != want {
				t.Errorf("%s: %s", b.Name, b.Image)
			}
		}
	}
}

// TestCatalog: each box of the catalogue is valid as it is, and in each version that it knows, and lists what it takes.
func TestCatalog(t *testing.T) {
	names := boxes.Names()
	if len(names) < 16 {
		t.Errorf("%d boxes", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			plain := load(t, fmt.Sprintf("box \"a\" { from = %q }", name))
			if plain.Image == "" {
				t.Error("no image")
			}
			newest := load(t, fmt.Sprintf("box \"a\" { from = \"%s@>= 0\" }", name))
			if newest.Image == "" || newest.Image == plain.Image && newest.Packages != nil {
				t.Errorf("a version changes nothing: %s", newest.Image)
			}
			if (plain.Service || plain.Command != nil) != (newest.Service || newest.Command != nil) {
				t.Errorf("with a version it is a service, without not, or the other way round")
			}
			if len(plain.Ports) != len(newest.Ports) {
				t.Errorf("other ports with a version")
			}
		})
	}
}

func load(t *testing.T, text string) *config.Box {
	t.Helper()
	f := finder()
	project, list := config.Load(t.Context(), config.Values{
		Files: f.Files, Folder: f.Folder, Dir: f.Dir, Root: "/p", DefaultName: "p", Checkout: "c", Definitions: f,
	}, config.Source{Name: "Envfile", Data: []byte(text)})
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return project.Boxes[0]
}
