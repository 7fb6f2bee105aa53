package fake

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

var _ driver.Snapshotter = (*Engine)(nil)

// life tells the box's record from others'.
func (b *box) life() string { return cmp.Or(b.Life, b.ID) }

// cloned is a record that shares nothing with another.
func cloned(r resource.Record) resource.Record {
	r.Files, r.Runs = maps.Clone(r.Files), maps.Clone(r.Runs)
	r.Baseline, r.Own, r.Spans = slices.Clone(r.Baseline), slices.Clone(r.Own), slices.Clone(r.Spans)
	return r
}

// CommitBox implements driver.Snapshotter.
func (e *Engine) CommitBox(ctx context.Context, c driver.Commit) (driver.Committed, error) {
	var r driver.Committed
	err := e.do(ctx, "commit", func(s *state, _ time.Time) error {
		b, err := s.find("commit", c.ID)
		if err != nil {
			return err
		}
		if badName(c.Reference) {
			return fail(driver.Invalid, "commit", object(b), "invalid reference format")
		}
		of := s.Images[b.ImageID]
		made := &image{
			Fact: of.Fact, Manager: of.Manager, Files: maps.Clone(of.Files), Programs: of.Programs, Users: of.Users,
			Of: &kept{Life: b.life(), Record: cloned(b.Record), Written: maps.Clone(b.Written)},
		}
		if made.Files == nil {
			made.Files = map[string]*file{}
		}
		_, layer := s.next("layer")
		for p, f := range b.Layer {
			if f.Gone {
				delete(made.Files, p)
				continue
			}
			copied := *f
			made.Files[p] = &copied
			r.Own += int64(len(f.Content))
		}
		f := &made.Fact
		f.ID, f.BaseID, f.Digests = "", "", nil
		f.Layers = append(slices.Clone(f.Layers), "sha256:"+layer)
		f.Size += r.Own
		f.Labels = maps.Clone(f.Labels)
		if f.Labels == nil {
			f.Labels = map[string]string{}
		}
		maps.Copy(f.Labels, c.Labels)
		made.identify(strings.Join(f.Layers, " "))
		s.Images[f.ID] = made
		s.addImage(c.Reference, made)
		r.ImageID = f.ID
		return nil
	})
	return r, err
}

// CopyVolume implements driver.Snapshotter. A copy that is ended half way has emptied To.
func (e *Engine) CopyVolume(ctx context.Context, c driver.VolumeCopy) (int64, error) {
	var bytes int64
	err := e.do(ctx, "copy", func(s *state, _ time.Time) error {
		what := fmt.Sprintf("volume %q", c.From)
		if s.image(c.Image) == nil {
			return fail(driver.NotFound, "copy", what, "No such image: "+c.Image)
		}
		from, to := s.Volumes[c.From], s.Volumes[c.To]
		if from == nil || to == nil {
			return fail(driver.NotFound, "copy", what, "no such volume")
		}
		files := map[string]*file{}
		for p, f := range from.Files {
			copied := *f
			files[p] = &copied
			bytes += int64(len(f.Content))
		}
		to.Files = files
		return nil
	})
	return bytes, err
}

// OwnedImages implements driver.Snapshotter.
func (e *Engine) OwnedImages(ctx context.Context, id resource.Identity) ([]driver.OwnedImage, error) {
	var out []driver.OwnedImage
	err := e.do(ctx, "list images", func(s *state, _ time.Time) error {
		for _, key := range slices.Sorted(maps.Keys(s.Images)) {
			i := s.Images[key]
			if !id.Owns(resource.OwnerOf(i.Fact.Labels)) {
				continue
			}
			var refs []string
			for ref, of := range s.Tags {
				if of == i.Fact.ID {
					refs = append(refs, ref)
				}
			}
			slices.Sort(refs)
			out = append(out, driver.OwnedImage{ID: i.Fact.ID, References: refs, Labels: maps.Clone(i.Fact.Labels), Size: i.Fact.Size})
		}
		return nil
	})
	return out, err
}
