package hostfs

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// ErrUnknown means that whether git tracks a file cannot be told: there is no git directory that may be believed, or
// its index is of a form that is not understood.
var ErrUnknown = errors.New("not known")

const (
	maxIndex     = 1 << 30 // bytes
	maxIndexPath = 1 << 16
)

// Tracked says whether git's index holds a file of the Envfile's directory. The index is read as data; no git program
// runs. It is an [ErrUnknown] where it cannot be told.
func (c *Checkout) Tracked(name string) (bool, error) {
	if c.git.path == "" {
		return false, fmt.Errorf("is %s tracked by git: %w", name, ErrUnknown)
	}
	git, err := OpenTree(c.git.path)
	if err != nil {
		return false, fmt.Errorf("is %s tracked by git: %w", name, err)
	}
	defer git.Close()
	if _, err := git.Lstat("index"); err != nil {
		return false, ignoreAbsent(err) // nothing was ever added
	}
	target := c.path(name)
	// The hash's length is set in the repository's configuration, which a box can write; the index tells by itself.
	for _, hash := range []int{20, 32} {
		var tracked bool
		if tracked, err = inIndex(git, target, hash); err == nil {
			return tracked, nil
		}
	}
	return false, fmt.Errorf("is %s tracked by git: %w", filepath.Join(c.dir, name), err)
}

func inIndex(git *Tree, target string, hash int) (bool, error) {
	f, err := git.Open("index")
	if err != nil {
		return false, err
	}
	defer f.Close()
	return searchIndex(bufio.NewReaderSize(io.LimitReader(f, maxIndex), 1<<16), target, hash)
}

// searchIndex reads a git index (gitformat-index(5), versions 2 to 4) up to the entry called target or the end.
func searchIndex(r *bufio.Reader, target string, hash int) (bool, error) {
	var head struct {
		Magic            [4]byte
		Version, Entries uint32
	}
	if err := binary.Read(r, binary.BigEndian, &head); err != nil {
		return false, malformed(err)
	}
	if string(head.Magic[:]) != "DIRC" || head.Version < 2 || head.Version > 4 {
		return false, fmt.Errorf("git index version %d: %w", head.Version, ErrUnknown)
	}
	e := indexEntries{r: r, version: head.Version, hash: hash}
	for range head.Entries {
		if err := e.next(); err != nil {
			return false, malformed(err)
		}
		if e.name == target {
			return true, nil
		}
	}
	return false, e.extensions()
}

func malformed(err error) error {
	return fmt.Errorf("git index: %w: %w", ErrUnknown, err)
}

type indexEntries struct {
	r       *bufio.Reader
	version uint32
	hash    int
	name    string
}

// next reads one entry: times, ids, mode and size (40 bytes), the object's hash, flags, the name.
func (e *indexEntries) next() error {
	fixed := make([]byte, 40+e.hash+2)
	if _, err := io.ReadFull(e.r, fixed); err != nil {
		return err
	}
	flags := binary.BigEndian.Uint16(fixed[40+e.hash:])
	length := len(fixed)
	if flags&0x4000 != 0 {
		if e.version == 2 {
			return errors.New("extended flags in version 2")
		}
		if _, err := e.r.Discard(2); err != nil {
			return err
		}
		length += 2
	}
	if kind := binary.BigEndian.Uint32(fixed[24:]) >> 12; kind != 0x8 && kind != 0xA && kind != 0xE && kind != 0x4 {
		return fmt.Errorf("an entry of type %#x", kind)
	}
	previous := e.name
	if e.version == 4 {
		kept, err := e.prefix()
		if err != nil {
			return err
		}
		previous = previous[:kept]
	} else {
		previous = ""
	}
	rest, err := e.untilNUL()
	if err != nil {
		return err
	}
	e.name = previous + rest
	if want := int(flags & 0x0fff); want != 0x0fff && want != len(e.name) {
		return errors.New("a name of another length than it says")
	}
	if e.version == 4 {
		return nil
	}
	// One NUL was read; entries are padded with up to eight, to a multiple of eight bytes.
	_, err = e.r.Discard(7 - (length+len(e.name))%8)
	return err
}

// prefix says how much of the previous name the next one keeps (version 4): an offset encoding from the pack format.
func (e *indexEntries) prefix() (int, error) {
	strip := uint64(0)
	for i := 0; ; i++ {
		b, err := e.r.ReadByte()
		if err != nil {
			return 0, err
		}
		strip = strip<<7 | uint64(b&0x7f)
		if b&0x80 == 0 {
			break
		}
		if strip++; i > 3 {
			return 0, errors.New("a prefix without end")
		}
	}
	if strip > uint64(len(e.name)) {
		return 0, errors.New("a prefix longer than the name before")
	}
	return len(e.name) - int(strip), nil
}

func (e *indexEntries) untilNUL() (string, error) {
	var name strings.Builder
	for {
		b, err := e.r.ReadByte()
		switch {
		case err != nil:
			return "", err
		case b == 0:
			return name.String(), nil
		case name.Len() >= maxIndexPath:
			return "", errors.New("a name without end")
		}
		name.WriteByte(b)
	}
}

// extensions reads what follows the entries. A split index keeps most names in another file.
func (e *indexEntries) extensions() error {
	for {
		switch _, err := e.r.Peek(e.hash + 1); {
		case errors.Is(err, io.EOF):
			return nil // only the checksum is left
		case err != nil:
			return malformed(err)
		}
		var ext struct {
			Signature [4]byte
			Size      uint32
		}
		if err := binary.Read(e.r, binary.BigEndian, &ext); err != nil {
			return malformed(err)
		}
		if string(ext.Signature[:]) == "link" {
			return fmt.Errorf("git index: it is split: %w", ErrUnknown)
		}
		if _, err := io.CopyN(io.Discard, e.r, int64(ext.Size)); err != nil {
			return malformed(err)
		}
	}
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
