// Package drivertest is the conformance suite of drivers: what the comments of package driver promise, tried on an
// engine. A new engine is done when its test calls Run and passes. It knows the contract only; it must not know which
// engine it speaks to, and reaches it through driver.Engine alone.
//
// Every name it makes begins with Engine.Prefix, and whatever a test made is removed when the test ends, also when it
// failed; a failed test first logs what its boxes printed and what the engine says of them. Scripts that it runs in
// boxes keep to what both a plain sh and the fake engine's small interpreter understand.
package drivertest

import (
	"context"
	"io"
	"testing"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// Engine is the engine under test and what the suite needs to know of it.
type Engine struct {
	Driver driver.Engine

	// Image is a reference that exists on the engine: it has sh and the usual small tools, no ENTRYPOINT, no USER, no
	// VOLUME and no HEALTHCHECK, and no package manager.
	Image string
	// ImageFile is a regular file of Image that a box may lose; empty: deletions are not tried.
	ImageFile string
	// Prefix begins every name; unique to this run. It is a project name (lower case, digits, dashes), 30 bytes at most.
	Prefix string
	// Identity makes the identity of a checkout whose project has this name; another name, another checkout.
	Identity func(project string) resource.Identity

	// System writes the file system of Image, or of one like it, as a tar.
	System func(ctx context.Context, w io.Writer) error

	// Registry is a host that the engine may push to and pull from; empty: neither is tried.
	Registry string

	// RealInside: what runs in boxes is real, so that name lookup, adopted users and file modes can be seen from inside.
	RealInside bool
	// PublishedPorts: published ports can be reached on this machine's loopback, and its listeners are in their way.
	PublishedPorts bool
	// HostFiles: the engine can mount folders of this machine.
	HostFiles bool
	// Builds: the engine can build from Image.
	Builds bool
}

// group is a set of tests of one part of the contract.
type group struct {
	name  string
	tests []test
}

// test is one statement about a driver; serial ones do not run beside others.
type test struct {
	name string
	run  func(*bench)
}

// parallel is how many tests use the engine at once.
const parallel = 4

// Run tries everything on the engine that open gives. open is called once; it closes the driver by t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) Engine) {
	t.Helper()
	e := open(t)
	if e.Driver == nil || e.Image == "" || e.Prefix == "" || e.Identity == nil || e.System == nil {
		t.Fatal("drivertest: Engine needs Driver, Image, Prefix, Identity and System")
	}
	fact, err := e.Driver.Image(t.Context(), e.Image, "")
	if err != nil {
		t.Fatalf("image of the tests: %v", err)
	}
	slots := make(chan struct{}, parallel)
	for _, g := range groups() {
		t.Run(g.name, func(t *testing.T) {
			for _, test := range g.tests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					slots <- struct{}{}
					t.Cleanup(func() { <-slots })
					test.run(newBench(t, e, fact))
				})
			}
		})
	}
}

func groups() []group {
	return []group{
		{"Observe", observeTests()},
		{"Everywhere", everywhereTests()},
		{"Names", nameTests()},
		{"Lifecycle", lifecycleTests()},
		{"Limits", limitTests()},
		{"Networks", networkTests()},
		{"Mounts", mountTests()},
		{"Ports", portTests()},
		{"Configuration", configurationTests()},
		{"Provision", provisionTests()},
		{"Gate", gateTests()},
		{"Health", healthTests()},
		{"Files", fileTests()},
		{"Copy", copyTests()},
		{"Exec", execTests()},
		{"Attach", attachTests()},
		{"Logs", logTests()},
		{"Events", eventTests()},
		{"Usage", usageTests()},
		{"Images", imageTests()},
		{"Publish", publishTests()},
		{"Import", importTests()},
		{"Move", moveTests()},
		{"Snapshots", snapshotTests()},
		{"Missing", missingTests()},
	}
}
