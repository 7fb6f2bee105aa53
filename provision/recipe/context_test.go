package recipe

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// tree makes a file system: "name" is a file, "name/" a directory, "name -> target" a link, "name = content" a file.
func tree(items ...string) fstest.MapFS {
	m := fstest.MapFS{"Dockerfile": {Data: []byte("FROM x\n"), Mode: 0o644}}
	for _, item := range items {
		if name, target, ok := strings.Cut(item, " -> "); ok {
			m[name] = &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink | 0o777}
			continue
		}
		name, content, _ := strings.Cut(item, " = ")
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			m[dir] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
			continue
		}
		m[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	return m
}

func TestIgnore(t *testing.T) {
	tests := map[string]struct {
		dockerfile string
		items      []string
		want       string
	}{
		"no file": {items: []string{"a", "b/c", "empty/"}, want: "Dockerfile a b b/c empty"},
		"simple": {
			items: []string{".dockerignore = # comment\n\n/a\nb\n*.log", "a", "b/c", "x.log", "d/y.log"},
			want:  ".dockerignore Dockerfile d d/y.log",
		},
		"any depth":   {items: []string{".dockerignore = **/*.log", "x.log", "d/e/y.log", "d/e/z"}, want: ".dockerignore Dockerfile d d/e d/e/z"},
		"exception":   {items: []string{".dockerignore = d\n!d/keep", "d/keep", "d/drop", "d/e/f"}, want: ".dockerignore Dockerfile d d/keep"},
		"deep":        {items: []string{".dockerignore = d\n!d/e/keep", "d/e/keep", "d/f/g"}, want: ".dockerignore Dockerfile d d/e d/e/keep"},
		"wild":        {items: []string{".dockerignore = *\n!**/keep", "d/e/keep", "x", "f/"}, want: ".dockerignore Dockerfile d d/e d/e/keep"},
		"last wins":   {items: []string{".dockerignore = *.md\n!README.md\nREADME*", "README.md", "a"}, want: ".dockerignore Dockerfile a"},
		"itself":      {items: []string{".dockerignore = *", "a"}, want: ".dockerignore Dockerfile"},
		"own file":    {items: []string{".dockerignore = a", "Dockerfile.dockerignore = b", "a", "b"}, want: ".dockerignore Dockerfile Dockerfile.dockerignore a"},
		"elsewhere":   {dockerfile: "ci/Dockerfile.dev", items: []string{"ci/Dockerfile.dev", ".dockerignore = ci", "ci/x", "a"}, want: ".dockerignore Dockerfile a ci ci/Dockerfile.dev"},
		"own file in": {dockerfile: "ci/D", items: []string{"ci/D", "ci/D.dockerignore = a", ".dockerignore = b", "a", "b"}, want: ".dockerignore Dockerfile b ci ci/D ci/D.dockerignore"},
		"link":        {items: []string{"l -> /etc/passwd", "m -> a", "a"}, want: "Dockerfile a l m"},
		"bom":         {items: []string{".dockerignore = \ufeffa", "a"}, want: ".dockerignore Dockerfile"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := NewContext(tree(tt.items...), tt.dockerfile)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, strings.Join(c.Paths(), " ")); diff != "" {
				t.Errorf("paths (-want +got):\n%s", diff)
			}
		})
	}
}

