package provision

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/event"
)

const built = `box "web" {
  build { context = "app" }
}`

// newBuild is a project that builds on images of a registry, which the engine does not have.
func newBuild(t *testing.T) (*project, *fake.Engine) {
	t.Helper()
	p := newProject(t, "app/Dockerfile", "FROM base:1 AS base\nFROM tools:1\nCOPY --from=base /a /a\n")
	engine := p.engine.(*fake.Engine)
	publish(t, engine, "base:1", "one")
	publish(t, engine, "tools:1", "one")
	return p, engine
}

func publish(t *testing.T, engine *fake.Engine, ref, text string) {
	t.Helper()
	if err := engine.Publish(ref, fake.Image{Files: map[string]string{"/a": text}}); err != nil {
		t.Fatal(err)
	}
}

// recorder keeps what an engine is asked to do about images.
type recorder struct {
	driver.Engine
	mu    sync.Mutex
	calls []string // "Build TAG"
}

func (r *recorder) keep(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}

func (r *recorder) Pull(ctx context.Context, ref, platform string, sink event.Sink, parent string) (string, error) {
	r.keep("Pull " + ref)
	return r.Engine.Pull(ctx, ref, platform, sink, parent)
}

func (r *recorder) Digest(ctx context.Context, ref string) (string, error) {
	r.keep("Digest " + ref)
	return r.Engine.Digest(ctx, ref)
}

func (r *recorder) Build(ctx context.Context, b driver.Build, sink event.Sink, parent string) error {
	r.keep("Build " + b.Tag)
	return r.Engine.Build(ctx, b, sink, parent)
}

// upWith brings a project up with a lock, and adds to that what was settled.
func (p *project) upWith(text string, l *lock.Lock, o UpOptions) (*Outcome, []string) {
	p.t.Helper()
	engine := p.engine
	calls := &recorder{Engine: engine}
	p.engine = calls
	defer func() { p.engine = engine }()
	q := p.load(text)
	q.Lock = *l
	out, err := Up(p.t.Context(), p.env(), q, o, yes)
	if err != nil {
		p.t.Fatalf("up: %v\n%s", err, drawn(out))
	}
	for _, i := range out.Images {
		l.SetImage(i)
	}
	return out, calls.calls
}

// builtTags are the tags among an engine's calls.
func builtTags(calls []string) (tags []string) {
	for _, c := range calls {
		if tag, ok := strings.CutPrefix(c, "Build "); ok {
			tags = append(tags, tag)
		}
	}
	return tags
}

// TestBuildsAreLocked: what a build starts from is settled before it is built, so that the same is built, or nothing, once it is
// locked; and an upgrade of one image builds anew, and says which one it was.
func TestBuildsAreLocked(t *testing.T) {
	p, engine := newBuild(t)
	var l lock.Lock
	out, _ := p.upWith(built, &l, UpOptions{})
	if len(l.Images) != 2 || len(out.Images) != 2 || l.Images[0].Digest == "" {
		t.Fatalf("what was settled: %+v", out.Images)
	}
	out, calls := p.upWith(built, &l, UpOptions{})
	if !out.Plan.Empty() || len(out.Images) != 0 {
		t.Errorf("the up that wrote the lock is followed by: %s", drawn(out))
	}
	if len(calls) > 0 {
		t.Errorf("an unchanged up asks: %v", calls)
	}
	publish(t, engine, "base:1", "two")
	if _, calls := p.upWith(built, &l, UpOptions{Recreate: true}); len(calls) != 0 {
		t.Errorf("a box made anew: %v", calls)
	}
	digest, err := engine.Digest(t.Context(), "base:1")
	if err != nil {
		t.Fatal(err)
	}
	l.SetImage(lock.Image{Reference: "base:1", Digest: digest})
	out, _ = p.upWith(built, &l, UpOptions{})
	if text := drawn(out); !strings.Contains(text, "build.from.base:1") || strings.Contains(text, "build.from.tools") {
		t.Errorf("the upgrade: %s", text)
	}
}

// TestLockedBuildElsewhere: another engine builds from what is locked, although the tag has moved.
func TestLockedBuildElsewhere(t *testing.T) {
	p, _ := newBuild(t)
	var l lock.Lock
	p.upWith(built, &l, UpOptions{})
	q, engine := newBuild(t)
	publish(t, engine, "base:1", "two")
	_, calls := q.upWith(built, &l, UpOptions{})
	for _, i := range l.Images {
		if !slices.Contains(calls, "Pull "+i.Reference+"@"+i.Digest) {
			t.Errorf("%s is not pulled as it is locked: %v", i.Reference, calls)
		}
	}
	tags := builtTags(calls)
	if len(tags) != 1 {
		t.Fatalf("built: %v", tags)
	}
	data, err := engine.ImageFile(t.Context(), tags[0], "/a", 100)
	if err != nil || string(data) != "one" {
		t.Errorf("the build has %q, %v", data, err)
	}
}

// always makes every call of a method fail.
func always(method string, err error) fake.Hook {
	return func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if c.Method == method {
			return err
		}
		return next(ctx)
	}
}

