package provision

import (
	"context"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// Presence is whether the checkout that a project is of can be found.
type Presence string

// The presences.
const (
	CheckoutThere   Presence = "there"
	CheckoutGone    Presence = "gone"    // from its path: it was removed, or moved
	CheckoutUnknown Presence = "unknown" // it cannot be told, and counts as there
	CheckoutRemote  Presence = "remote"  // on another machine
)

// Seen is one project on an engine, whoever's it is.
type Seen struct {
	*Scene
	Mine     bool // of this machine and this user
	Presence Presence
	Why      string // of CheckoutUnknown
}

// FindCheckout tells of a path on this machine; why goes with CheckoutUnknown.
type FindCheckout func(path string) (p Presence, why string)

// Survey lists every project on the engine, by path: a ping and three lists. me needs only a machine and a user.
func Survey(ctx context.Context, e driver.Surveyor, me resource.Identity, find FindCheckout) (resource.Everywhere, []Seen, error) {
	all, err := e.Everywhere(ctx)
	if err != nil {
		return all, nil, err
	}
	var seen []Seen
	for _, c := range all.Checkouts {
		s := Seen{Scene: newScene(c.Observed, c.Identity, nil)}
		id := s.Identity
		s.Mine = id.HostID == me.HostID && id.User == me.User
		switch {
		case !agree(c):
			s.Mine, s.Presence, s.Why = false, CheckoutUnknown, "its objects do not agree on where it is"
		case id.HostID != me.HostID:
			s.Presence = CheckoutRemote
		default:
			s.Presence, s.Why = find(id.Path)
		}
		seen = append(seen, s)
	}
	return all, seen, nil
}

// agree reports whether all objects of a checkout tell of one path on one machine, as what envy makes does.
func agree(c resource.Checkout) bool {
	for _, o := range c.Owners() {
		if o.HostID != c.Identity.HostID || o.Path != c.Identity.Path {
			return false
		}
	}
	return c.Identity.Path != ""
}

// Use is what a project takes on the engine's disk beside its images, in bytes.
type Use struct{ Boxes, Volumes int64 }

// UseOf adds up what was counted.
func UseOf(s Seen, d driver.DiskUse) Use {
	var u Use
	for _, b := range s.Observed.Boxes {
		u.Boxes += d.Boxes[b.ID]
	}
	for _, v := range s.Observed.Volumes {
		u.Volumes += d.Volumes[v.Name]
	}
	for _, v := range s.Observed.Snapshots {
		u.Volumes += d.Volumes[v.Name]
	}
	return u
}
