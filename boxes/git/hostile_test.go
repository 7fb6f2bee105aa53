package git_test

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"

	"github.com/envyhq/envy/boxes/git"
)

// TestHostileTrees: trees that git would never write, or should not be asked to check out.
func TestHostileTrees(t *testing.T) {
	for _, c := range []struct {
		name  string
		make  func(r *repo) plumbing.Hash
		kind  git.Kind
		texts []string
	}{
		{"a link out of the tree", link("../x"), git.Invalid, []string{`link "a" to "../x" leaves the tree`}},
		{"a link to a path of the host", link("/etc/passwd"), git.Invalid, []string{"leaves the tree"}},
		{"a link out of the tree through another", func(r *repo) plumbing.Hash {
			up := r.raw(plumbing.BlobObject, []byte(".."))
			far := r.raw(plumbing.BlobObject, []byte("d/up/../x"))
			d := r.rawTree(rawEntry{"120000", "up", up})
			return r.rawTree(rawEntry{"40000", "d", d}, rawEntry{"120000", "far", far})
		}, git.Invalid, []string{`link "far"`, "leaves the tree"}},
		{"a link out of the tree through what is missing", link("nothing/../../x"), git.Invalid, []string{"leaves the tree"}},
		{"an empty link", link(""), git.Invalid, []string{"is none"}},
		{"a link with a NUL", link("a\x00b"), git.Invalid, []string{"is none"}},
		{"a name that leads up", named(".."), git.Invalid, []string{"leads elsewhere"}},
		{"a name that leads nowhere", named("."), git.Invalid, []string{"leads elsewhere"}},
		{"an empty name", named(""), git.Invalid, []string{"leads elsewhere"}},
		{"a name with a slash", named("../../x"), git.Invalid, []string{"broken"}},
		{"a repository in it", named(".git"), git.Invalid, []string{"taken for a repository"}},
		{"a repository in it, in capitals", named(".GiT"), git.Invalid, []string{"taken for a repository"}},
		{"a name with an escape", named("a\x1b[2J"), git.Invalid, []string{"control character"}},
		{"a name with a line's end", named("a\nb"), git.Invalid, []string{"control character"}},
		{"a name that is not UTF-8", named("a\xff"), git.Invalid, []string{"UTF-8"}},
		{"a name that is too long", named(strings.Repeat("x", 2000)), git.Invalid, []string{"too long"}},
		{"a name that is there twice", func(r *repo) plumbing.Hash {
			b := r.raw(plumbing.BlobObject, []byte("x"))
			return r.rawTree(rawEntry{"100644", "a", b}, rawEntry{"100644", "a", b})
		}, git.Invalid, []string{"there twice"}},
		{"a file that is a directory too", func(r *repo) plumbing.Hash {
			b := r.raw(plumbing.BlobObject, []byte("x"))
			return r.rawTree(rawEntry{"100644", "a", b}, rawEntry{"40000", "a", r.rawTree(rawEntry{"100644", "b", b})})
		}, git.Invalid, []string{"there twice"}},
		{"a mode of a device", func(r *repo) plumbing.Hash {
			return r.rawTree(rawEntry{"60000", "a", r.raw(plumbing.BlobObject, []byte("x"))})
		}, git.Invalid, []string{"mode 60000"}},
		{"a mode with set-uid", func(r *repo) plumbing.Hash {
			return r.rawTree(rawEntry{"104755", "a", r.raw(plumbing.BlobObject, []byte("x"))})
		}, git.Invalid, []string{"mode 104755"}},
		{"a directory that is a file", func(r *repo) plumbing.Hash {
			return r.rawTree(rawEntry{"40000", "a", r.raw(plumbing.BlobObject, []byte("x"))})
		}, git.Invalid, []string{"is a blob where a tree"}},
		{"a file that is a commit", func(r *repo) plumbing.Hash {
			return r.rawTree(rawEntry{"100644", "a", plumbing.NewHash(r.rawCommit(r.rawTree()))})
		}, git.Invalid, []string{"is a commit where a blob"}},
		{"a tree cut off", func(r *repo) plumbing.Hash { return r.raw(plumbing.TreeObject, []byte("100644 a\x00123")) }, git.Invalid, []string{"broken"}},
		{"a tree of a file without end", func(r *repo) plumbing.Hash { return r.raw(plumbing.TreeObject, []byte("100644")) }, git.Invalid, []string{"broken"}},
		{"10,001 files", files(10_001, 0), git.TooLarge, []string{"more than 10000 files"}},
		{"65 MiB in two files", files(2, 33<<20), git.TooLarge, []string{"more than 64 MiB"}},
		{"a file over the limit", files(1, 64<<20+1), git.TooLarge, []string{"more than 64 MiB"}},
		{"ten directories in each other, ten times each", func(r *repo) plumbing.Hash {
			tree := r.rawTree(rawEntry{"100644", "f", r.raw(plumbing.BlobObject, []byte("x"))})
			for range 10 {
				var all []rawEntry
				for i := range 10 {
					all = append(all, rawEntry{"40000", fmt.Sprint(i), tree})
				}
				tree = r.rawTree(all...)
			}
			return tree
		}, git.TooLarge, []string{"more than 10000 files"}},
		{"directories without files, ten times each", func(r *repo) plumbing.Hash {
			tree := r.rawTree()
			for range 10 {
				var all []rawEntry
				for i := range 10 {
					all = append(all, rawEntry{"40000", fmt.Sprint(i), tree})
				}
				tree = r.rawTree(all...)
			}
			return tree
		}, git.TooLarge, []string{"more than 10000 files"}},
		{"100 directories in each other", func(r *repo) plumbing.Hash {
			tree := r.rawTree(rawEntry{"100644", "f", r.raw(plumbing.BlobObject, []byte("x"))})
			for range 100 {
				tree = r.rawTree(rawEntry{"40000", "d", tree})
			}
			return tree
		}, git.TooLarge, []string{"in each other"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRepo(t)
			r.rawCommit(c.make(r))
			for _, s := range []served{{from: "git::file://" + r.dir, cfg: git.Config{Open: openFolder}}, serveHTTPS(t, "", goGitHandler(t, r.dir))} {
				if s.hits != nil && (strings.Contains(c.name, "ten times each") || strings.Contains(c.name, "MiB") || strings.Contains(c.name, "over the limit")) {
					continue // the test's server has the costs of it too
				}
				_, _, err := fetch(t, git.New(s.cfg), s.from, nil)
				if e, ok := errors.AsType[*git.Error](err); ok && s.hits != nil && (e.Kind == git.Unreachable || strings.Contains(e.Summary, "left out")) {
					t.Log("go-git's server does not serve it as it is")
					continue
				}
				wantKind(t, err, c.kind, c.texts...)
			}
		})
	}
}

