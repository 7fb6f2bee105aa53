package git

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// pack is a file of objects with its index, both version 2.
type pack struct {
	name   string // without its ending
	index  []byte
	hashes []byte // 20 bytes each, sorted
}

func (r *folder) readPacks() error {
	entries, err := fs.ReadDir(r.fs, "objects/pack")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return asRepository(err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".idx")
		if !ok {
			continue
		}
		if len(r.packs) == maxPacks {
			return fail(TooLarge, nil, "it has more than %d packs", maxPacks)
		}
		p, err := r.readIndex("objects/pack/" + name)
		if err != nil {
			return asRepository(err)
		}
		r.packs = append(r.packs, p)
	}
	return nil
}

// readIndex holds the index against its own size, so that no number in it leads outside.
func (r *folder) readIndex(name string) (*pack, error) {
	data, err := r.read(name+".idx", r.indexLeft)
	if err != nil {
		return nil, err
	}
	r.indexLeft -= int64(len(data))
	const top = 8 + 256*4
	if len(data) < top+40 || !bytes.HasPrefix(data, []byte("\xfftOc\x00\x00\x00\x02")) {
		return nil, fail(Invalid, nil, "its file %s.idx is no index of version 2", name)
	}
	n := int64(binary.BigEndian.Uint32(data[top-4:]))
	if int64(len(data)) < top+n*28+40 {
		return nil, fail(Invalid, nil, "its file %s.idx is cut off", name)
	}
	return &pack{name: name, index: data, hashes: data[top : top+n*20]}, nil
}

func (p *pack) len() int { return len(p.hashes) / 20 }

func (p *pack) hash(i int) []byte { return p.hashes[i*20 : i*20+20] }

