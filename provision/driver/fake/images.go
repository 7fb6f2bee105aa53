package fake

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// Image describes an image of a test.
type Image struct {
	// Fact is what the image says of itself. ID, BaseID, OS and Arch are made up where they are empty, from all the rest.
	Fact resource.ImageFact
	// Manager is its package manager; "" when it has none.
	Manager string
	// Files are its regular files.
	Files map[string]string
	// Programs are scripts for the fake's shell, by the program's name: what an ENTRYPOINT or a tool does.
	Programs map[string]string
	// Users have a name in the image, besides root; the gid is the uid.
	Users map[string]int
	// Denied: a registry that wants other credentials.
	Denied bool
}

// Stock are images to begin with: small ones, and services that say that they are ready and then stay.
func Stock() map[string]Image {
	stay := "echo ready to accept connections; exec sleep infinity"
	service := func(name, user, port, volume, entrypoint string) Image {
		i := Image{
			Fact: resource.ImageFact{
				Entrypoint: []string{entrypoint}, Cmd: []string{name}, ExposedPorts: []string{port}, Volumes: []string{volume},
			},
			Manager:  "apt",
			Programs: map[string]string{entrypoint: `exec "$@"`, name: stay},
			Users:    map[string]int{user: 999},
		}
		return i
	}
	return map[string]Image{
		"debian:bookworm":      {Manager: "apt", Fact: resource.ImageFact{Cmd: []string{"bash"}}},
		"debian:bookworm-slim": {Manager: "apt", Fact: resource.ImageFact{Cmd: []string{"bash"}}, Files: map[string]string{"/etc/debian_version": "12\n"}},
		"ubuntu:24.04":         {Manager: "apt", Fact: resource.ImageFact{Cmd: []string{"/bin/bash"}}, Users: map[string]int{"ubuntu": 1000}},
		"alpine:3":             {Manager: "apk", Fact: resource.ImageFact{Cmd: []string{"/bin/sh"}}, Files: map[string]string{"/etc/alpine-release": "3\n"}},
		"busybox:1":            {Fact: resource.ImageFact{Cmd: []string{"sh"}}, Files: map[string]string{"/etc/motd": "tiny\n"}},
		"postgres:16":          service("postgres", "postgres", "5432/tcp", "/var/lib/postgresql/data", "docker-entrypoint.sh"),
		"redis:7":              service("redis-server", "redis", "6379/tcp", "/data", "docker-entrypoint.sh"),
	}
}

func (s *state) stock(o Options) {
	for ref, i := range o.Images {
		s.addImage(ref, i.made(ref))
	}
	for ref, i := range o.Registry {
		s.Registry[normal(ref)] = i.made(ref)
	}
}

// made gives the image an identity.
func (i Image) made(ref string) *image {
	m := &image{Fact: i.Fact, Manager: i.Manager, Programs: i.Programs, Users: i.Users, Denied: i.Denied, Files: map[string]*file{}}
	text := ref
	for _, p := range slices.Sorted(maps.Keys(i.Files)) {
		m.Files[p] = &file{Content: []byte(i.Files[p]), Mode: 0o644, MTime: time.Unix(1700000000, 0).UTC()}
		text += "\x00" + p + "\x00" + i.Files[p]
		m.Fact.Size += int64(len(i.Files[p]))
	}
	m.identify(text)
	m.Fact.Digests = []string{strings.Split(normal(ref), ":")[0] + "@sha256:" + resource.Digest("manifest "+m.Fact.ID)}
	return m
}

// identify fills in what every image has; text stands for its layers.
func (m *image) identify(text string) {
	f := &m.Fact
	if f.OS == "" {
		f.OS, f.Arch = "linux", "amd64"
	}
	if f.Env == nil {
		f.Env = []string{"PATH=" + defaultPath}
	}
	if f.Layers == nil {
		f.Layers = []string{"sha256:" + resource.Digest("layer "+text)}
	}
	slices.Sort(f.Volumes)
	slices.Sort(f.ExposedPorts)
	config := strings.Join(slices.Concat([]string{text, f.User, f.Workdir, f.OS, f.Arch}, f.Entrypoint, f.Cmd, f.Env, f.Volumes, f.ExposedPorts), "\x00")
	if f.BaseID == "" {
		f.BaseID = resource.Digest("layers " + config)
	}
	if f.ID == "" {
		f.ID = "sha256:" + resource.Digest("image "+config+f.Recipe)
	}
}

// normal is a reference with registry, library and tag written out.
func normal(ref string) string {
	ref, digest, _ := strings.Cut(ref, "@")
	first, _, slash := strings.Cut(ref, "/")
	switch {
	case !slash:
		ref = "docker.io/library/" + ref
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		ref = "docker.io/" + ref
	}
	if !strings.Contains(ref[strings.LastIndexByte(ref, '/'):], ":") && digest == "" {
		ref += ":latest"
	}
	if digest != "" {
		ref += "@" + digest
	}
	return ref
}

func (s *state) addImage(ref string, i *image) {
	s.Images[i.Fact.ID] = i
	s.Tags[normal(ref)] = i.Fact.ID
}

// image finds one by id or reference.
func (s *state) image(ref string) *image {
	if i := s.Images[ref]; i != nil {
		return i
	}
	if i := s.Images["sha256:"+ref]; i != nil {
		return i
	}
	_, digest, ok := strings.Cut(ref, "@")
	if id, tagged := s.Tags[normal(ref)]; tagged && !ok {
		return s.Images[id]
	}
	for _, id := range s.Tags { // a digest goes with the last of its references
		for _, d := range s.Images[id].Fact.Digests {
			if i := s.Images[id]; ok && strings.HasSuffix(d, "@"+digest) {
				return i
			}
		}
	}
	return nil
}

