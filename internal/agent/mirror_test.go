//go:build linux

package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// described is all of a tree that a copy must keep, a line for each entry.
func described(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	first := map[inode]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		line := fmt.Sprintf("%s %o %d:%d %d.%09d", rel, st.Mode, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
		if key := (inode{st.Dev, st.Ino}); !d.IsDir() {
			if _, ok := first[key]; !ok {
				first[key] = rel
			}
			line += " =" + first[key]
		}
		switch {
		case d.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d %x", len(data), data[:min(len(data), 64)])
			if !bytes.Equal(data[min(len(data), 64):], make([]byte, max(0, len(data)-64))) {
				line += " more"
			}
		case d.Type()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(path)
			line += " -> " + target
		}
		names, err := attributeNames(path)
		if err != nil {
			return err
		}
		slices.Sort(names)
		for _, name := range names {
			value := make([]byte, 1024)
			n, err := unix.Lgetxattr(path, name, value)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %s=%q", name, value[:n])
		}
		out = append(out, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// grown fills a directory with one of each that a volume can hold.
func grown(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	do := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	sparse, err := os.Create(at("sparse"))
	do(err)
	_, err = sparse.WriteAt([]byte("late"), 8<<20)
	do(err, sparse.Truncate(16<<20), sparse.Close())
	do(os.MkdirAll(at("a/b"), 0o750), os.WriteFile(at("a/b/file"), []byte("hello"), 0o640), os.Link(at("a/b/file"), at("a/hard")),
		os.Symlink("b/file", at("a/soft")), os.Symlink("/nowhere", at("dangling")), unix.Mkfifo(at("pipe"), 0o622),
		unix.Mknod(at("socket"), unix.S_IFSOCK|0o755, 0), os.WriteFile(at("empty"), nil, 0o400), os.Mkdir(at("sticky"), 0o700),
		os.WriteFile(at("name with\nnewline"), []byte("x"), 0o600))
	if err := unix.Lsetxattr(at("a/b/file"), "user.note", []byte("kept"), 0); err != nil && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	do(unix.Chmod(at("sticky"), 0o3777), unix.Chmod(at("a/b/file"), 0o4755))
	if os.Geteuid() == 0 {
		do(os.Lchown(at("a/soft"), 12, 34), os.Lchown(at("a/b"), 1234, 5678), os.Lchown(at("a/b/file"), 7, 8), unix.Chmod(at("a/b/file"), 0o6755))
	}
	old := unix.Timespec{Sec: 1_000_000_000, Nsec: 123_456_789}
	for _, name := range []string{"a/soft", "a/b/file", "a/b", "a", "pipe", "."} {
		do(unix.UtimesNanoAt(unix.AT_FDCWD, at(name), []unix.Timespec{old, old}, unix.AT_SYMLINK_NOFOLLOW))
	}
	return dir
}

func TestMirror(t *testing.T) {
	from, to := grown(t), t.TempDir()
	want := described(t, from)
	if err := os.MkdirAll(filepath.Join(to, "a/b/old/deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, "stale"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // onto others, then onto itself
		done, err := mirror(t.Context(), from, to)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, described(t, to)); diff != "" {
			t.Errorf("the copy differs: %s", diff)
		}
		if int(done.Files) != len(want)-1 { // the directory itself
			t.Errorf("%d entries, want %d", done.Files, len(want)-1)
		}
	}
	if diff := cmp.Diff(want, described(t, from)); diff != "" {
		t.Errorf("what was copied has changed: %s", diff)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(to, "sparse"), &st); err != nil {
		t.Fatal(err)
	}
	if used := st.Blocks * 512; used > 4<<20 {
		t.Errorf("the hole is filled: %d bytes", used)
	}
}

func TestMirrorIsCut(t *testing.T) {
	ctx, cut := context.WithCancelCause(t.Context())
	cut(errCut)
	if _, err := mirror(ctx, grown(t), t.TempDir()); !errors.Is(err, errCut) {
		t.Errorf("error = %v", err)
	}
}

func TestMirrorSaysWhatFailed(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads everything")
	}
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "shut"), nil, 0o000); err != nil {
		t.Fatal(err)
	}
	_, err := mirror(t.Context(), from, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "shut") {
		t.Errorf("an unreadable file: %v", err)
	}
}
