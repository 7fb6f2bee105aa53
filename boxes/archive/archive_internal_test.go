package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestRoundTrip(t *testing.T) {
	i, b := newEngineImage(t), newBox(t)
	var first bytes.Buffer
	w, err := Write(t.Context(), &first, b)
	must(t, err)
	if again := written(t, newBox(t)); !bytes.Equal(first.Bytes(), again) {
		t.Error("the same box gives other bytes")
	}
	if w.Size != int64(first.Len()) || w.File != digestOf(first.Bytes()) {
		t.Errorf("it has %d bytes, %s; told are %d, %s", first.Len(), digestOf(first.Bytes()), w.Size, w.File)
	}

	head, err := ReadHead(iotest.OneByteReader(bytes.NewReader(first.Bytes())))
	must(t, err)
	if diff := cmp.Diff(w.Manifest, head.Manifest); diff != "" || head.Digest != w.Digest {
		t.Errorf("the head says, after what was written:\n%s", diff)
	}
	if err := fstest.TestFS(head.Files, "box.hcl", "files/motd", "files/é"); err != nil {
		t.Error(err)
	}
	for name, want := range b.Definition {
		if got, err := fs.ReadFile(head.Files, name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}

	var loadable bytes.Buffer
	loaded, err := Load(t.Context(), iotest.HalfReader(bytes.NewReader(first.Bytes())), &loadable, Expect{Manifest: w.Digest, File: w.File})
	must(t, err)
	if loaded.Digest != w.Digest {
		t.Errorf("loading says %s", loaded.Digest)
	}
	want := []string{
		configName(digestOf(i.config)), layerName(i.ids[0]), layerName(i.ids[1]), "manifest.json",
	}
	if diff := cmp.Diff(want, namesOf(t, loadable.Bytes())); diff != "" {
		t.Errorf("an engine is given:\n%s", diff)
	}
	if strings.Contains(loadable.String(), "somebody") || !strings.Contains(loadable.String(), `"RepoTags":["`+w.Manifest.Reference()+`"]`) {
		t.Error("the image does not have the one name that it should")
	}
	// What was loaded, saved again, is the same image.
	back, err := ReadSaved(t.Context(), bytes.NewReader(loadable.Bytes()), int64(loadable.Len()))
	must(t, err)
	if !bytes.Equal(back.Config, i.config) || len(back.Layers) != 2 {
		t.Errorf("it comes back with the configuration %s", back.Config)
	}
}

// namesOf lists a tar as Go's own reader sees it.
func namesOf(t *testing.T, data []byte) (names []string) {
	t.Helper()
	in := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		must(t, err)
		names = append(names, h.Name)
	}
}

func TestIsTar(t *testing.T) {
	b := newBox(t)
	long := strings.Repeat("d/", 60) + strings.Repeat("n", 90)
	b.Definition[long] = []byte("x")
	data := written(t, b)
	head, err := ReadHead(bytes.NewReader(data))
	must(t, err)
	want := []string{"manifest.json"}
	for _, m := range head.Members {
		want = append(want, m.Path)
	}
	if diff := cmp.Diff(want, namesOf(t, data)); diff != "" {
		t.Error(diff)
	}
}

func TestReadSavedOpensLayers(t *testing.T) {
	i := newEngineImage(t)
	data := i.saved(t, true)
	image, err := ReadSaved(t.Context(), bytes.NewReader(data), int64(len(data)))
	must(t, err)
	b := newBox(t)
	plain := written(t, b)
	b.Image = image
	if !bytes.Equal(written(t, b), plain) {
		t.Error("compressed layers give another archive")
	}
}

func TestReadSavedRefuses(t *testing.T) {
	i := newEngineImage(t)
	whole := i.saved(t, false)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":     {nil, "saved less"},
		"half":        {whole[:len(whole)/2], "cannot be read"},
		"a bad layer": {bytes.Replace(whole, []byte("second\n"), []byte("sec0nd\n"), 1), "not the one"},
		"two images":  {bytes.Replace(whole, []byte(`[{"Config"`), []byte(`[{},{"Co"`), 1), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadSaved(t.Context(), bytes.NewReader(c.data), int64(len(c.data)))
			if _, ours := errors.AsType[*Error](err); !ours || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestExpectations(t *testing.T) {
	data := written(t, newBox(t))
	other := "sha256:" + strings.Repeat("0", 64)
	refused := errors.New("refused")
	for name, e := range map[string]Expect{
		"manifest": {Manifest: other}, "file": {File: other}, "head": {Head: func(*Head) error { return refused }},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			_, err := Load(t.Context(), bytes.NewReader(data), &out, e)
			mismatch, is := errors.AsType[*MismatchError](err)
			if !is && !errors.Is(err, refused) || is && mismatch.Want != other {
				t.Errorf("%v", err)
			}
			if strings.Contains(out.String(), "RepoTags") {
				t.Error("an engine could load it all the same")
			}
		})
	}
}

func TestEnded(t *testing.T) {
	data := written(t, newBox(t))
	because := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := Load(ctx, bytes.NewReader(data), io.Discard, Expect{Head: func(*Head) error { cancel(because); return nil }})
	if !errors.Is(err, because) {
		t.Errorf("%v", err)
	}
	broken := errors.New("broken")
	if _, err := ReadHead(io.MultiReader(bytes.NewReader(data[:100]), iotest.ErrReader(broken))); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, change := range map[string]func(*Box){
		"name":       func(b *Box) { b.Name = "Web" },
		"path":       func(b *Box) { b.Definition["../x"] = nil },
		"no box.hcl": func(b *Box) { delete(b.Definition, "box.hcl") },
		"too much":   func(b *Box) { b.Definition["x"] = make([]byte, MaxDefinition) },
		"no layer":   func(b *Box) { b.Image.Layers = nil },
		"config":     func(b *Box) { b.Image.Config = []byte(`{"os":"linux","os":"linux"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBox(t)
			change(&b)
			_, err := Write(t.Context(), io.Discard, b)
			if _, ours := errors.AsType[*Error](err); !ours {
				t.Errorf("%v", err)
			}
		})
	}
}