// Image implements driver.Images.
func (e *Engine) Image(ctx context.Context, ref, platform string) (resource.ImageFact, error) {
	var r resource.ImageFact
	err := e.do(ctx, "inspect", func(s *state, _ time.Time) error {
		i := s.image(ref)
		if i == nil || platform != "" && platform != i.Fact.OS+"/"+i.Fact.Arch {
			return fail(driver.NotFound, "inspect", "image "+ref, "No such image: "+ref)
		}
		r = i.Fact
		r.Reference = ref
		r.Labels = maps.Clone(r.Labels)
		return nil
	})
	return r, err
}

// Pull implements driver.Images, from the registry of Options.
func (e *Engine) Pull(ctx context.Context, ref, platform string, sink event.Sink, parent string) (digest string, err error) {
	what := "image " + ref
	var size int64
	err = e.do(ctx, "pull", func(s *state, _ time.Time) error {
		i := s.fromRegistry(ref)
		switch {
		case s.Offline:
			return fail(driver.NoRegistry, "pull", what, "dial tcp: lookup registry: no such host")
		case i == nil || platform != "" && platform != i.Fact.OS+"/"+i.Fact.Arch:
			return fail(driver.NotFound, "pull", what, "manifest for "+ref+" not found")
		case i.Denied:
			return fail(driver.Denied, "pull", what, "pull access denied for "+ref)
		}
		s.addImage(ref, i)
		size, digest = max(i.Fact.Size, 1), i.digest()
		return nil
	})
	if err == nil && sink != nil {
		sink.Send(event.Event{Parent: parent, ID: parent + ".layer", Kind: event.Progress, Text: "pull", Current: size, Total: size, Unit: "bytes"})
	}
	return digest, err
}

// Digest implements driver.Images.
func (e *Engine) Digest(ctx context.Context, ref string) (digest string, err error) {
	what := "image " + ref
	err = e.do(ctx, "look up", func(s *state, _ time.Time) error {
		i := s.fromRegistry(ref)
		switch {
		case s.Offline:
			return fail(driver.NoRegistry, "look up", what, "dial tcp: lookup registry: no such host")
		case i == nil:
			return fail(driver.NotFound, "look up", what, "manifest for "+ref+" not found")
		case i.Denied:
			return fail(driver.Denied, "look up", what, "access denied for "+ref)
		}
		digest = i.digest()
		return nil
	})
	return digest, err
}

// digest is what a registry has it under, "" for one that came from none.
func (m *image) digest() string {
	if len(m.Fact.Digests) == 0 {
		return ""
	}
	_, digest, _ := strings.Cut(m.Fact.Digests[0], "@")
	return digest
}

// publish moves a tag; what it pointed to can still be had by its digest.
func (s *state) publish(ref string, i Image) {
	if old := s.Registry[normal(ref)]; old != nil {
		s.Registry[normal(ref)+"@"+old.digest()] = old
	}
	s.Registry[normal(ref)] = i.made(ref)
}

func (s *state) fromRegistry(ref string) *image {
	_, digest, ok := strings.Cut(ref, "@")
	if i := s.Registry[normal(ref)]; i != nil && !ok {
		return i
	}
	for _, i := range s.Registry {
		for _, d := range i.Fact.Digests {
			if ok && strings.HasSuffix(d, "@"+digest) {
				return i
			}
		}
	}
	return nil
}

// ImageFile implements driver.Images.
func (e *Engine) ImageFile(ctx context.Context, ref, path string, limit int64) (data []byte, err error) {
	err = e.do(ctx, "look into", func(s *state, _ time.Time) error {
		i := s.image(ref)
		if i == nil {
			return fail(driver.NotFound, "look into", "image "+ref, "No such image: "+ref)
		}
		f := i.Files[path]
		switch {
		case f == nil || f.Dir:
			return fail(driver.NotFound, "look into", "image "+ref, "no regular file "+path)
		case int64(len(f.Content)) > limit:
			return fail(driver.Failed, "look into", "image "+ref, path+" is too large")
		}
		data = slices.Clone(f.Content)
		return nil
	})
	return data, err
}

// PackageManager implements driver.Images.
func (e *Engine) PackageManager(ctx context.Context, ref string) (string, error) {
	manager := ""
	err := e.do(ctx, "look into", func(s *state, _ time.Time) error {
		i := s.image(ref)
		if i == nil {
			return fail(driver.NotFound, "look into", "image "+ref, "No such image: "+ref)
		}
		if i.Manager == "" {
			return fail(driver.NotFound, "look into", "image "+ref, "no package manager")
		}
		manager = i.Manager
		return nil
	})
	return manager, err
}

// RemoveImage implements driver.Images: a reference loses its tag, and the image goes with its last one; NotFound is
// success. An image that boxes are made from stays.
func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	return e.do(ctx, "remove", func(s *state, _ time.Time) error {
		i := s.image(ref)
		if i == nil {
			return nil
		}
		for name, id := range s.Tags {
			if id == i.Fact.ID && ref != i.Fact.ID && name != normal(ref) {
				delete(s.Tags, normal(ref)) // it has another name
				return nil
			}
		}
		for _, b := range s.boxes() {
			if b.ImageID == i.Fact.ID {
				return fail(driver.Conflict, "remove", "image "+ref, "image is being used by container "+b.ID)
			}
		}
		delete(s.Tags, normal(ref))
		delete(s.Images, i.Fact.ID)
		maps.DeleteFunc(s.Tags, func(_, id string) bool { return id == i.Fact.ID })
		return nil
	})
}
