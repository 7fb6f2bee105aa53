package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/artifact"
	"github.com/envyhq/envy/boxes/registry"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/provision/event"
)

// fetchBox gives what stands before the image of an archive in a registry: that with a manifest's digest, from the user's
// cache where that has it, or, where locked is "", what the source means now.
func (s *session) fetchBox(caller hostfs.Caller) func(context.Context, source.Registry, string) (*archive.Head, error) {
	return func(ctx context.Context, src source.Registry, locked string) (*archive.Head, error) {
		cache := headCache{caller}
		if locked != "" {
			if head := cache.get(locked); head != nil {
				return head, nil
			}
		}
		if s.offline {
			return nil, &config.DefinitionError{Class: diag.Failed, Summary: fmt.Sprintf("%s: %v", src, errOffline)}
		}
		ctx, cancel := context.WithTimeout(ctx, fetchTime)
		defer cancel()
		id := "fetch-" + src.String()
		s.sink().Send(event.Event{ID: id, Kind: event.Start, Subject: src.String(), Text: "fetch"})
		head, text, err := fetchHead(ctx, s.registry(), src, locked)
		if err != nil {
			err = definitionProblem(src, locked, err)
			s.sink().Send(event.Event{ID: id, Kind: event.Failed, Subject: src.String(), Text: err.Error()})
			return nil, err
		}
		s.sink().Send(event.Event{ID: id, Kind: event.Done, Subject: src.String(), Text: "fetch"})
		cache.put(head.Digest, text)
		return head, nil
	}
}

func fetchHead(ctx context.Context, from artifact.Source, src source.Registry, locked string) (*archive.Head, []byte, error) {
	box, err := openBox(ctx, from, src, locked)
	if err != nil {
		return nil, nil, err
	}
	return box.Head(ctx)
}

// openBox is the archive with that manifest, or what the source means now.
func openBox(ctx context.Context, from artifact.Source, src source.Registry, manifest string) (*artifact.Box, error) {
	if manifest == "" {
		return artifact.Find(ctx, from, src)
	}
	return artifact.At(ctx, from, src, manifest)
}

// arrivalFrom is an archive that a registry has, on its way in.
func (s *session) arrivalFrom(src source.Registry) arrival {
	return arrival{source: src.String(), registry: src, open: func(ctx context.Context) (io.ReadCloser, int64, error) {
		box, err := artifact.Find(ctx, s.registry(), src)
		if err != nil {
			return nil, 0, registryProblem(src, "", err)
		}
		return box.Open(ctx), box.Manifest.FileSize(), nil
	}}
}

// registryProblem says why a registry gave, or took, no archive. What it has and should not is refused, one that does not
// answer has failed. held is the digest that the archive's manifest must have; "" is any.
func registryProblem(src source.Registry, held string, err error) error {
	var problem *config.DefinitionError
	if err = definitionProblem(src, held, err); !errors.As(err, &problem) {
		return err
	}
	return diag.List{{Class: problem.Class, Summary: problem.Summary, Detail: problem.Detail, Hint: problem.Hint}}.Err()
}

// definitionProblem is registryProblem for a definition.
func definitionProblem(src source.Registry, held string, err error) error {
	var wrong *archive.Error
	var other *artifact.NoBoxError
	var host *artifact.HostError
	var of *registry.Error
	if isInterrupted(err) {
		return err
	}
	e := &config.DefinitionError{Class: diag.Failed, Summary: fmt.Sprintf("%s: %v", src, err)}
	switch {
	case errors.As(err, &host):
		e.Class, e.Summary, e.Hint = diag.Invalid, host.Error(), "write oci://HOST/NAME:TAG"
	case errors.As(err, &wrong):
		e.Class, e.Summary = diag.Invalid, fmt.Sprintf("the archive %s cannot be used", src)
		e.Detail, e.Hint = wrong.Text, wrong.Hint
	case errors.As(err, &other):
		e.Class, e.Summary, e.Hint = diag.Invalid, other.Error(), "envy box push puts an archive there"
	case errors.As(err, &of):
		e.Hint = of.Hint
		if e.Summary = fmt.Sprintf("%s: %s", src, of.Summary); of.Err != nil {
			e.Summary += ": " + of.Err.Error()
		}
		switch {
		case held != "" && of.Kind == registry.NotFound:
			e.Class, e.Hint = diag.Refused, "ask who keeps the registry; envy lock --upgrade "+src.String()+" takes what is there now"
			e.Detail = "it is held to " + held + ", which the registry does not have any more"
		case of.Kind == registry.Changed:
			e.Class = diag.Refused
		}
	default:
		return err
	}
	return e
}

// headCache keeps what stands before archives' images in the user's cache, each under its manifest's digest. It is a
// shortcut: what cannot be kept or read is fetched.
type headCache struct{ caller hostfs.Caller }

const headFolder = "boxes"

func headFile(digest string) string { return headFolder + "/" + strings.TrimPrefix(digest, "sha256:") }

// get verifies what it finds anew; nil is none.
func (c headCache) get(digest string) *archive.Head {
	dir, err := c.caller.FindDir(c.caller.Dirs.Cache)
	if err != nil {
		return nil
	}
	defer dir.Close()
	text, err := dir.ReadFile(headFile(digest), maxAdded)
	if err != nil {
		return nil
	}
	from := bytes.NewReader(text)
	head, err := archive.ReadHead(from)
	if err != nil || from.Len() > 0 || head.Digest != digest {
		return nil
	}
	dir.Used(headFile(digest))
	return head
}

func (c headCache) put(digest string, text []byte) {
	dir, err := openCache(c.caller)
	if err != nil {
		return
	}
	defer dir.Close()
	if dir.MkdirAll(headFolder, 0o700) == nil {
		_ = dir.WriteFile(headFile(digest), text, 0o600) // it is fetched again
	}
}
