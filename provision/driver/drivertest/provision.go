package drivertest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func provisionTests() []test {
	return []test{
		{"success is recorded", testProvisionSuccess},
		{"failure", testProvisionFailure},
		{"environment, user and directory", testProvisionSurroundings},
		{"timeout", testProvisionTimeout},
		{"cancelled", testProvisionCancelled},
		{"two at once", testProvisionTwoAtOnce},
	}
}

func testProvisionSuccess(b *bench) {
	id := b.up("web")
	var out bytes.Buffer
	script := resource.ProvisionScript{Name: "deps", Hash: "h1", Script: "echo out; echo err >&2; echo out; touch /made"}
	b.must(b.d.Provision(b.ctx, id, script, &out))
	if got, want := out.String(), "out\nerr\nout\n"; got != want {
		b.Errorf("the script printed %q, want %q: both streams, in order", got, want)
	}
	b.holds(id, "test -e /made")
	for range 2 { // running, then stopped
		run, ok := b.record(id).Runs["deps"]
		if !ok || run.Hash != "h1" || run.Start.IsZero() || run.End.Before(run.Start) {
			b.Errorf("record of the run: %+v, %t", run, ok)
		}
		b.must(b.d.StopBox(b.ctx, id, 0))
	}
	b.start(id)
	script.Hash = "h2"
	b.must(b.d.Provision(b.ctx, id, script, &out))
	if got := b.record(id).Runs["deps"].Hash; got != "h2" {
		b.Errorf("the record has the hash %q of the second run, want h2", got)
	}
}

func testProvisionFailure(b *bench) {
	id := b.up("web")
	for script, code := range map[string]int{
		"echo before; exit 3":          3,
		"echo before; false; echo x":   1, // sh -e
		"echo before; no-such-program": 127,
	} {
		var out bytes.Buffer
		err := b.d.Provision(b.ctx, id, resource.ProvisionScript{Name: "bad", Hash: "h", Script: script}, &out)
		if err := isScript(err, code); err != nil {
			b.Errorf("%s: %v", script, err)
		}
		if !contains(out.String(), "before") || contains(out.String(), "x") {
			b.Errorf("%s: printed %q", script, out.String())
		}
	}
	if runs := b.record(id).Runs; len(runs) != 0 {
		b.Errorf("failures are recorded as runs: %v", runs)
	}
}

func testProvisionSurroundings(b *bench) {
	id := b.up("web", func(n *driver.NewBox) {
		n.Spec.Env = resource.StrMap{"FROM_BOX": "box"}
		n.Spec.User = &resource.UserSpec{Name: "dev", UID: 4711, GID: 4711}
	})
	b.holds(id, "mkdir -p /srv/app")
	var out bytes.Buffer
	b.must(b.d.Provision(b.ctx, id, resource.ProvisionScript{
		Name: "deps", Hash: "h", User: "dev", Dir: "/srv/app", Env: resource.StrMap{"FROM_SCRIPT": "it's\nhere"},
		Script: `pwd; id -un; echo "$FROM_BOX $FROM_SCRIPT"`,
	}, &out))
	if want := "/srv/app\ndev\nbox it's\nhere\n"; out.String() != want {
		b.Errorf("printed %q, want %q", out.String(), want)
	}
}

func testProvisionTimeout(b *bench) {
	id := b.up("web")
	script := resource.ProvisionScript{Name: "slow", Hash: "h", Script: "echo $$ > /pid; sleep 1000", Timeout: 1}
	if err := isScript(b.d.Provision(b.ctx, id, script, &bytes.Buffer{}), 124); err != nil {
		b.Error(err)
	}
	b.eventuallyIn(id, "! kill -0 $(cat /pid)")
}

func testProvisionCancelled(b *bench) {
	id := b.up("web")
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		script := resource.ProvisionScript{Name: "slow", Hash: "h", Script: "echo $$ > /pid; sleep 1000"}
		done <- b.d.Provision(ctx, id, script, &bytes.Buffer{})
	}()
	b.eventuallyIn(id, "kill -0 $(cat /pid)")
	cancel()
	if err := <-done; err == nil {
		b.Error("a cancelled script has no error")
	}
	b.eventuallyIn(id, "! kill -0 $(cat /pid)")
	// Its lock is free, and it is no success.
	b.must(b.d.Provision(b.ctx, id, resource.ProvisionScript{Name: "next", Hash: "h", Script: "true"}, &bytes.Buffer{}))
	if _, ok := b.record(id).Runs["slow"]; ok {
		b.Error("the cancelled run is recorded")
	}
}

func testProvisionTwoAtOnce(b *bench) {
	id := b.up("web")
	outs := make([]bytes.Buffer, 3)
	errs := together(len(outs), func(i int) error {
		return b.d.Provision(b.ctx, id, resource.ProvisionScript{
			Name: fmt.Sprint("p", i), Hash: "h",
			Script: "test ! -e /busy; touch /busy; sleep 0.2; rm /busy",
		}, &outs[i])
	})
	for i, err := range errs {
		if err != nil {
			b.Errorf("%v: they overlapped (%s)", err, outs[i].String())
		}
	}
	if runs := b.record(id).Runs; len(runs) != len(outs) {
		b.Errorf("recorded are %v", runs)
	}
}

