package provision_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/boxes/bootstrap"
	"github.com/envyhq/envy/boxes/bootstrap/mirrortest"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/event"
)

// cupboard is a host without apt, a store and a memory.
type cupboard struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func (*cupboard) Sources() ([]bootstrap.File, error)  { return nil, nil }
func (*cupboard) Conf() ([]bootstrap.File, error)     { return nil, nil }
func (*cupboard) Keyrings() ([]bootstrap.File, error) { return nil, nil }
func (*cupboard) Keyring(string) (bootstrap.File, error) {
	return bootstrap.File{}, fs.ErrNotExist
}
func (*cupboard) Seen(string, string) (time.Time, error)   { return time.Time{}, nil }
func (*cupboard) Remember(string, string, time.Time) error { return nil }
func (c *cupboard) Read(sum string, _ int64) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if data, ok := c.objects[sum]; ok {
		return data, nil
	}
	return nil, fs.ErrNotExist
}

func (c *cupboard) Partial(_ context.Context, sum string) (bootstrap.Partial, error) {
	return &coming{c: c, sum: sum}, nil
}

type coming struct {
	c    *cupboard
	sum  string
	data []byte
}

func (p *coming) Read([]byte) (int, error) { return 0, io.EOF }
func (p *coming) Write(b []byte) (int, error) {
	p.data = append(p.data, b...)
	return len(b), nil
}
func (p *coming) Reset() error { p.data = nil; return nil }
func (p *coming) Close() error { return nil }
func (p *coming) Commit() error {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.c.objects[p.sum] = p.data
	return nil
}

// bootstrapOn makes debian:bookworm from a mirror of a test on an engine.
func bootstrapOn(ctx context.Context, t *testing.T, engine provision.BootstrapEngine, m *mirrortest.Mirror, now time.Time) (*provision.Bootstrapped, *event.Recorder, error) {
	t.Helper()
	client := bootstrap.NewClient(func(*url.URL) (*url.URL, error) { return nil, nil })
	t.Cleanup(client.CloseIdleConnections)
	target, err := bootstrap.ParseReference("debian:bookworm")
	if err != nil {
		t.Fatal(err)
	}
	store, sink := &cupboard{objects: map[string][]byte{}}, &event.Recorder{}
	made, err := provision.Bootstrap(ctx, provision.BootstrapEnv{
		Engine: engine, Sink: sink,
		Packages: bootstrap.Bootstrapper{
			Host: store, Store: store, Memory: store, Now: func() time.Time { return now },
			Client: func(func(*url.URL) (*url.URL, bool)) bootstrap.Doer { return client },
		},
	}, provision.BootstrapOptions{
		Target: target, Mirror: m.URL + "/debian", Keyrings: []bootstrap.File{{Path: "k", Data: mirrortest.Public(t, m.Key)}},
	})
	return made, sink, err
}

func TestBootstrapMakesAnImageOfPackages(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m, engine := mirrortest.New(t, now), fake.New(fake.Options{})
	made, sink, err := bootstrapOn(t.Context(), t, engine, m, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"debian:bookworm", "debian:bookworm-slim"} {
		fact, err := engine.Image(t.Context(), tag, "")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			bootstrap.LabelSuite: "bookworm", bootstrap.LabelMirror: m.URL + "/debian/", bootstrap.LabelSnapshot: "2026-03-01T08:00:00Z",
			bootstrap.LabelProcedure: bootstrap.Procedure,
		}
		if diff := cmp.Diff(want, fact.Labels); diff != "" || fact.ID != made.ID || !slices.Equal(fact.Cmd, []string{"bash"}) {
			t.Errorf("%s: %+v\n%s", tag, fact, diff)
		}
	}
	open := map[string]bool{}
	var began []string
	for _, e := range sink.Events() {
		switch e.Kind {
		case event.Start:
			open[e.ID] = true
			began = append(began, e.Text)
		case event.Done:
			if !open[e.ID] {
				t.Errorf("%s ends twice, or never began", e.ID)
			}
			delete(open, e.ID)
		}
	}
	if len(open) > 0 || !slices.Contains(began, "fetching packages") || !slices.Contains(began, "making the first file system") {
		t.Errorf("open: %v, began: %q", open, began)
	}
}

func TestABootstrapThatFailsSaysWhere(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := mirrortest.New(t, now)
	broken := &driver.ScriptError{Code: 100, Output: "no room"}
	failing := fake.Intercept(fake.New(fake.Options{}), func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if c.Method == "ImportImage" {
			return broken
		}
		return next(ctx)
	})
	for name, tt := range map[string]struct {
		engine provision.BootstrapEngine
		ended  bool
		is     func(error) bool
	}{
		"interrupted": {fake.New(fake.Options{}), true, func(err error) bool { return errors.Is(err, context.Canceled) }},
		"the script":  {failing, false, func(err error) bool { return errors.Is(err, broken) }},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if tt.ended {
			cancel()
		}
		_, sink, err := bootstrapOn(ctx, t, tt.engine, m, now)
		cancel()
		if !tt.is(err) {
			t.Errorf("%s: error %v", name, err)
		}
		events := sink.Events()
		if last := events[len(events)-1]; last.Kind != event.Failed || last.ID != "bootstrap" || !strings.HasPrefix(last.Subject, "image.") {
			t.Errorf("%s: the last event is %+v", name, last)
		}
	}
}

// TestABootstrapTakesNoNameThatNobodyTyped: what is asked for is replaced, its slim name only where it was made here.
func TestABootstrapTakesNoNameThatNobodyTyped(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := mirrortest.New(t, now)
	engine := fake.New(fake.Options{Images: fake.Stock()})
	before, err := engine.Image(t.Context(), "debian:bookworm-slim", "")
	if err != nil {
		t.Fatal(err)
	}
	made, sink, err := bootstrapOn(t.Context(), t, engine, m, now)
	if err != nil {
		t.Fatal(err)
	}
	after, err := engine.Image(t.Context(), "debian:bookworm-slim", "")
	if err != nil || after.ID != before.ID || !slices.Equal(made.Tags, []string{"debian:bookworm"}) {
		t.Errorf("tags %q, the slim image %s, before %s (%v)", made.Tags, after.ID, before.ID, err)
	}
	if !slices.ContainsFunc(sink.Events(), func(e event.Event) bool { return e.Kind == event.Note && strings.Contains(e.Text, "it stays") }) {
		t.Error("nobody was told")
	}
}
