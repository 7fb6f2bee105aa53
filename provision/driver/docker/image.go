package docker

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

var _ driver.Images = (*Engine)(nil)

// platformInspect is the API version from which an inspect can be asked for one platform of an image.
const platformInspect = "1.49"

// Image implements driver.Images. An image that is there for another platform only is NotFound.
func (e *Engine) Image(ctx context.Context, ref, platform string) (resource.ImageFact, error) {
	var opts []client.ImageInspectOption
	want := parsePlatform(platform)
	if platform != "" {
		engine, err := e.ping(ctx)
		if err != nil {
			return resource.ImageFact{}, err
		}
		if versions.GreaterThanOrEqualTo(engine.APIVersion, platformInspect) {
			opts = append(opts, client.ImageInspectWithPlatform(&want))
		}
	}
	found, err := e.api.ImageInspect(ctx, ref, opts...)
	if err != nil {
		return resource.ImageFact{}, e.classify(err, "inspect", quoted("image", ref))
	}
	is := ocispec.Platform{OS: found.Os, Architecture: found.Architecture, Variant: found.Variant}
	if platform != "" && !samePlatform(want, is) {
		return resource.ImageFact{}, &driver.Error{
			Kind: driver.NotFound, Op: "inspect", Object: quoted("image", ref),
			Text: fmt.Sprintf("it is there for %s/%s, not for %s", is.OS, is.Architecture, platform),
		}
	}
	return factOf(ref, found), nil
}

// RemoveImage implements driver.Images: the reference, and the image if that was its last one. NotFound is success.
func (e *Engine) RemoveImage(ctx context.Context, ref string) error {
	_, err := e.api.ImageRemove(ctx, ref, image.RemoveOptions{PruneChildren: true})
	if err = e.classify(err, "remove", quoted("image", ref)); driver.Is(err, driver.NotFound) {
		return nil
	}
	return err
}

// parsePlatform reads os/arch[/variant], with the kernel's names of architectures too.
func parsePlatform(s string) ocispec.Platform {
	os, rest, _ := strings.Cut(strings.ToLower(s), "/")
	arch, variant, _ := strings.Cut(rest, "/")
	return ocispec.Platform{OS: os, Architecture: goArch(arch), Variant: variant}
}

// variantOf leaves out the variant that an architecture has anyway: engines differ in whether they say so.
func variantOf(p ocispec.Platform) string {
	switch p.Architecture + "/" + p.Variant {
	case "amd64/v1", "arm64/v8", "arm/v7":
		return ""
	}
	return p.Variant
}

func samePlatform(a, b ocispec.Platform) bool {
	return a.OS == b.OS && a.Architecture == b.Architecture && variantOf(a) == variantOf(b)
}

func factOf(ref string, found image.InspectResponse) resource.ImageFact {
	base := baseOf(found)
	id := base.id()
	if len(base.Layers) == 0 {
		// Engine 28 with the containerd store tells nothing of an image whose lower layers it had unpacked before it was
		// pulled. Two such must not be taken for one.
		id = resource.Digest("known by its id alone: " + found.ID)
	}
	fact := resource.ImageFact{
		ID: found.ID, BaseID: id, Layers: base.Layers, Reference: ref, OS: found.Os, Arch: found.Architecture,
		User: base.User, Entrypoint: base.Entrypoint, Cmd: base.Cmd, Env: base.Env, Workdir: base.Workdir,
		Volumes: base.Volumes, ExposedPorts: base.ExposedPorts, StopSignal: base.StopSignal, Shell: base.Shell,
		Recipe: base.Labels[resource.LabelRecipe], Digests: slices.Sorted(slices.Values(found.RepoDigests)),
		Labels: base.Labels, Size: found.Size,
	}
	if h := base.Healthcheck; h != nil && h.Test[0] != "NONE" {
		fact.Healthcheck = &resource.HealthSpec{
			Command: h.Test, Interval: h.Interval, Timeout: h.Timeout, Retries: h.Retries, StartPeriod: h.StartPeriod,
		}
	}
	return fact
}

// base is all of an image that decides what is built on it or run from it, in one form for every engine: image ids and
// digests differ between the two image stores, and so do empty and absent values between versions. It is an explicit
// value because its hash addresses the images of a team; a test pins it.
type base struct {
	Version      int               `json:"v"`
	OS           string            `json:"os"`
	Arch         string            `json:"arch"`
	Variant      string            `json:"variant,omitempty"`
	Layers       []string          `json:"layers"`
	User         string            `json:"user,omitempty"`
	Entrypoint   []string          `json:"entrypoint,omitempty"`
	Cmd          []string          `json:"cmd,omitempty"`
	Env          []string          `json:"env,omitempty"`
	Workdir      string            `json:"workdir,omitempty"`
	Volumes      []string          `json:"volumes,omitempty"`
	ExposedPorts []string          `json:"ports,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	StopSignal   string            `json:"stop_signal,omitempty"`
	Healthcheck  *baseHealth       `json:"healthcheck,omitempty"`
	OnBuild      []string          `json:"onbuild,omitempty"`
	Shell        []string          `json:"shell,omitempty"`
}

// baseHealth has its durations in milliseconds.
type baseHealth struct {
	Test          []string `json:"test"`
	Interval      int64    `json:"interval,omitempty"`
	Timeout       int64    `json:"timeout,omitempty"`
	Retries       int      `json:"retries,omitempty"`
	StartPeriod   int64    `json:"start_period,omitempty"`
	StartInterval int64    `json:"start_interval,omitempty"`
}

func baseOf(found image.InspectResponse) base {
	config := cmp.Or(found.Config, &dockerspec.DockerOCIImageConfig{})
	platform := ocispec.Platform{OS: found.Os, Architecture: found.Architecture, Variant: found.Variant}
	b := base{
		Version: 1, OS: platform.OS, Arch: platform.Architecture, Variant: variantOf(platform), Layers: found.RootFS.Layers,
		User: config.User, Entrypoint: config.Entrypoint, Cmd: config.Cmd, Env: config.Env,
		Volumes: slices.Sorted(maps.Keys(config.Volumes)), ExposedPorts: ports(config.ExposedPorts),
		Labels: config.Labels, StopSignal: config.StopSignal, OnBuild: config.OnBuild, Shell: config.Shell,
	}
	if config.WorkingDir != "/" { // some builders write down what is so anyway
		b.Workdir = config.WorkingDir
	}
	if h := config.Healthcheck; h != nil && len(h.Test) > 0 {
		b.Healthcheck = &baseHealth{
			Test: h.Test, Interval: millis(h.Interval), Timeout: millis(h.Timeout), Retries: h.Retries,
			StartPeriod: millis(h.StartPeriod), StartInterval: millis(h.StartInterval),
		}
	}
	return b
}

func (b base) id() string {
	text, err := json.Marshal(b)
	if err != nil { // strings and numbers always encode
		panic(fmt.Sprintf("docker: encode base: %v", err))
	}
	return resource.Digest(string(text))
}

func millis(d time.Duration) int64 { return d.Milliseconds() }

// ports are sorted and have their protocol written out.
func ports(set map[string]struct{}) []string {
	var out []string
	for p := range set {
		if !strings.Contains(p, "/") {
			p += "/tcp"
		}
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}
