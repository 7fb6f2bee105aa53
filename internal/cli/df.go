package cli

import (
	"context"
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/event"
)

func (a *app) dfCommand() *cli.Command {
	return a.command("df", "what all projects take on the engine's disk; needs no Envfile", "", func(ctx context.Context, c *cli.Context, s *session) error {
		if _, err := atMost(c, 0); err != nil {
			return err
		}
		return s.df(ctx, c.Bool("verbose"))
	}, toggle("verbose", "each image, box and volume, too", "v"))
}

func (s *session) df(ctx context.Context, verbose bool) error {
	me, err := s.me()
	if err != nil {
		return err
	}
	if err := s.openEngine(); err != nil {
		return err
	}
	var space *provision.Space
	if err := s.counting(func() error {
		space, err = provision.MeasureSpace(ctx, s.engine, me, findCheckout)
		return err
	}); err != nil {
		return err
	}
	return s.view.Disk(diskJSON(space), verbose)
}

// counting tells that the engine counts, where that takes long.
func (s *session) counting(count func() error) error {
	e := event.Event{ID: "disk use", Kind: event.Start, Subject: "engine", Text: "disk use"}
	s.sink().Send(e)
	err := count()
	if e.Kind = event.Done; err != nil {
		e.Kind, e.Text = event.Failed, err.Error()
	}
	s.sink().Send(e)
	return errors.Join(err, s.settle())
}

func diskJSON(s *provision.Space) view.DiskJSON {
	j := view.DiskJSON{Program: s.Shared, Total: view.DiskTotal{
		Images: s.Total.Images, Own: s.Total.Boxes, Volumes: s.Total.Volumes, Sum: s.Total.Sum(), Apart: s.Apart,
	}}
	for _, p := range s.Projects {
		x := view.DiskProject{
			Project: p.Identity.Project, Path: p.Identity.Path, Images: p.Shares.Images, Own: p.Shares.Boxes, Volumes: p.Shares.Volumes,
		}
		for _, b := range p.Boxes {
			x.Boxes = append(x.Boxes, view.DiskBox{Name: b.Name, Image: b.Image, Size: b.Own})
		}
		for _, v := range p.Volumes {
			row := view.DiskVolume{Name: v.Name}
			if v.Known {
				row.Size = &v.Size
			}
			x.Data = append(x.Data, row)
		}
		j.Projects = append(j.Projects, x)
	}
	for _, i := range s.Images {
		j.Images = append(j.Images, view.DiskImage{Name: i.Name, ID: i.ID, Boxes: i.Boxes, Size: i.Size, Alone: i.Alone})
	}
	return j
}
