package drivertest

import (
	"github.com/envyhq/envy/provision/driver"
)

const mebi = 1 << 20

func limitTests() []test {
	return []test{
		{"at create", testLimitsAtCreate},
		{"in place", testLimitsInPlace},
		{"refused", testLimitRefused},
	}
}

func (b *bench) wantLimits(id string, memory, cpus int64) {
	b.Helper()
	if d := b.detail(id); d.Memory != memory || d.NanoCPUs != cpus {
		b.Errorf("limits are %d bytes and %d billionths of a CPU, want %d and %d", d.Memory, d.NanoCPUs, memory, cpus)
	}
}

func testLimitsAtCreate(b *bench) {
	plain := b.create(b.newBox("plain"))
	b.wantLimits(plain, 0, 0)
	id := b.up("web", func(n *driver.NewBox) { n.Spec.Memory, n.Spec.NanoCPUs = 64*mebi, 5e8 })
	b.wantLimits(id, 64*mebi, 5e8)
}

func testLimitsInPlace(b *bench) {
	id := b.create(b.newBox("web", func(n *driver.NewBox) { n.Spec.Memory, n.Spec.NanoCPUs = 64*mebi, 5e8 }))
	change := func(l driver.Limits) { b.Helper(); b.must(b.d.LimitBox(b.ctx, id, l)) }
	for range 2 { // created, then running
		change(driver.Limits{Memory: 512 * mebi, NanoCPUs: 1e9}) // far above the swap limit of then
		b.wantLimits(id, 512*mebi, 1e9)
		change(driver.Limits{Memory: 64 * mebi, NanoCPUs: 25e7})
		b.wantLimits(id, 64*mebi, 25e7)
		change(driver.Limits{Restart: "on-failure"})
		b.wantLimits(id, 64*mebi, 25e7)
		b.wantRestart(id, "on-failure")
		change(driver.Limits{})
		b.wantRestart(id, "no")
		b.start(id)
	}
	unlimited := b.up("plain")
	b.must(b.d.LimitBox(b.ctx, unlimited, driver.Limits{Memory: 64 * mebi}))
	b.wantLimits(unlimited, 64*mebi, 0)
}

func testLimitRefused(b *bench) {
	_, err := b.tracked(b.newBox("web", func(n *driver.NewBox) { n.Spec.Memory = 1024 }))
	b.wantKind("a box with 1 KiB of memory", err, driver.Invalid)
}
