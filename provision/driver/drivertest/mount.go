package drivertest

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func mountTests() []test {
	return []test{
		{"volume", testVolume},
		{"read-only volume", testReadOnlyVolume},
		{"tmpfs", testTmpfs},
		{"folder of the host", testBind},
		{"missing folder of the host", testBindMissing},
		{"read-only root", testReadOnlyRoot},
	}
}

func withVolume(name, target string, readOnly bool) func(*driver.NewBox) {
	return func(n *driver.NewBox) {
		n.Spec.Mounts = append(n.Spec.Mounts, resource.MountSpec{
			Type: resource.MountVolume, Source: "data", Target: target, ReadOnly: readOnly, Shared: true, Name: "data",
		})
		if n.Volumes == nil {
			n.Volumes = map[string]string{}
		}
		n.Volumes[target] = name
	}
}

func testVolume(b *bench) {
	name := b.volume("data")
	first := b.up("web", withVolume(name, "/data", false))
	b.holds(first, "echo kept > /data/file")
	second := b.up("db", withVolume(name, "/elsewhere", false))
	b.want(second, "cat /elsewhere/file", "kept")
	if mounts := b.detail(first).Mounts; !slices.Contains(mounts, "/data") {
		b.Errorf("mounts are %v, want /data too", mounts)
	}
	b.wantKind("removal of a volume in use", b.d.RemoveVolume(b.ctx, name), driver.Conflict)
	b.must(b.d.RemoveBox(b.ctx, first))
	b.must(b.d.RemoveBox(b.ctx, second))
	third := b.up("api", withVolume(name, "/data", false))
	b.want(third, "cat /data/file", "kept")
	b.must(b.d.RemoveBox(b.ctx, third))
	for range 2 {
		b.must(b.d.RemoveVolume(b.ctx, name))
	}
	if left := b.observe().Volumes; len(left) != 0 {
		b.Errorf("volumes left: %v", left)
	}
}

func testReadOnlyVolume(b *bench) {
	id := b.up("web", withVolume(b.volume("data"), "/data", true))
	if out, code := b.exec(id, "touch /data/x"); code == 0 {
		b.Errorf("a read-only volume was written: %s", out)
	}
}

func testTmpfs(b *bench) {
	id := b.up("web", func(n *driver.NewBox) {
		n.Spec.Mounts = []resource.MountSpec{{Type: resource.MountTmpfs, Target: "/scratch", Size: mebi}}
	})
	b.holds(id, "echo x > /scratch/file; test -e /scratch/file")
	b.must(b.d.StopBox(b.ctx, id, 0))
	b.start(id)
	b.holds(id, "test ! -e /scratch/file")
}

func bindMount(source, target string, readOnly bool) func(*driver.NewBox) {
	return func(n *driver.NewBox) {
		n.Spec.Mounts = append(n.Spec.Mounts, resource.MountSpec{
			Type: resource.MountBind, Source: source, Target: target, ReadOnly: readOnly,
		})
	}
}

func (b *bench) needHostFiles() {
	b.Helper()
	if !b.HostFiles {
		b.Skip("the engine cannot mount folders of this machine")
	}
}

func testBind(b *bench) {
	b.needHostFiles()
	dir := b.TempDir()
	b.must(os.WriteFile(filepath.Join(dir, "in"), []byte("from the host\n"), 0o644))
	id := b.up("web", bindMount(dir, "/share", false), bindMount(dir, "/look", true))
	b.want(id, "cat /share/in", "from the host")
	b.holds(id, "echo from the box > /share/out")
	if got, err := os.ReadFile(filepath.Join(dir, "out")); err != nil || string(got) != "from the box\n" {
		b.Errorf("the host reads %q, %v", got, err)
	}
	b.want(id, "cat /look/out", "from the box")
	if out, code := b.exec(id, "touch /look/x"); code == 0 {
		b.Errorf("a read-only mount was written: %s", out)
	}
	b.holds(id, "rm /share/out") // it may be root's
}

func testBindMissing(b *bench) {
	b.needHostFiles()
	missing := filepath.Join(b.TempDir(), "missing")
	id, err := b.tracked(b.newBox("web", bindMount(missing, "/share", false)))
	if err == nil {
		err = b.d.StartBox(b.ctx, id, "")
	}
	if err == nil {
		b.Error("a box started with a mount of nothing")
	}
	gone := b.TempDir()
	id = b.create(b.newBox("db", bindMount(gone, "/share", false)))
	b.must(os.Remove(gone))
	b.wantKind("start without the mount's source", b.d.StartBox(b.ctx, id, ""), driver.Failed, driver.Invalid)
	for _, dir := range []string{missing, gone} {
		if _, err := os.Lstat(dir); !os.IsNotExist(err) {
			b.Errorf("%s was made on the host (%v)", dir, err)
		}
	}
}

func testReadOnlyRoot(b *bench) {
	id := b.up("web", func(n *driver.NewBox) {
		n.Spec.ReadOnly = true
		n.Spec.Mounts = []resource.MountSpec{{Type: resource.MountTmpfs, Target: "/scratch"}}
	})
	if out, code := b.exec(id, "touch /x"); code == 0 {
		b.Errorf("a read-only root was written: %s", out)
	}
	b.holds(id, "touch /scratch/x")
}
