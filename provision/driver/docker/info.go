package docker

import (
	"context"
	"slices"
	"strings"
)

// engineInfo is what envy wants to know of /info, which is too slow for anything but the making of boxes.
type engineInfo struct {
	cpus     int
	arch     string // as Go names it
	rootless bool
	remapped bool // userns-remap

	containerd bool // images are in containerd's store
}

// about asks /info, once.
func (e *Engine) about(ctx context.Context) (engineInfo, error) {
	return e.info.get(ctx, func(ctx context.Context) (engineInfo, error) {
		info, err := e.api.Info(ctx)
		if err != nil {
			return engineInfo{}, e.classify(err, "ask", "engine")
		}
		return engineInfo{
			cpus:     info.NCPU,
			arch:     goArch(info.Architecture),
			rootless: slices.ContainsFunc(info.SecurityOptions, hasName("rootless")),
			remapped: slices.ContainsFunc(info.SecurityOptions, hasName("userns")),
			containerd: slices.ContainsFunc(info.DriverStatus, func(s [2]string) bool {
				return s[0] == "driver-type" && strings.HasPrefix(s[1], "io.containerd.snapshotter")
			}),
		}, nil
	})
}

// hasName matches one entry of SecurityOptions: "name=seccomp,profile=default".
func hasName(name string) func(string) bool {
	return func(option string) bool { return option == "name="+name || option == name }
}

// goArch turns the kernel's name of an architecture into Go's.
func goArch(machine string) string {
	switch machine {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return machine
}
