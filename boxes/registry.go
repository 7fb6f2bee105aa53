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

// registered is a definition in an archive that a registry has.
func (f *Finder) registered(ctx context.Context, src source.Registry) (*config.Definition, error) {
	if f.Registry == nil {
		return nil, &config.DefinitionError{Summary: "no registry can be asked here"}
	}
	return f.fetched(far{
		name: src.String(), host: src.Host, file: path.Base(src.Repository) + "@" + shownTag(src), at: Archive{Registry: src},
		head: func(locked string) (*archive.Head, error) { return f.Registry(ctx, src, locked) },
	})
}

// behindAddress is a definition in an archive behind an https address, which is told by its sum.
func (f *Finder) behindAddress(ctx context.Context, src source.Archive) (*config.Definition, error) {
	switch {
	case f.Web == nil:
		return nil, &config.DefinitionError{Summary: "no server can be asked here"}
	case src.Checksum == "":
		return nil, &config.DefinitionError{
			Summary: fmt.Sprintf("the archive %s has no checksum", shorten(src.String())), Hint: "write ?checksum=sha256:… behind it, as envy package printed it",
		}
	}
	return f.fetched(far{
		name: src.String(), host: src.Host, file: path.Base(src.URLPath), at: Archive{Web: src},
		head: func(locked string) (*archive.Head, error) { return f.Web(ctx, src, locked) },
	})
}

// far is an archive that lies elsewhere.
type far struct {
	name, host, file string  // as `from` and the lock have it, where it is, what messages call it
	at               Archive // with nothing but where its image is
	head             func(locked string) (*archive.Head, error)
}

// fetched is a definition in such an archive: the locked one, or, once somebody has allowed it, what is there now.
func (f *Finder) fetched(a far) (*config.Definition, error) {
	entry, locked := f.Lock.FindArchive(a.name)
	var asks *config.GateEntry
	switch {
	case f.Archives == nil:
		return nil, &config.DefinitionError{Summary: "no archive can be fetched here"}
	case f.Locked && !locked:
		return nil, unlockedArchive(a.name)
	case !locked:
		asks = &config.GateEntry{Kind: config.GateDefinition, Reaches: a.host, What: fmt.Sprintf("the definition %s is fetched, which is not locked yet", a.name)}
	}
	if asks != nil && (f.Trusts == nil || !f.Trusts(*asks)) {
		return nil, &config.UntrustedError{Asks: *asks}
	}
	head, err := f.headFrom(a, entry.Checksum)
	var wrong *archive.Error
	switch {
	case errors.As(err, &wrong):
		return nil, &config.DefinitionError{Summary: fmt.Sprintf("the archive %s cannot be used", shorten(a.name)), Detail: wrong.Text, Hint: wrong.Hint}
	case err != nil:
		return nil, err
	}
	if err := f.hold(a.name, head); err != nil {
		return nil, err
	}
	a.at.From, a.at.Digest, a.at.Reference, a.at.Size = a.name, head.Digest, head.Reference(), head.Image()
	f.Archives.remember(a.at)
	def, err := Packed(a.file, head)
	if def != nil {
		def.Asks = asks
	}
	return def, err
}

// headFrom asks for each archive once.
func (f *Finder) headFrom(a far, locked string) (*archive.Head, error) {
	key := a.name + " " + locked
	s := &f.settled
	s.mu.Lock()
	defer s.mu.Unlock()
	if head, ok := s.heads[key]; ok {
		return head, nil
	}
	head, err := a.head(locked)
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
	return &config.DefinitionError{
		Class: diag.Refused, Summary: fmt.Sprintf("--locked: %s has nothing on the archive %s", lock.Name, shorten(name)), Hint: "envy lock settles it",
		PersonalHint: personalHint,
	}
}
