package git

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// isOurs: everything that a stranger can cause is one of the package's errors.
func isOurs(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*Error](err); err != nil && !ok {
		t.Fatalf("%#v", err)
	}
}

func FuzzTree(f *testing.F) {
	f.Add([]byte(form + "100644 1 a\x00x120000 1 b\x00a160000 40 c\x00" + strings.Repeat("1", 40)))
	f.Add([]byte(form + "120000 4 a/b\x00../c100755 0 c\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := decode(data)
		isOurs(t, err)
		if err != nil {
			return
		}
		if again := encode(entries); !bytes.Equal(again, data) && len(entries) > 0 {
			// Numbers may be written in more than one way; the hash tells them apart.
			if second, err := decode(again); err != nil || len(second) != len(entries) {
				t.Fatalf("%q becomes %q: %v", data, again, err)
			}
		}
		tree, err := newTree(entries, "")
		isOurs(t, err)
		if err != nil {
			return
		}
		n := 0
		_ = fs.WalkDir(tree, ".", func(name string, _ fs.DirEntry, err error) error {
			if n++; n > 10*MaxFiles {
				t.Fatal("it does not end")
			}
			_, _ = tree.ReadFile(name)
			return err
		})
	})
}

func FuzzPack(f *testing.F) {
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x00"))
	f.Add([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01\x33x\x9cKLJ\x06\x00\x02M\x01'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := readPack(bytes.NewReader(data))
		isOurs(t, err)
		if err != nil {
			return
		}
		for h := range r.byHash {
			_, err := collect(r, h)
			isOurs(t, err)
			_, err = peel(r, h)
			isOurs(t, err)
		}
	})
}

func FuzzObject(f *testing.F) {
	f.Add([]byte("40000 a\x00"+strings.Repeat("\x01", 20)), []byte("\x03\x03\x90\x03"))
	f.Fuzz(func(t *testing.T, tree, patch []byte) {
		h := plumbing.ComputeHash(plumbing.TreeObject, tree)
		r := &received{byHash: map[plumbing.Hash]object{h: {plumbing.TreeObject, tree}}}
		entries, err := collect(r, h)
		isOurs(t, err)
		if err == nil {
			_, err = newTree(entries, "")
			isOurs(t, err)
		}
		if o, err := applied(object{plumbing.BlobObject, tree}, patch, &budget{1 << 20}); err == nil && len(o.data) > 1<<20 {
			t.Fatal("more than it may have")
		}
	})
}

func FuzzAdvert(f *testing.F) {
	f.Add([]byte("001e# service=git-upload-pack\n00000042"+strings.Repeat("1", 40)+" HEAD\x00shallow side-band-64k\n0000"), []byte("0008NAK\nPACK"))
	f.Fuzz(func(t *testing.T, list, answer []byte) {
		a, err := readAdvert(bytes.NewReader(list))
		isOurs(t, err)
		for name := range a.refs.hash {
			if !clean(name) {
				t.Fatalf("%q is taken", name)
			}
		}
		_, err = a.readAnswer(bytes.NewReader(answer), true)
		if !errors.Is(err, errNotServed) {
			isOurs(t, err)
		}
	})
}
