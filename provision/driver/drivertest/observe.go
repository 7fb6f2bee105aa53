package drivertest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func observeTests() []test {
	return []test{
		{"ping", testPing},
		{"labels and spec", testLabels},
		{"spec of 64 KiB", testLargeSpec},
		{"only what is owned", testOwned},
		{"strangers", testStrangers},
		{"states", testStates},
		{"networks and volumes", testListed},
		{"names in use", testNamesInUse},
	}
}

func testPing(b *bench) {
	e, err := b.d.Ping(b.ctx)
	b.must(err)
	if e.Version == "" || e.Endpoint == "" {
		b.Errorf("ping says %+v: a version and an endpoint are wanted", e)
	}
	if got := b.observe().Engine; got.Version != e.Version || got.Endpoint != e.Endpoint {
		b.Errorf("the list says %+v of the engine, ping %+v", got, e)
	}
}

func testLabels(b *bench) {
	n := b.newBox("web", func(n *driver.NewBox) {
		n.Spec.Labels = resource.StrMap{"team": "blue"}
		n.Spec.Env = resource.StrMap{"A": "1"}
	})
	got := b.box(b.create(n))
	want := resource.Owner{
		Project: b.project, Box: "web", Index: 1, Checkout: b.id.Checkout, HostID: b.id.HostID, User: b.id.User,
		Path: b.id.Path, Version: "test",
	}
	if d := cmp.Diff(want, got.Owner); d != "" {
		b.Errorf("owner (-want +got):\n%s", d)
	}
	if got.Name != n.Name || got.Spec != n.Spec.Encode() || got.SpecHash != n.Spec.Hash() {
		b.Errorf("name %q, hash %q, spec %s", got.Name, got.SpecHash, got.Spec)
	}
	for k, v := range n.Labels {
		if got.Labels[k] != v {
			b.Errorf("label %s is %q, want %q", k, got.Labels[k], v)
		}
	}
	if got.Created.IsZero() || got.ImageID != b.fact.ID {
		b.Errorf("created %v from %s, want %s", got.Created, got.ImageID, b.fact.ID)
	}
}

func testLargeSpec(b *bench) {
	n := b.newBox("web", func(n *driver.NewBox) {
		n.Spec.Env = resource.StrMap{}
		for i := range 64 {
			n.Spec.Env["LARGE_"+strconv.Itoa(i)] = strings.Repeat("é<&\"\\\n", 160)
		}
	})
	if size := len(n.Spec.Encode()); size < 64<<10 {
		b.Fatalf("the spec has only %d bytes", size)
	}
	got, err := resource.DecodeSpec(b.box(b.create(n)).Spec)
	b.must(err)
	if d := cmp.Diff(n.Spec, *got); d != "" {
		b.Errorf("spec (-want +got):\n%s", d)
	}
}

func testOwned(b *bench) {
	mine := b.create(b.newBox("web"))
	other := b.other()
	theirs, err := b.tracked(other.newBox("web"))
	b.must(err)
	seen := b.observe()
	if len(seen.Boxes) != 1 || seen.Boxes[0].ID != mine {
		b.Errorf("the list has %+v, want only %s", seen.Boxes, mine)
	}
	if len(seen.Strangers) != 0 {
		b.Errorf("another checkout's box is called a stranger: %v", seen.Strangers)
	}
	if seen := other.observe(); len(seen.Boxes) != 1 || seen.Boxes[0].ID != theirs {
		b.Errorf("the other checkout's list has %+v, want only %s", seen.Boxes, theirs)
	}
}

func testStrangers(b *bench) {
	n := b.newBox("web")
	n.Name = b.project + "-web.backup"
	b.create(n)
	v := driver.NewVolume{Name: b.project + "_odd", Labels: b.labels(resource.Owner{Volume: "data"})}
	_, err := b.d.CreateVolume(b.ctx, v)
	b.keep(&b.volumes, v.Name)
	b.must(err)
	seen := b.observe()
	if len(seen.Boxes) != 0 || len(seen.Volumes) != 0 {
		b.Errorf("boxes %v and volumes %v are listed as owned", seen.Boxes, seen.Volumes)
	}
	for _, name := range []string{n.Name, v.Name} {
		if !slices.ContainsFunc(seen.Strangers, func(s string) bool { return strings.Contains(s, name) }) {
			b.Errorf("%s is not among the strangers %v", name, seen.Strangers)
		}
	}
}

func testStates(b *bench) {
	id := b.create(b.newBox("web", command("until test -e /go; do sleep 0.05; done; exit 7")))
	b.wantState(id, resource.StateCreated)
	b.start(id)
	b.wantState(id, resource.StateRunning)
	b.must(b.d.PauseBox(b.ctx, id))
	b.wantState(id, resource.StatePaused)
	b.must(b.d.UnpauseBox(b.ctx, id))
	b.wantState(id, resource.StateRunning)
	b.holds(id, "touch /go")
	b.eventually("end of the command", func() bool { return b.box(id).State == resource.StateExited })
	if o := b.box(id); o.ExitCode != 7 {
		b.Errorf("exit code %d in the list (%q), want 7", o.ExitCode, o.Status)
	}
	if d := b.detail(id); d.ExitCode != 7 || d.Started.IsZero() || d.Finished.Before(d.Started) {
		b.Errorf("detail of the ended box: %+v", d)
	}
}

func testListed(b *bench) {
	ref := b.network("default")
	back := b.network("back")
	b.volume("data")
	id := b.create(b.newBox("web", on(map[string]driver.NetworkRef{"default": ref, "back": back},
		resource.NetworkJoin{Network: "default"}, resource.NetworkJoin{Network: "back"})))
	seen := b.observe()
	if len(seen.Networks) != 2 || len(seen.Volumes) != 1 {
		b.Fatalf("networks %v, volumes %v", seen.Networks, seen.Volumes)
	}
	for _, n := range seen.Networks {
		if n.Created.IsZero() || n.Owner.Checkout != b.id.Checkout || n.Name != resource.NetworkName(b.project, n.Owner.Network) {
			b.Errorf("network %+v", n)
		}
	}
	if v := seen.Volumes[0]; v.Name != resource.VolumeName(b.project, "", "data") || v.Owner.Volume != "data" {
		b.Errorf("volume %+v", v)
	}
	for _, when := range []string{"created", "running"} {
		var names []string
		for _, n := range b.box(id).Networks {
			names = append(names, n.Name)
		}
		slices.Sort(names)
		if d := cmp.Diff([]string{ref.Name, back.Name}, names); d != "" {
			b.Errorf("networks of the %s box in the list (-want +got):\n%s", when, d)
		}
		b.must(b.d.StartBox(b.ctx, id, ""))
	}
}

func testNamesInUse(b *bench) {
	n := b.newBox("web")
	b.create(n)
	net := b.network("default")
	vol := b.volume("data")
	names, err := b.d.Names(b.ctx)
	b.must(err)
	for what, o := range map[string]resource.Owner{
		"container": names.Containers[n.Name], "network": names.Networks[net.Name], "volume": names.Volumes[vol],
	} {
		if o.Checkout != b.id.Checkout || o.Project != b.project {
			b.Errorf("owner of the %s's name is %+v", what, o)
		}
	}
}
