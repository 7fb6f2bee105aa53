package archive

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
)

// Image is an image apart from any engine: its configuration as the engine had it, and the layers that this names.
type Image struct {
	Config []byte
	Layers map[string]Layer // by digest: "sha256:…"
}

// Layer is one layer, not compressed.
type Layer struct {
	Size int64 // bytes
	Open func() (io.ReadCloser, error)
}

const (
	maxSavedMembers = 100_000
	maxLinksInSaved = 8
)

// ReadSaved reads what an engine saved of one image, in the form of docker-archive, which all of them give: those before 25
// alone, later ones beside an OCI layout. Layers that the engine keeps compressed with gzip are opened. They are read from
// saved again when the image is written, so it must stay. What cannot be used is an [*Error]; other errors are saved's, or
// the cause of ctx.
func ReadSaved(ctx context.Context, saved io.ReaderAt, size int64) (*Image, error) {
	s := &savedImage{ctx: ctx, from: saved, files: map[string]span{}, links: map[string]string{}}
	if err := s.scan(size); err != nil {
		return nil, err
	}
	text, err := s.document(manifestName, MaxManifest)
	if err != nil {
		return nil, err
	}
	var images []loadable
	if err := json.Unmarshal(text, &images); err != nil || len(images) != 1 {
		return nil, wrongf("the engine saved %d images, and one was asked for", len(images))
	}
	config, err := s.document(images[0].Config, MaxConfig)
	if err != nil {
		return nil, err
	}
	c, err := decodeConfig(config)
	if err != nil {
		return nil, err
	}
	if len(c.RootFS.DiffIDs) != len(images[0].Layers) {
		return nil, wrongf("the engine saved other layers than the image's configuration says")
	}
	out := &Image{Config: config, Layers: map[string]Layer{}}
	for i, id := range c.RootFS.DiffIDs {
		if _, have := out.Layers[id]; have {
			continue
		}
		if out.Layers[id], err = s.layer(images[0].Layers[i], id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// savedImage is a stream that lies still.
type savedImage struct {
	ctx   context.Context //nolint:containedctx // of one call
	from  io.ReaderAt
	files map[string]span
	links map[string]string // where they lead
}

// span is where a file's content lies.
type span struct{ offset, size int64 }

// scan finds the files. Content is passed over, not read.
func (s *savedImage) scan(size int64) error {
	at := io.NewSectionReader(s.from, 0, size)
	in := tar.NewReader(at)
	for n := 0; ; n++ {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		if err != nil || n > maxSavedMembers {
			return errors.Join(wrongf("what the engine saved cannot be read"), err)
		}
		offset, err := at.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		switch name := path.Clean(head.Name); head.Typeflag {
		case tar.TypeReg:
			s.files[name] = span{offset, head.Size}
		case tar.TypeSymlink: // a layer that another image of the engine's has too
			s.links[name] = path.Join(path.Dir(name), head.Linkname)
		}
	}
}

func (s *savedImage) open(name string) (*io.SectionReader, error) {
	name = path.Clean(name)
	for range maxLinksInSaved {
		if f, ok := s.files[name]; ok {
			return io.NewSectionReader(s.from, f.offset, f.size), nil
		}
		name = s.links[name]
	}
	return nil, wrongf("the engine saved less than the image")
}

func (s *savedImage) document(name string, limit int64) ([]byte, error) {
	f, err := s.open(name)
	if err != nil {
		return nil, err
	}
	if f.Size() > limit {
		return nil, wrongf("%s of the image has more than %d MiB", quote(name), limit>>20)
	}
	return io.ReadAll(stoppable{s.ctx, f})
}

// layer measures a layer and holds it to its digest.
func (s *savedImage) layer(name, id string) (Layer, error) {
	if _, err := s.open(name); err != nil {
		return Layer{}, err
	}
	open := func() (io.ReadCloser, error) {
		f, err := s.open(name)
		if err != nil {
			return nil, err
		}
		return plain(f)
	}
	from, err := open()
	if err != nil {
		return Layer{}, err
	}
	digest := sha256.New()
	size, err := io.Copy(digest, io.LimitReader(stoppable{s.ctx, from}, maxMember+1))
	if err := errors.Join(err, from.Close()); err != nil {
		return Layer{}, err
	}
	switch {
	case size > maxMember:
		return Layer{}, wrongf("a layer of the image has more than %d GiB", (maxMember+1)>>30)
	case "sha256:"+hex.EncodeToString(digest.Sum(nil)) != id:
		return Layer{}, wrongf("the engine saved a layer that is not the one that the image's configuration names")
	}
	return Layer{Size: size, Open: open}, nil
}

// plain opens what is compressed.
func plain(f io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(f, 64<<10)
	magic, _ := in.Peek(4) // a layer without any may be shorter
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("open a compressed layer: %w", err)
		}
		return z, nil
	case bytes.HasPrefix(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, &Error{Text: "the engine keeps a layer of the image compressed with zstd, which is not built yet"}
	}
	return io.NopCloser(in), nil
}

// Reference is the name that the image has on an engine once it was loaded from an archive of the box of that name.
func (i *Image) Reference(name string) string { return Reference(name, digestOf(i.Config)) }
