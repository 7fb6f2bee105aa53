package drivertest

import (
	"slices"
	"strings"

	"github.com/envyhq/envy/provision/driver"
)

func usageTests() []test {
	return []test{{"of a box that works", testUsage}}
}

func testUsage(b *bench) {
	script := "while true; do :; done"
	if !b.RealInside {
		script = "sleep 1000" // its time is not its own
	}
	id := b.up("web", command(script), func(n *driver.NewBox) { n.Spec.Memory = 64 << 20 })
	for _, when := range []string{"running", "paused"} {
		u, err := b.d.Usage(b.ctx, id)
		b.must(err)
		if u.Memory <= 0 || u.MemoryLimit != 64<<20 || u.Memory > u.MemoryLimit || u.Processes < 1 || u.NetIn+u.NetOut != 0 {
			b.Errorf("%s: %+v", when, u)
		}
		if b.RealInside && when == "running" && (u.CPU <= 0 || u.CPU > 10_000) {
			b.Errorf("a loop uses %g %% of a processor", u.CPU)
		}
		list, err := b.d.Processes(b.ctx, id)
		b.must(err)
		runs := func(p driver.Process) bool { return p.PID > 0 && p.Memory > 0 && strings.HasPrefix(p.Command, "sh") }
		if !slices.ContainsFunc(list, runs) {
			b.Errorf("%s: processes %+v", when, list)
		}
		b.must(b.d.PauseBox(b.ctx, id))
	}
	b.must(b.d.UnpauseBox(b.ctx, id))
}
