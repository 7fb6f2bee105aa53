package fake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// defaultPools is how many networks an engine has addresses for of its own.
const defaultPools = 30

// CreateNetwork implements driver.Mutator. As on an engine, looking and creating are two operations, so that creates at
// once make doubles, which are then removed.
func (e *Engine) CreateNetwork(ctx context.Context, n driver.NewNetwork) (string, error) {
	what := "network " + n.Name
	err := e.do(ctx, "create", func(s *state, _ time.Time) error {
		for _, other := range s.named(n.Name) {
			if !sameOwner(other.Labels, n.Labels) {
				return fail(driver.Conflict, "create", what, "network with name "+n.Name+" already exists")
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	mine := ""
	err = e.do(ctx, "create", func(s *state, now time.Time) error {
		seq, id := s.next("network")
		mine = id
		net := &network{
			ID: id, Seq: seq, Name: n.Name, Created: now, Internal: n.Internal, IPv6: n.IPv6, Labels: maps.Clone(n.Labels),
			Subnets: slices.Clone(n.Subnets), Configured: len(n.Subnets) > 0,
		}
		if !net.Configured {
			net.Subnets = []string{s.freeSubnet()}
		}
		s.Networks[id] = net
		return nil
	})
	if err != nil {
		return "", err
	}
	winner := mine
	err = e.do(ctx, "create", func(s *state, _ time.Time) error {
		for _, other := range s.named(n.Name) { // the oldest first
			if sameOwner(other.Labels, n.Labels) {
				winner = other.ID
				break
			}
		}
		if winner != mine {
			delete(s.Networks, mine)
		}
		return nil
	})
	return winner, err
}

func sameOwner(a, b map[string]string) bool {
	x, y := resource.OwnerOf(a), resource.OwnerOf(b)
	return x.Checkout == y.Checkout && x.User == y.User && x.Network == y.Network
}

// named lists the networks of that name, the oldest first.
func (s *state) named(name string) []*network {
	return slices.DeleteFunc(s.networks(), func(n *network) bool { return n.Name != name })
}

// freeSubnet takes one of the engine's pools, then one of 10/8.
func (s *state) freeSubnet() string {
	used := map[string]bool{}
	for _, n := range s.Networks {
		for _, subnet := range n.Subnets {
			used[subnet] = true
		}
	}
	for i := 0; ; i++ {
		subnet := fmt.Sprintf("172.%d.0.0/16", 17+i)
		switch {
		case i >= defaultPools:
			subnet = fmt.Sprintf("10.%d.%d.0/24", (i-defaultPools)/256, (i-defaultPools)%256)
		case i >= 15:
			subnet = fmt.Sprintf("192.168.%d.0/20", (i-15)*16)
		}
		if !used[subnet] {
			return subnet
		}
	}
}

// address gives out the next one.
func (n *network) address() string {
	n.Hosts++
	base := "10.255.0.0"
	if len(n.Subnets) > 0 {
		base, _, _ = strings.Cut(n.Subnets[0], "/")
	}
	parts := strings.Split(base, ".")
	if len(parts) != 4 {
		return base + fmt.Sprintf("%x", n.Hosts+1)
	}
	return fmt.Sprintf("%s.%s.%s.%d", parts[0], parts[1], parts[2], 1+n.Hosts%253)
}

// RemoveNetwork implements driver.Mutator. One with running boxes stays.
func (e *Engine) RemoveNetwork(ctx context.Context, id string) error {
	return e.do(ctx, "remove", func(s *state, _ time.Time) error {
		n, err := s.networkOf("remove", id)
		if driver.Is(err, driver.NotFound) {
			return nil
		}
		for _, b := range s.boxes() {
			if b.on(n.ID) && b.up() {
				return fail(driver.Conflict, "remove", "network "+n.Name, "network "+n.Name+" has active endpoints: "+b.Name)
			}
		}
		delete(s.Networks, n.ID)
		return nil
	})
}

func (b *box) on(networkID string) bool {
	return slices.ContainsFunc(b.Joins, func(j *join) bool { return j.ID == networkID })
}

// Connect implements driver.Mutator. On a running box that is connected nothing changes, aliases neither.
func (e *Engine) Connect(ctx context.Context, networkID, id string, want driver.Join) error {
	return e.do(ctx, "connect", func(s *state, _ time.Time) error {
		n, err := s.networkOf("connect", networkID)
		if err != nil {
			return err
		}
		b, err := s.find("connect", id)
		if err != nil {
			return err
		}
		if b.on(n.ID) && b.up() {
			return nil
		}
		if want.IP != "" && !n.Configured {
			return fail(driver.Invalid, "connect", object(b),
				"user specified IP address is supported only when connecting to networks with user configured subnets")
		}
		j := &join{ID: n.ID, Name: n.Name, Aliases: slices.Clone(want.Aliases), IP: want.IP, Fixed: want.IP != "", Met: b.up()}
		if b.up() && !j.Fixed {
			j.IP = n.address()
		}
		if i := slices.IndexFunc(b.Joins, func(old *join) bool { return old.Name == n.Name }); i >= 0 {
			b.Joins[i] = j
		} else {
			b.Joins = append(b.Joins, j)
		}
		return nil
	})
}

// Disconnect implements driver.Mutator.
func (e *Engine) Disconnect(ctx context.Context, networkID, id string) error {
	return e.do(ctx, "disconnect", func(s *state, _ time.Time) error {
		b, err := s.find("disconnect", id)
		if err != nil {
			return err
		}
		b.Joins = slices.DeleteFunc(b.Joins, func(j *join) bool { return j.ID == networkID || j.Name == networkID })
		return nil
	})
}

// reaches reports whether name is what other is called on a network that b is on, too.
func (s *state) reaches(b, other *box, name string) bool {
	if b.Peer != "" {
		peer, err := s.find("ping", b.Peer)
		return err == nil && s.reaches(peer, other, name)
	}
	if !other.up() {
		return false
	}
	for _, j := range other.Joins {
		if b.on(j.ID) && (other.Name == name || j.IP == name || slices.Contains(j.Aliases, name)) {
			return true
		}
	}
	return false
}

// CreateVolume implements driver.Mutator.
func (e *Engine) CreateVolume(ctx context.Context, v driver.NewVolume) (resource.Owner, error) {
	var owner resource.Owner
	err := e.do(ctx, "create", func(s *state, _ time.Time) error {
		have := s.Volumes[v.Name]
		if have == nil {
			have = &volume{Name: v.Name, Labels: maps.Clone(v.Labels)}
			s.Volumes[v.Name] = have
		}
		owner = resource.OwnerOf(have.Labels)
		return nil
	})
	return owner, err
}

// RemoveVolume implements driver.Mutator. One that any box mounts, running or not, stays.
func (e *Engine) RemoveVolume(ctx context.Context, name string) error {
	return e.do(ctx, "remove", func(s *state, _ time.Time) error {
		if users := s.mounts(name); len(users) > 0 {
			return fail(driver.Conflict, "remove", "volume "+name, "volume is in use - ["+users[0]+"]")
		}
		delete(s.Volumes, name)
		return nil
	})
}
