package hostfs

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxSockets bounds /proc/net/tcp and its like, in bytes: some hundred thousand sockets.
const maxSockets = 64 << 20

// OpenPorts reads the listening sockets of this network namespace.
func OpenPorts() (*Ports, error) {
	p := &Ports{listed: true}
	for _, source := range []struct {
		file  string
		proto Protocol
		state string // of a TCP socket that listens, of a UDP socket that has no peer
	}{
		{"/proc/net/tcp", TCP, "0A"}, {"/proc/net/tcp6", TCP, "0A"},
		{"/proc/net/udp", UDP, "07"}, {"/proc/net/udp6", UDP, "07"},
	} {
		f, err := os.Open(source.file)
		if errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the host's ports: %w", err)
		}
		p.listeners = append(p.listeners, parseSockets(f, source.proto, source.state)...)
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("list the host's ports: %w", err)
		}
	}
	slices.SortFunc(p.listeners, func(a, b Listener) int {
		if c := strings.Compare(string(a.Protocol), string(b.Protocol)); c != 0 {
			return c
		}
		return netip.AddrPortFrom(a.Addr, a.Port).Compare(netip.AddrPortFrom(b.Addr, b.Port))
	})
	return p, nil
}

// parseSockets reads the kernel's table; see proc_pid_net(5). Lines of another form are passed over.
func parseSockets(r io.Reader, proto Protocol, state string) []Listener {
	var found []Listener
	lines := bufio.NewScanner(io.LimitReader(r, maxSockets))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 10 || f[3] != state {
			continue
		}
		at, err := parseSocketAddr(f[1])
		inode, err2 := strconv.ParseUint(f[9], 10, 64)
		if err != nil || err2 != nil {
			continue
		}
		found = append(found, Listener{Protocol: proto, Addr: at.Addr(), Port: at.Port(), inode: inode})
	}
	return found
}

// parseSocketAddr reads ADDRESS:PORT in hexadecimal; the address is made of 32-bit words in the host's byte order.
func parseSocketAddr(s string) (netip.AddrPort, error) {
	addr, portText, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(portText, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for word := range slices.Chunk(raw, 4) {
		if len(word) == 4 {
			binary.BigEndian.PutUint32(word, binary.NativeEndian.Uint32(word))
		}
	}
	ip, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("address of %d bytes", len(raw))
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), nil
}

// Holder names the program behind a listener. It looks through /proc, so ask only about a clash. false when the
// caller may not see it, as with another user's programs.
func (p *Ports) Holder(l Listener) (PortHolder, bool) {
	if l.inode == 0 {
		return PortHolder{}, false
	}
	want := fmt.Sprintf("socket:[%d]", l.inode)
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return PortHolder{}, false
	}
	for _, d := range procs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join("/proc", d.Name())
		fds, err := os.ReadDir(filepath.Join(dir, "fd"))
		if err != nil {
			continue
		}
		for _, fd := range fds {
			if link, err := os.Readlink(filepath.Join(dir, "fd", fd.Name())); err == nil && link == want {
				name, _ := ReadPath(filepath.Join(dir, "comm"), 64) // none: the program has ended meanwhile
				return PortHolder{PID: pid, Name: strings.TrimSpace(string(name))}, true
			}
		}
	}
	return PortHolder{}, false
}
