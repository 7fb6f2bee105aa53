package docker

import (
	"context"
	"errors"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/network"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// CreateNetwork implements driver.Mutator. Doubles, which old engines make of two calls at once, are removed whoever
// made them: only the oldest is ever connected to. Calls of this process take turns, because a network is as old as its
// call but seen only when it is complete: a younger one may be taken for the only one by a list in between.
func (e *Engine) CreateNetwork(ctx context.Context, n driver.NewNetwork) (string, error) {
	turn, _ := e.networks.LoadOrStore(n.Name, new(sync.Mutex))
	turn.(*sync.Mutex).Lock()
	defer turn.(*sync.Mutex).Unlock()
	object := quoted("network", n.Name)
	var ahead sync.WaitGroup
	ahead.Go(func() { e.lookAhead(ctx) })
	defer ahead.Wait()
	id, err := e.makeNetwork(ctx, n)
	taken := driver.Is(err, driver.Conflict)
	if err != nil && !taken {
		return "", err
	}
	mine, listErr := e.sameNetworks(ctx, n)
	switch {
	case listErr != nil:
		return "", e.classify(listErr, "create", object)
	case len(mine) == 0 && taken:
		return "", err // somebody else's
	case len(mine) == 0:
		return id, nil
	}
	for _, double := range mine[1:] {
		// One that cannot be removed is in use or gone; the next up sees it.
		_ = e.RemoveNetwork(ctx, double.ID)
	}
	return mine[0].ID, nil
}

// lookAhead asks what the first box will need while its network is made, which takes ten times as long. An error is met
// again by who needs the answer.
func (e *Engine) lookAhead(ctx context.Context) {
	if e.opts.Agent == nil {
		return
	}
	if about, err := e.about(ctx); err == nil {
		_, _ = e.agentVolume(ctx, about)
	}
}

// sameNetworks are those of this name and owner, oldest first.
func (e *Engine) sameNetworks(ctx context.Context, n driver.NewNetwork) ([]resource.NetworkObserved, error) {
	var listed []listedNetwork
	label := resource.LabelCheckout + "=" + n.Labels[resource.LabelCheckout]
	if err := e.getList(ctx, "/networks", label, &listed); err != nil {
		return nil, err
	}
	want := resource.OwnerOf(n.Labels)
	var mine []resource.NetworkObserved
	for _, l := range listed {
		owner := resource.OwnerOf(l.Labels)
		if l.Name == n.Name && owner.Network == want.Network && owner.User == want.User {
			mine = append(mine, l.observed(owner))
		}
	}
	slices.SortFunc(mine, olderNetwork)
	return mine, nil
}

// makeNetwork makes one, in a free subnet of 10/8 where the engine's own pools are used up.
func (e *Engine) makeNetwork(ctx context.Context, n driver.NewNetwork) (string, error) {
	id, err := e.createNetwork(ctx, n, n.Subnets)
	if err == nil || len(n.Subnets) > 0 || !errors.Is(err, errPools) {
		return id, err
	}
	var all []listedNetwork
	if err := e.getList(ctx, "/networks", "", &all); err != nil {
		return "", err
	}
	for _, subnet := range freeSubnets(all, n.Name, maxSubnetTries) {
		// A route of the host's may be in the way, which only the engine knows.
		if id, err = e.createNetwork(ctx, n, []string{subnet}); !errors.Is(err, errPools) {
			return id, err
		}
	}
	return "", err
}

const maxSubnetTries = 32

// errPools: no address range, or one that is in use.
var errPools = errors.New("no free address range")

func (e *Engine) createNetwork(ctx context.Context, n driver.NewNetwork, subnets []string) (string, error) {
	options := network.CreateOptions{Driver: "bridge", Internal: n.Internal, Labels: n.Labels}
	if n.IPv6 {
		options.EnableIPv6 = &n.IPv6
	}
	if len(subnets) > 0 {
		options.IPAM = &network.IPAM{}
		for _, s := range subnets {
			options.IPAM.Config = append(options.IPAM.Config, network.IPAMConfig{Subnet: s})
		}
	}
	made, err := e.api.NetworkCreate(ctx, n.Name, options)
	if err == nil {
		return made.ID, nil
	}
	if saysPools(err.Error()) {
		err = errors.Join(err, errPools)
	}
	return "", e.classify(err, "create", quoted("network", n.Name))
}

func saysPools(text string) bool {
	return strings.Contains(text, "non-overlapping") || strings.Contains(text, "fully subnetted") ||
		strings.Contains(text, "Pool overlaps")
}

// saysContainer tells a missing container from a missing network.
func saysContainer(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "no such container") || strings.Contains(text, "marked for removal")
}

