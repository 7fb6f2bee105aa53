//go:build unix && !linux

package hostfs

// OpenPorts gives a Ports that asks the system port by port.
func OpenPorts() (*Ports, error) { return &Ports{}, nil }

// Holder names the program behind a listener: not known on this system.
func (p *Ports) Holder(Listener) (PortHolder, bool) { return PortHolder{}, false }
