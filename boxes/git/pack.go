package git

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// received is the objects of a pack as it came over a connection.
type received struct {
	byHash   map[plumbing.Hash]object
	byOffset map[int64]object
	waiting  map[plumbing.Hash][]delta // for a base that comes later
	budget   budget
	scratch  bytes.Buffer // what is inflated is of its own size afterwards, not of a buffer's that has grown
}

type delta struct {
	offset int64
	data   []byte
}

func (r *received) object(h plumbing.Hash) (object, error) {
	o, ok := r.byHash[h]
	if !ok {
		return o, fail(Invalid, nil, "the server left out object %s", h)
	}
	return o, nil
}

func (r *received) commits(prefix string) ([]plumbing.Hash, error) {
	var found []plumbing.Hash
	for h, o := range r.byHash {
		if o.kind == plumbing.CommitObject && strings.HasPrefix(h.String(), prefix) {
			found = append(found, h)
		}
	}
	slices.SortFunc(found, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	return found[:min(len(found), 2)], nil
}

// readPack reads a pack to its end. Sizes that it claims cost nothing: memory is taken as bytes come, up to limits that
// are held against the claims first.
func readPack(in io.Reader) (*received, error) {
	r := &received{
		byHash: map[plumbing.Hash]object{}, byOffset: map[int64]object{}, waiting: map[plumbing.Hash][]delta{},
		budget: budget{maxInflated},
	}
	s := packfile.NewScanner(struct{ io.Reader }{in})
	_, n, err := s.Header()
	if err != nil {
		return nil, packError(err)
	}
	if n > maxObjects {
		return nil, fail(TooLarge, nil, "it has more than %d objects", maxObjects)
	}
	for range n {
		if err := r.next(s); err != nil {
			return nil, packError(err)
		}
	}
	if _, err := s.Checksum(); err != nil {
		return nil, packError(err)
	}
	if len(r.waiting) > 0 {
		return nil, fail(Invalid, nil, "what the server sent is not complete")
	}
	r.byOffset, r.waiting, r.scratch = nil, nil, bytes.Buffer{}
	return r, nil
}

func packError(err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if errors.Is(err, packfile.ErrEmptyPackfile) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fail(Unreachable, io.ErrUnexpectedEOF, "the server's answer ended too early")
	}
	return fail(Invalid, err, "what the server sent is broken")
}

func (r *received) next(s *packfile.Scanner) error {
	h, err := s.NextObjectHeader()
	if err != nil {
		return err
	}
	data, err := inflate(s, h, &r.budget, &r.scratch)
	if err != nil {
		return err
	}
	switch h.Type {
	case plumbing.OFSDeltaObject:
		base, ok := r.byOffset[h.OffsetReference]
		if !ok {
			// Its base is a delta that waits itself, or is not there at all: git's servers send neither.
			return fail(Invalid, nil, "what the server sent is out of order")
		}
		return r.patch(base, delta{h.Offset, data})
	case plumbing.REFDeltaObject:
		base, ok := r.byHash[h.Reference]
		if !ok {
			r.waiting[h.Reference] = append(r.waiting[h.Reference], delta{h.Offset, data})
			return nil
		}
		return r.patch(base, delta{h.Offset, data})
	}
	return r.add(h.Offset, object{h.Type, data})
}

// inflate reads the object whose header was read.
func inflate(s *packfile.Scanner, h *packfile.ObjectHeader, left *budget, scratch *bytes.Buffer) ([]byte, error) {
	switch h.Type {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject, plumbing.OFSDeltaObject, plumbing.REFDeltaObject:
	default:
		return nil, fail(Invalid, nil, "what the server sent has an object of type %d", h.Type)
	}
	if err := allowed(h.Type, h.Length); err != nil {
		return nil, err
	}
	if err := left.spend(h.Length); err != nil {
		return nil, err
	}
	length := h.Length
	scratch.Reset()
	n, _, err := s.NextObject(scratch)
	if err != nil {
		return nil, err
	}
	if n != length {
		return nil, fail(Invalid, nil, "an object has %d bytes, and claims %d", n, length)
	}
	return bytes.Clone(scratch.Bytes()), nil
}

func (r *received) patch(base object, d delta) error {
	o, err := applied(base, d.data, &r.budget)
	if err != nil {
		return err
	}
	return r.add(d.offset, o)
}

// applied is the object that a delta makes of its base. The size that it claims is what it may have.
func applied(base object, patch []byte, left *budget) (object, error) {
	_, rest := varint(patch)
	size, _ := varint(rest)
	if err := allowed(base.kind, size); err != nil {
		return object{}, err
	}
	if err := left.spend(size); err != nil {
		return object{}, err
	}
	data, err := packfile.PatchDelta(base.data, patch)
	if err != nil {
		return object{}, err
	}
	return object{base.kind, bytes.Clone(data)}, nil
}

// varint is a number of a delta's header; -1 is one that no object could have.
func varint(b []byte) (int64, []byte) {
	var n int64
	for i, c := range b {
		if i > 7 {
			break
		}
		n |= int64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return n, b[i+1:]
		}
	}
	return -1, nil
}

// add takes an object in, and those that waited for it.
func (r *received) add(offset int64, o object) error {
	type ready struct {
		offset int64
		object
	}
	todo := []ready{{offset, o}}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		h := plumbing.ComputeHash(at.kind, at.data)
		r.byHash[h], r.byOffset[at.offset] = at.object, at.object
		waited := r.waiting[h]
		delete(r.waiting, h)
		for _, d := range waited {
			made, err := applied(at.object, d.data, &r.budget)
			if err != nil {
				return err
			}
			todo = append(todo, ready{d.offset, made})
		}
	}
	return nil
}
