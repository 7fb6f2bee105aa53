package drivertest

import (
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func everywhereTests() []test {
	return []test{
		{"all checkouts", testEverywhere},
		{"checkouts without anything of their own", testNothingOwned},
		{"agents", testAgents},
		{"disk use", testDiskUse},
		{"disk use of images", testImageUse},
	}
}

// everywhere gives this project's part of the list; nil where it is not in it.
func (b *bench) everywhere() *resource.Checkout {
	b.Helper()
	seen, err := b.d.Everywhere(b.ctx)
	b.must(err)
	if seen.Engine.Endpoint == "" {
		b.Errorf("the list says %+v of the engine", seen.Engine)
	}
	i := slices.IndexFunc(seen.Checkouts, func(c resource.Checkout) bool { return c.Identity.Checkout == b.id.Checkout })
	if i < 0 {
		return nil
	}
	return &seen.Checkouts[i]
}

// testEverywhere: of each checkout the list has what Observe has.
func testEverywhere(b *bench) {
	other := b.other()
	for _, p := range []*bench{b, other} {
		p.volume("data")
		p.network("default")
		_, err := b.tracked(p.newBox("web"))
		b.must(err)
	}
	for _, p := range []*bench{b, other} {
		b.volumes = append(b.volumes, resource.VolumeName(p.project, "", "data"))
		got := p.everywhere()
		if got == nil {
			b.Fatalf("%s is not in the list", p.project)
		}
		want := p.id
		want.Project = ""
		if d := cmp.Diff(want, got.Identity); d != "" {
			b.Errorf("identity (-want +got):\n%s", d)
		}
		if d := cmp.Diff(p.observe(), got.Observed); d != "" {
			b.Errorf("%s (-Observe +Everywhere):\n%s", p.project, d)
		}
		if o := got.Observed; len(o.Boxes) != 1 || len(o.Networks) != 1 || len(o.Volumes) != 1 {
			b.Errorf("%s has %+v", p.project, o)
		}
	}
}

// testNothingOwned: labels alone, as a container has them from an image that was committed, make no checkout.
func testNothingOwned(b *bench) {
	n := b.newBox("web")
	n.Name = b.project + "-copy.of"
	b.create(n)
	if got := b.everywhere(); got != nil {
		b.Errorf("a stranger's labels make a checkout: %+v", got)
	}
	b.create(b.newBox("web"))
	got := b.everywhere()
	if got == nil || len(got.Observed.Boxes) != 1 || !slices.Contains(got.Observed.Strangers, n.Name) {
		b.Errorf("beside a stranger: %+v", got)
	}
}

// testAgents: the volume that a box has its agent from is told, and stays as long as the box does.
func testAgents(b *bench) {
	id := b.create(b.newBox("web"))
	seen, err := b.d.Everywhere(b.ctx)
	b.must(err)
	i := slices.IndexFunc(seen.Agents, func(a resource.AgentVolume) bool { return slices.Contains(a.Users, id) })
	if i < 0 {
		b.Fatalf("no agent is told to be the box's: %+v", seen.Agents)
	}
	if seen.Agents[i].Created.IsZero() {
		b.Errorf("no time of %+v", seen.Agents[i])
	}
	b.wantKind("the agent of a box", b.d.RemoveVolume(b.ctx, seen.Agents[i].Name), driver.Conflict)
}

func testDiskUse(b *bench) {
	const least = 20_000
	volume := b.volume("data")
	id := b.up("web", withVolume(volume, "/data", false))
	empty := b.create(b.newBox("idle"))
	text := strings.Repeat("0123456789", least/10)
	b.holds(id, "echo "+text+" > /big; echo "+text+" > /data/big")
	use, err := b.d.DiskUse(b.ctx, nil)
	b.must(err)
	if got := use.Boxes[id]; got < least || got > 50*least {
		b.Errorf("a box with %d bytes of its own takes %d", least, got)
	}
	if got, ok := use.Boxes[empty]; !ok || got >= least {
		b.Errorf("an empty box takes %d (%v)", got, ok)
	}
	if got := use.Volumes[volume]; got < least || got > 50*least {
		b.Errorf("a volume with %d bytes takes %d", least, got)
	}
	if len(use.Images) != 0 {
		b.Errorf("images that nobody asked about: %v", use.Images)
	}
}

func testImageUse(b *bench) {
	use, err := b.d.DiskUse(b.ctx, []string{b.fact.ID, "sha256:" + strings.Repeat("0", 64)})
	b.must(err)
	got, ok := use.Images[b.fact.ID]
	if !ok || len(use.Images) != 1 {
		b.Fatalf("of one image that is there and one that is not: %+v", use.Images)
	}
	var ids []string
	var sum int64
	for _, l := range got.Layers {
		ids = append(ids, l.ID)
		sum += max(l.Size, 0)
	}
	if d := cmp.Diff(b.fact.Layers, ids); d != "" {
		b.Errorf("layers (-want +got):\n%s", d)
	}
	if got.Size != b.fact.Size || sum > got.Size || sum == 0 && got.Size > 0 {
		b.Errorf("an image of %d bytes takes %d, its layers %d", b.fact.Size, got.Size, sum)
	}
}
