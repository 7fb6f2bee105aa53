package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// engineImage is what an engine has of a small image: two layers, the first of them twice.
type engineImage struct {
	config []byte
	layers [][]byte
	ids    []string
}

func newEngineImage(t testing.TB) engineImage {
	t.Helper()
	var i engineImage
	for _, text := range []string{"first\n", strings.Repeat("second\n", 90)} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "etc/motd", Size: int64(len(text)), Mode: 0o644}))
		_, err := io.WriteString(w, text)
		must(t, err)
		must(t, w.Close())
		i.layers = append(i.layers, b.Bytes())
		i.ids = append(i.ids, digestOf(b.Bytes()))
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Cmd": []string{"sh"}, "Labels": map[string]string{"io.envy.recipe": "abc"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{i.ids[0], i.ids[1], i.ids[0]}},
	})
	must(t, err)
	i.config = config
	return i
}

// saved is the image as an engine before 25 saves it: layers in folders, one that was written before as a link.
func (i engineImage) saved(t testing.TB, compressed bool) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	file := func(name string, data []byte) {
		must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(data)), Mode: 0o644}))
		_, err := w.Write(data)
		must(t, err)
	}
	hex := i.ids[0][len("sha256:"):]
	for n, layer := range i.layers {
		if compressed {
			var z bytes.Buffer
			g := gzip.NewWriter(&z)
			_, err := g.Write(layer)
			must(t, err)
			must(t, g.Close())
			layer = z.Bytes()
		}
		must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: []string{"a/", "b/"}[n], Mode: 0o755}))
		file([]string{"a/layer.tar", "b/layer.tar"}[n], layer)
	}
	must(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "c/layer.tar", Linkname: "../a/layer.tar"}))
	file(hex+".json", i.config)
	names, err := json.Marshal([]map[string]any{{
		"Config": hex + ".json", "RepoTags": []string{"somebody/else:1"}, "Layers": []string{"a/layer.tar", "b/layer.tar", "c/layer.tar"},
	}})
	must(t, err)
	file("manifest.json", names)
	file("repositories", []byte(`{"somebody/else":{"1":"b"}}`))
	must(t, w.Close())
	return b.Bytes()
}

func (i engineImage) read(t testing.TB) *Image {
	t.Helper()
	data := i.saved(t, false)
	image, err := ReadSaved(t.Context(), bytes.NewReader(data), int64(len(data)))
	must(t, err)
	return image
}

// box is a small box.
func newBox(t testing.TB) Box {
	t.Helper()
	i := newEngineImage(t)
	return Box{Name: "web", Image: i.read(t), Definition: map[string][]byte{
		"box.hcl": []byte("box {\n  image = \"" + Reference("web", digestOf(i.config)) + "\"\n}\n"), "files/motd": []byte("hello\n"), "files/é": {},
	}}
}

func written(t testing.TB, b Box) []byte {
	t.Helper()
	var out bytes.Buffer
	_, err := Write(t.Context(), &out, b)
	must(t, err)
	return out.Bytes()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
