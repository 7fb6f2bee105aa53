package docker

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

var _ driver.Snapshotter = (*Engine)(nil)

// CommitBox implements driver.Snapshotter. Engines put all of a container's configuration into an image that they commit,
// the values of its environment included, and the graph drivers keep it there even where the commit says otherwise. So the
// commit only makes the layer; the image is then loaded anew, as a configuration over layers that the engine has. The
// containerd store wants the layers in such a stream, but believes what a commit says.
func (e *Engine) CommitBox(ctx context.Context, c driver.Commit) (driver.Committed, error) {
	object := boxObject(c.ID)
	if err := validTag(c.Reference); err != nil {
		return driver.Committed{}, err
	}
	about, err := e.about(ctx)
	if err != nil {
		return driver.Committed{}, err
	}
	box, err := e.inspect(ctx, c.ID, "commit")
	if err != nil {
		return driver.Committed{}, err
	}
	base, err := e.api.ImageInspect(ctx, box.Image)
	if err != nil {
		return driver.Committed{}, e.classify(err, "commit", object)
	}
	config := cmp.Or(base.Config, &dockerspec.DockerOCIImageConfig{})
	raw, err := e.api.ContainerCommit(ctx, c.ID, container.CommitOptions{Config: committedConfig(box.Config, config, c.Labels)})
	if err != nil {
		return driver.Committed{}, e.classify(err, "commit", object)
	}
	if about.containerd {
		err = e.classify(e.api.ImageTag(ctx, raw.ID, c.Reference), "commit", object)
	} else {
		err = e.reconfigure(ctx, raw.ID, c, *config)
	}
	if err != nil || !about.containerd {
		err = errors.Join(err, e.removeUnnamed(ctx, raw.ID))
	}
	if err != nil {
		return driver.Committed{}, err
	}
	made, err := e.api.ImageInspect(ctx, c.Reference)
	if err != nil {
		return driver.Committed{}, e.classify(err, "commit", object)
	}
	return driver.Committed{ImageID: made.ID, Own: max(made.Size-base.Size, 0)}, nil
}

// committedConfig is what a commit is to say. What it leaves out is taken from the container, so every name that this one
// has is written: its environment without values, but for what the image sets.
func committedConfig(box *container.Config, base *dockerspec.DockerOCIImageConfig, labels map[string]string) *container.Config {
	set := map[string]bool{}
	env := slices.Clone(base.Env)
	for _, entry := range base.Env {
		name, _, _ := strings.Cut(entry, "=")
		set[name] = true
	}
	for _, entry := range box.Env {
		if name, _, _ := strings.Cut(entry, "="); !set[name] {
			set[name] = true
			env = append(env, name+"=")
		}
	}
	kept := map[string]string{}
	for name := range box.Labels {
		kept[name] = ""
	}
	maps.Copy(kept, base.Labels)
	maps.Copy(kept, labels)
	c := &container.Config{
		Env: env, Labels: kept, User: base.User, Cmd: base.Cmd, Entrypoint: base.Entrypoint, WorkingDir: base.WorkingDir,
		StopSignal: base.StopSignal, Shell: base.Shell, Healthcheck: base.Healthcheck,
	}
	if c.Healthcheck == nil && box.Healthcheck != nil {
		c.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	}
	return c
}

// imageConfig is an image's configuration as a docker-archive has it.
type imageConfig struct {
	Architecture string                          `json:"architecture"`
	Variant      string                          `json:"variant,omitempty"`
	OS           string                          `json:"os"`
	Created      string                          `json:"created,omitempty"`
	Config       dockerspec.DockerOCIImageConfig `json:"config"`
	RootFS       rootFS                          `json:"rootfs"`
	History      []struct{}                      `json:"history"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

// reconfigure gives the layers of an image a configuration of their own, under a name.
func (e *Engine) reconfigure(ctx context.Context, id string, c driver.Commit, config dockerspec.DockerOCIImageConfig) error {
	raw, err := e.api.ImageInspect(ctx, id)
	if err != nil {
		return e.classify(err, "commit", boxObject(c.ID))
	}
	config.Labels = maps.Clone(config.Labels)
	if config.Labels == nil {
		config.Labels = map[string]string{}
	}
	maps.Copy(config.Labels, c.Labels)
	stream, err := configArchive(imageConfig{
		Architecture: raw.Architecture, Variant: raw.Variant, OS: raw.Os, Created: raw.Created, Config: config,
		RootFS: rootFS{Type: "layers", DiffIDs: raw.RootFS.Layers}, History: []struct{}{},
	}, c.Reference)
	if err != nil {
		return err
	}
	return e.LoadImage(ctx, bytes.NewReader(stream))
}

// configArchive is a docker-archive that has no layer: the engine looks for each among its own first.
func configArchive(config imageConfig, reference string) ([]byte, error) {
	text, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	name := hex.EncodeToString(sum[:]) + ".json"
	var layers []string
	for _, id := range config.RootFS.DiffIDs {
		layers = append(layers, strings.TrimPrefix(id, "sha256:")+"/layer.tar")
	}
	manifest, err := json.Marshal([]struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{{name, []string{reference}, layers}})
	if err != nil {
		return nil, err
	}
	file := func(name string, content []byte) entry {
		return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}, content}
	}
	return archiveOf(file(name, text), file("manifest.json", manifest))
}

// OwnedImages implements driver.Snapshotter.
func (e *Engine) OwnedImages(ctx context.Context, id resource.Identity) ([]driver.OwnedImage, error) {
	found, err := e.api.ImageList(ctx, image.ListOptions{Filters: filters.NewArgs(filters.Arg("label", resource.LabelCheckout+"="+id.Checkout))})
	if err != nil {
		return nil, e.classify(err, "list", "images")
	}
	var out []driver.OwnedImage
	for _, i := range found {
		if !id.Owns(resource.OwnerOf(i.Labels)) {
			continue
		}
		refs := slices.DeleteFunc(slices.Sorted(slices.Values(i.RepoTags)), func(ref string) bool { return ref == "<none>:<none>" })
		out = append(out, driver.OwnedImage{ID: i.ID, References: refs, Labels: i.Labels, Size: i.Size})
	}
	slices.SortFunc(out, func(a, b driver.OwnedImage) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// unsetBlank are the variables that an image of a box names without a value, because the box had one: they are taken away.
func (e *Engine) unsetBlank(ctx context.Context, b driver.NewBox, env []string) ([]string, error) {
	if b.Life == "" {
		return nil, nil
	}
	of, err := e.api.ImageInspect(ctx, b.Image)
	if err != nil || of.Config == nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, entry := range slices.Concat(env, b.Fact.Env) {
		name, _, _ := strings.Cut(entry, "=")
		known[name] = true
	}
	var out []string
	for _, entry := range of.Config.Env {
		if name, value, _ := strings.Cut(entry, "="); value == "" && !known[name] {
			out = append(out, name)
		}
	}
	return out, nil
}
