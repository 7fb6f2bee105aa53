package cli

import (
	"context"
	"strconv"

	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// me is this machine and the user that envy acts for; no Envfile is needed.
func (s *session) me() (resource.Identity, error) {
	caller, err := s.callerHere()
	if err != nil {
		return resource.Identity{}, err
	}
	machine, err := hostfs.ThisHost()
	return resource.Identity{HostID: machine.ID, User: strconv.Itoa(caller.UID)}, err
}

// findCheckout implements provision.FindCheckout.
func findCheckout(path string) (provision.Presence, string) {
	at, why := hostfs.FindFolder(path)
	switch at {
	case hostfs.There:
		return provision.CheckoutThere, ""
	case hostfs.Gone:
		return provision.CheckoutGone, ""
	}
	return provision.CheckoutUnknown, why
}

// survey looks at all projects on the engine.
func (s *session) survey(ctx context.Context) (resource.Everywhere, []provision.Seen, error) {
	me, err := s.me()
	if err != nil {
		return resource.Everywhere{}, nil, err
	}
	if err := s.openEngine(); err != nil {
		return resource.Everywhere{}, nil, err
	}
	return provision.Survey(ctx, s.engine, me, findCheckout)
}

// statusAll lists all projects.
func (s *session) statusAll(ctx context.Context, sized bool) error {
	rows, err := s.projectRows(ctx, sized)
	if err != nil {
		return err
	}
	return s.view.Projects(rows, sized)
}

func (s *session) projectRows(ctx context.Context, sized bool) ([]view.ProjectRow, error) {
	_, seen, err := s.survey(ctx)
	if err != nil {
		return nil, err
	}
	var use driver.DiskUse
	if sized && len(seen) > 0 {
		if err := s.counting(func() error { use, err = s.engine.DiskUse(ctx, nil); return err }); err != nil {
			return nil, err
		}
	}
	rows := make([]view.ProjectRow, len(seen))
	for i, p := range seen {
		rows[i] = projectRow(p)
		if sized {
			u := provision.UseOf(p, use)
			size := u.Boxes + u.Volumes
			rows[i].Size = &size
		}
	}
	return rows, nil
}

func projectRow(p provision.Seen) view.ProjectRow {
	row := view.ProjectRow{
		Project: p.Identity.Project, Path: p.Identity.Path, Checkout: string(p.Presence), Why: p.Why, Mine: p.Mine,
		User: p.Identity.User, Host: p.Identity.HostID,
	}
	for _, b := range p.Boxes {
		row.Boxes = append(row.Boxes, view.ProjectBox{Name: b.Name, State: b.State, Health: b.Health})
	}
	for _, v := range p.Observed.Volumes {
		if v.Owner.Volume != resource.ClaimVolume {
			row.Volumes = append(row.Volumes, v.Name)
		}
	}
	return row
}
