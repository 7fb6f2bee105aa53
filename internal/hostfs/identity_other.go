//go:build unix && !linux && !darwin

package hostfs

import "errors"

func hostID() (string, error) {
	if id, ok := machineID("/etc/machine-id", "/var/lib/dbus/machine-id"); ok {
		return id, nil
	}
	return hostName()
}

func physicalMemory() (uint64, error) {
	return 0, errors.ErrUnsupported
}
