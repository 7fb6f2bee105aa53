package git

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
)

// repository is one that is open: its references, and objects of it once. Close it.
type repository interface {
	advertised() references
	// serves says whether the commit may be asked for, though no reference has it.
	serves(plumbing.Hash) bool
	// fetch has the objects of some commits: of those alone, or of all before them too. It may be called once.
	fetch(ctx context.Context, wants []plumbing.Hash, alone bool) (objects, error)
	io.Closer
}

// advert is what a server says first.
type advert struct {
	refs         references
	capabilities map[string]bool
}

func (a advert) advertised() references { return a.refs }

func (a advert) serves(plumbing.Hash) bool {
	return a.capabilities["allow-reachable-sha1-in-want"] || a.capabilities["allow-any-sha1-in-want"]
}

// readAdvert reads the list of references in protocol 0 or 1. Over http a line with the service's name is before it.
func readAdvert(in io.Reader) (advert, error) {
	a := advert{refs: newReferences(), capabilities: map[string]bool{}}
	limited := &io.LimitedReader{R: in, N: maxAdvert}
	s := pktline.NewScanner(limited)
	first, service := true, false
	for s.Scan() {
		line := strings.TrimSuffix(string(s.Bytes()), "\n")
		switch {
		case first && !service && strings.HasPrefix(line, "# service="):
			service = true
			continue
		case first && service && line == "": // once
			service = false
			if !s.Scan() {
				return a, advertEnd(s.Err(), limited)
			}
			line = strings.TrimSuffix(string(s.Bytes()), "\n")
		}
		if line == "" {
			return a, a.usable()
		}
		if first && line == "version 1" {
			continue
		}
		if first {
			text, capabilities, _ := strings.Cut(line, "\x00")
			for c := range strings.FieldsSeq(capabilities) {
				a.capabilities[c] = true
			}
			line, first = text, false
		}
		hash, name, ok := strings.Cut(line, " ")
		if !ok {
			return a, fail(Invalid, nil, "the server does not speak as a git server does")
		}
		if hash != "shallow" && name != "capabilities^{}" {
			a.refs.add(name, hash)
		}
	}
	return a, advertEnd(s.Err(), limited)
}

// usable refuses what would only fail later.
func (a advert) usable() error {
	for c := range a.capabilities {
		if format, ok := strings.CutPrefix(c, "object-format="); ok && format != "sha1" {
			return fail(Invalid, nil, "its objects are named by %s, which is not read", format)
		}
	}
	return nil
}

func advertEnd(err error, in *io.LimitedReader) error {
	line, said := errors.AsType[*pktline.ErrorLine](err)
	switch {
	case in.N <= 0:
		return fail(TooLarge, nil, "its list of references has more than %d MiB", maxAdvert>>20)
	case said:
		return fail(NotFound, nil, "the server says %q", line.Text)
	case errors.Is(err, pktline.ErrInvalidPktLen):
		return fail(Invalid, nil, "the server does not speak as a git server does")
	case err == nil:
		err = io.ErrUnexpectedEOF
	}
	return fail(Unreachable, err, "the server's answer ended too early")
}

// request asks for a pack. It says nothing of what is here already, for that is nothing.
func (a advert) request(wants []plumbing.Hash, alone bool) []byte {
	var b bytes.Buffer
	e := pktline.NewEncoder(&b)
	var use []string
	for _, c := range []string{"multi_ack_detailed", "side-band-64k", "ofs-delta", "no-progress"} {
		if a.capabilities[c] {
			use = append(use, c)
		}
	}
	wants = slices.Clone(wants)
	plumbing.HashesSort(wants)
	for i, h := range slices.Compact(wants) {
		line := "want " + h.String()
		if i == 0 && len(use) > 0 {
			line += " " + strings.Join(use, " ")
		}
		_ = e.EncodeString(line + "\n") // a buffer takes everything
	}
	if a.shallow(alone) {
		_ = e.EncodeString("deepen 1\n")
	}
	_ = e.Flush()
	_ = e.EncodeString("done\n")
	return b.Bytes()
}

// shallow says whether the server can leave out what is before a commit.
func (a advert) shallow(alone bool) bool { return alone && a.capabilities["shallow"] }

// errNotServed is a server's refusal of a commit that no reference has.
var errNotServed = errors.New("the server does not give this commit by its hash")

// readAnswer reads what a server sends to a request: lines about shallowness, an acknowledgement, and the pack.
func (a advert) readAnswer(in io.Reader, alone bool) (objects, error) {
	limited := &io.LimitedReader{R: in, N: maxPack}
	o, err := a.answer(limited, alone)
	if err != nil && limited.N <= 0 {
		return nil, fail(TooLarge, nil, "the server sends more than %d MiB", maxPack>>20)
	}
	return o, err
}

func (a advert) answer(in io.Reader, alone bool) (objects, error) {
	s := pktline.NewScanner(in)
	for shallow := a.shallow(alone); s.Scan(); {
		line := strings.TrimSuffix(string(s.Bytes()), "\n")
		switch {
		case shallow && line == "":
			shallow = false
		case shallow && (strings.HasPrefix(line, "shallow ") || strings.HasPrefix(line, "unshallow ")):
		case !shallow && line == "NAK":
			return a.pack(in)
		default:
			return nil, fail(Invalid, nil, "the server does not speak as a git server does")
		}
	}
	line, said := errors.AsType[*pktline.ErrorLine](s.Err())
	switch {
	case said && strings.Contains(line.Text, "not our ref"):
		return nil, errNotServed
	case said:
		return nil, fail(Invalid, nil, "the server says %q", line.Text)
	}
	return nil, fail(Unreachable, s.Err(), "the server's answer ended too early")
}

func (a advert) pack(in io.Reader) (objects, error) {
	if a.capabilities["side-band-64k"] {
		in = sideband.NewDemuxer(sideband.Sideband64k, in)
	}
	r, err := readPack(in)
	if err != nil {
		return nil, err
	}
	return r, nil
}
