package provision

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// saving is one save.
type saving struct {
	env     Env
	scene   *Scene
	o       SnapshotOptions
	run     string
	boxes   []Box
	data    []resource.SnapshotBox
	volumes []resource.VolumeObserved
	freeze  []Box // what is paused meanwhile

	mu       sync.Mutex
	manifest resource.SnapshotManifest
}

// SaveSnapshot keeps boxes and their volumes as they are at one moment: all are paused, kept, and let go again, whatever
// happens. What is shared from the host, and volumes of others, are no part of it. Nothing is left of a save that fails or is
// interrupted; what a killed one leaves is never listed: copies of volumes go with the next up or destroy, images with the next
// save or with all volumes. Errors: *NoBoxError, *SnapshotError, *StateError.
func SaveSnapshot(ctx context.Context, env Env, s *Scene, o SnapshotOptions) (*Snapshot, error) {
	s, err := mended(ctx, env, s)
	if err != nil {
		return nil, err
	}
	v := &saving{env: env, scene: s, o: o, run: newRun()}
	v.manifest = resource.SnapshotManifest{Version: resource.SnapshotVersion, Created: v.now().UTC().Truncate(time.Second)}
	if err := v.choose(); err != nil {
		return nil, err
	}
	if err := v.tidy(ctx); err != nil {
		return nil, err
	}
	if err := v.look(ctx); err != nil {
		return nil, err
	}
	name, labels := v.begun()
	if _, err = v.env.Engine.CreateVolume(ctx, driver.NewVolume{Name: name, Labels: labels}); err == nil {
		err = v.keep(ctx)
	}
	if err == nil {
		err = v.finish(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, v.drop(ctx))
	}
	short, cancel := answered(ctx)
	defer cancel()
	_ = v.env.Engine.RemoveVolume(short, name) // else it goes with the snapshot
	v.tellSensitive()
	snap := &Snapshot{Name: o.Name, Created: v.manifest.Created, Bytes: v.manifest.Bytes, Volumes: len(v.manifest.Volumes)}
	for _, b := range v.manifest.Boxes {
		snap.Boxes = append(snap.Boxes, b.Name)
	}
	return snap, nil
}

func (v *saving) now() time.Time {
	if v.env.Now == nil {
		return time.Now()
	}
	return v.env.Now()
}

// newRun names one save or restore.
func newRun() string {
	var raw [4]byte
	_, _ = rand.Read(raw[:]) // never fails
	return hex.EncodeToString(raw[:])
}

// choose settles what is kept.
func (v *saving) choose() error {
	var none *NoSnapshotError
	if _, err := findSnapshot(v.scene.Observed, v.o.Name); !errors.As(err, &none) {
		return &SnapshotError{fmt.Sprintf("there is a snapshot %q already", v.o.Name), "envy snapshot delete " + v.o.Name + ", or another name"}
	}
	var err error
	if v.boxes, err = v.scene.Select(v.o.Boxes); err != nil {
		return err
	}
	if len(v.boxes) == 0 {
		return &NoBoxError{}
	}
	wanted := map[resource.Owner]bool{}
	for _, b := range v.boxes {
		if b.Fresh {
			return &SnapshotError{fmt.Sprintf("box %q is not finished", b.Name), "envy up " + b.Name + " finishes it; then save"}
		}
		for _, m := range b.Spec.Mounts {
			if o, ok := plan.VolumeOf(b.Key, m); ok {
				wanted[o] = true
			}
		}
	}
	for _, x := range v.scene.Observed.Volumes {
		if wanted[volumeKey(x.Owner)] {
			v.volumes = append(v.volumes, x)
		}
	}
	v.freeze = v.users()
	return nil
}

// volumeKey is whose a volume is, and nothing else.
func volumeKey(o resource.Owner) resource.Owner {
	if o.Box == "" {
		return resource.Owner{Volume: o.Volume}
	}
	return resource.Owner{Box: o.Box, Index: o.Index, Volume: o.Volume}
}

// users are what runs of the boxes, and whatever else writes to their volumes.
func (v *saving) users() []Box {
	var out []Box
	for _, seen := range v.scene.Observed.Boxes {
		b := boxOf(seen, nil)
		uses := slices.ContainsFunc(v.boxes, func(x Box) bool { return x.ID == b.ID })
		for _, m := range b.Spec.Mounts {
			o, ok := plan.VolumeOf(b.Key, m)
			uses = uses || ok && slices.ContainsFunc(v.volumes, func(x resource.VolumeObserved) bool { return volumeKey(x.Owner) == o })
		}
		if uses && b.State == resource.StateRunning {
			out = append(out, b)
		}
	}
	return out
}

