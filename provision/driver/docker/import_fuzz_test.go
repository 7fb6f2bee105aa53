package docker

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// FuzzExport reads what an engine exports: what comes out is an archive that can be read, without the engine's own.
func FuzzExport(f *testing.F) {
	var whole bytes.Buffer
	w := tar.NewWriter(&whole)
	for _, h := range []tar.Header{
		{Typeflag: tar.TypeDir, Name: "dev/", Mode: 0o755}, {Typeflag: tar.TypeChar, Name: "dev/null", Devmajor: 1, Devminor: 3},
		{Typeflag: tar.TypeReg, Name: "etc/hosts", Mode: 0o644}, {Typeflag: tar.TypeReg, Name: "etc/x", Mode: 0o644, ModTime: time.Unix(2e9, 7), Format: tar.FormatPAX},
		{Typeflag: tar.TypeSymlink, Name: "bin", Linkname: "usr/bin"},
	} {
		if err := w.WriteHeader(&h); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:1000])
	f.Fuzz(func(t *testing.T, data []byte) {
		epoch := time.Unix(1.7e9, 0)
		var out bytes.Buffer
		if len(data) > 1<<20 || ownFiles(&out, bytes.NewReader(data), epoch) != nil {
			return
		}
		for in := tar.NewReader(&out); ; {
			h, err := in.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("what was written cannot be read: %v", err)
			}
			if h.ModTime.After(epoch) || strings.HasPrefix(h.Name, "dev/") && len(h.Name) > len("dev/") {
				t.Errorf("entry %+v", h)
			}
		}
	})
}
