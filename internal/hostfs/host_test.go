package hostfs

import (
	"bufio"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMachineID(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	id := "0123456789abcdef0123456789abcdef"
	write(t, dir, map[string]string{
		"good": id + "\n", "dashed": "01234567-89AB-CDEF-0123-456789abcdef", "empty": "", "new": "uninitialized\n",
		"zero": strings.Repeat("0", 32), "long": strings.Repeat("a", 400), "fifo": "fifo",
	})
	for name, want := range map[string]string{"good": id, "dashed": id, "empty": "", "new": "", "zero": "", "long": "", "fifo": "", "none": ""} {
		if got, ok := machineID(filepath.Join(dir, name)); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
	if got, ok := machineID(filepath.Join(dir, "empty"), filepath.Join(dir, "good")); got != id || !ok {
		t.Errorf("the second file: %q", got)
	}
}

func TestThisHost(t *testing.T) {
	t.Parallel()
	first, err := ThisHost()
	must(t, err)
	again, err := ThisHost()
	must(t, err)
	if first != again || first.ID == "" || first.CPUs < 1 || first.Memory < 1<<20 {
		t.Errorf("host %+v, then %+v", first, again)
	}
}

// Not parallel: a test that starts a process holds every socket for an instant, between fork and exec.
func TestPortsTaken(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	all, err := net.Listen("tcp4", "0.0.0.0:0")
	must(t, err)
	defer all.Close()
	u, err := net.ListenPacket("udp4", "127.0.0.1:0")
	must(t, err)
	defer u.Close()
	loopback, everywhere := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("0.0.0.0")
	tcpPort, allPort := portOf(l.Addr()), portOf(all.Addr())
	listed, err := OpenPorts()
	must(t, err)
	for name, ports := range map[string]*Ports{"listed": listed, "asked": {}} {
		for _, test := range []struct {
			proto Protocol
			addr  netip.Addr
			port  uint16
			want  bool
		}{
			{TCP, loopback, tcpPort, true},
			{TCP, everywhere, tcpPort, true},
			{TCP, netip.MustParseAddr("127.0.0.2"), tcpPort, false},
			{TCP, loopback, allPort, true},
			{UDP, loopback, portOf(u.LocalAddr()), true},
		} {
			if _, got := ports.Taken(test.proto, test.addr, test.port); got != test.want {
				t.Errorf("%s: %s %s:%d taken: %v", name, test.proto, test.addr, test.port, got)
			}
		}
	}
	if held, ok := listed.Taken(TCP, loopback, tcpPort); ok && held.inode != 0 {
		if who, ok := listed.Holder(held); !ok || who.PID != os.Getpid() || who.Name == "" {
			t.Errorf("held by %+v, %v", who, ok)
		}
	}
	must(t, l.Close())
	after, err := OpenPorts()
	must(t, err)
	if _, taken := after.Taken(TCP, loopback, tcpPort); taken {
		t.Error("still taken after it was closed")
	}
}

func portOf(a net.Addr) uint16 {
	return netip.MustParseAddrPort(a.String()).Port()
}

func TestOverlap(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		held, wanted string
		want         bool
	}{
		{"127.0.0.1", "127.0.0.1", true}, {"127.0.0.1", "127.0.0.2", false}, {"0.0.0.0", "127.0.0.1", true},
		{"127.0.0.1", "0.0.0.0", true}, {"::", "127.0.0.1", true}, {"::", "::1", true}, {"0.0.0.0", "::1", false},
		{"::1", "127.0.0.1", false}, {"::1", "0.0.0.0", false}, {"127.0.0.1", "::", true},
	} {
		if got := overlap(netip.MustParseAddr(test.held), netip.MustParseAddr(test.wanted)); got != test.want {
			t.Errorf("%s held, %s wanted: %v", test.held, test.wanted, got)
		}
	}
}

func FuzzSearchIndex(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x01"), "f")
	f.Add([]byte("DIRC\x00\x00\x00\x04\xff\xff\xff\xff"+strings.Repeat("\x80", 200)), "f")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		for _, hash := range []int{20, 32} {
			found, err := searchIndex(bufio.NewReader(strings.NewReader(string(data))), name, hash)
			if found && (err != nil || !strings.HasPrefix(string(data), "DIRC")) {
				t.Errorf("found in %q, %v", data, err)
			}
		}
	})
}
