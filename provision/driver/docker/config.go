package docker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// creation is everything a container is created with.
type creation struct {
	config   *container.Config
	host     *container.HostConfig
	network  *network.NetworkingConfig
	platform *ocispec.Platform
	further  []joined // connected afterwards
}

// joined is a network beside the first.
type joined struct {
	id   string
	join driver.Join
}

// newCreation turns a box into the API's configuration; pure. The restart policy is not here: each start brings it.
func newCreation(b driver.NewBox, about engineInfo, agentVolume, id string) (creation, error) {
	boot, err := bootOf(b, about, id)
	if err != nil {
		return creation{}, err
	}
	argument, err := wire.Encode(boot)
	if err != nil {
		return creation{}, err
	}
	host, err := hostConfig(b, about, agentVolume)
	if err != nil {
		return creation{}, err
	}
	c := creation{config: containerConfig(b, about, string(argument)), host: host}
	if b.Run != nil {
		if size := consoleSize(b.Run.Size); size != nil {
			host.ConsoleSize = *size
		}
	}
	if c.config.Healthcheck, err = healthcheckOf(b, boot); err != nil {
		return creation{}, err
	}
	if err := c.publish(b); err != nil {
		return creation{}, err
	}
	if err := c.join(b); err != nil {
		return creation{}, err
	}
	c.platform = platformOf(b.Spec.Image.Platform)
	return c, nil
}

func containerConfig(b driver.NewBox, about engineInfo, boot string) *container.Config {
	c := &container.Config{
		Image:      b.Image,
		User:       containerUser(b, about),
		Env:        environment(b),
		Entrypoint: []string{wire.Path},
		Cmd:        []string{wire.VerbInit, boot},
		WorkingDir: engineDir(b),
		Labels:     maps.Clone(map[string]string(b.Spec.Labels)),
		StopSignal: b.Spec.StopSignal,
	}
	if c.Labels == nil {
		c.Labels = map[string]string{}
	}
	maps.Copy(c.Labels, b.Labels)
	if b.Spec.StopTimeout > 0 {
		c.StopTimeout = &b.Spec.StopTimeout
	}
	if ownNetwork(b.Spec.NetworkMode) || b.Spec.NetworkMode == "host" && b.Spec.Hostname != "" {
		c.Hostname = b.Hostname
	}
	if b.Run != nil {
		c.Tty = b.Run.TTY
		c.OpenStdin, c.StdinOnce = b.Run.Stdin, b.Run.Stdin
		c.AttachStdin, c.AttachStdout, c.AttachStderr = b.Run.Stdin, true, true
	}
	return c
}

// engineDir is the working directory of PID 1, who goes to the box's own by itself. An engine makes one that is missing,
// as root, which is right for the spec's but would leave root's folders in a share.
func engineDir(b driver.NewBox) string {
	for _, m := range b.Spec.Mounts {
		if m.Type == resource.MountBind && within(b.Spec.Workdir, m.Target) {
			return "/"
		}
	}
	return cmp.Or(b.Spec.Workdir, "/")
}

// ownNetwork reports whether a box has a network namespace with a name of its own: neither the host's nor a peer's.
func ownNetwork(mode string) bool { return mode == "" || mode == "bridge" || mode == "none" }

