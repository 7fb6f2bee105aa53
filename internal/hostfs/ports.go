package hostfs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Protocol is a transport that a port belongs to.
type Protocol string

// The protocols.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Listener is a port that a program of the host holds.
type Listener struct {
	Protocol Protocol
	Addr     netip.Addr // unspecified: on every address
	Port     uint16

	inode uint64
}

// PortHolder is a program of the host, as far as the caller may see it.
type PortHolder struct {
	PID  int
	Name string
}

// Ports answers which of the host's ports are taken. Where the system lists its sockets (Linux) it is the state of
// one moment; elsewhere each question is asked of the system by binding the port for an instant.
type Ports struct {
	listed    bool
	listeners []Listener
}

// Listeners are the ports that are held, by protocol, address and port; nil where the system lists none.
func (p *Ports) Listeners() []Listener { return p.listeners }

// Taken says whether a program on the host holds the port, so that publishing it at addr would fail, and which
// listener that is where it is known (else the zero one).
func (p *Ports) Taken(proto Protocol, addr netip.Addr, port uint16) (Listener, bool) {
	if !p.listed {
		return Listener{}, bindFails(proto, addr, port)
	}
	for _, l := range p.listeners {
		if l.Protocol != proto || l.Port != port || !overlap(l.Addr, addr) {
			continue
		}
		// A socket on every IPv6 address holds the IPv4 ones too, unless it was told not to: only a bind can tell.
		if l.Addr.Is6() && l.Addr.IsUnspecified() && addr.Is4() && !bindFails(proto, addr, port) {
			continue
		}
		return l, true
	}
	return Listener{}, false
}

// overlap says whether two sockets on one port could be in each other's way.
func overlap(held, wanted netip.Addr) bool {
	switch {
	case held == wanted:
		return true
	case held.IsUnspecified():
		return held.Is6() || wanted.Is4()
	case wanted.IsUnspecified():
		return wanted.Is6() || held.Is4()
	}
	return false
}

// bindFails tries the port. Only "in use" counts: that a caller may not bind a low port says nothing of who holds it.
func bindFails(proto Protocol, addr netip.Addr, port uint16) bool {
	at := netip.AddrPortFrom(addr, port)
	family := "6"
	if addr.Is4() {
		family = "4"
	}
	var closer interface{ Close() error }
	var err error
	switch proto {
	case TCP:
		closer, err = net.ListenTCP("tcp"+family, net.TCPAddrFromAddrPort(at))
	case UDP:
		closer, err = net.ListenUDP("udp"+family, net.UDPAddrFromAddrPort(at))
	default:
		panic(fmt.Sprintf("protocol %q", proto))
	}
	if err != nil {
		return errors.Is(err, syscall.EADDRINUSE)
	}
	return closer.Close() != nil
}