// tidy removes what saves that were killed have left; images before what tells of them.
func (v *saving) tidy(ctx context.Context) error {
	left := plan.Leavings(v.scene.Observed)
	if len(left) == 0 {
		return nil
	}
	images, err := snapshotImages(ctx, v.env, v.scene.Identity)
	if err != nil {
		return err
	}
	for _, i := range images {
		whole := slices.ContainsFunc(v.scene.Observed.Snapshots, func(x resource.SnapshotVolume) bool {
			return x.Owner.SnapshotPart == resource.SnapshotWhole && x.Owner.SnapshotRun == i.Labels[resource.LabelSnapshotRun]
		})
		if whole && len(i.References) > 0 {
			continue
		}
		for _, p := range planImages([]driver.OwnedImage{i}) {
			for _, name := range p.Names {
				if err := v.env.Engine.RemoveImage(ctx, name); err != nil && !driver.Is(err, driver.Conflict) { // a box of it: it goes later
					return err
				}
			}
		}
	}
	for _, x := range left {
		if err := v.env.Engine.RemoveVolume(ctx, x.Name); err != nil {
			return err
		}
	}
	return nil
}

// begun is the volume that tells that there may be images of this save.
func (v *saving) begun() (name string, labels map[string]string) {
	o := resource.Owner{Snapshot: v.o.Name, SnapshotPart: resource.SnapshotBegun, SnapshotRun: v.run}
	return resource.SnapshotVolumeName(v.scene.Identity, o), v.labels(o, "")
}

// keep pauses, copies and lets go.
func (v *saving) keep(ctx context.Context) (err error) {
	var mu sync.Mutex
	var paused []Box
	defer func() {
		err = errors.Join(err, each(context.WithoutCancel(ctx), paused, v.env.unpause))
	}()
	if err := each(ctx, v.freeze, func(ctx context.Context, b Box) error {
		mu.Lock()
		paused = append(paused, b) // before it is: an answer may be lost
		mu.Unlock()
		short, cancel := answered(ctx)
		defer cancel()
		err := v.env.Engine.PauseBox(short, b.ID)
		if driver.Is(err, driver.NotRunning) { // it has just ended
			err = nil
		}
		return err
	}); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(v.o.Parallel, saveAtOnce))
	for i, b := range v.boxes {
		group.Go(func() error { return v.commit(ctx, b, v.data[i]) })
	}
	for _, x := range v.volumes {
		group.Go(func() error { return v.copy(ctx, x) })
	}
	return group.Wait()
}

// answered is for calls that an interrupt does not cut off, and that an engine must answer.
func answered(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), apply.DefaultAnswer)
}

// saveAtOnce copies share one disk.
const saveAtOnce = 4

// unpause lets a box go on, whatever has become of ctx, and tries again: nobody is left standing for one answer that was
// lost. One that is gone or has ended needs nothing.
func (e Env) unpause(ctx context.Context, b Box) (err error) {
	const attempts = 3
	for range attempts {
		short, cancel := answered(ctx)
		err = e.Engine.UnpauseBox(short, b.ID)
		cancel()
		if err == nil || driver.Is(err, driver.NotRunning) || driver.Is(err, driver.NotFound) {
			return nil
		}
	}
	return fmt.Errorf("box %q is left paused, envy resume %s lets it go on: %w", b.Name, b.Name, err)
}

// each does something with all boxes at once, and tells of every failure.
func each(ctx context.Context, boxes []Box, do func(context.Context, Box) error) error {
	errs := make([]error, len(boxes))
	var all sync.WaitGroup
	for i, b := range boxes {
		all.Go(func() { errs[i] = do(ctx, b) })
	}
	all.Wait()
	err := errors.Join(errs...)
	if ctx.Err() != nil {
		err = errors.Join(err, context.Cause(ctx))
	}
	return err
}

// labels of a part.
func (v *saving) labels(o resource.Owner, data string) map[string]string {
	o.Version, o.Snapshot, o.SnapshotRun = v.env.Version, v.o.Name, v.run
	l := v.scene.Identity.Labels(o)
	l[resource.LabelSnapshotData] = data
	return l
}

// task tells of a piece of work.
func (v *saving) task(a resource.Address, text string, do func() error) error {
	e := event.Event{ID: text + "-" + a.String(), Kind: event.Start, Subject: a.String(), Text: text}
	v.env.Sink.Send(e)
	err := do()
	if e.Kind = event.Done; err != nil {
		e.Kind, e.Text = event.Failed, err.Error()
	}
	v.env.Sink.Send(e)
	return err
}

