package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestReadFile(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	dir := filepath.Join(base, "tree")
	write(t, base, map[string]string{"secret": "s3cret", "tree-beside/f": "beside"})
	write(t, dir, map[string]string{
		"a":                "plain",
		"sub/b":            "below",
		"link":             "-> sub/b",
		"absolute":         "-> " + filepath.Join(dir, "sub/b"),
		"chain1":           "-> chain2",
		"chain2":           "-> sub/back",
		"sub/back":         "-> ../a",
		"out":              "-> ../secret",
		"out-absolute":     "-> /etc/passwd",
		"out-chained":      "-> sub/hop",
		"sub/hop":          "-> ../out",
		"out-folder":       "-> ..",
		"out-prefix":       "-> ../tree-beside/f",
		"back-in":          "-> ../tree/a",
		"dangling":         "-> nowhere",
		"loop":             "-> loop",
		"fifo":             "fifo",
		"fifo-link":        "-> fifo",
		"zero":             "-> /dev/zero",
		"box/box.hcl":      "-> ../a",
		"box2/box.hcl":     "-> own",
		"box2/own":         "definition",
		"sub/Envfile.lock": "-> ../a",
	})
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	must(t, err)
	defer listener.Close()
	tr := tree(t, dir)

	var outside *OutsideError
	for _, test := range []struct {
		name string
		want string
		err  func(error) bool
	}{
		{name: "a", want: "plain"},
		{name: "sub/../a", want: "plain"},
		{name: "link", want: "below"},
		{name: "absolute", want: "below"},
		{name: "chain1", want: "plain"},
		{name: "back-in", want: "plain"},
		{name: "box2/box.hcl", want: "definition"},
		{name: "out", err: as(&outside)},
		{name: "out-absolute", err: as(&outside)},
		{name: "out-chained", err: as(&outside)},
		{name: "out-folder/secret", err: as(&outside)},
		{name: "out-prefix", err: as(&outside)},
		{name: "zero", err: as(&outside)},
		{name: "../secret", err: as(&outside)},
		{name: "/etc/passwd", err: as(&outside)},
		{name: "sub/../../secret", err: as(&outside)},
		{name: "box/box.hcl", err: as(&outside)},
		{name: "sub/Envfile.lock", err: as(&outside)},
		{name: "dangling", err: is(fs.ErrNotExist)},
		{name: "nothing", err: is(fs.ErrNotExist)},
		{name: "fifo", err: is(ErrNotRegular)},
		{name: "fifo-link", err: is(ErrNotRegular)},
		{name: "socket", err: is(ErrNotRegular)},
		{name: "sub", err: is(ErrNotRegular)},
		{name: "loop", err: func(err error) bool { return err != nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := tr.ReadFile(test.name, 0)
			if test.err == nil {
				must(t, err)
			} else if !test.err(err) {
				t.Fatalf("error %v", err)
			}
			if string(got) != test.want {
				t.Errorf("read %q, want %q", got, test.want)
			}
		})
	}
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[T error](target *T) func(error) bool {
	return func(err error) bool { return errors.As(err, target) }
}

func TestDevicesAreNotRead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"null", "zero", "tty"} {
		if _, err := tree(t, "/dev").ReadFile(name, 0); !errors.Is(err, ErrNotRegular) {
			t.Errorf("/dev/%s: error %v", name, err)
		}
		if _, err := ReadPath("/dev/"+name, 0); name != "tty" && !errors.Is(err, ErrNotRegular) {
			t.Errorf("/dev/%s as a path: error %v", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"exact": strings.Repeat("x", 100)})
	huge, err := os.Create(filepath.Join(dir, "huge"))
	must(t, err)
	must(t, huge.Truncate(1<<40)) // sparse
	must(t, huge.Close())
	tr := tree(t, dir)
	if got, err := tr.ReadFile("exact", 100); err != nil || len(got) != 100 {
		t.Errorf("a file of exactly the limit: %d bytes, %v", len(got), err)
	}
	var large *TooLargeError
	if _, err := tr.ReadFile("exact", 99); !errors.As(err, &large) || large.Limit != 99 {
		t.Errorf("a byte over the limit: %v", err)
	}
	if _, err := tr.ReadFile("huge", 0); !errors.As(err, &large) || large.Limit != DefaultLimit {
		t.Errorf("a huge file: %v", err)
	}
	if _, err := ReadPath(filepath.Join(dir, "huge"), 10); !errors.As(err, &large) {
		t.Errorf("a huge path: %v", err)
	}
}

// A link that changes while it is read never gives anything from outside.
func TestSwappedLinks(t *testing.T) {
	t.Parallel()
	base := tempDir(t)
	write(t, base, map[string]string{"secret/f": "SECRET", "tree/real/f": "fine", "tree/dir": "-> real"})
	dir := filepath.Join(base, "tree")
	tr := tree(t, dir)
	stop := swap(t, filepath.Join(dir, "dir"), "real", "../secret", filepath.Join(base, "secret"), filepath.Join(dir, "real"))
	read := 0
	for range 3000 {
		data, err := tr.ReadFile("dir/f", 0)
		if strings.Contains(string(data), "SECRET") {
			t.Fatal("read outside the tree")
		}
		if err == nil {
			read++
		}
	}
	stop()
	if read == 0 {
		t.Error("the link never led inside")
	}
}

func TestFS(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"Envfile": "x", "sub/a": "y", "sub/deep/b": "z", "out": "-> /etc/hostname"})
	fsys := tree(t, dir).FS()
	data, err := fs.ReadFile(fsys, "sub/a")
	must(t, err)
	if diff := cmp.Diff("y", string(data)); diff != "" {
		t.Error(diff)
	}
	var outside *OutsideError
	if _, err := fs.ReadFile(fsys, "out"); !errors.As(err, &outside) {
		t.Errorf("link out: %v", err)
	}
	if _, err := fs.Stat(fsys, "out"); !errors.As(err, &outside) {
		t.Errorf("stat of a link out: %v", err)
	}
	if _, err := fs.ReadFile(fsys, "../x"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("invalid name: %v", err)
	}
	must(t, os.Remove(filepath.Join(dir, "out")))
	must(t, fstest.TestFS(fsys, "Envfile", "sub/a", "sub/deep/b"))
}

func TestOpenTreeNeedsADirectory(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	write(t, dir, map[string]string{"f": "", "fifo": "fifo", "d/": "", "l": "-> d"})
	for name, want := range map[string]error{"f": ErrNotDirectory, "fifo": ErrNotDirectory, "none": fs.ErrNotExist} {
		if _, err := OpenTree(filepath.Join(dir, name)); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", name, err, want)
		}
	}
	if got := tree(t, filepath.Join(dir, "l")).Dir(); got != filepath.Join(dir, "d") {
		t.Errorf("directory %s", got)
	}
	if _, err := tree(t, dir).Sub("fifo"); !errors.Is(err, ErrNotDirectory) {
		t.Errorf("sub: %v", err)
	}
}

func ExampleOutsideError() {
	fmt.Println(&OutsideError{Path: "keys", Real: "/home/dev/.ssh", Tree: "/home/dev/shop"})
	// Output: keys leads to /home/dev/.ssh, outside /home/dev/shop
}
