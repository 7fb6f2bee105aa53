package fake

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// savedConfig is an image's configuration, as engines write it, with all that the fake knows of the image besides.
type savedConfig struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	RootFS       struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	Image *image `json:"envy_fake"` // without its files
}

type savedEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

const layerFile = "layer.tar"

// SaveImage implements driver.Mover. An image has one layer: its files.
func (e *Engine) SaveImage(ctx context.Context, ref, platform string, w io.Writer) error {
	var saved []byte
	err := e.do(ctx, "save", func(s *state, _ time.Time) error {
		i := s.image(ref)
		if i == nil || platform != "" && platform != i.Fact.OS+"/"+i.Fact.Arch {
			return fail(driver.NotFound, "save", "image "+ref, "No such image: "+ref)
		}
		var err error
		saved, err = i.save(ref)
		return err
	})
	if err != nil {
		return err
	}
	_, err = w.Write(saved)
	return err
}

func (m *image) save(ref string) ([]byte, error) {
	var layer, out bytes.Buffer
	files := tar.NewWriter(&layer)
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		f := m.Files[name]
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name[1:], Size: int64(len(f.Content)), Mode: int64(f.Mode), ModTime: f.MTime}
		if f.Dir {
			h.Typeflag, h.Name = tar.TypeDir, h.Name+"/"
		}
		errs = append(errs, add(files, h, f.Content))
	}
	errs = append(errs, files.Close())
	own := *m
	own.Files = nil
	c := savedConfig{Architecture: m.Fact.Arch, OS: m.Fact.OS, Image: &own}
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{"sha256:" + resource.Digest(layer.String())}
	config, err := json.Marshal(c)
	errs = append(errs, err)
	name := resource.Digest(string(config)) + ".json"
	entry := savedEntry{Config: name, Layers: []string{layerFile}}
	if ref != m.Fact.ID {
		entry.RepoTags = []string{ref}
	}
	entries, err := json.Marshal([]savedEntry{entry})
	errs = append(errs, err)
	whole := tar.NewWriter(&out)
	for _, f := range []struct {
		name string
		data []byte
	}{{name, config}, {layerFile, layer.Bytes()}, {"manifest.json", entries}} {
		errs = append(errs, add(whole, &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.data)), Mode: 0o644}, f.data))
	}
	return out.Bytes(), errors.Join(append(errs, whole.Close())...)
}

func add(w *tar.Writer, h *tar.Header, data []byte) error {
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// LoadImage implements driver.Mover, for what SaveImage wrote.
func (e *Engine) LoadImage(ctx context.Context, r io.Reader) error {
	data, err := readAll(ctx, r)
	if err != nil {
		return err
	}
	files, err := readTar(bytes.NewReader(data))
	if err != nil {
		return fail(driver.Failed, "load", "an image", err.Error())
	}
	return e.do(ctx, "load", func(s *state, _ time.Time) error {
		var entries []savedEntry
		manifest := files["manifest.json"]
		if manifest == nil || json.Unmarshal(manifest.Content, &entries) != nil {
			return fail(driver.Failed, "load", "an image", "invalid archive: no manifest.json")
		}
		for _, entry := range entries {
			i, err := loaded(files, entry)
			if err != nil {
				return fail(driver.Failed, "load", "an image", err.Error())
			}
			s.Images[i.Fact.ID] = i
			for _, tag := range entry.RepoTags {
				s.addImage(tag, i)
			}
		}
		return nil
	})
}

// readAll gives up with ctx, though the reader may go on in a Read until its owner ends that.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(r)
		read <- result{data, err}
	}()
	select {
	case got := <-read:
		return got.data, got.err
	case <-ctx.Done():
		return nil, ended(ctx, "load")
	}
}

// NamedImages implements driver.Mover.
func (e *Engine) NamedImages(ctx context.Context, prefix string) ([]driver.NamedImage, error) {
	var out []driver.NamedImage
	err := e.do(ctx, "list", func(s *state, _ time.Time) error {
		for _, tag := range slices.Sorted(maps.Keys(s.Tags)) {
			if ref := strings.TrimPrefix(tag, "docker.io/"); strings.HasPrefix(ref, prefix+"/") {
				i := s.Images[s.Tags[tag]]
				out = append(out, driver.NamedImage{Reference: ref, ID: i.Fact.ID, Size: i.Fact.Size, Created: i.Created})
			}
		}
		return nil
	})
	return out, err
}

func loaded(files map[string]*file, entry savedEntry) (*image, error) {
	var c savedConfig
	config := files[entry.Config]
	if config == nil || json.Unmarshal(config.Content, &c) != nil || c.Image == nil || len(entry.Layers) != 1 || len(c.RootFS.DiffIDs) != 1 {
		return nil, errors.New("invalid archive: no image of this engine's")
	}
	layer := files[entry.Layers[0]]
	if layer == nil || "sha256:"+resource.Digest(string(layer.Content)) != c.RootFS.DiffIDs[0] {
		return nil, fmt.Errorf("invalid diffID for layer 0: expected %q", c.RootFS.DiffIDs[0])
	}
	content, err := readTar(bytes.NewReader(layer.Content))
	if err != nil {
		return nil, err
	}
	i := *c.Image
	i.Files = map[string]*file{}
	for name, f := range content {
		f.MTime = f.MTime.UTC()
		i.Files["/"+name] = f
	}
	return &i, nil
}
