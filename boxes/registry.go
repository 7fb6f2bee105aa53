package boxes

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

// registered is a definition in an archive that a registry has: the locked one, or, once somebody has allowed it, what the
// source means now. Only what stands before the image is fetched.
func (f *Finder) registered(ctx context.Context, src source.Registry) (*config.Definition, error) {
	name := src.String()
	entry, locked := f.Lock.FindArchive(name)
	var asks *config.GateEntry
	switch {
	case f.Registry == nil || f.Archives == nil:
		return nil, &config.DefinitionError{Summary: "no registry can be asked here"}
	case f.Locked && !locked:
		return nil, unlockedArchive(name)
	case !locked:
		asks = &config.GateEntry{Kind: config.GateDefinition, Reaches: src.Host, What: fmt.Sprintf("the definition %s is fetched, which is not locked yet", name)}
	}
	if asks != nil && (f.Trusts == nil || !f.Trusts(*asks)) {
		return nil, &config.UntrustedError{Asks: *asks}
	}
	head, err := f.headFrom(ctx, src, entry.Checksum)
	var wrong *archive.Error
	switch {
	case errors.As(err, &wrong):
		return nil, &config.DefinitionError{Summary: fmt.Sprintf("the archive %s cannot be used", shorten(name)), Detail: wrong.Text, Hint: wrong.Hint}
	case err != nil:
		return nil, err
	}
	if err := f.hold(name, head); err != nil {
		return nil, err
	}
	f.Archives.remember(Archive{From: name, Registry: src, Digest: head.Digest, Reference: head.Reference(), Size: head.Image()})
	def, err := Packed(path.Base(src.Repository)+"@"+shownTag(src), head)
	if def != nil {
		def.Asks = asks
	}
	return def, err
}

// headFrom asks for each archive once.
func (f *Finder) headFrom(ctx context.Context, src source.Registry, locked string) (*archive.Head, error) {
	key := src.String() + " " + locked
	s := &f.settled
	s.mu.Lock()
	defer s.mu.Unlock()
	if head, ok := s.heads[key]; ok {
		return head, nil
	}
	head, err := f.Registry(ctx, src, locked)
	if err != nil {
		return nil, err
	}
	if s.heads == nil {
		s.heads = map[string]*archive.Head{}
	}
	s.heads[key] = head
	return head, nil
}

func shownTag(src source.Registry) string {
	if src.Tag != "" {
		return src.Tag
	}
	return src.Digest[len("sha256:"):][:8]
}

// unlockedArchive is --locked without an entry.
func unlockedArchive(name string) error {
	return &config.DefinitionError{Class: diag.Refused, Summary: fmt.Sprintf("--locked: %s has nothing on the archive %s", lock.Name, shorten(name)), Hint: "envy lock settles it"}
}
