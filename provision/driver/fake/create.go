package fake

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// CreateBox implements driver.Mutator.
func (e *Engine) CreateBox(ctx context.Context, n driver.NewBox) (string, error) {
	id := ""
	err := e.do(ctx, "create", func(s *state, now time.Time) error {
		b, err := s.create(n, now)
		if err == nil {
			id = b.ID
		}
		return err
	})
	return id, err
}

var containerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

func (s *state) create(n driver.NewBox, now time.Time) (*box, error) {
	what := fmt.Sprintf("box %q", n.Name)
	if err := refused(n, what); err != nil {
		return nil, err
	}
	if err := s.nameFree("create", n.Name); err != nil {
		return nil, err
	}
	img := s.image(n.Image)
	if img == nil {
		return nil, fail(driver.NotFound, "create", what, "No such image: "+n.Image)
	}
	seq, id := s.next("box")
	b := &box{
		ID: id, Seq: seq, Name: n.Name, Hostname: n.Hostname, Created: now, ImageRef: n.Image, ImageID: img.Fact.ID, Spec: n.Spec,
		Labels: maps.Clone(img.Fact.Labels), Secrets: maps.Clone(n.Secrets), Volumes: maps.Clone(n.Volumes), Peer: n.Peer,
		Gate: n.Gate, Run: n.Run, State: resource.StateCreated, Memory: n.Spec.Memory, NanoCPUs: n.Spec.NanoCPUs,
		Restart: n.Spec.Restart, Life: n.Life, Layer: map[string]*file{},
	}
	if img.Of != nil && img.Of.Life == n.Life { // a record of another box is dropped
		b.Record, b.Written = cloned(img.Of.Record), maps.Clone(img.Of.Written)
	}
	if b.Hostname == "" {
		b.Hostname = id[:12]
	}
	if b.Labels == nil { // an image's labels are inherited
		b.Labels = map[string]string{}
	}
	maps.Copy(b.Labels, n.Labels)
	if err := s.joinAll(b, n); err != nil {
		return nil, err
	}
	if missing := b.missingSource(); missing != "" {
		return nil, fail(driver.Invalid, "create", what, "invalid mount config for type \"bind\": bind source path does not exist: "+missing)
	}
	s.mountVolumes(b, img, n.Kept)
	b.Agent = s.agentVolume(now)
	s.Boxes[id] = b
	s.emit(b, "create", now)
	return b, nil
}

// refused is what an engine does not accept.
func refused(n driver.NewBox, what string) error {
	invalid := func(format string, args ...any) error {
		return fail(driver.Invalid, "create", what, fmt.Sprintf(format, args...))
	}
	if !containerName.MatchString(n.Name) {
		return invalid("Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", n.Name)
	}
	if m := n.Spec.Memory; m != 0 && m < minMemory {
		return invalid("Minimum memory limit allowed is 6MB")
	}
	seen := map[string]bool{}
	for _, m := range n.Spec.Mounts {
		if seen[m.Target] {
			return invalid("Duplicate mount point: %s", m.Target)
		}
		seen[m.Target] = true
		if m.Type == resource.MountVolume && n.Volumes[m.Target] == "" {
			return invalid("invalid mount config for type \"volume\": no name for %s", m.Target)
		}
	}
	return nil
}

// joinAll puts the box on its networks. The first is only a name until the start; a further one must be there.
func (s *state) joinAll(b *box, n driver.NewBox) error {
	if n.Spec.NetworkMode != "" {
		return nil
	}
	for i, j := range n.Spec.Networks {
		ref, ok := n.Networks[j.Network]
		if !ok {
			return fail(driver.NotFound, "create", object(b), "network "+j.Network+" not found")
		}
		net := s.Networks[ref.ID]
		if net == nil && i > 0 {
			return fail(driver.NotFound, "create", object(b), "network "+ref.ID+" not found")
		}
		join := &join{ID: ref.ID, Name: ref.Name, IP: j.IP, Fixed: j.IP != ""}
		if b.Run == nil {
			join.Aliases = slices.Concat(j.Aliases, n.Spec.Aliases, n.Aliases)
		}
		if join.Fixed && net != nil && !net.Configured {
			return fail(driver.Invalid, "create", object(b),
				"user specified IP address is supported only when connecting to networks with user configured subnets")
		}
		b.Joins = append(b.Joins, join)
	}
	return nil
}

// mountVolumes makes volumes that are missing, as engines do, without labels; a new one gets what the image has at its
// target. VOLUME paths of the image that nothing is mounted on get an anonymous one.
func (s *state) mountVolumes(b *box, img *image, kept []string) {
	if b.Volumes == nil {
		b.Volumes = map[string]string{}
	}
	mounted := b.mountPoints()
	for _, p := range img.Fact.Volumes {
		if !slices.Contains(mounted, p) {
			_, name := s.next("volume")
			b.Volumes[p], b.Anonymous = name, append(b.Anonymous, name)
		}
	}
	for target, name := range b.Volumes {
		v := s.Volumes[name]
		if v == nil {
			v = &volume{Name: name}
			s.Volumes[name] = v
		}
		if len(v.Files) > 0 || slices.Contains(kept, target) {
			continue
		}
		for p, f := range img.Files {
			if rest, ok := under(p, target); ok && rest != "/" {
				s.volumeFiles(name)[rest] = f
			}
		}
	}
}

// agentVolume is the one that every new box mounts the agent from.
func (s *state) agentVolume(now time.Time) string {
	hash := resource.Digest("the fake's agent")[:12]
	name := agentVolume + hash
	if s.Volumes[name] == nil {
		labels := resource.Identity{}.Labels(resource.Owner{})
		labels[resource.LabelAgent] = hash
		s.Volumes[name] = &volume{Name: name, Created: now, Labels: labels}
	}
	return name
}

// CopyIn implements driver.Mutator: names in the archive are relative to target, which is made; "." is target itself.
func (e *Engine) CopyIn(ctx context.Context, id string, archive io.Reader, target string) error {
	files, err := readTar(archive)
	if err != nil {
		return &driver.Error{Kind: driver.Failed, Op: "copy", Object: target, Text: err.Error(), Err: err}
	}
	return e.do(ctx, "copy", func(s *state, now time.Time) error {
		b, err := s.find("copy", id)
		if err != nil {
			return err
		}
		who, ok := s.identify(b, s.boxUser(b))
		if !ok {
			return fail(driver.Failed, "copy", object(b), "the box has no user "+s.boxUser(b))
		}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			f := *files[name]
			f.Owner = fmt.Sprintf("%d:%d", who.UID, who.GID)
			if err := s.putAll(b, path.Join(target, name), &f); err != nil {
				return fail(driver.Failed, "copy", object(b), fmt.Sprintf("%s: %v", path.Join(target, name), err))
			}
		}
		return nil
	})
}

// readTar gives the regular files and directories of an archive by clean relative path.
func readTar(r io.Reader) (map[string]*file, error) {
	files := map[string]*file{}
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("archive: %w", err)
		}
		f := &file{
			MTime: h.ModTime, Mode: uint32(h.Mode) & 0o7777, Dir: h.Typeflag == tar.TypeDir, // masked
		}
		if h.Typeflag == tar.TypeReg {
			if f.Content, err = io.ReadAll(t); err != nil {
				return nil, fmt.Errorf("archive: %w", err)
			}
		}
		files[strings.TrimPrefix(path.Clean("/"+h.Name), "/")] = f
	}
}
