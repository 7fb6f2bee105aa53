package hostfs

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var anHourAgo = time.Now().Add(-time.Hour).Truncate(time.Second)

// packed is an archive of such headers; a regular file's content is its Linkname.
func packed(t *testing.T, headers ...tar.Header) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Linkname = h.Linkname, ""
			h.Size = int64(len(content))
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		h.ModTime = anHourAgo
		must(t, w.WriteHeader(&h))
		_, err := io.WriteString(w, content)
		must(t, err)
	}
	must(t, w.Close())
	return &b
}

func dir(name string) tar.Header { return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755} }
func reg(name, content string) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: name, Linkname: content}
}
func link(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to}
}
func hard(name, to string) tar.Header {
	return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: to}
}
func other(kind byte, n string) tar.Header { return tar.Header{Typeflag: kind, Name: n} }

// holds is all that lies below a folder: content, "/" for folders, "-> x" for links.
func holds(t *testing.T, top string) map[string]string {
	t.Helper()
	got := map[string]string{}
	must(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, path)
		must(t, err)
		switch {
		case rel == ".":
		case d.IsDir():
			got[rel] = "/"
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			must(t, err)
			got[rel] = "-> " + to
		default:
			content, err := os.ReadFile(path)
			must(t, err)
			got[rel] = string(content)
		}
		return nil
	}))
	return got
}

func TestExtract(t *testing.T) {
	t.Parallel()
	top := tempDir(t)
	write(t, top, map[string]string{"into/kept": "kept", "into/sub/old": "old", "into/sub/taken": "before"})
	tool := reg("sub/tool", "tool")
	tool.Mode = 0o4755
	archive := packed(t, dir("./"), reg("a", "A"), dir("sub/"), reg("sub/taken", "after"), tool, link("near", "sub/taken"),
		link("sub/up", "../a"), hard("again", "a"), reg("deep/er/file", "deep"), other(tar.TypeFifo, "pipe"), other(tar.TypeChar, "tty"),
		link("far", "/etc/passwd"), link("sub/out", "../../x"))
	got, err := Caller{}.Extract(t.Context(), archive, top, "into", true)
	must(t, err)
	if d := cmp.Diff(map[string]string{
		"into": "/", "into/kept": "kept", "into/a": "A", "into/again": "A", "into/near": "-> sub/taken", "into/deep": "/", "into/deep/er": "/",
		"into/deep/er/file": "deep", "into/sub": "/", "into/sub/old": "old", "into/sub/taken": "after", "into/sub/tool": "tool", "into/sub/up": "-> ../a",
	}, holds(t, top)); d != "" {
		t.Error(d)
	}
	if got.Files != 7 || got.Bytes != 15 || got.LeftOut != 4 || !strings.Contains(strings.Join(got.Left, "\n"), "far: a link to /etc/passwd") {
		t.Errorf("%+v", got)
	}
	info, err := os.Stat(filepath.Join(top, "into/sub/tool"))
	must(t, err)
	if info.Mode() != 0o755 || !info.ModTime().Equal(anHourAgo) {
		t.Errorf("mode %v, time %v", info.Mode(), info.ModTime())
	}
}

func TestExtractOneFile(t *testing.T) {
	t.Parallel()
	top := tempDir(t)
	for _, content := range []string{"one", "two"} {
		_, err := Caller{}.Extract(t.Context(), packed(t, reg(".", content)), top, "file", false)
		must(t, err)
		if got := holds(t, top)["file"]; got != content {
			t.Errorf("%q", got)
		}
	}
}

