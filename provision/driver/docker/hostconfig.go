package docker

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// hostConfig is what the engine's side of a box is made of. No restart policy, and the engine's own init is off: the
// agent is PID 1.
func hostConfig(b driver.NewBox, about engineInfo, agentVolume string) (*container.HostConfig, error) {
	mounts, err := mountsOf(b, about, agentVolume)
	if err != nil {
		return nil, err
	}
	devices, err := devicesOf(b.Spec.Devices)
	if err != nil {
		return nil, err
	}
	s, off := b.Spec, false
	h := &container.HostConfig{
		Mounts:         mounts,
		Init:           &off,
		ReadonlyRootfs: s.ReadOnly,
		Privileged:     s.Privileged,
		CapAdd:         slices.Clone(s.CapAdd),
		CapDrop:        slices.Clone(s.CapDrop),
		Sysctls:        s.Sysctls,
		DNS:            s.DNS,
		ExtraHosts:     extraHosts(s),
		ShmSize:        s.ShmSize,
		Resources: container.Resources{
			Memory: s.Memory, MemorySwap: swapFor(s.Memory), NanoCPUs: about.clamp(s.NanoCPUs), Devices: devices,
			DeviceRequests: gpusOf(s.GPUs),
		},
	}
	if unprivileged(s) { // nobody in the box may set them
		h.GroupAdd = s.Groups
	}
	// Engines leave this one to their clients.
	h.SecurityOpt = slices.DeleteFunc(slices.Clone(s.SecurityOpt), func(option string) bool { return option == openSystemPaths })
	if len(h.SecurityOpt) < len(s.SecurityOpt) {
		h.MaskedPaths, h.ReadonlyPaths = []string{}, []string{}
	}
	for _, u := range s.Ulimits {
		h.Ulimits = append(h.Ulimits, &container.Ulimit{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
	return h, nil
}

// openSystemPaths leaves nothing of /proc and /sys hidden or read-only.
const openSystemPaths = "systempaths=unconfined"

// swapFor is the memory and swap together that engines give to a memory limit by themselves. It is written out so that
// a box made with a limit and one that got it later are the same.
func swapFor(memory int64) int64 { return 2 * memory }

// clamp brings a CPU limit down to what the machine has; the engine refuses more.
func (about engineInfo) clamp(nano int64) int64 {
	if most := int64(about.cpus) * 1e9; most > 0 && nano > most {
		return most
	}
	return nano
}

const hostAlias = "host.docker.internal"

// extraHosts adds the host's name wherever there is a network to reach it by and a file of the box's own to hold it.
func extraHosts(s resource.BoxSpec) []string {
	own := func(entry string) bool {
		return strings.HasPrefix(entry, hostAlias+":") || strings.HasPrefix(entry, hostAlias+"=")
	}
	if s.NetworkMode == "none" || strings.HasPrefix(s.NetworkMode, "box:") || slices.ContainsFunc(s.ExtraHosts, own) {
		return s.ExtraHosts
	}
	return append(slices.Clone(s.ExtraHosts), hostAlias+":host-gateway")
}

// mountsOf are all mounts: never Binds, which make missing host folders as root.
func mountsOf(b driver.NewBox, about engineInfo, agentVolume string) ([]mount.Mount, error) {
	out := []mount.Mount{{
		Type: mount.TypeVolume, Source: agentVolume, Target: wire.MountDir, ReadOnly: true,
		VolumeOptions: &mount.VolumeOptions{NoCopy: true},
	}}
	covered := map[string]bool{}
	for _, m := range b.Spec.Mounts {
		one, ok, err := mountOf(m, b.Volumes)
		if err != nil {
			return nil, err
		}
		if one.Type == mount.TypeBind && about.remapped {
			return nil, fmt.Errorf("share at %s: the engine maps users to others (userns-remap), "+
				"so nobody in a box could own a shared folder", m.Target)
		}
		if ok {
			covered[path.Clean(one.Target)] = true
			if one.Type == mount.TypeVolume && slices.Contains(b.Kept, m.Target) {
				one.VolumeOptions = &mount.VolumeOptions{NoCopy: true}
			}
			out = append(out, one)
		}
	}
	for _, target := range slices.Sorted(maps.Keys(b.Volumes)) {
		if !covered[path.Clean(target)] {
			covered[path.Clean(target)] = true
			out = append(out, mount.Mount{Type: mount.TypeVolume, Source: b.Volumes[target], Target: target})
		}
	}
	for _, target := range b.Fact.Volumes {
		if !covered[path.Clean(target)] {
			return nil, fmt.Errorf("the image's volume at %s has no name: what is in it would be lost with the box", target)
		}
	}
	if b.Spec.ReadOnly && !covered[wire.StateDir] {
		// Where the agent can keep its record. It has no name, so that it goes with the box.
		out = append(out, mount.Mount{Type: mount.TypeVolume, Target: wire.StateDir})
	}
	return out, nil
}

// mountOf is one of the spec's; ok is false for what is no mount.
func mountOf(m resource.MountSpec, volumes map[string]string) (out mount.Mount, ok bool, err error) {
	out = mount.Mount{Target: m.Target, ReadOnly: m.ReadOnly}
	switch m.Type {
	case resource.MountBind:
		out.Type, out.Source = mount.TypeBind, m.Source
	case resource.MountVolume:
		out.Type, out.Source = mount.TypeVolume, cmp.Or(m.External, volumes[m.Target])
		if out.Source == "" {
			return out, false, fmt.Errorf("volume at %s has no name", m.Target)
		}
	case resource.MountTmpfs:
		out.Type = mount.TypeTmpfs
		if m.Size > 0 {
			out.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: m.Size}
		}
	case resource.MountCopy:
		return out, false, nil
	default:
		return out, false, fmt.Errorf("mount at %s: type %q is not known", m.Target, m.Type)
	}
	return out, true, nil
}

// devicesOf reads HOST[:BOX[:rwm]].
func devicesOf(devices []string) ([]container.DeviceMapping, error) {
	var out []container.DeviceMapping
	for _, text := range devices {
		parts := strings.Split(text, ":")
		d := container.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[0], CgroupPermissions: "rwm"}
		switch {
		case parts[0] == "" || len(parts) > 3:
			return nil, fmt.Errorf("device %q is not HOST[:BOX[:rwm]]", text)
		case len(parts) == 2 && !strings.HasPrefix(parts[1], "/"):
			d.CgroupPermissions = parts[1]
		case len(parts) >= 2:
			d.PathInContainer = parts[1]
		}
		if len(parts) == 3 {
			d.CgroupPermissions = parts[2]
		}
		out = append(out, d)
	}
	return out, nil
}

// gpusOf reads "all", a count, or ids behind resource.GPUDevices.
func gpusOf(text string) []container.DeviceRequest {
	if text == "" {
		return nil
	}
	r := container.DeviceRequest{Capabilities: [][]string{{"gpu"}}}
	if ids, ok := strings.CutPrefix(text, resource.GPUDevices); ok {
		r.DeviceIDs = strings.Split(ids, ",")
	} else if n, err := strconv.Atoi(text); err == nil {
		r.Count = n
	} else {
		r.Count = -1
	}
	return []container.DeviceRequest{r}
}

// errRestart is a restart policy in no form that engines know.
var errRestart = errors.New(`not one of no, always, unless-stopped, on-failure[:N]`)

// restartOf reads a policy; "" is no.
func restartOf(text string) (container.RestartPolicy, error) {
	mode, count, counted := strings.Cut(text, ":")
	p := container.RestartPolicy{Name: container.RestartPolicyMode(cmp.Or(mode, "no"))}
	if counted {
		n, err := strconv.Atoi(count)
		if err != nil || !p.IsOnFailure() {
			return p, fmt.Errorf("restart policy %q: %w", text, errRestart)
		}
		p.MaximumRetryCount = n
	}
	if err := container.ValidateRestartPolicy(p); err != nil {
		return p, fmt.Errorf("restart policy %q: %w", text, errRestart)
	}
	return p, nil
}

// restartText is the inverse of restartOf.
func restartText(p container.RestartPolicy) string {
	if p.IsOnFailure() && p.MaximumRetryCount > 0 {
		return fmt.Sprintf("%s:%d", p.Name, p.MaximumRetryCount)
	}
	return cmp.Or(string(p.Name), "no")
}
