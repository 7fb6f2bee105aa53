package drivertest

import (
	"io"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func missingTests() []test {
	return []test{
		{"removal of what is gone", testRemoveMissing},
		{"box", testMissingBox},
		{"stopped box", testStoppedBox},
	}
}

func testRemoveMissing(b *bench) {
	name := b.project + "-no-such-thing"
	for what, err := range map[string]error{
		"box":     b.d.RemoveBox(b.ctx, name),
		"network": b.d.RemoveNetwork(b.ctx, name),
		"volume":  b.d.RemoveVolume(b.ctx, name),
	} {
		if err != nil {
			b.Errorf("removal of a missing %s: %v", what, err)
		}
	}
}

func testMissingBox(b *bench) {
	id, ctx, d := b.project+"-no-such-box", b.ctx, b.d
	net := b.network("default")
	script := resource.ProvisionScript{Name: "p", Hash: "h", Script: "true"}
	file := resource.FileContent{Target: "/f", Hash: "h"}
	for what, call := range map[string]func() error{
		"detail":     func() error { _, err := d.Detail(ctx, id); return err },
		"record":     func() error { _, err := d.Record(ctx, id); return err },
		"changes":    func() error { _, err := d.Changes(ctx, id); return err },
		"stat":       func() error { _, _, err := d.Stat(ctx, id, []string{"/"}); return err },
		"size":       func() error { _, _, err := d.Size(ctx, id); return err },
		"start":      func() error { return d.StartBox(ctx, id, "") },
		"stop":       func() error { return d.StopBox(ctx, id, 0) },
		"kill":       func() error { return d.KillBox(ctx, id, "TERM") },
		"rename":     func() error { return d.RenameBox(ctx, id, id+"-b") },
		"pause":      func() error { return d.PauseBox(ctx, id) },
		"unpause":    func() error { return d.UnpauseBox(ctx, id) },
		"limit":      func() error { return d.LimitBox(ctx, id, driver.Limits{}) },
		"connect":    func() error { return d.Connect(ctx, net.ID, id, driver.Join{}) },
		"copy":       func() error { return d.CopyIn(ctx, id, newTar(b.T, map[string]string{"f": ""}), "/d") },
		"look":       func() error { _, err := d.LookUp(ctx, id, "/"); return err },
		"measure":    func() error { _, err := d.Usage(ctx, id); return err },
		"processes":  func() error { _, err := d.Processes(ctx, id); return err },
		"copy out":   func() error { return d.CopyOut(ctx, id, "/", io.Discard) },
		"files":      func() error { return d.WriteFiles(ctx, id, []resource.FileContent{file}) },
		"provision":  func() error { return d.Provision(ctx, id, script, io.Discard) },
		"release":    func() error { return d.Release(ctx, id, nil) },
		"healthy":    func() error { return d.WaitHealthy(ctx, id, check("true")) },
		"wait":       func() error { _, err := d.WaitExit(ctx, id); return err },
		"exec":       func() error { _, err := d.Exec(ctx, id, shell("true"), driver.Streams{}); return err },
		"attach":     func() error { _, err := d.Attach(ctx, id, driver.Streams{}); return err },
		"logs":       func() error { return d.Logs(ctx, id, driver.LogOptions{Tail: -1}, io.Discard, io.Discard) },
		"disconnect": func() error { return d.Disconnect(ctx, net.ID, id) },
	} {
		b.wantKind(what+" of a missing box", call(), driver.NotFound)
	}
}

func testStoppedBox(b *bench) {
	id, ctx, d := b.create(b.newBox("web")), b.ctx, b.d
	script := resource.ProvisionScript{Name: "p", Hash: "h", Script: "true"}
	_, unmeasured := d.Usage(ctx, id)
	_, unlisted := d.Processes(ctx, id)
	for what, err := range map[string]error{
		"measure":   unmeasured,
		"processes": unlisted,
		"files":     d.WriteFiles(ctx, id, []resource.FileContent{{Target: "/f", Hash: "h"}}),
		"provision": d.Provision(ctx, id, script, io.Discard),
		"release":   d.Release(ctx, id, nil),
		"healthy":   d.WaitHealthy(ctx, id, check("true")),
	} {
		b.wantKind(what+" in a box that does not run", err, driver.NotRunning)
	}
	b.must(d.StopBox(ctx, id, 0))
}
