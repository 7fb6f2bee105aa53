package docker

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/internal/lazyre"
	"github.com/envyhq/envy/provision/resource"
)

// listedContainer is what envy reads of an entry of the container list, whichever version of the API it came by.
type listedContainer struct {
	ID      string `json:"Id"`
	Names   []string
	Image   string
	ImageID string
	Created int64
	Labels  map[string]string
	State   string
	Status  string
	Health  *struct{ Status string } // from API 1.52
	Ports   []struct {
		IP          string
		PrivatePort int
		PublicPort  int
		Type        string
	}
	NetworkSettings struct {
		Networks map[string]struct {
			NetworkID string
			IPAddress string
		}
	}
}

// name is the container's own; one with two slashes is what another container calls it.
func (c listedContainer) name() string {
	for _, n := range c.Names {
		if n = strings.TrimPrefix(n, "/"); !strings.Contains(n, "/") {
			return n
		}
	}
	return ""
}

func (c listedContainer) observed(owner resource.Owner) resource.BoxObserved {
	health, code := parseStatus(c.Status)
	if c.Health != nil {
		health = healthOf(c.Health.Status)
	}
	return resource.BoxObserved{
		ID: c.ID, Name: c.name(), Owner: owner, Labels: c.Labels,
		Spec: c.Labels[resource.LabelSpec], SpecHash: c.Labels[resource.LabelSpecHash],
		State: resource.State(c.State), Health: health, ExitCode: code, Status: c.Status,
		Image: c.Image, ImageID: c.ImageID,
		Networks: c.networks(), Ports: c.ports(), Created: time.Unix(c.Created, 0),
	}
}

func (c listedContainer) networks() []resource.NetworkAttached {
	var out []resource.NetworkAttached
	for name, n := range c.NetworkSettings.Networks {
		out = append(out, resource.NetworkAttached{ID: n.NetworkID, Name: name, IP: n.IPAddress})
	}
	slices.SortFunc(out, func(a, b resource.NetworkAttached) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// ports are the published ones, tcp and loopback left out as in a spec.
func (c listedContainer) ports() []resource.PortSpec {
	var out []resource.PortSpec
	for _, p := range c.Ports {
		if p.PublicPort == 0 {
			continue
		}
		spec := resource.PortSpec{Guest: p.PrivatePort, Host: p.PublicPort, Protocol: p.Type, Address: p.IP}
		if spec.Protocol == "tcp" {
			spec.Protocol = ""
		}
		if spec.Address == loopback {
			spec.Address = ""
		}
		out = append(out, spec)
	}
	slices.SortFunc(out, func(a, b resource.PortSpec) int {
		return cmp.Or(cmp.Compare(a.Guest, b.Guest), cmp.Compare(a.Host, b.Host),
			cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Address, b.Address))
	})
	return out
}

const loopback = "127.0.0.1"

var endedStatus = lazyre.New(`^(?:Exited|Restarting) \((-?\d+)\)`)

// parseStatus reads what older engines say in words only: "Up 3 seconds (healthy)", "Exited (7) 2 minutes ago". A paused
// box's health is hidden.
func parseStatus(status string) (resource.Health, int) {
	if m := endedStatus.FindStringSubmatch(status); m != nil {
		code, _ := strconv.Atoi(m[1]) // digits, by the pattern
		return resource.HealthNone, code
	}
	open := strings.LastIndexByte(status, '(')
	if !strings.HasPrefix(status, "Up ") || open < 0 || !strings.HasSuffix(status, ")") {
		return resource.HealthNone, 0
	}
	return healthOf(strings.TrimPrefix(status[open+1:len(status)-1], "health: ")), 0
}

func healthOf(word string) resource.Health {
	switch h := resource.Health(word); h {
	case resource.HealthStarting, resource.HealthHealthy, resource.HealthUnhealthy:
		return h
	}
	return resource.HealthNone
}