func TestContextRefuses(t *testing.T) {
	tests := map[string]struct {
		dockerfile string
		src        fstest.MapFS
		want       string
	}{
		"missing":       {"other", tree(), "other"},
		"outside":       {"../Dockerfile", tree(), "not inside"},
		"absolute":      {"/Dockerfile", tree(), "not inside"},
		"a folder":      {"d", tree("d/"), "not a regular file"},
		"pattern":       {"", tree(".dockerignore = [a"), ".dockerignore"},
		"lone bang":     {"", tree(".dockerignore = !"), ".dockerignore"},
		"large ignores": {"", tree(".dockerignore = " + strings.Repeat("x\n", maxText)), "over the limit"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := NewContext(tt.src, tt.dockerfile); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// An ignored folder is not even listed, unless something in it could be wanted.
func TestIgnoredFoldersAreNotRead(t *testing.T) {
	src := &counting{MapFS: tree(".dockerignore = node_modules\n!docs/keep", "node_modules/a/b/c", "docs/x")}
	if _, err := NewContext(src, ""); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{".", "docs"}, src.read); diff != "" {
		t.Errorf("directories read (-want +got):\n%s", diff)
	}
}

type counting struct {
	fstest.MapFS
	read []string
}

func (c *counting) ReadDir(name string) ([]fs.DirEntry, error) {
	c.read = append(c.read, name)
	return c.MapFS.ReadDir(name)
}

func hashOf(t *testing.T, src Source) string {
	t.Helper()
	c, err := NewContext(src, "")
	if err != nil {
		t.Fatal(err)
	}
	h, err := c.Hash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestContextHash(t *testing.T) {
	base := func() fstest.MapFS {
		return tree("a = 1", "d/b = 2", "l -> a", "e/", ".dockerignore = ignored", "ignored = 1")
	}
	want := hashOf(t, base())
	same := map[string]func(fstest.MapFS){
		"nothing":      func(fstest.MapFS) {},
		"ignored file": func(m fstest.MapFS) { m["ignored"].Data = []byte("2") },
	}
	other := map[string]func(fstest.MapFS){
		"content": func(m fstest.MapFS) { m["a"].Data = []byte("2") },
		"mode":    func(m fstest.MapFS) { m["a"].Mode = 0o755 },
		"name":    func(m fstest.MapFS) { m["a2"] = m["a"]; delete(m, "a") },
		"link":    func(m fstest.MapFS) { m["l"].Data = []byte("d/b") },
		"folder":  func(m fstest.MapFS) { delete(m, "e") },
		"moved":   func(m fstest.MapFS) { m["a"].Data, m["d/b"].Data = m["d/b"].Data, m["a"].Data },
	}
	for name, change := range same {
		m := base()
		change(m)
		if hashOf(t, m) != want {
			t.Errorf("%s changes the hash", name)
		}
	}
	for name, change := range other {
		m := base()
		change(m)
		if hashOf(t, m) == want {
			t.Errorf("%s does not change the hash", name)
		}
	}
}

func TestTarFromDisk(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []struct {
		name string
		mode os.FileMode
	}{{"Dockerfile", 0o644}, {"run.sh", 0o755}, {"set", 0o755 | fs.ModeSetuid}} {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(strings.Repeat(f.name, 40_000)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, f.name), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	c, err := NewContext(os.DirFS(dir).(Source), "")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.Tar()
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var got []string
	for tr := tar.NewReader(stream); ; {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.ModTime.Unix() != 0 {
			t.Errorf("%s carries %d:%d %q %v", h.Name, h.Uid, h.Gid, h.Uname, h.ModTime)
		}
		n, err := io.Copy(io.Discard, tr)
		if err != nil || n != h.Size {
			t.Errorf("%s: %d of %d bytes, %v", h.Name, n, h.Size, err)
		}
		got = append(got, fmt.Sprintf("%s %o %d %s", h.Name, h.Mode, h.Size, h.Linkname))
	}
	want := []string{"Dockerfile 644 400000 ", "link 777 0 /nowhere", "run.sh 755 240000 ", "set 4755 120000 ", "sub/ 700 0 "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tar (-want +got):\n%s", diff)
	}
	if text, err := c.Text(); err != nil || len(text) != 400_000 {
		t.Errorf("Text: %d bytes, %v", len(text), err)
	}
}

// A file that changes under the reader is an error, never a broken tar.
func TestFileThatChanges(t *testing.T) {
	for name, content := range map[string]string{"shrinks": "1", "grows": "123456"} {
		s := newStream([]entry{{name: "f", mode: 0o644, open: func() (io.ReadCloser, int64, error) {
			return io.NopCloser(strings.NewReader(content)), 3, nil
		}}})
		if _, err := io.ReadAll(s); err == nil || !strings.Contains(err.Error(), "f changed while it was read") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestContextWith: another Dockerfile is sent under the same name and mode, and the context itself stays what it is.
func TestContextWith(t *testing.T) {
	src := fstest.MapFS{
		"a":              {Data: []byte("a")},
		"app/Dockerfile": {Data: []byte("FROM a\n"), Mode: 0o640},
	}
	c, err := NewContext(src, "app/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	before, err := c.Hash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"FROM a\n", "FROM a@sha256:1\n"} {
		of := []*Context{c, c.With("FROM a@sha256:1\n")}[n]
		stream, err := of.Tar()
		if err != nil {
			t.Fatal(err)
		}
		got, names := "", ""
		for r := tar.NewReader(stream); ; {
			h, err := r.Next()
			if err != nil {
				break
			}
			names += h.Name + " "
			if h.Name == "app/Dockerfile" {
				data, _ := io.ReadAll(r)
				got = string(data)
				if h.Mode != 0o640 {
					t.Errorf("mode %o", h.Mode)
				}
			}
		}
		if got != want || names != "a app/ app/Dockerfile " {
			t.Errorf("%s with %q", names, got)
		}
	}
	if after, err := c.Hash(t.Context()); err != nil || after != before {
		t.Errorf("the context changed: %v", err)
	}
}
