package drivertest

import (
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func lifecycleTests() []test {
	return []test{
		{"start and stop are repeatable", testStartStop},
		{"files outlive a stop", testFilesOutliveStop},
		{"pause", testPause},
		{"kill", testKill},
		{"remove", testRemove},
		{"restart policy", testRestartPolicy},
		{"exit code", testWaitExit},
		{"one agent for several boxes", testSharedAgent},
	}
}

func testStartStop(b *bench) {
	id := b.create(b.newBox("web"))
	for range 2 {
		b.start(id)
		b.wantState(id, resource.StateRunning)
	}
	for range 2 {
		b.must(b.d.StopBox(b.ctx, id, 5*time.Second))
		b.wantState(id, resource.StateExited)
	}
	b.start(id)
	b.wantState(id, resource.StateRunning)
}

func testFilesOutliveStop(b *bench) {
	id := b.up("web")
	b.holds(id, "echo kept > /kept")
	b.must(b.d.StopBox(b.ctx, id, 0))
	b.start(id)
	b.want(id, "cat /kept", "kept")
}

func testPause(b *bench) {
	id := b.up("web")
	for range 2 {
		b.must(b.d.PauseBox(b.ctx, id))
		b.wantState(id, resource.StatePaused)
	}
	for range 2 {
		b.must(b.d.UnpauseBox(b.ctx, id))
		b.wantState(id, resource.StateRunning)
	}
	b.holds(id, "true")
	b.must(b.d.PauseBox(b.ctx, id))
	b.must(b.d.StopBox(b.ctx, id, 5*time.Second))
	b.wantState(id, resource.StateExited)
	b.wantKind("pause of a stopped box", b.d.PauseBox(b.ctx, id), driver.NotRunning)
}

func testKill(b *bench) {
	id := b.up("web", command("sleep 1000"))
	b.must(b.d.KillBox(b.ctx, id, "KILL"))
	code, err := b.d.WaitExit(b.ctx, id)
	b.must(err)
	if code != 137 {
		b.Errorf("exit code %d after KILL, want 137", code)
	}
	b.wantKind("kill of a stopped box", b.d.KillBox(b.ctx, id, "KILL"), driver.NotRunning)
}

func testRemove(b *bench) {
	running, created := b.up("web"), b.create(b.newBox("db"))
	for _, id := range []string{running, created, running, created} {
		b.must(b.d.RemoveBox(b.ctx, id))
	}
	for range 3 { // side by side
		id := b.create(b.newBox("web"))
		var all errgroup.Group
		for range 4 {
			all.Go(func() error { return b.d.RemoveBox(b.ctx, id) })
		}
		b.must(all.Wait())
	}
	if seen := b.observe().Boxes; len(seen) != 0 {
		b.Errorf("after removal there are %+v", seen)
	}
}

func testRestartPolicy(b *bench) {
	id := b.create(b.newBox("web", func(n *driver.NewBox) { n.Spec.Restart = "unless-stopped" }))
	b.must(b.d.StartBox(b.ctx, id, "unless-stopped"))
	b.wantRestart(id, "unless-stopped")
	b.must(b.d.StopBox(b.ctx, id, 0))
	b.wantRestart(id, "no")
	b.must(b.d.StartBox(b.ctx, id, "unless-stopped"))
	b.wantRestart(id, "unless-stopped")
	b.must(b.d.StartBox(b.ctx, id, ""))
	b.wantState(id, resource.StateRunning)
}

func (b *bench) wantRestart(id, want string) {
	b.Helper()
	got := b.detail(id).Restart
	if got == "" {
		got = "no"
	}
	if got != want {
		b.Errorf("restart policy is %q, want %q", got, want)
	}
}

func testWaitExit(b *bench) {
	id := b.up("job", command("until test -e /go; do sleep 0.05; done; exit 42"))
	type result struct {
		code int
		err  error
	}
	done := make(chan result, 1)
	go func() {
		code, err := b.d.WaitExit(b.ctx, id)
		done <- result{code, err}
	}()
	b.holds(id, "touch /go")
	if got := <-done; got.err != nil || got.code != 42 {
		b.Errorf("WaitExit gives %d, %v; want 42", got.code, got.err)
	}
	if code, err := b.d.WaitExit(b.ctx, id); err != nil || code != 42 {
		b.Errorf("WaitExit of an ended box gives %d, %v; want 42", code, err)
	}
}

func testSharedAgent(b *bench) {
	other := b.other()
	var ids []string
	for _, n := range []driver.NewBox{b.newBox("web"), b.newBox("db"), other.newBox("web")} {
		id := b.create(n)
		b.start(id)
		ids = append(ids, id)
	}
	b.must(b.d.RemoveBox(b.ctx, ids[0]))
	for _, id := range ids[1:] {
		b.want(id, "echo alive", "alive")
	}
}
