package drivertest

import (
	"slices"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func networkTests() []test {
	return []test{
		{"aliases", testAliases},
		{"connect and disconnect", testConnect},
		{"fixed address", testFixedAddress},
		{"a network that is gone", testNetworkGone},
		{"a network that is gone since the box ran", testNetworkGoneSince},
		{"off a network that is gone", testOffGone},
		{"a network that is missing at create", testNetworkMissing},
		{"a network in use", testNetworkInUse},
		{"shared with another box", testNetworkOfBox},
	}
}

func onDefault(ref driver.NetworkRef, aliases ...string) func(*driver.NewBox) {
	return on(map[string]driver.NetworkRef{"default": ref}, resource.NetworkJoin{Network: "default", Aliases: aliases})
}

func (b *bench) join(id string, ref driver.NetworkRef) (resource.NetworkJoinObserved, bool) {
	b.Helper()
	for _, j := range b.detail(id).Networks {
		if j.Name == ref.Name {
			return j, true
		}
	}
	return resource.NetworkJoinObserved{}, false
}

func (b *bench) wantAliases(id string, ref driver.NetworkRef, want ...string) {
	b.Helper()
	j, ok := b.join(id, ref)
	if !ok {
		b.Errorf("not on %s", ref.Name)
	}
	for _, w := range want {
		if !slices.Contains(j.Aliases, w) {
			b.Errorf("aliases on %s are %v, want %s too", ref.Name, j.Aliases, w)
		}
	}
}

func testAliases(b *bench) {
	net, back := b.network("default"), b.network("back")
	refs := map[string]driver.NetworkRef{"default": net, "back": back}
	id := b.up("db", on(refs, resource.NetworkJoin{Network: "default", Aliases: []string{"postgres"}}, resource.NetworkJoin{Network: "back"}),
		func(n *driver.NewBox) {
			n.Aliases = []string{"db", "db-1"}
			n.Spec.Aliases = []string{"cache.example.test"}
		})
	b.wantAliases(id, net, "postgres", "db", "db-1", "cache.example.test")
	b.wantAliases(id, back, "db", "db-1", "cache.example.test")
	web := b.up("web", onDefault(net))
	for _, name := range []string{"postgres", "db", "db-1", "cache.example.test"} {
		b.holds(web, "ping -c 1 -w 5 "+name)
	}
}

func testConnect(b *bench) {
	net, back := b.network("default"), b.network("back")
	id := b.create(b.newBox("web", onDefault(net)))
	for range 2 { // created, then running
		for range 2 {
			b.must(b.d.Connect(b.ctx, back.ID, id, driver.Join{Aliases: []string{"web", "front"}}))
		}
		b.wantAliases(id, back, "web", "front")
		for range 2 {
			b.must(b.d.Disconnect(b.ctx, back.ID, id))
		}
		if _, on := b.join(id, back); on {
			b.Error("still connected")
		}
		b.start(id)
	}
	b.must(b.d.RemoveNetwork(b.ctx, back.ID))
	b.wantKind("connect to what is gone", b.d.Connect(b.ctx, back.ID, id, driver.Join{}), driver.NotFound)
}

func testFixedAddress(b *bench) {
	// Of the block that is set aside for documentation (RFC 5737): no route of anybody's is in the way.
	n := b.newNetwork("default")
	n.Subnets = []string{"198.51.100.0/24"}
	id, err := b.d.CreateNetwork(b.ctx, n)
	b.must(err)
	b.keep(&b.networks, id)
	ref := driver.NetworkRef{ID: id, Name: n.Name}
	box := b.up("web", on(map[string]driver.NetworkRef{"default": ref}, resource.NetworkJoin{Network: "default", IP: "198.51.100.77"}))
	if j, _ := b.join(box, ref); j.IP != "198.51.100.77" {
		b.Errorf("the address is %q", j.IP)
	}
	if got := b.observe().Networks[0].Subnets; !slices.Equal(got, n.Subnets) {
		b.Logf("the list has the subnets %v", got) // an engine's list may leave them out
	}
}

func testNetworkGone(b *bench) {
	net := b.network("default")
	id := b.create(b.newBox("web", onDefault(net)))
	b.must(b.d.RemoveNetwork(b.ctx, net.ID))
	if err := b.d.StartBox(b.ctx, id, ""); err == nil {
		b.Error("a box started whose network is gone")
	}
	if s := b.box(id).State; s == resource.StateRunning {
		b.Errorf("the box is %s after a failed start", s)
	}
	// Made anew under its name and reconnected, the box starts again (§6).
	again := b.network("default")
	b.must(b.d.Connect(b.ctx, again.ID, id, driver.Join{Aliases: []string{"web"}}))
	b.start(id)
	b.wantAliases(id, again, "web")
}

// A box that ran knows its networks by their ids: one that is made anew is another one until it is connected to that.
func testNetworkGoneSince(b *bench) {
	refs := map[string]driver.NetworkRef{"default": b.network("default"), "back": b.network("back")}
	id := b.up("web", on(refs, resource.NetworkJoin{Network: "default"}, resource.NetworkJoin{Network: "back"}))
	for _, gone := range [][]string{{"default"}, {"back"}, {"back", "default"}} {
		b.must(b.d.StopBox(b.ctx, id, 0))
		for _, label := range gone {
			b.must(b.d.RemoveNetwork(b.ctx, refs[label].ID))
			refs[label] = b.network(label)
		}
		for _, label := range gone {
			if err := b.d.StartBox(b.ctx, id, ""); err == nil {
				b.Errorf("started, and is on another %s than it was", label)
			}
			b.must(b.d.Connect(b.ctx, refs[label].ID, id, driver.Join{Aliases: []string{"anew-" + label}}))
		}
		b.start(id)
		for label, ref := range refs {
			if j, ok := b.join(id, ref); !ok || j.ID != ref.ID || j.IP == "" {
				b.Errorf("%v gone: on %s as %+v", gone, label, j)
			}
		}
		for _, label := range gone {
			b.wantAliases(id, refs[label], "anew-"+label)
		}
	}
}

func testOffGone(b *bench) {
	refs := map[string]driver.NetworkRef{"default": b.network("default"), "back": b.network("back")}
	id := b.up("web", on(refs, resource.NetworkJoin{Network: "default"}, resource.NetworkJoin{Network: "back"}))
	b.must(b.d.StopBox(b.ctx, id, 0))
	b.must(b.d.RemoveNetwork(b.ctx, refs["back"].ID))
	for range 2 {
		b.must(b.d.Disconnect(b.ctx, refs["back"].ID, id))
	}
	b.start(id)
	if j, on := b.join(id, refs["back"]); on {
		b.Errorf("still on %+v", j)
	}
	for range 2 { // running
		b.must(b.d.Disconnect(b.ctx, refs["back"].ID, id))
	}
}

func testNetworkMissing(b *bench) {
	net := b.network("default")
	gone := driver.NetworkRef{ID: b.network("back").ID, Name: resource.NetworkName(b.project, "back")}
	b.must(b.d.RemoveNetwork(b.ctx, gone.ID))
	refs := map[string]driver.NetworkRef{"default": net, "back": gone}
	_, err := b.tracked(b.newBox("web", on(refs, resource.NetworkJoin{Network: "default"}, resource.NetworkJoin{Network: "back"})))
	b.wantKind("create on a missing further network", err, driver.NotFound)
	if left := b.observe().Boxes; len(left) != 0 {
		b.Errorf("the failed create left %+v", left)
	}
}

func testNetworkInUse(b *bench) {
	net := b.network("default")
	id := b.up("web", onDefault(net))
	if err := b.d.RemoveNetwork(b.ctx, net.ID); err == nil {
		b.Error("a network with a running box was removed")
	}
	b.must(b.d.RemoveBox(b.ctx, id))
	b.must(b.d.RemoveNetwork(b.ctx, net.ID))
}

func testNetworkOfBox(b *bench) {
	peer := b.newBox("db", onDefault(b.network("default"), "db"))
	id := b.create(peer)
	b.start(id)
	side := b.up("side", func(n *driver.NewBox) { n.Spec.NetworkMode, n.Peer, n.Hostname = "box:db", peer.Name, "" })
	b.holds(side, "ping -c 1 -w 5 db")
}
