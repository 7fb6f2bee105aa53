package fake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// Ping implements driver.Observer.
func (e *Engine) Ping(ctx context.Context) (resource.Engine, error) {
	var r resource.Engine
	err := e.do(ctx, "ping", func(*state, time.Time) error {
		r = e.about()
		return nil
	})
	return r, err
}

func (e *Engine) about() resource.Engine {
	endpoint := "fake:///memory"
	if e.path != "" {
		endpoint = "fake://" + e.path
	}
	return resource.Engine{Version: "28.0.0", APIVersion: "1.48", OS: "linux", BuildKit: true, Endpoint: endpoint}
}

// Observe implements driver.Observer.
func (e *Engine) Observe(ctx context.Context, id resource.Identity) (resource.Observed, error) {
	var r resource.Observed
	err := e.do(ctx, "list", func(s *state, now time.Time) error {
		r = s.owned(id, now)
		return nil
	})
	r.Engine = e.about()
	return r, err
}

// owned sorts what has the labels of id into what it owns and what is a stranger.
func (s *state) owned(id resource.Identity, now time.Time) resource.Observed {
	var r resource.Observed
	ids := []resource.Identity{id}
	for _, v := range s.volumes() {
		ids = resource.Called(ids, v.Name, resource.OwnerOf(v.Labels))
	}
	for _, b := range s.boxes() {
		owner := resource.OwnerOf(b.Labels)
		switch {
		case owner.Checkout != id.Checkout:
		case id.Owns(owner) && slices.ContainsFunc(ids, func(id resource.Identity) bool { return id.Bears(b.Name, owner) }):
			r.Boxes = append(r.Boxes, s.observed(b, owner, now))
		default:
			r.Strangers = append(r.Strangers, b.Name)
		}
	}
	for _, n := range s.networks() {
		owner := resource.OwnerOf(n.Labels)
		switch {
		case owner.Checkout != id.Checkout:
		case id.Owns(owner) && bears(id, n.Name, owner, networkName):
			r.Networks = append(r.Networks, resource.NetworkObserved{
				ID: n.ID, Name: n.Name, Owner: owner, Internal: n.Internal, IPv6: n.IPv6,
				Subnets: slices.Clone(n.Subnets), Created: n.Created,
			})
		default:
			r.Strangers = append(r.Strangers, n.Name)
		}
	}
	for _, v := range s.volumes() {
		owner := resource.OwnerOf(v.Labels)
		switch {
		case owner.Checkout != id.Checkout:
		case id.Owns(owner) && owner.SnapshotPart != "" && v.Name == resource.SnapshotVolumeName(id, owner):
			r.Snapshots = append(r.Snapshots, resource.SnapshotVolume{Name: v.Name, Owner: owner, Data: v.Labels[resource.LabelSnapshotData]})
		case id.Owns(owner) && owner.SnapshotPart == "" && bears(id, v.Name, owner, volumeNames):
			r.Volumes = append(r.Volumes, resource.VolumeObserved{Name: v.Name, Owner: owner})
		default:
			r.Strangers = append(r.Strangers, v.Name)
		}
	}
	return r
}

// bears is resource.Identity.Bears for networks and volumes: the name is one of those that envy gives, for the project's
// name of then or of today.
func bears(id resource.Identity, name string, o resource.Owner, names func(project string, o resource.Owner) []string) bool {
	return slices.Contains(names(id.Project, o), name) || slices.Contains(names(o.Project, o), name)
}

func networkName(project string, o resource.Owner) []string {
	return []string{resource.NetworkName(project, o.Network)}
}

func volumeNames(project string, o resource.Owner) []string {
	switch {
	case o.Volume == resource.ClaimVolume:
		return []string{resource.ClaimName(project)}
	case o.Volume == "":
		return nil
	case o.Box == "":
		return []string{resource.VolumeName(project, "", o.Volume)}
	}
	key := resource.Key{Box: o.Box, Index: max(o.Index, 1)}
	names := []string{resource.VolumeName(project, key.ReplicaName(true), o.Volume)}
	if key.Index == 1 {
		names = append(names, resource.VolumeName(project, o.Box, o.Volume))
	}
	return names
}

func (s *state) observed(b *box, owner resource.Owner, now time.Time) resource.BoxObserved {
	o := resource.BoxObserved{
		ID: b.ID, Name: b.Name, Owner: owner, Labels: maps.Clone(b.Labels), Spec: b.Labels[resource.LabelSpec],
		SpecHash: b.Labels[resource.LabelSpecHash], State: b.State, Status: b.status(now), Image: b.ImageRef,
		ImageID: b.ImageID, Created: b.Created,
	}
	for _, j := range b.Joins {
		o.Networks = append(o.Networks, resource.NetworkAttached{ID: j.ID, Name: j.Name, IP: j.IP})
	}
	switch b.State {
	case resource.StateExited, resource.StateDead:
		o.ExitCode = b.Code
	case resource.StateRunning, resource.StatePaused:
		o.Health = b.Health
		for _, p := range b.ports() {
			p.Name = ""
			o.Ports = append(o.Ports, p)
		}
	}
	return o
}

func (b *box) status(now time.Time) string {
	switch b.State {
	case resource.StateCreated:
		return "Created"
	case resource.StateExited:
		return fmt.Sprintf("Exited (%d)", b.Code)
	case resource.StatePaused:
		return "Up (Paused)"
	case resource.StateRunning:
		up := "Up " + now.Sub(b.Started).Truncate(time.Second).String()
		if b.Health != resource.HealthNone {
			up += " (" + string(b.Health) + ")"
		}
		return up
	}
	return string(b.State)
}