// healthcheckOf is the spec's, or the image's own where the box runs a command; it is switched off in what idles or is
// thrown away. The engine runs it through the agent, which becomes the box's user first: PID 1's user is root.
func healthcheckOf(b driver.NewBox, boot wire.Boot) (*container.HealthConfig, error) {
	h := b.Spec.Healthcheck
	if h == nil && len(boot.Argv) > 0 {
		h = b.Fact.Healthcheck
	}
	switch {
	case b.Run != nil || h == nil:
		if b.Spec.Healthcheck == nil && b.Fact.Healthcheck == nil {
			return nil, nil
		}
		return &container.HealthConfig{Test: []string{"NONE"}}, nil
	}
	argv, err := checkArgv(h.Command)
	if err != nil {
		return nil, invalid("check", b.Name, err.Error(), err)
	}
	argument, err := wire.Encode(wire.Exec{User: boot.User, Groups: boot.Groups, Argv: argv, Dir: boot.Dir})
	if err != nil {
		return nil, invalid("check", b.Name, err.Error(), err)
	}
	return &container.HealthConfig{
		Test: []string{"CMD", wire.Path, wire.VerbExec, string(argument)}, Interval: milliseconds(h.Interval),
		Timeout: milliseconds(h.Timeout), StartPeriod: milliseconds(h.StartPeriod), Retries: h.Retries,
	}, nil
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// publish adds the ports of a box that has a network of its own.
func (c *creation) publish(b driver.NewBox) error {
	if b.Run != nil || len(b.Spec.Ports) == 0 {
		return nil
	}
	if b.Spec.NetworkMode != "" && b.Spec.NetworkMode != "bridge" {
		return fmt.Errorf("ports cannot be published with network_mode %q", b.Spec.NetworkMode)
	}
	c.config.ExposedPorts = nat.PortSet{}
	c.host.PortBindings = nat.PortMap{}
	for _, p := range b.Spec.Ports {
		port := nat.Port(strconv.Itoa(p.Guest) + "/" + cmp.Or(p.Protocol, "tcp"))
		binding := nat.PortBinding{HostIP: cmp.Or(p.Address, loopback), HostPort: strconv.Itoa(p.Host)}
		c.config.ExposedPorts[port] = struct{}{}
		c.host.PortBindings[port] = append(c.host.PortBindings[port], binding)
	}
	return nil
}

// join chooses the network mode. The first network goes by name: by id the box could never start again once that
// network was made anew.
func (c *creation) join(b driver.NewBox) error {
	switch mode := b.Spec.NetworkMode; {
	case strings.HasPrefix(mode, "box:"):
		if b.Peer == "" {
			return fmt.Errorf("network_mode %q: that box has no container", mode)
		}
		c.host.NetworkMode = container.NetworkMode("container:" + b.Peer)
		return nil
	case mode == "host" || mode == "none":
		c.host.NetworkMode = container.NetworkMode(mode)
		return nil
	case mode != "" && mode != "bridge":
		return fmt.Errorf("network_mode %q is not known", mode)
	}
	joins := b.Spec.Networks
	if _, ok := b.Networks[projectNetwork]; ok && len(joins) == 0 {
		joins = []resource.NetworkJoin{{Network: projectNetwork}}
	}
	for i, j := range joins {
		ref, ok := b.Networks[j.Network]
		if !ok || ref.Name == "" {
			return fmt.Errorf("network %q is not on the engine", j.Network)
		}
		join := driver.Join{Aliases: aliasesOf(b, j), IP: j.IP}
		if i > 0 {
			c.further = append(c.further, joined{id: cmp.Or(ref.ID, ref.Name), join: join})
			continue
		}
		c.host.NetworkMode = container.NetworkMode(ref.Name)
		c.network = &network.NetworkingConfig{
			EndpointsConfig: map[string]*network.EndpointSettings{ref.Name: endpointOf(join)},
		}
	}
	return nil
}

// projectNetwork is the label of the project's own network.
const projectNetwork = "default"

// aliasesOf are a box's names on one network; a throw-away box has none, so that nobody talks to it by mistake.
func aliasesOf(b driver.NewBox, j resource.NetworkJoin) []string {
	if b.Run != nil {
		return nil
	}
	all := slices.Concat(b.Aliases, b.Spec.Aliases, j.Aliases)
	slices.Sort(all)
	return slices.Compact(all)
}

func endpointOf(j driver.Join) *network.EndpointSettings {
	s := &network.EndpointSettings{Aliases: j.Aliases}
	if strings.Contains(j.IP, ":") {
		s.IPAMConfig = &network.EndpointIPAMConfig{IPv6Address: j.IP}
	} else if j.IP != "" {
		s.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: j.IP}
	}
	return s
}

// platformOf reads os/arch[/variant]; "" is the engine's own.
func platformOf(text string) *ocispec.Platform {
	if text == "" {
		return nil
	}
	parts := strings.SplitN(text+"//", "/", 4)
	return &ocispec.Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
}