// TestBoxesFromBefore: a box that was built before the lock had anything on builds, or while a registry did not answer, stays.
func TestBoxesFromBefore(t *testing.T) {
	p, engine := newBuild(t)
	for _, ref := range []string{"base:1", "tools:1"} {
		if _, err := engine.Pull(t.Context(), ref, "", p.sink, ""); err != nil {
			t.Fatal(err)
		}
	}
	p.engine = fake.Intercept(engine, always("Digest", &driver.Error{Kind: driver.NoRegistry, Text: "no"}))
	var l lock.Lock
	_, calls := p.upWith(built, &l, UpOptions{})
	if len(l.Images) != 0 || len(builtTags(calls)) != 1 {
		t.Fatalf("settled without a registry: %+v", l.Images)
	}
	p.engine = engine
	for _, digest := range []string{"1", "2"} {
		for _, ref := range []string{"base:1", "tools:1"} {
			l.SetImage(lock.Image{Reference: ref, Digest: "sha256:" + strings.Repeat(digest, 64)})
		}
		if out, _ := p.upWith(built, &l, UpOptions{}); !out.Plan.Empty() {
			t.Errorf("the lock knows more than the box: %s", drawn(out))
		}
	}
}

// TestLocalBuilds: an image of no registry is local.
func TestLocalBuilds(t *testing.T) {
	p := newProject(t, "app/Dockerfile", "FROM busybox:1\n")
	var l lock.Lock
	p.upWith(built, &l, UpOptions{})
	if diff := cmp.Diff([]lock.Image{{Reference: "busybox:1", Local: true}}, l.Images); diff != "" {
		t.Error(diff)
	}
	if out, _ := p.upWith(built, &l, UpOptions{}); !out.Plan.Empty() {
		t.Errorf("a second up: %s", drawn(out))
	}
}

// TestRunOfAnUnlockedBuild: a throw-away box is made from the image that its up has built.
func TestRunOfAnUnlockedBuild(t *testing.T) {
	p, _ := newBuild(t)
	code, err := RunBox(t.Context(), p.env(), p.load(built), "web", RunOptions{ID: "abcdef", Command: []string{"true"}}, yes)
	if code != 0 || err != nil {
		t.Errorf("%d, %v", code, err)
	}
}

// TestLockedRefusesBuilds: with --locked nothing is built from what the lock does not have.
func TestLockedRefusesBuilds(t *testing.T) {
	p, _ := newBuild(t)
	q := p.load(built)
	q.Locked = true
	q.Lock.SetImage(lock.Image{Reference: "tools:1", Local: true})
	_, err := Up(t.Context(), p.env(), q, UpOptions{}, yes)
	list, _ := diag.FromError(err)
	if list.Class() != diag.Refused || len(list) != 1 || !strings.Contains(list[0].Summary, "base:1") {
		t.Errorf("got %v", err)
	}
}

// TestPlanOfUnlockedBuilds: a plan asks no registry, unless it may pull; then it is the one of up.
func TestPlanOfUnlockedBuilds(t *testing.T) {
	p, engine := newBuild(t)
	p.engine = fake.Intercept(fake.Intercept(engine, always("Digest", errors.New("asked"))), always("Pull", errors.New("pulled")))
	made, err := MakePlan(t.Context(), p.env(), p.load(built), UpOptions{})
	if err != nil || !strings.Contains(lines(made), "from base:1 (not locked yet)") {
		t.Errorf("%v\n%s", err, lines(made))
	}
	p.engine = engine
	if made, err = MakePlan(t.Context(), p.env(), p.load(built), UpOptions{Pull: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := Up(t.Context(), p.env(), p.load(built), UpOptions{Plan: made}, yes); err != nil {
		t.Error(err)
	}
}

func TestOwnPlatform(t *testing.T) {
	for _, tt := range []struct {
		written, build string
		want           bool
	}{
		{"", "", true},
		{"", "linux/arm64", true},
		{"$BUILDPLATFORM", "", true},
		{"${BUILDPLATFORM}", "linux/arm64", false},
		{"$TARGETPLATFORM", "linux/arm64", true},
		{"linux/arm64", "linux/arm64", true},
		{"linux/arm64", "", false},
		{"$OTHER", "", false},
	} {
		if got := ownPlatform(tt.written, tt.build); got != tt.want {
			t.Errorf("%q in a build for %q: %v", tt.written, tt.build, got)
		}
	}
}

// TestOtherPlatforms: what is of another platform is locked by what its registry says, and left to the builder.
func TestOtherPlatforms(t *testing.T) {
	p, _ := newBuild(t)
	p.host.MapFS["app/Dockerfile"].Data = []byte("FROM --platform=linux/riscv64 base:1\n")
	var l lock.Lock
	_, calls := p.upWith(built, &l, UpOptions{})
	if len(l.Images) != 1 || slices.ContainsFunc(calls, func(c string) bool { return strings.HasPrefix(c, "Pull ") }) {
		t.Errorf("%+v, %v", l.Images, calls)
	}
}

// TestBuildsOnBootstrapped: what a build starts from is made from packages where it cannot be pulled and that is allowed, and is
// local then; without it the error says that it could be.
func TestBuildsOnBootstrapped(t *testing.T) {
	p := newProject(t, "app/Dockerfile", "FROM debian:trixie\n")
	engine := p.engine.(*fake.Engine)
	env := p.env()
	env.Bootstrap = func(_ context.Context, ref string) error { return engine.AddImage(ref, fake.Image{Manager: "apt"}) }
	_, err := Up(t.Context(), env, p.load(built), UpOptions{}, yes)
	if base, ok := errors.AsType[*BaseError](err); !ok || base.Reference != "debian:trixie" {
		t.Errorf("without: %v", err)
	}
	out, err := Up(t.Context(), env, p.load(built), UpOptions{Bootstrap: true}, yes)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]lock.Image{{Reference: "debian:trixie", Local: true}}, out.Images); diff != "" {
		t.Error(diff)
	}
}
