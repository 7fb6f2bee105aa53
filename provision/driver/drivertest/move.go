package drivertest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/envyhq/envy/provision/driver"
)

func moveTests() []test {
	return []test{
		{"save and load", testSaveAndLoad},
		{"names", testNamedImages},
		{"missing image", testSaveMissing},
		{"failed writer", testSaveFailedWriter},
		{"load that breaks off", testLoadBreaksOff},
		{"load that is ended", testLoadEnded},
		{"load of no image", testLoadOfNoImage},
	}
}

// savedImage is an image of the test's own, of which the engine has nothing any more, as it was saved.
func (b *bench) savedImage() (tag, baseID string, saved []byte) {
	b.Helper()
	i, tag := b.imported(func(i *driver.ImageImport) { i.Labels["test.move"] = b.project })
	_, err := b.d.ImportImage(b.ctx, i, io.Discard)
	b.must(err)
	fact, err := b.d.Image(b.ctx, tag, "")
	b.must(err)
	var out bytes.Buffer
	b.must(b.d.SaveImage(b.ctx, tag, fact.OS+"/"+fact.Arch, &out))
	b.must(b.d.RemoveImage(b.ctx, tag))
	return tag, fact.BaseID, out.Bytes()
}

// without wants that the engine knows no such image, by name or among those without one.
func (b *bench) without(what, tag string) {
	b.Helper()
	_, err := b.d.Image(b.ctx, tag, "")
	b.wantKind(what, err, driver.NotFound)
}

func testSaveAndLoad(b *bench) {
	tag, base, saved := b.savedImage()
	b.without("the image that was removed", tag)
	found := false
	for in := tar.NewReader(bytes.NewReader(saved)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		b.must(err)
		found = found || h.Name == "manifest.json"
	}
	if !found {
		b.Error("what was saved has no manifest.json")
	}
	for range 2 { // the second time it is there
		b.must(b.d.LoadImage(b.ctx, bytes.NewReader(saved)))
		fact, err := b.d.Image(b.ctx, tag, "")
		b.must(err)
		if fact.BaseID != base || fact.Labels["test.move"] != b.project {
			b.Errorf("loaded %+v, and the image's base was %s", fact, base)
		}
	}
}

func testNamedImages(b *bench) {
	i, _ := b.imported()
	i.Tags = []string{b.project + "/web:1", b.project + "/web:2", b.project + "/api:1", b.project + "-other/web:1"}
	for _, tag := range i.Tags {
		b.keep(&b.images, tag)
	}
	_, err := b.d.ImportImage(b.ctx, i, io.Discard)
	b.must(err)
	found, err := b.d.NamedImages(b.ctx, b.project)
	b.must(err)
	var names []string
	for _, f := range found {
		names = append(names, f.Reference)
		if f.Size <= 0 {
			b.Errorf("%s has a size of %d", f.Reference, f.Size)
		}
		if fact, err := b.d.Image(b.ctx, f.Reference, ""); err != nil || fact.ID != f.ID {
			b.Errorf("%s is said to be %s, and is %s (%v)", f.Reference, f.ID, fact.ID, err)
		}
	}
	if want := []string{b.project + "/api:1", b.project + "/web:1", b.project + "/web:2"}; !slices.Equal(names, want) {
		b.Errorf("named are %q, want %q", names, want)
	}
	none, err := b.d.NamedImages(b.ctx, b.project+"-none")
	b.must(err)
	if len(none) > 0 {
		b.Errorf("there are %v", none)
	}
}

func testSaveMissing(b *bench) {
	err := b.d.SaveImage(b.ctx, b.Prefix+"/no-such-image:1", "", io.Discard)
	b.wantKind("saving a missing image", err, driver.NotFound)
}

func testSaveFailedWriter(b *bench) {
	full := errors.New("no room")
	if err := b.d.SaveImage(b.ctx, b.Image, "", failing{full}); !errors.Is(err, full) {
		b.Errorf("error %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// beforeManifest is the part of a saved image that has all but what makes an image of it, in an order in which
// manifest.json comes last.
func (b *bench) beforeManifest(saved []byte) []byte {
	b.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for in := tar.NewReader(bytes.NewReader(saved)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		b.must(err)
		// Engines since 25 would make an image of a layout or of the old list of names too.
		if strings.HasSuffix(h.Name, "manifest.json") || h.Name == "index.json" || h.Name == "oci-layout" || h.Name == "repositories" {
			continue
		}
		b.must(w.WriteHeader(h))
		_, err = io.Copy(w, in)
		b.must(err)
	}
	b.must(w.Flush())
	return out.Bytes()
}

func testLoadBreaksOff(b *bench) {
	tag, _, saved := b.savedImage()
	broken := errors.New("it does not hold")
	for _, part := range [][]byte{nil, saved[:len(saved)/2], b.beforeManifest(saved)} {
		err := b.d.LoadImage(b.ctx, io.MultiReader(bytes.NewReader(part), &broke{err: broken}))
		if !errors.Is(err, broken) {
			b.Errorf("after %d bytes: error %v", len(part), err)
		}
		b.without("an image whose stream broke off", tag)
	}
}

// broke is a stream that fails.
type broke struct{ err error }

func (r *broke) Read([]byte) (int, error) { return 0, r.err }

func testLoadEnded(b *bench) {
	tag, _, saved := b.savedImage()
	ctx, cancel := context.WithCancelCause(b.ctx)
	enough := errors.New("enough")
	part := b.beforeManifest(saved)
	from, to := io.Pipe()
	var writer sync.WaitGroup
	writer.Go(func() {
		_, _ = to.Write(part)
		cancel(enough)
	})
	if err := b.d.LoadImage(ctx, from); !errors.Is(err, enough) && !errors.Is(err, context.Canceled) {
		b.Errorf("error %v", err)
	}
	from.CloseWithError(enough)
	writer.Wait()
	b.without("an image whose loading was ended", tag)
}

func testLoadOfNoImage(b *bench) {
	err := b.d.LoadImage(b.ctx, strings.NewReader(strings.Repeat("no tar", 1000)))
	b.wantKind("loading what is no tar", err, driver.Failed, driver.Invalid)
	err = b.d.LoadImage(b.ctx, newTar(b.T, map[string]string{"file.txt": "no image"}))
	b.wantKind("loading a tar without an image", err, driver.Failed, driver.Invalid, driver.NotFound)
}