// from is the first object whose hash is not below some digits.
func (p *pack) from(prefix []byte) int {
	low, high := 0, p.len()
	for low < high {
		if mid := (low + high) / 2; bytes.Compare(p.hash(mid), prefix) < 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// offset is where an object begins in the pack; -1 where the index does not say it.
func (p *pack) offset(h plumbing.Hash) int64 {
	i := p.from(h[:])
	if i == p.len() || !bytes.Equal(p.hash(i), h[:]) {
		return -1
	}
	small := 8 + 256*4 + p.len()*24
	o := binary.BigEndian.Uint32(p.index[small+i*4:])
	if o&(1<<31) == 0 {
		return int64(o)
	}
	at := small + p.len()*4 + int(o&^(1<<31))*8
	if at+8 > len(p.index)-40 {
		return -1
	}
	return int64(binary.BigEndian.Uint64(p.index[at:]) & (1<<62 - 1))
}

func (r *folder) object(h plumbing.Hash) (object, error) {
	o, err := r.find(h)
	if err != nil {
		return o, asRepository(err)
	}
	if plumbing.ComputeHash(o.kind, o.data) != h {
		return o, fail(Invalid, nil, "object %s is broken", h)
	}
	return o, nil
}

func (r *folder) find(h plumbing.Hash) (object, error) {
	for _, p := range r.packs {
		if at := p.offset(h); at >= 0 {
			return r.packed(p, at)
		}
	}
	return r.loose(h)
}

func (r *folder) loose(h plumbing.Hash) (object, error) {
	digits := h.String()
	file, err := r.fs.Open("objects/" + digits[:2] + "/" + digits[2:])
	if errors.Is(err, fs.ErrNotExist) {
		return object{}, fail(NotFound, nil, "object %s is not there", h)
	}
	if err != nil {
		return object{}, err
	}
	defer file.Close()
	kind, size, in, err := looseHeader(file)
	if err != nil {
		return object{}, err
	}
	defer in.Close()
	if err := allowed(kind, size); err != nil {
		return object{}, err
	}
	if err := r.budget.spend(size); err != nil {
		return object{}, err
	}
	r.scratch.Reset()
	n, err := io.CopyN(&r.scratch, in, size)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return object{kind, bytes.Clone(r.scratch.Bytes())}, err
}

// looseHeader reads "TYPE SIZE NUL", which is short.
func looseHeader(file io.Reader) (plumbing.ObjectType, int64, io.ReadCloser, error) {
	in, err := zlib.NewReader(bufio.NewReader(file))
	if err != nil {
		return 0, 0, nil, err
	}
	head := make([]byte, 0, 32)
	for len(head) == 0 || head[len(head)-1] != 0 {
		if len(head) == cap(head) {
			return 0, 0, nil, errors.New("an object has no header")
		}
		n, err := in.Read(head[len(head) : len(head)+1])
		if head = head[:len(head)+n]; err != nil && n == 0 {
			return 0, 0, nil, err
		}
	}
	name, digits, _ := strings.Cut(string(head[:len(head)-1]), " ")
	kind, err := plumbing.ParseObjectType(name)
	if err != nil {
		return 0, 0, nil, err
	}
	size, err := strconv.ParseInt(digits, 10, 64)
	return kind, size, in, err
}

// packed reads an object and the deltas that it is made of.
func (r *folder) packed(p *pack, at int64) (object, error) {
	file, err := r.fs.Open(p.name + ".pack")
	if err != nil {
		return object{}, err
	}
	defer file.Close()
	seeker, ok := file.(io.ReadSeeker)
	if !ok {
		return object{}, errors.New("its files cannot be read from their middle")
	}
	s := packfile.NewScanner(seeker)
	var patches [][]byte
	for range maxChain {
		header, err := s.SeekObjectHeader(at)
		if err != nil {
			return object{}, err
		}
		h := *header
		data, err := inflate(s, header, &r.budget, &r.scratch)
		if err != nil {
			return object{}, err
		}
		switch h.Type {
		case plumbing.OFSDeltaObject:
			patches = append(patches, data)
			at = h.OffsetReference
		case plumbing.REFDeltaObject:
			base, err := r.base(h.Reference)
			if err != nil {
				return object{}, err
			}
			return r.apply(base, append(patches, data))
		default:
			return r.apply(object{h.Type, data}, patches)
		}
	}
	return object{}, errors.New("it has more deltas above each other than git makes")
}

// base looks up the base of a delta by its hash. Nothing keeps hostile ones from naming each other.
func (r *folder) base(h plumbing.Hash) (object, error) {
	if r.depth++; r.depth > 64 {
		return object{}, errors.New("its deltas name each other")
	}
	defer func() { r.depth-- }()
	return r.find(h)
}

// apply goes from the last delta to the first.
func (r *folder) apply(o object, patches [][]byte) (object, error) {
	var err error
	for _, patch := range slices.Backward(patches) {
		if o, err = applied(o, patch, &r.budget); err != nil {
			return o, err
		}
	}
	return o, nil
}

// commits looks at what begins with the digits, be it a commit or not.
func (r *folder) commits(prefix string) ([]plumbing.Hash, error) {
	found := map[plumbing.Hash]bool{}
	whole := plumbing.NewHash(prefix + strings.Repeat("0", 40-len(prefix)))
	for _, p := range r.packs {
		for i := p.from(whole[:]); i < p.len(); i++ {
			h := plumbing.Hash(p.hash(i))
			if !strings.HasPrefix(h.String(), prefix) {
				break
			}
			found[h] = true
		}
	}
	entries, err := fs.ReadDir(r.fs, "objects/"+prefix[:2])
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, asRepository(err)
	}
	for _, e := range entries {
		if name := prefix[:2] + e.Name(); isHash(name) && strings.HasPrefix(name, prefix) {
			found[plumbing.NewHash(name)] = true
		}
	}
	var commits []plumbing.Hash
	for h := range found {
		o, err := r.object(h)
		if err != nil {
			return nil, err
		}
		if o.kind == plumbing.CommitObject && len(commits) < 2 {
			commits = append(commits, h)
		}
	}
	return commits, nil
}
