package docker

import (
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	"github.com/envyhq/envy/provision/resource"
)

// benchEngine opens the environment's engine; each benchmark says what it compares.
func benchEngine(b *testing.B) *Engine {
	b.Helper()
	e, err := Open(Options{Getenv: os.Getenv, Version: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	if _, err := e.Ping(b.Context()); err != nil {
		b.Skipf("ENGINE BENCHMARK SKIPPED: %v", err)
	}
	return e
}

// BenchmarkObserve is what an unchanged up asks, connection included; BenchmarkBareLists the same calls with nothing
// done to the answers.
func BenchmarkObserve(b *testing.B) {
	benchEngine(b)
	for b.Loop() {
		e, err := Open(Options{Getenv: os.Getenv, Version: "bench"})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := e.Observe(b.Context(), resource.Identity{Checkout: "bench", User: "1"}); err != nil {
			b.Fatal(err)
		}
		_ = e.Close()
	}
}

func BenchmarkBareLists(b *testing.B) {
	about, err := benchEngine(b).Ping(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	const filter = "filters=%7B%22label%22%3A%5B%22io.envy.checkout%3Dbench%22%5D%7D"
	for b.Loop() {
		e, err := Open(Options{Getenv: os.Getenv, Version: "bench"})
		if err != nil {
			b.Fatal(err)
		}
		get := func(path string) {
			r, err := e.request(b.Context(), path)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
		}
		get("/_ping")
		var all sync.WaitGroup
		for _, path := range []string{"/containers/json?all=1&", "/networks?", "/volumes?"} {
			all.Go(func() { get("/v" + e.version(about) + path + filter) })
		}
		all.Wait()
		_ = e.Close()
	}
}

// BenchmarkObserveMany decodes what a list says of a project with many boxes, the engine left out.
func BenchmarkObserveMany(b *testing.B) {
	for _, n := range []int{1, 50, 500} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var all listings
			for i := range n {
				labels := containerLabels(checkout, "web", i+1)
				all.containers = append(all.containers, listedContainer{
					ID: fmt.Sprint(i), Names: []string{fmt.Sprintf("/shop-web-%d", i+1)}, State: "running",
					Status: "Up 3 seconds (healthy)", Labels: labels,
				})
			}
			for b.Loop() {
				if got := observed(resource.Engine{}, all, checkout); len(got.Boxes) != n {
					b.Fatal(len(got.Boxes))
				}
			}
		})
	}
}
