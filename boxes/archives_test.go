package boxes_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
)

// packed is an archive of a box "web"; %s in its definition is its image.
func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	image := &archive.Image{Config: []byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`)}
	definition := map[string][]byte{}
	for name, text := range files {
		definition[name] = []byte(strings.ReplaceAll(text, "%s", image.Reference("web")))
	}
	var out bytes.Buffer
	if _, err := archive.Write(t.Context(), &out, archive.Box{Name: "web", Definition: definition, Image: image}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const ownImage = `box { image = "%s" }`

// withArchive is the finder's checkout with one more file.
func withArchive(f *boxes.Finder, name string, data []byte) *boxes.Finder {
	f.Archives = &boxes.Archives{}
	f.Files.(checkout).MapFS[name] = &fstest.MapFile{Data: data}
	return f
}

func TestArchives(t *testing.T) {
	data := packed(t, map[string]string{"box.hcl": ownImage, "motd": "hello"})
	f := withArchive(finder(), "sub/shop.box", data)
	def, err := f.Definition(t.Context(), "./shop.box", nil)
	if err != nil {
		t.Fatal(err)
	}
	head, err := archive.ReadHead(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if def.Dir != "" || def.Image != head.Reference() || def.File != "./shop.box/box.hcl" || def.Folder != "." {
		t.Errorf("%+v", def)
	}
	want := boxes.Archive{From: "./shop.box", Path: "sub/shop.box", Digest: head.Digest, Reference: head.Reference(), Size: head.Image()}
	if got, ok := f.Archives.Holding(def.Image); !ok || got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if diff := cmp.Diff([]boxes.Archive{want}, f.Archives.Named()); diff != "" {
		t.Error(diff)
	}
	if _, ok := f.Archives.Holding("debian"); ok {
		t.Error("an archive has an image of a registry")
	}
	project, list := config.Load(t.Context(), config.Values{Files: f.Files, Definitions: f, DefaultName: "p"}, config.Source{Name: "Envfile", Data: []byte(`box "a" { from = "./shop.box" }`)})
	if list.HasErrors() || project.Boxes[0].Image != def.Image {
		t.Errorf("%v", list.Err())
	}
}

func TestAdded(t *testing.T) {
	head, err := archive.ReadHead(bytes.NewReader(packed(t, map[string]string{"box.hcl": ownImage})))
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	f := &boxes.Finder{Archives: &boxes.Archives{Added: func(name string) (*archive.Head, error) {
		if asked = append(asked, name); name == "shop" || name == "go" {
			return head, nil
		}
		return nil, nil
	}}}
	def, err := f.Definition(t.Context(), "shop", nil)
	if err != nil || def.Image != head.Reference() || def.File != "shop.box/box.hcl" {
		t.Errorf("%+v, %v", def, err)
	}
	if got, ok := f.Archives.Holding(head.Reference()); !ok || got.From != "shop" || got.Path != "" {
		t.Errorf("%+v", got)
	}
	if def, err := f.Definition(t.Context(), "go", nil); err != nil || def.Image != "" {
		t.Errorf("a name of the catalogue was taken: %+v, %v", def, err)
	}
	if _, err := f.Definition(t.Context(), "shopp", nil); err == nil || !strings.Contains(err.Error(), "no box") {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff([]string{"shop", "shopp"}, asked); diff != "" {
		t.Error(diff)
	}
}

// Each is an archive of a checkout, which is as little trusted as that.
func TestArchivesRefused(t *testing.T) {
	good := packed(t, map[string]string{"box.hcl": ownImage})
	link := tarOf(t, tar.Header{Typeflag: tar.TypeSymlink, Name: "manifest.json", Linkname: "/etc/passwd"})
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"no tar":                      {[]byte("no tar"), "cannot be used"},
		"nothing":                     {nil, "cannot be used"},
		"a tar of something else":     {tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "x"}), "cannot be used"},
		"a link":                      {link, "cannot be used"},
		"half":                        {good[:1000], "cannot be used"},
		"another image":               {packed(t, map[string]string{"box.hcl": `box { image = "debian" }`}), "the image that came with"},
		"another box's image":         {packed(t, map[string]string{"box.hcl": `box { image = "envy.local/box/db:` + strings.Repeat("0", 32) + `" }`}), "the image that came with"},
		"an image by expression":      {packed(t, map[string]string{"box.hcl": "locals { i = \"debian\" }\nbox { image = local.i }"}), "the image that came with"},
		"a build":                     {packed(t, map[string]string{"box.hcl": "box {\n build { context = \".\" }\n}"}), "cannot build"},
		"from the catalogue":          {packed(t, map[string]string{"box.hcl": `box { from = "go" }`}), "cannot be made from go"},
		"from a repository":           {packed(t, map[string]string{"box.hcl": `box { from = "git::https://example.com/x.git" }`}), "cannot be made from git"},
		"from another archive":        {packed(t, map[string]string{"box.hcl": `box { from = "./other.box" }`}), "cannot be made from"},
		"from the checkout":           {packed(t, map[string]string{"box.hcl": `box { from = "../../boxes/web" }`}), "leads out"},
		"from a folder with an image": {packed(t, map[string]string{"box.hcl": `box { from = "./in" }`, "in/box.hcl": `box { image = "debian" }`}), "the image that came with"},
		"the checkout's files":        {packed(t, map[string]string{"box.hcl": "box {\n image = \"%s\"\n env = { A = file(\"/p/other.hcl\") }\n}"}), ""},
		"the environment":             {packed(t, map[string]string{"box.hcl": "box {\n image = \"%s\"\n env = { A = env(\"HOME\") }\n}"}), ""},
		"the project":                 {packed(t, map[string]string{"box.hcl": "box {\n image = \"%s\"\n env = { A = project.dir }\n}"}), ""},
		"two boxes":                   {packed(t, map[string]string{"box.hcl": "box { image = \"%s\" }\nbox { image = \"%s\" }"}), ""},
		"a variable of the Envfile's": {packed(t, map[string]string{"box.hcl": "box {\n image = \"%s\"\n env = { A = var.x }\n}"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := withArchive(finder(), "sub/shop.box", tc.data)
			_, list := config.Load(t.Context(), config.Values{
				Files: f.Files, Folder: f.Folder, Dir: f.Dir, Root: "/p", Definitions: f, DefaultName: "p", Env: func(string) (string, bool) { return "secret", true },
			}, config.Source{Name: "Envfile", Data: []byte("variable \"x\" { default = \"1\" }\nbox \"a\" { from = \"./shop.box\" }")})
			if err := list.Err(); err == nil || !strings.Contains(fmt.Sprint(err), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
	f := withArchive(finder(), "sub/shop.box", good)
	for ref, want := range map[string]string{
		"./none.box": "no such archive", "./out/x.box": "outside the checkout", "./boxes/web.box": "no such", "https://example.com/shop.box": "no server can be asked", "./empty/../../../x.box": "outside",
	} {
		if _, err := f.Definition(t.Context(), ref, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
}

func tarOf(t *testing.T, h tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The reference follows from the image: no archive can choose it.
func TestReference(t *testing.T) {
	sum := sha256.Sum256([]byte(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`))
	head, err := archive.ReadHead(bytes.NewReader(packed(t, map[string]string{"box.hcl": ownImage})))
	if want := "envy.local/box/web:" + hex.EncodeToString(sum[:])[:32]; err != nil || head.Reference() != want {
		t.Errorf("%s, want %s", head.Reference(), want)
	}
}

