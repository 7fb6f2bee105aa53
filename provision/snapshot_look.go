package provision

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// look asks what an image cannot tell of its box: whose its record is, and what was changed in it.
func (v *saving) look(ctx context.Context) error {
	v.data = make([]resource.SnapshotBox, len(v.boxes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(apply.DefaultParallel)
	for i, b := range v.boxes {
		group.Go(func() (err error) {
			v.data[i], err = v.lookAt(ctx, b)
			return err
		})
	}
	return group.Wait()
}

func (v *saving) lookAt(ctx context.Context, b Box) (resource.SnapshotBox, error) {
	d := resource.SnapshotBox{Version: resource.SnapshotVersion, Image: b.Spec.Image}
	seen := v.scene.Observed.Boxes[slices.IndexFunc(v.scene.Observed.Boxes, func(o resource.BoxObserved) bool { return o.ID == b.ID })]
	e := v.env.Engine
	fact, err := e.Image(ctx, seen.ImageID, "")
	if err != nil {
		return d, err
	}
	d.Fact = fact
	d.Fact.Labels, d.Fact.Digests, d.Fact.Layers = nil, nil, nil
	if of, err := resource.DecodeSnapshot[resource.SnapshotBox](fact.Labels[resource.LabelSnapshotData]); err == nil {
		d.Fact = of.Fact // a box that runs from a snapshot is of the image that the first one was of
	}
	detail, err := e.Detail(ctx, b.ID)
	if err != nil {
		return d, err
	}
	record, err := e.Record(ctx, b.ID)
	if err != nil {
		return d, err
	}
	if record.Known {
		d.Life, d.Files, d.Runs, d.Ready = detail.Life, record.Files, record.Runs, record.Released
	}
	loss, err := apply.Loss(ctx, e, b.ID, upLimit)
	if err != nil {
		return d, err
	}
	if seen.Owner.Snapshot != "" {
		of, err := resource.DecodeSnapshot[resource.SnapshotBox](seen.Labels[resource.LabelSnapshotData])
		if err != nil {
			loss.Unknown = true
		}
		loss = of.Lost.With(loss)
	}
	d.Lost = loss.Saved()
	return d, nil
}

// tellSensitive names what stands in a box's own files: engines have no way to leave a file out of an image.
func (v *saving) tellSensitive() {
	for _, b := range v.boxes {
		for _, f := range b.Spec.Files {
			if resource.IsKeyed(f.Content) {
				v.env.Sink.Send(event.Event{Kind: event.Note, Subject: "box." + b.Name, Text: fmt.Sprintf(
					"snapshot %s holds the file %s of box %s, whose content is sensitive; it stays on this engine until the snapshot is deleted", v.o.Name, f.Target, b.Name,
				)})
			}
		}
	}
}
