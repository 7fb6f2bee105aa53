package git

import (
	"bytes"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// objects is where objects are found by their hash, which the store has computed.
type objects interface {
	// object is an [*Error] with NotFound for one that is not there.
	object(plumbing.Hash) (object, error)
	// commits are those whose hash begins with some digits, at most two.
	commits(prefix string) ([]plumbing.Hash, error)
}

type object struct {
	kind plumbing.ObjectType
	data []byte
}

// budget bounds what is held in memory, however it came there.
type budget struct{ left int64 }

func (b *budget) spend(n int64) error {
	if n < 0 || n > b.left {
		return fail(TooLarge, nil, "its objects have more bytes than are read").
			hint("ask for a tag or a branch: of those only one commit is fetched")
	}
	b.left -= n
	return nil
}

// limitOf is the most bytes of one object.
func limitOf(k plumbing.ObjectType) int64 {
	switch k {
	case plumbing.CommitObject, plumbing.TagObject:
		return maxSmall
	case plumbing.TreeObject:
		return maxTree
	}
	return MaxBytes
}

// allowed refuses an object for its size before it is read.
func allowed(k plumbing.ObjectType, size int64) error {
	if size < 0 || size > limitOf(k) {
		return fail(TooLarge, nil, "one of its objects has more than %d MiB", limitOf(k)>>20)
	}
	return nil
}

func get(from objects, h plumbing.Hash, kind plumbing.ObjectType) ([]byte, error) {
	o, err := from.object(h)
	if err != nil {
		return nil, err
	}
	if o.kind != kind {
		return nil, fail(Invalid, nil, "object %s is a %s where a %s should be", h, o.kind, kind)
	}
	return o.data, nil
}

// peel follows annotated tags to their commit.
func peel(from objects, h plumbing.Hash) (plumbing.Hash, error) {
	for range 10 {
		o, err := from.object(h)
		if err != nil {
			return h, err
		}
		switch o.kind {
		case plumbing.CommitObject:
			return h, nil
		case plumbing.TagObject:
			next, ok := field(o.data, "object")
			if !ok {
				return h, fail(Invalid, nil, "tag %s names no object", h)
			}
			h = next
		default:
			return h, fail(Invalid, nil, "it names a %s where a commit should be", o.kind)
		}
	}
	return h, fail(Invalid, nil, "tag %s names a tag that names a tag, and so on", h)
}

// treeOf is the tree of a commit.
func treeOf(from objects, commit plumbing.Hash) (plumbing.Hash, error) {
	data, err := get(from, commit, plumbing.CommitObject)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	h, ok := field(data, "tree")
	if !ok {
		return h, fail(Invalid, nil, "commit %s has no tree", commit)
	}
	return h, nil
}

// field is the hash of an object's first line.
func field(data []byte, name string) (plumbing.Hash, bool) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	text, ok := strings.CutPrefix(string(line[:min(len(line), 100)]), name+" ")
	return plumbing.NewHash(text), ok && isHash(text)
}

func isHash(s string) bool { return len(s) == 40 && isHex(s) }

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