// TestEnclosedArchive: an archive may lie beside the definition that names it, in its repository or directory, and is no entry of
// the lock: what it lies among is.
func TestEnclosedArchive(t *testing.T) {
	data := packed(t, map[string]string{"box.hcl": ownImage})
	files := folder{fstest.MapFS{
		"web/box.hcl": {Data: []byte(`box { from = "./shop.box" }`)}, "web/shop.box": {Data: data}, "shared/db.box": {Data: data},
		"web/broken.box": {Data: []byte("no tar")}, "web/x.box": {Mode: fs.ModeDir},
	}}
	by := &config.Definition{ID: "repository", File: "repo/web/box.hcl", Tree: files, Content: files, Folder: "web", Unquoted: true}
	f := finder()
	f.Archives, f.Locked = &boxes.Archives{}, true
	for ref, want := range map[string]string{"./shop.box": "repo/web/shop.box", "../shared/db.box": "repo/shared/db.box"} {
		def, err := f.Definition(t.Context(), ref, by)
		if err != nil || def.Image == "" || def.File != want+"/box.hcl" || !def.Unquoted || def.Content != nil {
			t.Fatalf("%+v, %v", def, err)
		}
		if list := f.SettledArchives(def.ID); len(list) > 0 {
			t.Errorf("locked by itself: %v", list)
		}
		got, ok := f.Archives.Holding(def.Image)
		if !ok || got.Files == nil || got.Digest == "" {
			t.Fatalf("%+v", got)
		}
		if held, err := fs.ReadFile(got.Files, got.Path); err != nil || !bytes.Equal(held, data) {
			t.Error("another file", err)
		}
	}
	for ref, want := range map[string]string{
		"./none.box": "no such archive: repo/web/none.box", "../../shop.box": "leads out of the definition's own files", "./broken.box": "cannot be used", "./x.box": "is no regular file",
	} {
		if _, err := f.Definition(t.Context(), ref, by); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", ref, err, want)
		}
	}
	by.Content = nil // of the catalogue
	if _, err := f.Definition(t.Context(), "./shop.box", by); err == nil || !strings.Contains(err.Error(), "there are no archives beside") {
		t.Error(err)
	}
}

// TestFarArchiveOfARepository: a definition in a repository may be made from an archive elsewhere, which is asked about and locked
// like one that the Envfile names.
func TestFarArchiveOfARepository(t *testing.T) {
	head, err := archive.ReadHead(bytes.NewReader(packed(t, map[string]string{"box.hcl": ownImage})))
	if err != nil {
		t.Fatal(err)
	}
	by := &config.Definition{ID: "repository", File: "repo/box.hcl", Tree: fstest.MapFS{}, Folder: "."}
	for _, ref := range []string{"oci://example.com/team/web:1", "https://example.com/shop.box?checksum=" + hash} {
		f := finder()
		f.Archives = &boxes.Archives{}
		f.Registry = func(context.Context, source.Registry, string) (*archive.Head, error) { return head, nil }
		f.Web = func(context.Context, source.Archive, string) (*archive.Head, error) { return head, nil }
		if _, err := f.Definition(t.Context(), ref, by); err == nil || !strings.Contains(err.Error(), "not locked yet") {
			t.Errorf("%s: %v", ref, err)
		}
		f.Trusts = func(config.GateEntry) bool { return true }
		def, err := f.Definition(t.Context(), ref, by)
		if err != nil || def.Image != head.Reference() {
			t.Fatalf("%s: %v", ref, err)
		}
		if list := f.SettledArchives(def.ID); len(list) != 1 || list[0].Source != ref {
			t.Errorf("%s: %v", ref, list)
		}
	}
}
