package drivertest

import (
	"archive/tar"
	"bytes"
	"io"
	"maps"
	"path"
	"slices"
	"testing"
	"time"
)

// tarFile is an archive in memory.
type tarFile struct{ bytes.Buffer }

// Close lets an archive be a build's context.
func (*tarFile) Close() error { return nil }

// newTar holds the files and the directories above them, owned by root.
func newTar(t *testing.T, files map[string]string) *tarFile {
	t.Helper()
	var f tarFile
	w := tar.NewWriter(&f)
	made := map[string]bool{".": true}
	put := func(h tar.Header, content string) {
		h.ModTime = time.Unix(1700000000, 0)
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if dir := path.Dir(name); !made[dir] {
			made[dir] = true
			put(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}, "")
		}
		put(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(files[name]))}, files[name])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &f
}
