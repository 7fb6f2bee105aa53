package bootstrap

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/envyhq/envy/boxes/bootstrap/mirrortest"
)

func TestAPackageHoldsNothingThatLeavesTheTree(t *testing.T) {
	link := func(kind byte, name, target string) tar.Header {
		return tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}
	}
	tests := []struct {
		name string
		h    tar.Header
		want string // "" passes
	}{
		{"a file", mirrortest.File("./usr/bin/x"), ""},
		{"a name without its dot", mirrortest.File("usr/bin/x"), ""},
		{"an absolute link", link(tar.TypeSymlink, "./etc/x", "/usr/x"), ""},
		{"a link upwards", link(tar.TypeSymlink, "./etc/x", "../../../../etc/passwd"), ""},
		{"traversal", mirrortest.File("./usr/../../etc/passwd"), "outside"},
		{"traversal within", mirrortest.File("./usr/../etc/passwd"), "outside"},
		{"absolute", mirrortest.File("/etc/passwd"), "outside"},
		{"hard link upwards", link(tar.TypeLink, "./x", "../../etc/shadow"), "outside"},
		{"absolute hard link", link(tar.TypeLink, "./x", "/etc/shadow"), "outside"},
		{"character device", tar.Header{Typeflag: tar.TypeChar, Name: "./dev/mem", Devmajor: 1, Devminor: 1}, "neither"},
		{"block device", tar.Header{Typeflag: tar.TypeBlock, Name: "./dev/sda", Devmajor: 8}, "neither"},
		{"fifo", tar.Header{Typeflag: tar.TypeFifo, Name: "./run/f"}, "neither"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := eachFile(mirrortest.Deb(t, tt.h), func(*tar.Header, io.Reader) error { return nil })
			check(t, err, tt.want)
		})
	}
}

func check(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Error(err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("error %v, want %q", err, want)
	}
}

func TestPackagesInEveryCompression(t *testing.T) {
	plain := mirrortest.Tar(t, mirrortest.File("./usr/bin/x"))
	var xzed, zsted bytes.Buffer
	x, err := xz.NewWriter(&xzed)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(&zsted)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []io.WriteCloser{x, z} {
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for suffix, data := range map[string][]byte{"": plain, ".gz": mirrortest.Zipped(plain), ".xz": xzed.Bytes(), ".zst": zsted.Bytes()} {
		var names []string
		deb := mirrortest.AR(member("debian-binary", []byte("2.0\n")), member("control.tar"+suffix, data), member("data.tar"+suffix, data))
		err := eachFile(deb, func(h *tar.Header, r io.Reader) error {
			content, err := io.ReadAll(r)
			names = append(names, h.Name+" "+string(content))
			return err
		})
		if err != nil || len(names) != 1 || names[0] != "usr/bin/x ./usr/bin/x" {
			t.Errorf("%q: %q, %v", suffix, names, err)
		}
	}
}

func TestDamagedPackages(t *testing.T) {
	good := mirrortest.Deb(t, mirrortest.File("./usr/bin/x"))
	lying := bytes.Clone(good)
	copy(lying[len(arMagic)+48:], "999999    ")
	negative := bytes.Clone(good)
	copy(negative[len(arMagic)+48:], "-4        ")
	window := mirrortest.AR(member("debian-binary", []byte("2.0\n")), member("control.tar", nil),
		member("data.tar.xz", []byte("\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46\x02\x00\x21\x01\x28\x00\x00\x00\x00\x00\x00\x00")))
	swapped := mirrortest.AR(member("debian-binary", []byte("2.0\n")), member("data.tar", nil), member("control.tar", nil))
	unknown := mirrortest.AR(member("debian-binary", []byte("2.0\n")), member("control.tar", nil), member("data.tar.lzma", nil))
	for name, tt := range map[string]struct {
		deb  []byte
		want string
	}{
		"nothing":          {nil, "no Debian package"},
		"another archive":  {[]byte("PK\x03\x04"), "no Debian package"},
		"cut short":        {good[:len(good)-10], "larger than the file"},
		"a size that lies": {lying, "larger than the file"},
		"a negative size":  {negative, "larger than the file"},
		"a huge window":    {window, "over the limit"},
		"data first":       {swapped, "no data after"},
		"an old format":    {unknown, "not known here"},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, eachFile(tt.deb, func(*tar.Header, io.Reader) error { return nil }), tt.want)
		})
	}
}

func TestAStageThatFailsEndsAllItsWork(t *testing.T) {
	m := newMirror(t)
	m.Add(t, "tar", "Essential: yes\n", tar.Header{Typeflag: tar.TypeChar, Name: "./dev/mem"})
	m.Build(t)
	s, err := newWorld(t, m).prepare(t)
	if err != nil {
		t.Fatal(err)
	}
	check(t, s.FirstStage(t.Context(), io.Discard), "package tar: its file")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.FirstStage(ctx, io.Discard); err == nil {
		t.Error("a stage without anybody who waits for it was written")
	}
}
