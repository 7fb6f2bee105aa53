package hostfs

import (
	"encoding/hex"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hostID asks gethostuuid(2), the hardware's id; x/sys has no wrapper for it.
func hostID() (string, error) {
	var id [16]byte
	var wait syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_GETHOSTUUID, uintptr(unsafe.Pointer(&id)), uintptr(unsafe.Pointer(&wait)), 0)
	if errno != 0 || id == [16]byte{} {
		return hostName()
	}
	return hex.EncodeToString(id[:]), nil
}

func physicalMemory() (uint64, error) {
	return unix.SysctlUint64("hw.memsize")
}