func link(target string) func(r *repo) plumbing.Hash {
	return func(r *repo) plumbing.Hash {
		return r.rawTree(rawEntry{"120000", "a", r.raw(plumbing.BlobObject, []byte(target))})
	}
}

func named(name string) func(r *repo) plumbing.Hash {
	return func(r *repo) plumbing.Hash {
		return r.rawTree(rawEntry{"100644", name, r.raw(plumbing.BlobObject, []byte("x"))})
	}
}

// files are n entries of one content, which costs its bytes once.
func files(n, size int) func(r *repo) plumbing.Hash {
	return func(r *repo) plumbing.Hash {
		b := r.raw(plumbing.BlobObject, make([]byte, size))
		var all []rawEntry
		for i := range n {
			all = append(all, rawEntry{"100644", fmt.Sprintf("f%05d", i), b})
		}
		return r.rawTree(all...)
	}
}

// TestHarmless: what may be there, and is kept or left out.
func TestHarmless(t *testing.T) {
	r := newRepo(t)
	marker := filepath.Join(t.TempDir(), "ran")
	b := r.raw(plumbing.BlobObject, []byte("x"))
	sub := plumbing.NewHash(strings.Repeat("12", 20))
	commit := r.rawCommit(r.rawTree(
		rawEntry{"100644", ".gitattributes", r.raw(plumbing.BlobObject, []byte("* filter=x text eol=crlf\n"))},
		rawEntry{"100644", ".gitmodules", r.raw(plumbing.BlobObject, []byte("[submodule \"s\"]\n\tpath = s\n\turl = ext::sh -c 'touch "+marker+"'\n\tupdate = !touch "+marker+"\n"))},
		rawEntry{"120000", "dangling", r.raw(plumbing.BlobObject, []byte("nothing/here"))},
		rawEntry{"120000", "loop", r.raw(plumbing.BlobObject, []byte("loop"))},
		rawEntry{"100664", "old", b},
		rawEntry{"160000", "s", sub},
	))
	r.ref("refs/heads/-upload-pack=touch", commit)
	r.ref("refs/tags/--output=x", commit)
	for _, name := range []string{"post-checkout", "post-merge", "reference-transaction", "fsmonitor"} {
		r.must(os.MkdirAll(filepath.Join(r.dir, ".git/hooks"), 0o755))
		r.must(os.WriteFile(filepath.Join(r.dir, ".git/hooks", name), []byte("#!/bin/sh\ntouch "+marker+"\n"), 0o755))
	}
	config := "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch " + marker + "\n\tsshCommand = touch " + marker + "\n[filter \"x\"]\n\tsmudge = touch " + marker + "\n"
	r.must(os.WriteFile(filepath.Join(r.dir, ".git/config"), []byte(config), 0o644))
	s := []served{{from: "git::file://" + r.dir, cfg: git.Config{Open: openFolder}}, serveHTTPS(t, "", goGitHandler(t, r.dir))}
	var hash string
	for _, s := range s {
		s.cfg.Cache = newCache(t)
		f := git.New(s.cfg)
		_, pin, err := fetch(t, f, s.from, nil)
		if err != nil {
			t.Fatal(err)
		}
		if hash != "" && pin.Hash != hash {
			t.Errorf("hash %s, and %s over another transport", pin.Hash, hash)
		}
		hash = pin.Hash
		tree, _, err := fetch(t, f, s.from, &pin) // out of the cache
		if err != nil {
			t.Fatal(err)
		}
		if len(tree.Notes) != 1 || tree.Notes[0] != "the submodule s is not fetched" {
			t.Errorf("notes %q", tree.Notes)
		}
		for _, name := range []string{"dangling", "loop", "s"} {
			if _, err := tree.ReadFile(name); err == nil {
				t.Errorf("%s can be read", name)
			}
		}
		if data, err := tree.ReadFile(".gitattributes"); err != nil || string(data) != "* filter=x text eol=crlf\n" {
			t.Errorf("%q %v", data, err)
		}
		_, _, err = fetch(t, f, s.from+"?version=~> 1", nil)
		if wantKind(t, err, git.NotFound); strings.Contains(err.Error(), "--output") {
			t.Error(err)
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("something of the repository was run")
	}
}

// TestFolders: repositories in folders that lead elsewhere, or lie.
func TestFolders(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(h history) error
		kind  git.Kind
		text  string
	}{
		"objects of another": {func(h history) error {
			return write(h.dir, ".git/objects/info/alternates", "/srv/other/objects\n")
		}, git.Invalid, "borrows objects"},
		"a worktree": {func(h history) error {
			return os.Rename(h.dir+"/.git", h.dir+"/.git2")
		}, git.NotFound, "no git repository"},
		"a file .git": {func(h history) error {
			if err := os.Rename(h.dir+"/.git", h.dir+"/.git2"); err != nil {
				return err
			}
			return write(h.dir, ".git", "gitdir: /elsewhere\n")
		}, git.Invalid, "worktree of another"},
		"a link .git out of it": {func(h history) error {
			if err := os.Rename(h.dir+"/.git", h.dir+"/.git2"); err != nil {
				return err
			}
			return os.Symlink("/etc", h.dir+"/.git")
		}, git.NotFound, "no git repository"},
		"a reftable":   {func(h history) error { return os.Mkdir(h.dir+"/.git/reftable", 0o755) }, git.Invalid, "reftable"},
		"another HEAD": {func(h history) error { return write(h.dir, ".git/HEAD", "ref: ../../../etc/passwd\n") }, git.NotFound, "no default branch"},
		"an object with another's name": {func(h history) error {
			a, b := h.dir+"/.git/objects/"+h.main[:2]+"/"+h.main[2:], h.dir+"/.git/objects/"+h.side[:2]+"/"+h.side[2:]
			if err := os.Remove(a); err != nil {
				return err
			}
			return os.Link(b, a)
		}, git.Invalid, "is broken"},
		"an object cut off": {func(h history) error {
			return os.Truncate(headFile(h), 10)
		}, git.Invalid, ""},
		"an object that lies about its size": {func(h history) error {
			return os.WriteFile(headFile(h), deflated("commit 99999999999\x00x"), 0o644)
		}, git.TooLarge, "more than 1 MiB"},
		"an object without a header": {func(h history) error {
			return os.WriteFile(headFile(h), deflated(strings.Repeat("x", 1<<20)), 0o644)
		}, git.Invalid, "no header"},
		"an index cut off": {func(h history) error { return write(h.dir, ".git/objects/pack/pack-x.idx", "\xfftOc\x00\x00\x00\x02") }, git.Invalid, "no index"},
		"an index that lies": {func(h history) error {
			data := append([]byte("\xfftOc\x00\x00\x00\x02"), bytes.Repeat([]byte{0xff}, 256*4+40)...)
			return os.WriteFile(h.dir+"/.git/objects/pack/pack-x.idx", data, 0o644)
		}, git.Invalid, "cut off"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHistory(t)
			h.must(os.MkdirAll(h.dir+"/.git/objects/pack", 0o755))
			h.must(os.MkdirAll(h.dir+"/.git/objects/info", 0o755))
			h.must(c.spoil(h))
			_, _, err := fetch(t, git.New(git.Config{Open: openFolder}), "git::file://"+h.dir, nil)
			wantKind(t, err, c.kind, c.text)
		})
	}
}