// Names implements driver.Observer.
func (e *Engine) Names(ctx context.Context) (driver.Names, error) {
	r := driver.Names{
		Containers: map[string]resource.Owner{}, Networks: map[string]resource.Owner{}, Volumes: map[string]resource.Owner{},
	}
	err := e.do(ctx, "list names", func(s *state, _ time.Time) error {
		for _, b := range s.Boxes {
			r.Containers[b.Name] = resource.OwnerOf(b.Labels)
		}
		for _, n := range s.networks() {
			r.Networks[n.Name] = resource.OwnerOf(n.Labels)
		}
		for _, v := range s.Volumes {
			r.Volumes[v.Name] = resource.OwnerOf(v.Labels)
		}
		return nil
	})
	return r, err
}

// PublishedPorts implements driver.Observer. Stopped boxes publish nothing.
func (e *Engine) PublishedPorts(ctx context.Context) ([]driver.PortHolder, error) {
	var r []driver.PortHolder
	err := e.do(ctx, "list ports", func(s *state, _ time.Time) error {
		for _, b := range s.boxes() {
			if !b.up() {
				continue
			}
			for _, p := range b.ports() {
				r = append(r, driver.PortHolder{
					Port: p.Host, Protocol: p.Protocol, Address: p.Address, Holder: b.Name, ID: b.ID,
					Owner: resource.OwnerOf(b.Labels), Compose: b.Labels[resource.LabelComposeProject],
				})
			}
		}
		return nil
	})
	return r, err
}

// Detail implements driver.Inspector.
func (e *Engine) Detail(ctx context.Context, id string) (resource.BoxDetail, error) {
	var r resource.BoxDetail
	err := e.do(ctx, "inspect", func(s *state, _ time.Time) error {
		b, err := s.find("inspect", id)
		if err != nil {
			return err
		}
		r = resource.BoxDetail{
			ID: b.ID, Memory: b.Memory, NanoCPUs: b.NanoCPUs, Restart: b.Restart, ExitCode: b.Code, Error: b.Error,
			Running: b.up(), Started: b.Started, Finished: b.Finished, Life: b.life(),
		}
		for _, j := range b.Joins {
			r.Networks = append(r.Networks, resource.NetworkJoinObserved{
				ID: j.ID, Name: j.Name, Aliases: slices.Clone(j.Aliases), IP: j.IP,
			})
		}
		r.Mounts = b.mountPoints()
		return nil
	})
	return r, err
}

// mountPoints are the targets of all mounts, sorted.
func (b *box) mountPoints() []string {
	targets := map[string]bool{"/.envy": true}
	for _, m := range b.Spec.Mounts {
		if m.Type != resource.MountCopy {
			targets[m.Target] = true
		}
	}
	for t := range b.Volumes {
		targets[t] = true
	}
	return slices.Sorted(maps.Keys(targets))
}

// Record implements driver.Inspector.
func (e *Engine) Record(ctx context.Context, id string) (resource.Record, error) {
	var r resource.Record
	err := e.do(ctx, "read record", func(s *state, now time.Time) error {
		b, err := s.find("read record", id)
		if err != nil || b.Unreadable || b.missingSource() != "" {
			return err // a folder that is gone hides all of a real box's files
		}
		r = b.Record
		r.Known, r.ReadAt = true, now
		r.Files, r.Runs = maps.Clone(r.Files), maps.Clone(r.Runs)
		r.Baseline, r.Own, r.Spans = slices.Clone(r.Baseline), slices.Clone(r.Own), slices.Clone(r.Spans)
		return nil
	})
	return r, err
}

// Changes implements driver.Inspector.
func (e *Engine) Changes(ctx context.Context, id string) ([]driver.Change, error) {
	var r []driver.Change
	err := e.do(ctx, "changes", func(s *state, _ time.Time) error {
		b, err := s.find("changes", id)
		if err != nil {
			return err
		}
		lower := s.Images[b.ImageID].Files
		for _, p := range slices.Sorted(maps.Keys(b.Layer)) {
			f := b.Layer[p]
			c := driver.Change{Path: p, Kind: driver.Added, Deleted: f.Gone}
			if _, ok := lower[p]; ok {
				c.Kind = driver.Modified
			}
			if f.Gone {
				c.Kind = driver.Removed
			}
			if !f.Dir {
				r = append(r, c)
			}
		}
		return nil
	})
	return r, err
}

// Stat implements driver.Inspector.
func (e *Engine) Stat(ctx context.Context, id string, paths []string) (map[string]driver.Stat, bool, error) {
	r := map[string]driver.Stat{}
	complete := true
	err := e.do(context.WithoutCancel(ctx), "stat", func(s *state, _ time.Time) error {
		b, err := s.find("stat", id)
		if err != nil {
			return err
		}
		for _, p := range paths {
			if complete = ctx.Err() == nil; !complete {
				break
			}
			f, err := s.lookUp(b, p)
			if err != nil {
				r[p] = driver.Stat{}
				continue
			}
			r[p] = driver.Stat{Exists: true, Dir: f.Dir, Size: int64(len(f.Content)), MTime: f.MTime}
		}
		return nil
	})
	return r, complete, err
}

// Size implements driver.Inspector.
func (e *Engine) Size(ctx context.Context, id string) (rw, root int64, err error) {
	err = e.do(ctx, "size", func(s *state, _ time.Time) error {
		b, err := s.find("size", id)
		if err != nil {
			return err
		}
		for _, f := range b.Layer {
			rw += int64(len(f.Content))
		}
		root = rw + s.Images[b.ImageID].Fact.Size
		return nil
	})
	return rw, root, err
}
