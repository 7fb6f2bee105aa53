package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"
)

// Expect is what a caller knows of an archive beforehand; "" is anything.
type Expect struct {
	Manifest string // digest of the manifest: "sha256:…"
	File     string // that of the whole file
	// Head, unless it is nil, looks at what stands before the image; its error ends the reading.
	Head func(*Head) error
}

// Load reads a whole archive and writes its image as engines load it (docker-archive, which those before 25 know alone),
// under the archive's own [Reference] and no other name. Each member is verified as it passes, and what makes an image of
// the stream comes last, when all of the archive, its end and what was expected are verified: a stream that ends with an
// error holds no image. With [io.Discard] it is a verification. It holds no more in memory than the documents. What is
// wrong with the archive is an [*Error], one that is not what was expected a [*MismatchError]; other errors are those of
// r, of w and of Head, or the cause of ctx.
func Load(ctx context.Context, r io.Reader, w io.Writer, e Expect) (*Head, error) {
	in := &reader{from: stoppable{ctx, r}, sum: sha256.New()}
	head, err := in.head()
	if err != nil {
		return nil, err
	}
	if e.Manifest != "" && head.Digest != e.Manifest {
		return nil, &MismatchError{What: "its manifest", Got: head.Digest, Want: e.Manifest}
	}
	if e.Head != nil {
		if err := e.Head(head); err != nil {
			return nil, err
		}
	}
	out := tar.NewWriter(w)
	layers, err := in.image(head, out)
	if err != nil {
		return nil, err
	}
	if err := in.end(); err != nil {
		return nil, err
	}
	if got := "sha256:" + hex.EncodeToString(in.sum.Sum(nil)); e.File != "" && got != e.File {
		return nil, &MismatchError{What: "the file", Got: got, Want: e.File}
	}
	names, err := json.Marshal([]loadable{{Config: configName(head.Config), RepoTags: []string{head.Reference()}, Layers: layers}})
	if err != nil {
		return nil, err
	}
	if err := put(out, manifestName, bytes.NewReader(names), int64(len(names))); err != nil {
		return nil, err
	}
	return head, out.Close()
}

// loadable is an entry of docker-archive's own manifest.json.
type loadable struct {
	Config   string
	RepoTags []string
	Layers   []string
}

func configName(digest string) string { return digest[len("sha256:"):] + ".json" }

func layerName(digest string) string { return digest[len("sha256:"):] + ".tar" }

// image passes the image on and gives the names of its layers, in order.
func (in *reader) image(head *Head, out *tar.Writer) ([]string, error) {
	_, members := head.split()
	documents, err := in.documents(members)
	if err != nil {
		return nil, err
	}
	c, err := checkDocuments(&head.Manifest, documents)
	if err != nil {
		return nil, err
	}
	config := documents[configAt]
	if err := put(out, configName(head.Config), bytes.NewReader(config), int64(len(config))); err != nil {
		return nil, err
	}
	for _, x := range members[layersAt:] {
		if err := out.WriteHeader(fileHeader(layerName("sha256:"+x.SHA256), x.Size)); err != nil {
			return nil, err
		}
		if err := in.member(x, out); err != nil {
			return nil, err
		}
	}
	names := []string{}
	for _, id := range c.RootFS.DiffIDs {
		names = append(names, layerName(id))
	}
	return names, nil
}

// documents reads what stands before the layers.
func (in *reader) documents(members []Member) (out [layersAt][]byte, err error) {
	for i := range out {
		var b bytes.Buffer
		if err := in.member(members[i], &b); err != nil {
			return out, err
		}
		out[i] = b.Bytes()
	}
	return out, nil
}

// checkDocuments holds an image's documents against its layers: they say what follows from the configuration, and no name
// or note besides.
func checkDocuments(m *Manifest, found [layersAt][]byte) (*imageConfig, error) {
	_, members := m.split()
	if !uniqueKeys(found[configAt]) {
		return nil, wrongf("the image's configuration says something twice")
	}
	c, err := decodeConfig(found[configAt])
	if err != nil {
		return nil, err
	}
	if c.platform.String() != m.Platform {
		return nil, wrongf("the image is for %q, and the manifest says %q", shorten(c.platform.String()), shorten(m.Platform))
	}
	sizes := map[string]int64{}
	layers := c.layers()
	if len(layers) != len(members)-layersAt {
		return nil, wrongf("the image has other layers than its configuration says")
	}
	for i, x := range members[layersAt:] {
		if layers[i] != "sha256:"+x.SHA256 {
			return nil, wrongf("the image has other layers than its configuration says")
		}
		sizes[layers[i]] = x.Size
	}
	layout, list, manifest := documents(found[configAt], c, sizes)
	for i, want := range [][]byte{layoutAt: layout, indexAt: list, imageManifestAt: manifest} {
		if !bytes.Equal(want, found[i]) {
			return nil, wrongf("%s says something else than what follows from the image", quote(members[i].Path))
		}
	}
	return c, nil
}

func put(out *tar.Writer, name string, data io.Reader, size int64) error {
	if err := out.WriteHeader(fileHeader(name, size)); err != nil {
		return err
	}
	_, err := io.Copy(out, data)
	return err
}

func fileHeader(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
}
