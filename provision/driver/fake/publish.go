package fake

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

var _ driver.Publisher = (*Engine)(nil)

// TagImage implements driver.Publisher.
func (e *Engine) TagImage(ctx context.Context, ref, name string) error {
	return e.do(ctx, "tag", func(s *state, _ time.Time) error {
		i := s.image(ref)
		switch {
		case badName(name):
			return fail(driver.Invalid, "tag", "image "+name, "invalid reference format")
		case i == nil:
			return fail(driver.NotFound, "tag", "image "+ref, "No such image: "+ref)
		}
		s.addImage(name, i)
		return nil
	})
}

// badName reports what is no reference with a tag, or without one.
func badName(name string) bool {
	return name == "" || strings.ContainsAny(name, " @") || name != strings.ToLower(name)
}

// PushImage implements driver.Publisher: what is pushed can be pulled, here and by whoever shares the state's file.
func (e *Engine) PushImage(ctx context.Context, name string, sink event.Sink, parent string) (string, error) {
	what, digest := "image "+name, ""
	err := e.do(ctx, "push", func(s *state, _ time.Time) error {
		i := s.image(name)
		there := s.Registry[normal(name)]
		switch {
		case badName(name):
			return fail(driver.Invalid, "push", what, "invalid reference format")
		case i == nil:
			return fail(driver.NotFound, "push", what, "An image does not exist locally with the tag: "+name)
		case s.Offline:
			return fail(driver.NoRegistry, "push", what, "dial tcp: lookup registry: no such host")
		case there != nil && there.Denied:
			return fail(driver.Denied, "push", what, "requested access to the resource is denied")
		}
		digest = "sha256:" + resource.Digest("manifest "+i.Fact.ID)
		sent := *i
		sent.Files, sent.Denied = maps.Clone(i.Files), false
		sent.Fact.Digests = []string{repository(name) + "@" + digest}
		s.Registry[normal(name)] = &sent
		return nil
	})
	if err == nil && sink != nil {
		sink.Send(event.Event{Parent: parent, ID: parent + ".layer", Kind: event.Progress, Text: "upload", Current: 1, Total: 1, Unit: "bytes"})
	}
	return digest, err
}

// repository is a name without its tag.
func repository(name string) string {
	name = normal(name)
	return name[:strings.LastIndexByte(name, ':')]
}
