package provision

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/recipe"
)

// brokenHost is the caller's machine on which a call goes wrong.
type brokenHost struct {
	Host
	breaks func() error // asked before each call
}

func (h *brokenHost) Match(ctx context.Context, tree config.Tree, patterns []string) ([]HostFile, []string, error) {
	if err := h.breaks(); err != nil {
		return nil, nil, err
	}
	return h.Host.Match(ctx, tree, patterns)
}

func (h *brokenHost) Open(name string) (io.ReadCloser, error) {
	if err := h.breaks(); err != nil {
		return nil, err
	}
	return h.Host.Open(name)
}

func (h *brokenHost) Tree(path string) (recipe.Source, error) {
	if err := h.breaks(); err != nil {
		return nil, err
	}
	return h.Host.Tree(path)
}

// Archive breaks half way: what was read before is an archive cut short.
func (h *brokenHost) Archive(path string) (io.ReadCloser, error) {
	r, err := h.Host.Archive(path)
	if broken := h.breaks(); broken != nil && err == nil {
		return cutShort{r, broken}, nil
	}
	return r, err
}

func (h *brokenHost) MakeMountPoint(share, rel string, dir bool) error {
	if err := h.breaks(); err != nil {
		return err
	}
	return h.Host.MakeMountPoint(share, rel, dir)
}

func (h *brokenHost) MakeSource(path string) error {
	if err := h.breaks(); err != nil {
		return err
	}
	return h.Host.MakeSource(path)
}

// cutShort ends after a few bytes with an error.
type cutShort struct {
	io.ReadCloser
	err error
}

func (c cutShort) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p[:min(len(p), 100)])
	if err == nil {
		err = c.err
	}
	return n, err
}

// hostFaults are the ways in which a call of the caller's machine goes wrong: alone, or as the last thing before a kill.
func hostFaults() []fault {
	fails := func(n int, reached *atomic.Bool) func() error {
		var calls atomic.Int64
		return func() error {
			if calls.Add(1) == int64(n) {
				reached.Store(true)
				return errInjected
			}
			return nil
		}
	}
	alive := func(int, *atomic.Bool) fake.Hook {
		return func(ctx context.Context, _ fake.Call, next func(context.Context) error) error { return next(ctx) }
	}
	killed := func(_ int, reached *atomic.Bool) fake.Hook {
		return func(ctx context.Context, _ fake.Call, next func(context.Context) error) error {
			if reached.Load() {
				return errInjected
			}
			return next(ctx)
		}
	}
	return []fault{
		{name: "fails on the host", hook: alive, host: fails},
		{name: "is killed on the host", hook: killed, host: fails},
	}
}
