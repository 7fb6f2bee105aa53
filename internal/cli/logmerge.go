package cli

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
)

// logged is one line that a box printed.
type logged struct {
	box, stream string
	stamp       string // as the engine wrote it; "" where it wrote none
	at          time.Time
	text        string
}

// readLog sends the lines of one box, in the order in which they came. They must come with timestamps.
func readLog(ctx context.Context, env provision.Env, b provision.Box, o driver.LogOptions, send func(logged) error) error {
	var last time.Time
	stream := func(name string) *lines {
		return &lines{send: func(line string) error {
			l := parseLogged(line)
			l.box, l.stream = b.Name, name
			if l.stamp == "" {
				l.at = last // it goes on with the line before it
			}
			last = l.at
			return send(l)
		}}
	}
	out, errOut := stream("stdout"), stream("stderr")
	err := provision.Logs(ctx, env, b, o, out, errOut)
	return errors.Join(err, out.flush(), errOut.flush())
}

// parseLogged parts a line from the time before it.
func parseLogged(line string) logged {
	stamp, text, ok := strings.Cut(line, " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if !ok && err == nil {
		return logged{stamp: stamp, at: at}
	}
	if err != nil {
		return logged{text: line}
	}
	return logged{stamp: stamp, at: at, text: text}
}

// reader sends the lines of source i until they end.
type reader func(ctx context.Context, i int, send func(logged) error) error

// asTheyCome prints the lines of n sources, each when it comes. The first failure ends all of them.
func asTheyCome(ctx context.Context, n int, read reader, print func(logged) error) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		group.Go(func() error {
			return read(ctx, i, func(l logged) error {
				mu.Lock()
				defer mu.Unlock()
				return print(l)
			})
		})
	}
	return group.Wait()
}

// ahead is how many lines of each source are held.
const ahead = 16

// inOrder prints the lines of n sources in the order of their times; lines of one moment, and those of one source, stay in the
// order that they have. No source is read further than it takes. The first failure ends all of them.
func inOrder(ctx context.Context, n int, read reader, print func(logged) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	sources := make([]chan logged, n)
	for i := range sources {
		sources[i] = make(chan logged, ahead)
		group.Go(func() error {
			defer close(sources[i])
			return read(ctx, i, func(l logged) error {
				select {
				case sources[i] <- l:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		})
	}
	failed := printInOrder(sources, print)
	if failed != nil {
		cancel()
	}
	if err := group.Wait(); failed == nil {
		failed = err
	}
	return failed
}

func printInOrder(sources []chan logged, print func(logged) error) error {
	heads, there := make([]logged, len(sources)), make([]bool, len(sources))
	for i, source := range sources {
		heads[i], there[i] = <-source
	}
	for {
		first := -1
		for i := range heads {
			if there[i] && (first < 0 || heads[i].at.Before(heads[first].at)) {
				first = i
			}
		}
		if first < 0 {
			return nil
		}
		if err := print(heads[first]); err != nil {
			return err
		}
		heads[first], there[first] = <-sources[first]
	}
}