func gateTests() []test {
	return []test{
		{"the command waits for release", testGate},
		{"no gate after release", testGateOnce},
		{"baseline", testBaseline},
	}
}

const gatedCommand = "touch /started; sleep 1000"

func gated(n *driver.NewBox) {
	command(gatedCommand)(n)
	n.Gate = true
}

func testGate(b *bench) {
	id := b.up("web", gated)
	b.must(b.d.Provision(b.ctx, id, resource.ProvisionScript{
		Name: "deps", Hash: "h", Script: "sleep 0.3; test ! -e /started",
	}, &bytes.Buffer{}))
	if b.record(id).Released {
		b.Error("released before Release")
	}
	b.must(b.d.Release(b.ctx, id, nil))
	b.eventuallyIn(id, "test -e /started")
	if !b.record(id).Released {
		b.Error("not released after Release")
	}
	b.must(b.d.Release(b.ctx, id, nil))
}

func testGateOnce(b *bench) {
	id := b.up("web", gated)
	b.must(b.d.StopBox(b.ctx, id, 0))
	b.start(id)
	b.holds(id, "test ! -e /started")
	b.must(b.d.Release(b.ctx, id, nil))
	b.eventuallyIn(id, "test -e /started")
	b.holds(id, "rm /started")
	b.must(b.d.StopBox(b.ctx, id, 0))
	b.start(id)
	b.eventuallyIn(id, "test -e /started")
}

func testBaseline(b *bench) {
	id := b.up("web", gated)
	b.holds(id, "touch /one /two")
	var baseline []string
	for _, c := range b.changes(id) {
		baseline = append(baseline, c.Path)
	}
	b.must(b.d.Release(b.ctx, id, baseline))
	later := resource.ProvisionScript{Name: "later", Hash: "h", Script: "touch /three; exit 3"}
	if err := isScript(b.d.Provision(b.ctx, id, later, &bytes.Buffer{}), 3); err != nil {
		b.Error(err)
	}
	if r := b.record(id); r.BaselineAt.IsZero() || len(r.Spans) != 1 || r.Spans[0].Start.Before(r.BaselineAt) || r.Spans[0].End.Before(r.Spans[0].Start) {
		b.Errorf("baseline of %v, later runs %+v", r.BaselineAt, r.Spans)
	}
	for range 2 { // running, then stopped
		got := b.record(id).Baseline
		for _, p := range []string{"/one", "/two"} {
			if !slices.Contains(got, p) {
				b.Errorf("the recorded baseline is %v, want %s too", got, p)
			}
		}
		b.must(b.d.StopBox(b.ctx, id, 0))
	}
}

func healthTests() []test {
	return []test{
		{"wait", testWaitHealthy},
		{"wait ends with ctx", testWaitCancelled},
		{"wait ends with the command", testWaitEnded},
		{"in the list", testHealthListed},
	}
}

func check(script string) resource.HealthSpec {
	return resource.HealthSpec{Command: []string{"CMD-SHELL", script}, Interval: 60_000, Timeout: 5000}
}

func testWaitHealthy(b *bench) {
	id := b.up("web", command("sleep 1000"))
	done := make(chan error, 1)
	go func() { done <- b.d.WaitHealthy(b.ctx, id, check("test -e /ready")) }()
	b.holds(id, "touch /ready")
	b.must(<-done)
	b.must(b.d.WaitHealthy(b.ctx, id, resource.HealthSpec{Command: []string{"CMD", "test", "-e", "/ready"}}))
}

func testWaitCancelled(b *bench) {
	id := b.up("web", command("sleep 1000"))
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- b.d.WaitHealthy(ctx, id, check("touch /probed; false")) }()
	b.eventuallyIn(id, "test -e /probed")
	cancel()
	if err := <-done; err == nil {
		b.Error("a wait that was cancelled has no error")
	}
	ctx, cancel = context.WithTimeout(b.ctx, 500*time.Millisecond)
	defer cancel()
	if err := b.d.WaitHealthy(ctx, id, check("echo not yet; false")); err == nil {
		b.Error("a check that never passes has no error")
	}
}

func testWaitEnded(b *bench) {
	id := b.up("web", command("until test -e /go; do sleep 0.05; done; exit 3"))
	done := make(chan error, 1)
	go func() { done <- b.d.WaitHealthy(b.ctx, id, check("touch /go; false")) }()
	if err := <-done; err == nil {
		b.Error("a wait outlived the command")
	}
}

func testHealthListed(b *bench) {
	id := b.up("web", command("sleep 1000"), func(n *driver.NewBox) {
		n.Spec.Healthcheck = &resource.HealthSpec{Command: []string{"CMD-SHELL", "test -e /ready"}, Interval: 200, Timeout: 5000, Retries: 1}
	})
	reach := func(want resource.Health) {
		b.Helper()
		b.eventually("health "+string(want), func() bool { return b.box(id).Health == want })
	}
	reach(resource.HealthUnhealthy)
	b.holds(id, "touch /ready")
	reach(resource.HealthHealthy)
	idle := b.up("idle")
	if h := b.box(idle).Health; h != resource.HealthNone {
		b.Errorf("the health of a box without a check is %q", h)
	}
}

// contains reports whether text has the line.
func contains(text, line string) bool {
	return slices.Contains(strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), line)
}
