package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
)

// Box is what an archive is made of.
type Box struct {
	Name string // of the box
	// Definition is its files by path; box.hcl must be one.
	Definition map[string][]byte
	Image      *Image
}

// Written is an archive that was made.
type Written struct {
	Manifest Manifest
	Digest   string // of the manifest: "sha256:…"
	File     string // of the whole file: "sha256:…"
	Size     int64  // of the whole file, in bytes
}

// Write makes an archive: the same box, the same bytes. What no archive can hold is an [*Error]; other errors are those of
// w and of the image's layers, or the cause of ctx. What was written before an error is no archive.
func Write(ctx context.Context, w io.Writer, b Box) (*Written, error) {
	m, content, err := b.manifest()
	if err != nil {
		return nil, err
	}
	text := m.encode()
	if len(text) > MaxManifest {
		return nil, wrongf("the manifest has more than %d MiB", MaxManifest>>20)
	}
	out := &writer{to: w, sum: sha256.New()}
	if err := out.member(memberOf(manifestName, text), bytes.NewReader(text)); err != nil {
		return nil, err
	}
	for _, x := range m.Members {
		if data, known := content[x.Path]; known {
			err = out.member(x, bytes.NewReader(data))
		} else {
			err = out.layer(ctx, x, b.Image)
		}
		if err != nil {
			return nil, err
		}
	}
	if _, err := out.Write(make([]byte, 2*blockSize)); err != nil {
		return nil, err
	}
	return &Written{Manifest: *m, Digest: digestOf(text), File: "sha256:" + hex.EncodeToString(out.sum.Sum(nil)), Size: out.size}, nil
}

// manifest gives the manifest, and the members that are in memory by path.
func (b Box) manifest() (*Manifest, map[string][]byte, error) {
	c, err := decodeConfig(b.Image.Config)
	if err != nil {
		return nil, nil, err
	}
	if !uniqueKeys(b.Image.Config) {
		return nil, nil, wrongf("the image's configuration says something twice")
	}
	m := &Manifest{Format: format, Version: version, Name: b.Name, Platform: c.platform.String(), Config: digestOf(b.Image.Config)}
	content := map[string][]byte{}
	add := func(p string, data []byte) {
		content[p] = data
		m.Members = append(m.Members, memberOf(p, data))
	}
	for _, p := range slices.Sorted(maps.Keys(b.Definition)) {
		add(definitionRoot+p, b.Definition[p])
	}
	sizes := map[string]int64{}
	for id, l := range b.Image.Layers {
		sizes[id] = l.Size
	}
	layout, list, manifest := documents(b.Image.Config, c, sizes)
	add(imageRoot+"oci-layout", layout)
	add(imageRoot+"index.json", list)
	add(blobRoot+digestOf(manifest)[len("sha256:"):], manifest)
	add(blobRoot+m.Config[len("sha256:"):], b.Image.Config)
	for _, id := range c.layers() {
		if b.Image.Layers[id].Open == nil {
			return nil, nil, wrongf("the image lacks a layer that its configuration names")
		}
		digits := id[len("sha256:"):]
		m.Members = append(m.Members, Member{Path: blobRoot + digits, Size: sizes[id], SHA256: digits})
	}
	return m, content, m.check()
}

// writer writes members and knows what it wrote.
type writer struct {
	to   io.Writer
	sum  hash.Hash
	size int64
}

// Write adds bytes.
func (out *writer) Write(p []byte) (int, error) {
	n, err := out.to.Write(p)
	out.sum.Write(p[:n])
	out.size += int64(n)
	return n, err
}

func (out *writer) member(x Member, from io.Reader) error {
	b := header(x.Path, x.Size)
	if _, err := out.Write(b[:]); err != nil {
		return err
	}
	digest := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, digest), io.LimitReader(from, x.Size+1))
	if err != nil {
		return err
	}
	if n != x.Size || hex.EncodeToString(digest.Sum(nil)) != x.SHA256 {
		return fmt.Errorf("%s changed while it was read", x.Path)
	}
	_, err = out.Write(make([]byte, (blockSize-x.Size%blockSize)%blockSize))
	return err
}

func (out *writer) layer(ctx context.Context, x Member, i *Image) error {
	from, err := i.Layers["sha256:"+x.SHA256].Open()
	if err != nil {
		return err
	}
	err = out.member(x, stoppable{ctx, from})
	return errors.Join(err, from.Close())
}
