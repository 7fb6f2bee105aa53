package drivertest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/envyhq/envy/provision/driver"
)

func copyTests() []test {
	return []test{
		{"look up", testLookUp},
		{"out, running and stopped", testCopyOut},
		{"out of volumes", testCopyOutVolume},
		{"links", testCopyLinks},
		{"failures", testCopyFailures},
	}
}

// members are the names of an archive with their content, a directory's with a slash and a link's with its target.
func (b *bench) members(id, path string) map[string]string {
	b.Helper()
	var packed bytes.Buffer
	b.must(b.d.CopyOut(b.ctx, id, path, &packed))
	got := map[string]string{}
	in := tar.NewReader(&packed)
	for first := true; ; first = false {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		b.must(err)
		content, err := io.ReadAll(in)
		b.must(err)
		if first != (h.Name == "." || h.Name == "./") {
			b.Errorf("%s: member %q at the wrong place", path, h.Name)
		}
		if got[h.Name] = string(content); h.Typeflag == tar.TypeSymlink {
			got[h.Name] = "-> " + h.Linkname
		}
	}
}

func (b *bench) wantMembers(id, path string, want map[string]string) {
	b.Helper()
	if got := b.members(id, path); !maps.Equal(got, want) {
		b.Errorf("%s holds %v, want %v", path, got, want)
	}
}

func testLookUp(b *bench) {
	id := b.up("web")
	b.holds(id, "mkdir -p /made; echo 12345 > /made/file; chmod 640 /made/file")
	for range 2 { // running, then stopped
		file, err := b.d.LookUp(b.ctx, id, "/made/file")
		b.must(err)
		if !file.Mode.IsRegular() || b.RealInside && file.Mode.Perm() != 0o640 || file.Size != 6 || file.MTime.IsZero() || file.Link != "" {
			b.Errorf("file: %+v", file)
		}
		for _, path := range []string{"/made", "/made/", "/"} {
			if dir, err := b.d.LookUp(b.ctx, id, path); err != nil || !dir.Mode.IsDir() {
				b.Errorf("%s: %+v, %v", path, dir, err)
			}
		}
		_, err = b.d.LookUp(b.ctx, id, "/made/none")
		b.wantKind("look up of nothing", err, driver.NotFound)
		b.must(b.d.StopBox(b.ctx, id, 0))
	}
}

func testCopyOut(b *bench) {
	id := b.up("web")
	b.holds(id, "mkdir -p /made/sub; echo one > /made/one; echo two > /made/sub/two")
	for range 2 { // running, then stopped
		b.wantMembers(id, "/made", map[string]string{"./": "", "one": "one\n", "sub/": "", "sub/two": "two\n"})
		b.wantMembers(id, "/made/", map[string]string{"./": "", "one": "one\n", "sub/": "", "sub/two": "two\n"})
		b.wantMembers(id, "/made/one", map[string]string{".": "one\n"})
		b.must(b.d.StopBox(b.ctx, id, 0))
	}
	top := slices.Collect(maps.Keys(b.members(id, "/")))
	if !slices.Contains(top, "./") || !slices.Contains(top, "made/sub/two") {
		b.Errorf("/ has %d members, without what was made", len(top))
	}
}

func testCopyOutVolume(b *bench) {
	id := b.up("web", withVolume(b.volume("data"), "/data", false))
	b.holds(id, "echo kept > /data/file")
	for range 2 {
		b.wantMembers(id, "/data/file", map[string]string{".": "kept\n"})
		b.must(b.d.CopyIn(b.ctx, id, newTar(b.T, map[string]string{"in": "in\n"}), "/data"))
		b.wantMembers(id, "/data/in", map[string]string{".": "in\n"})
		b.must(b.d.StopBox(b.ctx, id, 0))
	}
}

func testCopyLinks(b *bench) {
	if !b.RealInside {
		b.Skip("there are no links in these boxes")
	}
	id := b.up("web")
	b.holds(id, "mkdir /made; echo one > /made/one; ln -s one /made/near; ln -s /etc /far; ln -s /made /dir")
	b.wantMembers(id, "/made", map[string]string{"./": "", "one": "one\n", "near": "-> one"})
	b.wantMembers(id, "/dir", map[string]string{".": "-> /made"})
	b.wantMembers(id, "/dir/", map[string]string{"./": "", "one": "one\n", "near": "-> one"})
	link, err := b.d.LookUp(b.ctx, id, "/made/near")
	b.must(err)
	if link.Mode.Type() == 0 || link.Link != "/made/one" {
		b.Errorf("link: %+v", link)
	}
	if dir, err := b.d.LookUp(b.ctx, id, "/dir/"); err != nil || !dir.Mode.IsDir() {
		b.Errorf("link with a slash: %+v, %v", dir, err)
	}
}

func testCopyFailures(b *bench) {
	id := b.up("web")
	b.wantKind("copy of nothing", b.d.CopyOut(b.ctx, id, "/none", io.Discard), driver.NotFound)
	full := errors.New("full")
	if err := b.d.CopyOut(b.ctx, id, "/etc", failing{err: full}); !errors.Is(err, full) {
		b.Errorf("a writer that fails: %v", err)
	}
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if err := b.d.CopyOut(ctx, id, "/etc", io.Discard); err == nil || driver.Is(err, driver.Unreachable) {
		b.Errorf("cancelled: %v", err)
	}
	err := b.d.CopyIn(b.ctx, id, strings.NewReader("no tar at all, and long enough to be seen as none by whoever reads it"), "/srv")
	if err == nil {
		b.Error("no archive was copied in")
	}
}
