package resource

import (
	"cmp"
	"slices"
	"time"
)

// Everywhere is what a constant number of list calls told of all checkouts on an engine.
type Everywhere struct {
	Engine    Engine
	Checkouts []Checkout    // by path, then by identity
	Agents    []AgentVolume // by name
}

// Checkout is one of them: what it owns, and whose it is as its objects' labels say.
type Checkout struct {
	Identity Identity // Project is empty: which of the names on its objects is today's is not a list's to say
	Observed Observed
}

// AgentVolume is a volume with the program that runs in boxes, of one version. Boxes of all checkouts share it.
type AgentVolume struct {
	Name    string
	Created time.Time
	Users   []string // ids of envy's containers that mount it, in no order
}

// CheckoutKey tells the checkouts in a list of everybody's objects apart.
type CheckoutKey struct{ Checkout, User string }

// Key is the checkout that labels name.
func (o Owner) Key() CheckoutKey { return CheckoutKey{o.Checkout, o.User} }

// Key is the checkout's, too.
func (id Identity) Key() CheckoutKey { return CheckoutKey{id.Checkout, id.User} }

// Identity is the checkout that labels name, without the project's name.
func (o Owner) Identity() Identity {
	return Identity{Checkout: o.Checkout, HostID: o.HostID, User: o.User, Path: o.Path}
}

// SortCheckouts puts checkouts in the order of a list, and leaves out those that own nothing: their labels stand on
// strangers only, copied from an image perhaps.
func SortCheckouts(list []Checkout) []Checkout {
	list = slices.DeleteFunc(list, func(c Checkout) bool {
		return len(c.Observed.Boxes)+len(c.Observed.Networks)+len(c.Observed.Volumes) == 0
	})
	slices.SortFunc(list, func(a, b Checkout) int {
		return cmp.Or(cmp.Compare(a.Identity.Path, b.Identity.Path), cmp.Compare(a.Identity.Checkout, b.Identity.Checkout), cmp.Compare(a.Identity.User, b.Identity.User))
	})
	return list
}

// Owners are what the labels of all its objects say.
func (c Checkout) Owners() []Owner {
	var all []Owner
	for _, b := range c.Observed.Boxes {
		all = append(all, b.Owner)
	}
	for _, n := range c.Observed.Networks {
		all = append(all, n.Owner)
	}
	for _, v := range c.Observed.Volumes {
		all = append(all, v.Owner)
	}
	for _, v := range c.Observed.Snapshots {
		all = append(all, v.Owner)
	}
	return all
}
