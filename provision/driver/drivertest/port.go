package drivertest

import (
	"bufio"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func portTests() []test {
	return []test{
		{"published", testPublished},
		{"taken by another box", testPortTaken},
		{"taken by a listener", testPortListened},
		{"reached from this machine", testPortReached},
	}
}

// listen takes a free port of the range that envy picks from.
func (b *bench) listen() (net.Listener, int) {
	b.Helper()
	for range 100 {
		port := 20000 + rand.IntN(10000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return l, port
		}
	}
	b.Fatal("no free port among a hundred")
	return nil, 0
}

func (b *bench) freePort() int {
	b.Helper()
	l, port := b.listen()
	b.must(l.Close())
	return port
}

func published(net driver.NetworkRef, host int) func(*driver.NewBox) {
	return func(n *driver.NewBox) {
		onDefault(net)(n)
		n.Spec.Ports = []resource.PortSpec{{Name: "http", Guest: 8080, Host: host}}
	}
}

func testPublished(b *bench) {
	port := b.freePort()
	id := b.up("web", published(b.network("default"), port), func(n *driver.NewBox) {
		n.Spec.Labels = resource.StrMap{resource.LabelComposeProject: "composed"}
	})
	for _, when := range []string{"first", "second"} {
		got := b.box(id).Ports
		if len(got) != 1 || got[0].Host != port || got[0].Guest != 8080 {
			b.Fatalf("ports in the list at the %s start: %+v", when, got)
		}
		if a := got[0].Address; a != "" && a != "127.0.0.1" {
			b.Errorf("published on %q", a)
		}
		b.must(b.d.StopBox(b.ctx, id, 0))
		b.start(id)
	}
	holders, err := b.d.PublishedPorts(b.ctx)
	b.must(err)
	for _, h := range holders {
		if h.Port != port || h.ID != id {
			continue
		}
		if h.Holder != resource.BoxName(b.project, "web") || !b.id.Owns(h.Owner) || h.Owner.Box != "web" || h.Compose != "composed" {
			b.Errorf("port %d is held by %+v", port, h)
		}
		return
	}
	b.Errorf("port %d is not among the published %+v", port, holders)
}

func testPortTaken(b *bench) {
	net, port := b.network("default"), b.freePort()
	holder := b.up("web", published(net, port))
	second := b.create(b.newBox("db", published(net, port)))
	b.wantKind("start on a published port", b.d.StartBox(b.ctx, second, ""), driver.PortTaken)
	if s := b.box(second).State; s == resource.StateRunning {
		b.Errorf("the second box is %s", s)
	}
	if d := b.detail(second); d.Error == "" {
		b.Error("the failed start left no reason in the detail")
	}
	b.must(b.d.StopBox(b.ctx, holder, 0))
	b.start(second)
}

func testPortListened(b *bench) {
	if !b.PublishedPorts {
		b.Skip("this machine's listeners are not in the engine's way")
	}
	l, port := b.listen()
	defer l.Close() // a test's listener
	id := b.create(b.newBox("web", published(b.network("default"), port)))
	b.wantKind("start on a port with a listener", b.d.StartBox(b.ctx, id, ""), driver.PortTaken)
}

func testPortReached(b *bench) {
	if !b.PublishedPorts {
		b.Skip("published ports cannot be reached from here")
	}
	port := b.freePort()
	b.up("web", published(b.network("default"), port), command("while true; do echo hello | nc -l -p 8080; done"))
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	b.eventually("answer on "+address, func() bool {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return false
		}
		defer c.Close() // only read from
		if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return false
		}
		line, _ := bufio.NewReader(c).ReadString('\n')
		return strings.TrimSpace(line) == "hello"
	})
}
