package drivertest

import (
	"sync"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func nameTests() []test {
	return []test{
		{"one winner of a box's name", testOneWinner},
		{"rename", testRename},
		{"no double networks", testNoDoubles},
		{"a network's name is taken", testNetworkTaken},
		{"volumes tell the winner", testVolumeWinner},
	}
}

func testOneWinner(b *bench) {
	errs := together(parallel, func(int) error {
		_, err := b.tracked(b.newBox("web"))
		return err
	})
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		b.wantKind("second create", err, driver.Conflict)
	}
	if won != 1 || len(b.observe().Boxes) != 1 {
		b.Errorf("%d creates of one name succeeded: %v", won, errs)
	}
}

func testRename(b *bench) {
	name := resource.BoxName(b.project, "web")
	next := b.newBox("web")
	next.Name = name + ".new"
	first, second := b.up("web"), b.create(next)
	for range 2 { // the second call is one whose predecessor's client died
		b.must(b.d.RenameBox(b.ctx, first, name+".old"))
	}
	if got := b.box(first); got.Name != name+".old" || got.State != resource.StateRunning {
		b.Errorf("after the rename: %s, %s", got.Name, got.State)
	}
	b.wantKind("rename to a taken name", b.d.RenameBox(b.ctx, second, name+".old"), driver.Conflict)
	b.must(b.d.RenameBox(b.ctx, second, name))
	if got := b.box(second); got.Name != name {
		b.Errorf("the freed name was not given: %s", got.Name)
	}
}

func testNoDoubles(b *bench) {
	var mu sync.Mutex
	ids := map[string]bool{}
	errs := together(parallel, func(int) error {
		id, err := b.d.CreateNetwork(b.ctx, b.newNetwork("default"))
		mu.Lock()
		defer mu.Unlock()
		ids[id] = true
		return err
	})
	for _, err := range errs {
		b.must(err)
	}
	seen := b.observe().Networks
	if len(seen) != 1 || len(ids) != 1 || !ids[seen[0].ID] {
		b.Fatalf("four creates at once left %+v and gave the ids %v", seen, ids)
	}
	again, err := b.d.CreateNetwork(b.ctx, b.newNetwork("default"))
	b.must(err)
	if again != seen[0].ID {
		b.Errorf("a create of what is there gave %s, want %s", again, seen[0].ID)
	}
	b.must(b.d.RemoveNetwork(b.ctx, again))
	b.must(b.d.RemoveNetwork(b.ctx, again))
}

func testNetworkTaken(b *bench) {
	b.network("default")
	n := b.newNetwork("default")
	n.Labels = b.Identity(b.project + "-b").Labels(resource.Owner{Network: "default"})
	id, err := b.d.CreateNetwork(b.ctx, n)
	if err == nil {
		b.keep(&b.networks, id)
	}
	b.wantKind("a network under another checkout's name", err, driver.Conflict)
}

func testVolumeWinner(b *bench) {
	first := driver.NewVolume{Name: resource.ClaimName(b.project), Labels: b.labels(resource.Owner{Volume: resource.ClaimVolume})}
	second := first
	second.Labels = b.Identity(b.project + "-b").Labels(resource.Owner{Volume: resource.ClaimVolume})
	for _, v := range []driver.NewVolume{first, second, first} {
		owner, err := b.d.CreateVolume(b.ctx, v)
		b.must(err)
		if owner.Checkout != b.id.Checkout {
			b.Errorf("the winner is %q, want %q", owner.Checkout, b.id.Checkout)
		}
	}
	b.must(b.d.RemoveVolume(b.ctx, first.Name))
	owner, err := b.d.CreateVolume(b.ctx, second)
	b.keep(&b.volumes, second.Name)
	b.must(err)
	if owner.Checkout == b.id.Checkout {
		b.Errorf("a removed volume's labels live on: %+v", owner)
	}
}