func headFile(h history) string {
	name := h.dir + "/.git/objects/" + h.main[:2] + "/" + h.main[2:]
	_ = os.Chmod(name, 0o644)
	return name
}

func write(dir, name, content string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644)
}

func deflated(s string) []byte {
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestSpeed)
	_, _ = io.WriteString(w, s)
	w.Close()
	return b.Bytes()
}

// object headers of packs
func packed(kind plumbing.ObjectType, size uint64, rest ...[]byte) []byte {
	b := []byte{byte(kind)<<4 | byte(size&15)}
	for size >>= 4; size > 0; size >>= 7 {
		b[len(b)-1] |= 0x80
		b = append(b, byte(size&0x7f))
	}
	return append(b, bytes.Join(rest, nil)...)
}

func pack(count uint32, objects ...[]byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), count)
	b = append(b, bytes.Join(objects, nil)...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

func number(n uint64) []byte { return binary.AppendUvarint(nil, n) }

// hostileServer answers every request with some bytes.
func hostileServer(t *testing.T, advert, answer func(w io.Writer)) served {
	return serveHTTPS(t, "", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			answer(w)
			return
		}
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		advert(w)
	}))
}

const someCommit = "1234567812345678123456781234567812345678"

func plainAdvert(w io.Writer) {
	e := pktline.NewEncoder(w)
	_ = e.EncodeString("# service=git-upload-pack\n")
	_ = e.Flush()
	_ = e.EncodeString(someCommit+" HEAD\x00ofs-delta\n", someCommit+" refs/heads/main\n")
	_ = e.Flush()
}

