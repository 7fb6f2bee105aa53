// Package trust is what was trusted of a checkout: lists of what its Envfile reaches outside the project, each as it was
// shown and accepted, and the file that remembers them. It knows no Envfile, no terminal and no file system; whoever keeps
// the bytes must see to it that they are the user's own.
package trust

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

const (
	// DigestLength is the length of a digest in hex digits: an Envfile's author chooses what is hashed, so that two lists
	// with one digest must be out of reach for them.
	DigestLength = 40
	// MaxBytes bounds a record's file.
	MaxBytes = 4 << 20

	format   = "envy.trust-record"
	version  = 1
	maxLists = 32 // of one checkout: the oldest go
)

// Entry is one thing that reaches outside. Both texts together say all of it.
type Entry struct {
	Kind string `json:"kind"`
	What string `json:"what"`
}

// Digest names a list of entries, whatever their order.
func Digest(entries []Entry) string {
	h := sha256.New()
	write := func(s string) {
		_ = binary.Write(h, binary.BigEndian, uint64(len(s))) // a hash takes everything
		_, _ = io.WriteString(h, s)
	}
	write("envy trust 1")
	for _, e := range sorted(entries) {
		write(e.Kind)
		write(e.What)
	}
	return hex.EncodeToString(h.Sum(nil))[:DigestLength]
}

func sorted(entries []Entry) []Entry {
	out := slices.Clone(entries)
	slices.SortFunc(out, func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.What, b.What))
	})
	return slices.Compact(out)
}

// List is what was shown and accepted at once.
type List struct {
	Digest   string    `json:"digest"`
	Accepted time.Time `json:"accepted"`
	Entries  []Entry   `json:"entries"` // sorted
}

// Record is all that one user trusts of one checkout.
type Record struct {
	User  int    `json:"user"`
	Path  string `json:"path"` // of the Envfile
	Lists []List `json:"lists"`
}

// Trusts reports whether all entries were accepted at once: one that is no longer asked for is not missed, but what was
// accepted at different times was never seen together.
func (r Record) Trusts(entries []Entry) bool {
	if len(entries) == 0 {
		return true
	}
	return slices.ContainsFunc(r.Lists, func(l List) bool { return l.holds(entries) })
}

func (l List) holds(entries []Entry) bool {
	return !slices.ContainsFunc(entries, func(e Entry) bool { return !slices.Contains(l.Entries, e) })
}

// Knows reports whether an entry was ever accepted.
func (r Record) Knows(e Entry) bool {
	return slices.ContainsFunc(r.Lists, func(l List) bool { return slices.Contains(l.Entries, e) })
}

// With is the record with one more list. Lists that the new one holds whole go.
func (r Record) With(entries []Entry, now time.Time) Record {
	added := List{Digest: Digest(entries), Accepted: now.UTC().Truncate(time.Second), Entries: sorted(entries)}
	kept := slices.DeleteFunc(slices.Clone(r.Lists), func(l List) bool { return added.holds(l.Entries) })
	kept = append(kept, added)
	r.Lists = kept[max(0, len(kept)-maxLists):]
	return r
}

// file is a record as it is kept.
type file struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Record
}

// Encode gives the bytes to keep.
func (r Record) Encode() ([]byte, error) {
	data, err := json.MarshalIndent(file{Format: format, Version: version, Record: r}, "", " ")
	if err == nil && len(data) > MaxBytes {
		err = fmt.Errorf("a list of %d bytes is too long to be remembered", len(data))
	}
	return append(data, '\n'), err
}

// Decode reads what Encode wrote. Whatever is not whole is an error: each list must be the one that its digest names.
func Decode(data []byte) (Record, error) {
	if len(data) > MaxBytes {
		return Record{}, fmt.Errorf("it is larger than %d bytes", MaxBytes)
	}
	var f file
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&f); err != nil {
		return Record{}, fmt.Errorf("it cannot be read: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Record{}, errors.New("something stands behind it")
	}
	switch {
	case f.Format != format:
		return Record{}, errors.New("it is no record of trust")
	case f.Version != version:
		return Record{}, fmt.Errorf("it is of version %d; this envy knows version %d", f.Version, version)
	}
	for _, l := range f.Lists {
		if l.Digest != Digest(l.Entries) {
			return Record{}, fmt.Errorf("the list %q is not the one that was accepted", l.Digest)
		}
	}
	return f.Record, nil
}