func (v *saving) commit(ctx context.Context, b Box, d resource.SnapshotBox) error {
	ref := resource.SnapshotReference(v.scene.Identity.Project, b.Name, v.o.Name, v.run)
	labels := v.labels(resource.Owner{Box: b.Key.Box, Index: b.Key.Index, SnapshotPart: resource.SnapshotImage}, resource.EncodeSnapshot(d))
	return v.task(resource.Address{Kind: resource.KindBox, Box: b.Name}, "commit", func() error {
		c, err := v.env.Engine.CommitBox(ctx, driver.Commit{ID: b.ID, Reference: ref, Labels: labels})
		v.mu.Lock()
		defer v.mu.Unlock()
		v.manifest.Boxes = append(v.manifest.Boxes, resource.SnapshotMember{Name: b.Name, Box: b.Key.Box, Index: b.Key.Index, Image: ref})
		v.manifest.Bytes += c.Own
		return err
	})
}

func (v *saving) copy(ctx context.Context, x resource.VolumeObserved) error {
	o := volumeKey(x.Owner)
	o.SnapshotPart, o.SnapshotRun = resource.SnapshotContent, v.run
	name := resource.SnapshotVolumeName(v.scene.Identity, o)
	return v.task(resource.Address{Kind: resource.KindVolume, Name: x.Name}, string(plan.OpCopyVolume), func() error {
		if _, err := v.env.Engine.CreateVolume(ctx, driver.NewVolume{Name: name, Labels: v.labels(o, "")}); err != nil {
			return err
		}
		image := v.scene.Observed.Boxes[slices.IndexFunc(v.scene.Observed.Boxes, func(b resource.BoxObserved) bool { return b.ID == v.boxes[0].ID })].ImageID
		n, err := v.env.Engine.CopyVolume(ctx, driver.VolumeCopy{From: x.Name, To: name, Image: image})
		v.mu.Lock()
		defer v.mu.Unlock()
		v.manifest.Volumes = append(v.manifest.Volumes, resource.SnapshotCopy{Box: o.Box, Index: o.Index, Volume: o.Volume, Name: name})
		v.manifest.Bytes += n
		return err
	})
}

// finish makes it a snapshot: from here on it is one.
func (v *saving) finish(ctx context.Context) error {
	slices.SortFunc(v.manifest.Boxes, func(a, b resource.SnapshotMember) int {
		return cmp.Or(strings.Compare(a.Box, b.Box), cmp.Compare(a.Index, b.Index))
	})
	slices.SortFunc(v.manifest.Volumes, func(a, b resource.SnapshotCopy) int { return strings.Compare(a.Name, b.Name) })
	data := resource.EncodeSnapshot(v.manifest)
	if len(data) > resource.MaxLabel {
		return &SnapshotError{"these are more boxes than one snapshot can list", "save some of them, each by its name"}
	}
	owner := resource.Owner{Snapshot: v.o.Name, SnapshotPart: resource.SnapshotWhole}
	name := resource.SnapshotVolumeName(v.scene.Identity, owner)
	ctx, cancel := answered(ctx)
	defer cancel()
	got, err := v.env.Engine.CreateVolume(ctx, driver.NewVolume{Name: name, Labels: v.labels(owner, data)})
	if err == nil && got.SnapshotRun != v.run {
		err = &SnapshotError{fmt.Sprintf("a snapshot %q was made at the same moment", v.o.Name), "choose another name"}
	}
	return err
}

// drop removes what there is of a save that failed.
func (v *saving) drop(ctx context.Context) error {
	ctx, cancel := answered(ctx)
	defer cancel()
	now, err := v.env.Engine.Observe(ctx, v.scene.Identity)
	if err != nil {
		return err
	}
	var errs []error
	remove := func(parts ...resource.SnapshotPart) {
		for _, x := range now.Snapshots {
			if x.Owner.SnapshotRun == v.run && slices.Contains(parts, x.Owner.SnapshotPart) {
				errs = append(errs, v.env.Engine.RemoveVolume(ctx, x.Name))
			}
		}
	}
	remove(resource.SnapshotWhole) // its answer was lost
	remove(resource.SnapshotContent)
	images, err := snapshotImages(ctx, v.env, v.scene.Identity)
	for _, i := range images {
		if i.Labels[resource.LabelSnapshotRun] != v.run {
			continue
		}
		for _, p := range planImages([]driver.OwnedImage{i}) {
			for _, name := range p.Names {
				errs = append(errs, v.env.Engine.RemoveImage(ctx, name))
			}
		}
	}
	if errs = append(errs, err); errors.Join(errs...) == nil {
		remove(resource.SnapshotBegun)
	}
	return errors.Join(errs...)
}