// TestHostilePacks: what a server sends costs no more than the limits, whatever it claims.
func TestHostilePacks(t *testing.T) {
	bomb := deflated(strings.Repeat("\x00", 1<<20))
	small := packed(plumbing.BlobObject, 3, deflated("abc"))
	// A delta that copies its base's 64 KiB over and over, and claims to be large.
	base := packed(plumbing.BlobObject, 0x10000, deflated(strings.Repeat("x", 0x10000)))
	copies := bytes.Repeat([]byte{0x80}, 4000) // each is 64 KiB
	grow := func(size uint64) []byte {
		d := bytes.Join([][]byte{number(0x10000), number(size), copies}, nil)
		return packed(plumbing.OFSDeltaObject, uint64(len(d)), ofs(len(base)), deflated(string(d)))
	}
	waiting := packed(plumbing.REFDeltaObject, 4, bytes.Repeat([]byte{7}, 20), deflated("\x03\x01\x01a"))
	for name, c := range map[string]struct {
		pack  []byte
		kind  git.Kind
		texts string
	}{
		"no pack":                         {[]byte("hello, this is no pack"), git.Invalid, "broken"},
		"nothing":                         {nil, git.Unreachable, "ended too early"},
		"too many objects":                {pack(1 << 31), git.TooLarge, "objects"},
		"fewer objects than claimed":      {pack(9, small), 0, ""},
		"cut off":                         {pack(1, small)[:18], 0, ""},
		"another checksum":                {append(pack(1, small)[:len(pack(1, small))-1], 1), git.Invalid, "broken"},
		"no commit in it":                 {pack(1, small), git.Invalid, "left out object " + someCommit},
		"a blob that claims 1 PiB":        {pack(1, packed(plumbing.BlobObject, 1<<50, deflated("x"))), git.TooLarge, "64 MiB"},
		"a blob that claims 60 MiB":       {pack(1, packed(plumbing.BlobObject, 60<<20, deflated("x"))), git.Invalid, "claims"},
		"a blob that has more than said":  {pack(1, packed(plumbing.BlobObject, 10, bomb)), git.Invalid, "broken"},
		"a tree that claims 60 MiB":       {pack(1, packed(plumbing.TreeObject, 60<<20, bomb)), git.TooLarge, "8 MiB"},
		"200 MiB in four":                 {pack(4, bytes.Repeat(packed(plumbing.BlobObject, 60<<20, deflated(strings.Repeat("\x00", 60<<20))), 4)), git.TooLarge, "more bytes"},
		"a type that is none":             {pack(1, packed(plumbing.ObjectType(5), 3, deflated("abc"))), git.Invalid, "type 5"},
		"a delta that grows":              {pack(2, base, grow(250<<20)), git.TooLarge, "64 MiB"},
		"a delta that claims too little":  {pack(2, base, grow(100)), git.Invalid, "broken"},
		"a delta that claims 2^63":        {pack(2, base, grow(1<<63)), git.TooLarge, "64 MiB"},
		"a delta without a base":          {pack(1, waiting), git.Invalid, "not complete"},
		"a delta before the pack":         {pack(1, packed(plumbing.OFSDeltaObject, 3, ofs(4000), deflated("abc"))), git.Invalid, "broken"},
		"a delta of nothing that is here": {pack(1, packed(plumbing.OFSDeltaObject, 3, ofs(5), deflated("abc"))), git.Invalid, "out of order"},
	} {
		t.Run(name, func(t *testing.T) {
			s := hostileServer(t, plainAdvert, func(w io.Writer) {
				_ = pktline.NewEncoder(w).EncodeString("NAK\n")
				_, _ = w.Write(c.pack)
			})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, _, err := fetch(t, git.New(s.cfg), s.from, nil)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatal("taken")
			}
			if c.kind != 0 {
				wantKind(t, err, c.kind, c.texts)
			}
			if used := int64(after.TotalAlloc-before.TotalAlloc) >> 20; used > 1024 {
				t.Errorf("%d MiB were allocated", used)
			}
		})
	}
}

