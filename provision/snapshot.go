package provision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// Snapshot is one that is there.
type Snapshot struct {
	Name    string
	Created time.Time // by the clock of who made it
	Boxes   []string  // as they were called
	Volumes int
	Bytes   int64    // layers and volumes of its own, on the engine's disk
	Lacks   []string // what of it somebody removed, in words; such a one cannot be restored
}

// SnapshotOptions say what is saved or restored.
type SnapshotOptions struct {
	Name     string
	Boxes    []string // none: all
	Parallel int
	Timeout  time.Duration // for each box to become ready
}

// SnapshotError is something that stands in the way of a snapshot (exit 1).
type SnapshotError struct{ Text, Hint string }

func (e *SnapshotError) Error() string { return e.Text }

// NoSnapshotError is a name that no snapshot has (exit 3).
type NoSnapshotError struct {
	Name  string
	Known []string
}

func (e *NoSnapshotError) Error() string { return fmt.Sprintf("there is no snapshot %q", e.Name) }

// ValidSnapshotName reports whether a snapshot may be called so: as labels of blocks (§2, Names).
func ValidSnapshotName(name string) bool {
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("_.-", c)) {
			return false
		}
	}
	return name != "" && len(name) <= 63
}

// Snapshots lists what is there, by name: a list of images more than what was observed.
func Snapshots(ctx context.Context, env Env, s *Scene) ([]Snapshot, error) {
	images, err := snapshotImages(ctx, env, s.Identity)
	if err != nil {
		return nil, err
	}
	var out []Snapshot
	for _, v := range s.Observed.Snapshots {
		if v.Owner.SnapshotPart != resource.SnapshotWhole {
			continue
		}
		m, err := resource.DecodeSnapshot[resource.SnapshotManifest](v.Data)
		if err != nil {
			return nil, fmt.Errorf("snapshot %q: %w", v.Owner.Snapshot, err)
		}
		snap := Snapshot{Name: v.Owner.Snapshot, Created: m.Created, Bytes: m.Bytes, Volumes: len(m.Volumes)}
		for _, b := range m.Boxes {
			snap.Boxes = append(snap.Boxes, b.Name)
			if !slices.ContainsFunc(images, func(i driver.OwnedImage) bool { return slices.Contains(i.References, b.Image) }) {
				snap.Lacks = append(snap.Lacks, "the image of box "+b.Name)
			}
		}
		snap.Lacks = append(snap.Lacks, lacking(s.Observed, m)...)
		out = append(out, snap)
	}
	slices.SortFunc(out, func(a, b Snapshot) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// lacking are the volumes of a snapshot that are gone.
func lacking(o resource.Observed, m resource.SnapshotManifest) []string {
	var out []string
	for _, c := range m.Volumes {
		if !slices.ContainsFunc(o.Snapshots, func(v resource.SnapshotVolume) bool { return v.Name == c.Name }) {
			out = append(out, "volume "+c.Volume)
		}
	}
	return out
}

// snapshotImages are the checkout's images that belong to snapshots.
func snapshotImages(ctx context.Context, env Env, id resource.Identity) ([]driver.OwnedImage, error) {
	images, err := env.Engine.OwnedImages(ctx, id)
	return slices.DeleteFunc(images, func(i driver.OwnedImage) bool {
		return resource.OwnerOf(i.Labels).SnapshotPart != resource.SnapshotImage
	}), err
}

// planImages are they as plans name them.
func planImages(images []driver.OwnedImage) []plan.SnapshotImage {
	var out []plan.SnapshotImage
	for _, i := range images {
		names := i.References
		if len(names) == 0 {
			names = []string{i.ID}
		}
		out = append(out, plan.SnapshotImage{Snapshot: i.Labels[resource.LabelSnapshot], Names: names})
	}
	return out
}

// findSnapshot is the manifest of a name. Errors: *NoSnapshotError, *resource.NewerSnapshotError.
func findSnapshot(o resource.Observed, name string) (resource.SnapshotManifest, error) {
	none := &NoSnapshotError{Name: name}
	for _, v := range o.Snapshots {
		if v.Owner.SnapshotPart != resource.SnapshotWhole {
			continue
		}
		none.Known = append(none.Known, v.Owner.Snapshot)
		if v.Owner.Snapshot == name {
			return resource.DecodeSnapshot[resource.SnapshotManifest](v.Data)
		}
	}
	slices.Sort(none.Known)
	return resource.SnapshotManifest{}, none
}

// DeleteSnapshot removes a snapshot. Errors: *NoSnapshotError, *ProblemsError where a box runs from it.
func DeleteSnapshot(ctx context.Context, env Env, s *Scene, name string, confirm Confirm) (*Outcome, error) {
	s, err := mended(ctx, env, s)
	if err != nil {
		return nil, err
	}
	var newer *resource.NewerSnapshotError
	if _, err := findSnapshot(s.Observed, name); err != nil && !errors.As(err, &newer) {
		return nil, err
	}
	images, err := snapshotImages(ctx, env, s.Identity)
	if err != nil {
		return nil, err
	}
	scope, err := s.scope(ScopeOptions{}, plan.Answers{})
	if err != nil {
		return nil, err
	}
	scope.Images = planImages(images)
	out := &Outcome{Plan: plan.DeleteSnapshot(scope, name).Plan, Scene: s}
	if len(out.Plan.Problems) > 0 {
		return out, &ProblemsError{Plan: out.Plan}
	}
	if err := confirm(ctx, out.Plan); err != nil {
		return out, err
	}
	g := &planning{env: env, observed: s.Observed}
	out.Report = g.apply(ctx, out.Plan, UpOptions{})
	return out, out.Report.Err(ctx)
}
