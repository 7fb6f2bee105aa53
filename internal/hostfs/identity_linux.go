package hostfs

import "golang.org/x/sys/unix"

func hostID() (string, error) {
	if id, ok := machineID("/etc/machine-id", "/var/lib/dbus/machine-id"); ok {
		return id, nil
	}
	return hostName()
}

func physicalMemory() (uint64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, err
	}
	return uint64(info.Totalram) * uint64(info.Unit), nil
}