func ofs(n int) []byte {
	b := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		b = append([]byte{byte(n&0x7f) | 0x80}, b...)
	}
	return b
}

// TestHostileServers: what is no git server, or one that says too much.
func TestHostileServers(t *testing.T) {
	endless := func(line string) func(io.Writer) {
		return func(w io.Writer) {
			plain := fmt.Sprintf("%04x%s", len(line)+4, line)
			block := strings.Repeat(plain, 1000)
			for {
				if _, err := io.WriteString(w, block); err != nil {
					return
				}
			}
		}
	}
	raw := func(s string) func(io.Writer) { return func(w io.Writer) { _, _ = io.WriteString(w, s) } }
	for name, c := range map[string]struct {
		advert, answer func(io.Writer)
		kind           git.Kind
		text           string
	}{
		"a list of references without end": {endless(someCommit + " refs/heads/" + strings.Repeat("x", 200) + "\x00\n"), nil, git.TooLarge, "more than 32 MiB"},
		"a list cut off":                   {raw("003f" + someCommit), nil, git.Unreachable, "too early"},
		"no list":                          {raw("<html>"), nil, git.Invalid, "does not speak"},
		"a list of something else":         {raw("000ahello\n0000"), nil, git.Invalid, "does not speak"},
		"an error":                         {raw("000fERR go away"), nil, git.NotFound, "go away"},
		"a longer line than there are":     {raw("ffff"), nil, git.Invalid, "does not speak"},
		"SHA-256":                          {raw(fmt.Sprintf("%04x%s", 40+1+4+1+20+5, someCommit+" HEAD\x00object-format=sha256\n") + "0000"), nil, git.Invalid, "sha256"},
		"a pack without end": {plainAdvert, func(w io.Writer) {
			_ = pktline.NewEncoder(w).EncodeString("NAK\n")
			object := packed(plumbing.BlobObject, 0, deflated(""))
			_, _ = w.Write(pack(300_000)[:12])
			block := bytes.Repeat(object, 1000)
			for {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, git.Invalid, ""},
		"acknowledgements without end": {plainAdvert, endless("ACK " + someCommit + "\n"), git.Invalid, "does not speak"},
		"an error instead of a pack":   {plainAdvert, raw("000fERR go away"), git.Invalid, "go away"},
	} {
		t.Run(name, func(t *testing.T) {
			s := hostileServer(t, c.advert, c.answer)
			_, _, err := fetch(t, git.New(s.cfg), s.from, nil)
			wantKind(t, err, c.kind, c.text)
		})
	}
}