// freeSubnets are up to limit /24s of 10/8 that no listed network overlaps. The name chooses where the search begins, so
// that two projects at the same moment seldom try the same one.
func freeSubnets(all []listedNetwork, name string, limit int) []string {
	var taken []netip.Prefix
	for _, n := range all {
		for _, c := range n.IPAM.Config {
			if p, err := netip.ParsePrefix(c.Subnet); err == nil {
				taken = append(taken, p)
			}
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	first := h.Sum32()
	var free []string
	for i := uint32(0); i < 1<<16 && len(free) < limit; i++ {
		third := uint16(first + i)
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(third >> 8), byte(third)}), 24)
		if !slices.ContainsFunc(taken, p.Overlaps) {
			free = append(free, p.String())
		}
	}
	return free
}

// RemoveNetwork implements driver.Mutator. One in use is a Conflict or Denied, as the engine's version has it.
// Where a busy engine has removed the containers and counts them still, it is asked for a while until it does not.
func (e *Engine) RemoveNetwork(ctx context.Context, id string) error {
	var waited time.Duration
	for delay := 50 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		err := e.classify(e.api.NetworkRemove(ctx, id), "remove", quoted("network", id))
		if err == nil || !strings.Contains(err.Error(), "has active endpoints") || !e.abandoned(ctx, id) {
			return unless(err, driver.NotFound)
		}
		if waited > leavingTime {
			text := "the engine counts a container on it that is gone, and will until it is restarted"
			return &driver.Error{Kind: driver.Failed, Op: "remove", Object: quoted("network", id), Text: text, Err: err}
		}
		select {
		case <-time.After(delay):
			waited += delay
		case <-ctx.Done():
			return err
		}
	}
}

// leavingTime is how long an engine may take to notice that a container which it has removed is on a network no more. In the
// race of many starts and stops 20.10 never does, once in a thousand boxes or so: then only its restart helps.
const leavingTime = 5 * time.Second

// abandoned reports whether no container is on a network: what an engine still counts is then about to go. It lists that
// by the endpoint's id instead of a container's.
func (e *Engine) abandoned(ctx context.Context, id string) bool {
	found, err := e.api.NetworkInspect(ctx, id, network.InspectOptions{})
	if err != nil {
		return driver.Is(e.classify(err, "look at", quoted("network", id)), driver.NotFound)
	}
	for key := range found.Containers {
		if !strings.HasPrefix(key, "ep-") {
			return false
		}
	}
	return true
}

// Connect implements driver.Mutator. A running box that is on the network already is left as it is: other aliases take a
// Disconnect first. A stopped one is taken off before, because engines keep what they knew of a network of that name,
// also when it is another network by now.
func (e *Engine) Connect(ctx context.Context, net, id string, j driver.Join) error {
	object := boxObject(id)
	found, err := e.api.NetworkInspect(ctx, net, network.InspectOptions{})
	if err != nil {
		return e.classify(err, "connect to", quoted("network", net))
	}
	now, err := e.inspect(ctx, id, "connect")
	if err != nil {
		return err
	}
	if _, known := now.NetworkSettings.Networks[found.Name]; known && !now.State.Running {
		if err := e.Disconnect(ctx, found.Name, id); err != nil {
			return err
		}
	}
	err = e.classify(e.api.NetworkConnect(ctx, found.ID, id, endpointOf(j)), "connect", object)
	return unlessSaid(err, "already exists in network")
}

// Disconnect implements driver.Mutator. A network that is gone has a name no more, so that engines find it in no stopped
// box by its id, though it is there and keeps the box from starting.
func (e *Engine) Disconnect(ctx context.Context, net, id string) error {
	err := e.classify(e.api.NetworkDisconnect(ctx, net, id, false), "disconnect", boxObject(id))
	unknown := driver.Is(err, driver.NotFound) && !saysContainer(err.Error())
	if err == nil || !unknown && unlessSaid(err, "is not connected to") != nil {
		return err
	}
	now, err := e.inspect(ctx, id, "disconnect")
	if err != nil {
		return err
	}
	for name, ep := range now.NetworkSettings.Networks {
		if ep.NetworkID == net {
			return e.Disconnect(ctx, name, id)
		}
	}
	return nil
}