// Nothing outside of the target is changed or made, and what lies in it and is no file stays.
func TestExtractHostile(t *testing.T) {
	t.Parallel()
	type hostile struct {
		file    bool // a single file is expected
		archive []tar.Header
		stays   bool // it is no error: what is dangerous is left out
	}
	for name, c := range map[string]hostile{
		"dots":                      {archive: []tar.Header{dir("."), reg("../evil", "x")}},
		"dots inside":               {archive: []tar.Header{dir("."), reg("a/../../evil", "x")}},
		"absolute":                  {archive: []tar.Header{dir("."), reg("/evil", "x")}},
		"folder of dots":            {archive: []tar.Header{dir("."), dir("../evil")}},
		"through a link":            {archive: []tar.Header{dir("."), link("a", "b"), dir("b"), reg("a/evil", "x")}},
		"through a link that was":   {archive: []tar.Header{dir("."), reg("out/evil", "x")}},
		"folder through a link":     {archive: []tar.Header{dir("."), dir("out/evil")}},
		"folder over a link":        {archive: []tar.Header{dir("."), dir("out"), reg("out/evil", "x")}},
		"file over a link":          {archive: []tar.Header{dir("."), reg("out-file", "x")}},
		"file over a folder":        {archive: []tar.Header{dir("."), reg("folder", "x")}},
		"link over a folder":        {archive: []tar.Header{dir("."), link("folder", "x")}},
		"file over itself":          {archive: []tar.Header{reg(".", "x")}},
		"link over itself":          {archive: []tar.Header{link(".", "..")}},
		"hard link out":             {archive: []tar.Header{dir("."), hard("a", "../secret")}},
		"hard link to what was":     {archive: []tar.Header{dir("."), hard("a", "private")}},
		"hard link to a link":       {archive: []tar.Header{dir("."), link("a", "private"), hard("b", "a")}},
		"hard link, then a link":    {archive: []tar.Header{dir("."), reg("a", "A"), link("a", "private"), hard("b", "a")}},
		"absolute link":             {archive: []tar.Header{dir("."), link("a", "/etc")}, stays: true},
		"link out":                  {archive: []tar.Header{dir("."), link("a", "..")}, stays: true},
		"link out and in":           {archive: []tar.Header{dir("."), link("a", "../into/x")}, stays: true},
		"link that climbs late":     {archive: []tar.Header{dir("."), dir("d"), link("d/l", "../x/.."), link("a", "d/l/../..")}, stays: true},
		"device":                    {archive: []tar.Header{dir("."), other(tar.TypeBlock, "sda"), other(tar.TypeFifo, "p")}, stays: true},
		"sibling by another prefix": {archive: []tar.Header{dir("."), reg("../into-not/evil", "x")}},
		"file: dots":                {file: true, archive: []tar.Header{reg("../evil", "x")}},
		"file: a folder":            {file: true, archive: []tar.Header{dir("."), reg("evil", "x")}},
		"file: a link":              {file: true, archive: []tar.Header{link(".", "secret")}},
		"file: a device":            {file: true, archive: []tar.Header{other(tar.TypeChar, ".")}},
		"file: two":                 {file: true, archive: []tar.Header{reg(".", "x"), reg("../evil", "x")}},
		"empty":                     {file: true},
	} {
		top := tempDir(t)
		write(t, top, map[string]string{
			"secret": "secret", "outside/kept": "kept", "into-not/": "", "into/private": "private", "into/folder/kept": "kept",
			"into/out": "-> ../outside", "into/out-file": "-> ../secret",
		})
		must(t, os.Chmod(filepath.Join(top, "into/private"), 0o600))
		before := holds(t, top)
		target := "into"
		if c.file {
			target = "new"
		}
		_, err := Caller{}.Extract(t.Context(), packed(t, c.archive...), top, target, !c.file)
		if (err == nil) != c.stays {
			t.Errorf("%s: %v", name, err)
		}
		after := holds(t, top)
		for path, content := range after {
			inside := path == target || strings.HasPrefix(path, target+"/")
			if _, was := before[path]; !inside && !was {
				t.Errorf("%s: %s was made", name, path)
			}
			if rest, isLink := strings.CutPrefix(content, "-> "); isLink && before[path] == "" && !staysInside(strings.TrimPrefix(path, "into/"), rest) {
				t.Errorf("%s: %s leads out: %s", name, path, rest)
			}
			if path == "into/b" && content == "private" || path == "into/a" && content == "private" {
				t.Errorf("%s: %s shows what was there", name, path)
			}
		}
		for path, content := range before {
			if after[path] != content {
				t.Errorf("%s: %s was %q and is %q", name, path, content, after[path])
			}
		}
	}
}

func TestStaysInside(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, to string
		want     bool
	}{
		{"a", "b", true}, {"a", "./b//c", true}, {"d/a", "../b", true}, {"d/e/a", "../../b", true}, {"a", ".", true},
		{"a", "..", false}, {"d/a", "../..", false}, {"a", "/b", false}, {"a", "", false}, {"d/a", "x/../y", false}, {"d/a", "../x/../y", false},
	} {
		if got := staysInside(c.name, c.to); got != c.want {
			t.Errorf("%s -> %s: %t", c.name, c.to, got)
		}
	}
}

func TestExtractEnds(t *testing.T) {
	t.Parallel()
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	top := tempDir(t)
	if _, err := (Caller{}).Extract(ctx, packed(t, dir("."), reg("a", "x")), top, "into", true); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
	if _, err := (Caller{}).Extract(t.Context(), packed(t, dir(".")), filepath.Join(top, "none"), "into", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	short := io.LimitReader(packed(t, dir("."), reg("a", strings.Repeat("x", 4096))), 2048)
	if _, err := (Caller{}).Extract(t.Context(), short, top, "into", true); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
	if got := holds(t, top); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
}

// FuzzExtract: no archive makes anything outside of the target.
func FuzzExtract(f *testing.F) {
	f.Add([]byte("a"), byte(tar.TypeSymlink), "../..", []byte("a/b"))
	f.Add([]byte("d/../../x"), byte(tar.TypeReg), "", []byte("x"))
	f.Fuzz(func(t *testing.T, first []byte, kind byte, to string, second []byte) {
		top := tempDir(t)
		write(t, top, map[string]string{"outside/kept": "kept", "into/": "", "into/out": "-> ../outside"})
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range []tar.Header{
			dir("."), {Typeflag: kind, Name: string(first), Linkname: to, Mode: 0o644}, {Typeflag: tar.TypeReg, Name: string(second), Mode: 0o644},
		} {
			if w.WriteHeader(&h) != nil {
				return
			}
		}
		must(t, w.Close())
		_, _ = Caller{}.Extract(t.Context(), &b, top, "into", true) // an error is right too
		for path := range holds(t, top) {
			if path != "outside" && path != "outside/kept" && path != "into" && !strings.HasPrefix(path, "into/") {
				t.Errorf("%s was made", path)
			}
		}
	})
}
