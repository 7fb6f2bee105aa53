package drivertest

import (
	"strings"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
)

func publishTests() []test {
	return []test{
		{"tag", testTag},
		{"push and pull", testPushAndPull},
		{"push fails", testPushFails},
	}
}

func testTag(b *bench) {
	first, second := b.project+":first", b.project+":second"
	_, err := b.build(first, "FROM "+b.Image+"\nLABEL x="+b.project+"\n")
	b.must(err)
	b.keep(&b.images, first)
	made, err := b.d.Image(b.ctx, first, "")
	b.must(err)
	for _, from := range []string{b.Image, first, made.ID} { // a name moves, and may be given again
		b.must(b.d.TagImage(b.ctx, from, second))
	}
	b.keep(&b.images, second)
	fact, err := b.d.Image(b.ctx, second, "")
	b.must(err)
	if fact.ID != made.ID {
		b.Errorf("the name is of %s, want %s", fact.ID, made.ID)
	}
	id := b.up("web", func(n *driver.NewBox) { n.Image, n.Fact = second, fact })
	b.must(b.d.RemoveImage(b.ctx, second)) // a box is made of the image, not of a name of it
	b.must(b.d.RemoveBox(b.ctx, id))
	if _, err := b.d.Image(b.ctx, first, ""); err != nil {
		b.Errorf("its other name is gone too: %v", err)
	}
	b.wantKind("a tag of no image", b.d.TagImage(b.ctx, b.project+":none", second), driver.NotFound)
	b.wantKind("a tag that cannot be", b.d.TagImage(b.ctx, first, "A B"), driver.Invalid)
}

func testPushAndPull(b *bench) {
	if b.Registry == "" {
		b.Skip("the engine has no registry that it may push to")
	}
	repo := b.Registry + "/" + b.project
	name := repo + ":1"
	_, err := b.build(name, "FROM "+b.Image+"\nRUN echo "+b.project+" > /pushed.txt\n")
	b.must(err)
	b.keep(&b.images, name)
	made, err := b.d.Image(b.ctx, name, "")
	b.must(err)
	if n := len(b.fact.Layers); n == 0 || len(made.Layers) <= n || strings.Join(made.Layers[:n], " ") != strings.Join(b.fact.Layers, " ") {
		b.Errorf("layers %v are not on top of the base's, %v", made.Layers, b.fact.Layers)
	}
	var digest string
	for range 2 { // again is the same
		sink := &event.Recorder{}
		again, err := b.d.PushImage(b.ctx, name, sink, "image.test")
		b.must(err)
		if len(sink.Events()) == 0 || !strings.HasPrefix(again, "sha256:") || digest != "" && again != digest {
			b.Errorf("digest %q after %q, %d events", again, digest, len(sink.Events()))
		}
		digest = again
	}
	b.must(b.d.RemoveImage(b.ctx, name))
	for _, ref := range []string{name, repo + "@" + digest} {
		told, err := b.d.Pull(b.ctx, ref, "", event.Discard{}, "image.test")
		b.must(err)
		asked, err := b.d.Digest(b.ctx, ref)
		b.must(err)
		if told != digest || asked != digest {
			b.Errorf("%s: the pull told %q, the registry %q, pushed was %q", ref, told, asked, digest)
		}
		b.keep(&b.images, ref)
		fact, err := b.d.Image(b.ctx, ref, "")
		b.must(err)
		if fact.BaseID != made.BaseID || fact.Recipe != made.Recipe || strings.Join(fact.Layers, " ") != strings.Join(made.Layers, " ") {
			b.Errorf("%s: pulled %+v, pushed %+v", ref, fact, made)
		}
		if !strings.Contains(strings.Join(fact.Digests, " "), "@"+digest) {
			b.Errorf("%s: digests %v, want %s", ref, fact.Digests, digest)
		}
		b.must(b.d.RemoveImage(b.ctx, ref))
		_, err = b.d.Image(b.ctx, ref, "")
		b.wantKind("an image that was removed", err, driver.NotFound)
	}
}

func testPushFails(b *bench) {
	_, err := b.d.PushImage(b.ctx, b.Prefix+"/no-such-image:1", event.Discard{}, "image.test")
	b.wantKind("a push of no image", err, driver.NotFound)
	_, err = b.d.PushImage(b.ctx, "A B", event.Discard{}, "image.test")
	b.wantKind("a push under no name", err, driver.Invalid)
	if !b.RealInside {
		return // the fake's registry is always there, but where a test says otherwise
	}
	name := "127.0.0.1:1/" + b.project + ":1"
	b.must(b.d.TagImage(b.ctx, b.Image, name))
	b.keep(&b.images, name)
	_, err = b.d.PushImage(b.ctx, name, event.Discard{}, "image.test")
	b.wantKind("a push to nobody", err, driver.NoRegistry)
}
