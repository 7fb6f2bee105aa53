package docker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

func sampleInspect() image.InspectResponse {
	return image.InspectResponse{
		ID: "sha256:1", Os: "linux", Architecture: "arm64", RootFS: image.RootFS{Layers: []string{"sha256:a", "sha256:b"}},
		Config: &dockerspec.DockerOCIImageConfig{
			ImageConfig: ocispec.ImageConfig{
				User: "app", Env: []string{"PATH=/bin", "A=1"}, Entrypoint: []string{"/e"}, Cmd: []string{"c"},
				ExposedPorts: map[string]struct{}{"80": {}, "53/udp": {}}, Volumes: map[string]struct{}{"/v": {}, "/u": {}},
				Labels: map[string]string{"l": "1"}, StopSignal: "SIGINT",
			},
			DockerOCIImageConfigExt: dockerspec.DockerOCIImageConfigExt{
				Healthcheck: &dockerspec.HealthcheckConfig{Test: []string{"CMD", "x"}, Interval: 2 * time.Second},
			},
		},
	}
}

// The base's id addresses images that teams have built; what two engines say differently of one image is no difference.
func TestBaseID(t *testing.T) {
	want := baseOf(sampleInspect()).id()
	if golden := "bd9ae3e708ba0dfdeb73f2bfaf8129b2f70a6405319f1dee1d0c3d3bb3427210"; want != golden {
		t.Errorf("the id is %s, want %s", want, golden)
	}
	same := map[string]func(*image.InspectResponse){
		"image id":       func(i *image.InspectResponse) { i.ID = "sha256:2" },
		"variant":        func(i *image.InspectResponse) { i.Variant = "v8" },
		"digests, size":  func(i *image.InspectResponse) { i.RepoDigests, i.Size = []string{"x@sha256:3"}, 5 },
		"working dir":    func(i *image.InspectResponse) { i.Config.WorkingDir = "/" },
		"empty, not nil": func(i *image.InspectResponse) { i.Config.OnBuild, i.Config.Shell = []string{}, []string{} },
		"protocol": func(i *image.InspectResponse) {
			i.Config.ExposedPorts = map[string]struct{}{"80/tcp": {}, "53/udp": {}}
		},
		"args escaped": func(i *image.InspectResponse) { i.Config.ArgsEscaped = true }, //nolint:staticcheck // deprecated, hence sometimes there
		"provenance":   func(i *image.InspectResponse) { i.Author, i.Comment = "a", "b" },
	}
	other := map[string]func(*image.InspectResponse){
		"layer":       func(i *image.InspectResponse) { i.RootFS.Layers[1] = "sha256:c" },
		"arch":        func(i *image.InspectResponse) { i.Architecture = "amd64" },
		"arm variant": func(i *image.InspectResponse) { i.Variant = "v9" },
		"user":        func(i *image.InspectResponse) { i.Config.User = "" },
		"env order":   func(i *image.InspectResponse) { slices.Reverse(i.Config.Env) },
		"label":       func(i *image.InspectResponse) { i.Config.Labels["l"] = "2" },
		"no config":   func(i *image.InspectResponse) { i.Config = nil },
		"health":      func(i *image.InspectResponse) { i.Config.Healthcheck.Retries = 2 },
		"onbuild":     func(i *image.InspectResponse) { i.Config.OnBuild = []string{"RUN x"} },
	}
	for name, change := range same {
		i := sampleInspect()
		change(&i)
		if baseOf(i).id() != want {
			t.Errorf("%s changes the id", name)
		}
	}
	for name, change := range other {
		i := sampleInspect()
		change(&i)
		if baseOf(i).id() == want {
			t.Errorf("%s does not change the id", name)
		}
	}
}

func TestSamePlatform(t *testing.T) {
	is := ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}
	for text, want := range map[string]bool{
		"linux/arm64": true, "linux/aarch64": true, "linux/arm64/v8": true, "Linux/ARM64": true,
		"linux/arm64/v9": false, "linux/amd64": false, "windows/arm64": false, "linux": false,
	} {
		if got := samePlatform(parsePlatform(text), is); got != want {
			t.Errorf("%s: %t, want %t", text, got, want)
		}
	}
}

func TestImage(t *testing.T) {
	e := openEngine(t)
	fact, err := e.Image(t.Context(), testImage, "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.Image(t.Context(), testImage, fact.OS+"/"+fact.Arch)
	if err != nil || again.BaseID != fact.BaseID || len(fact.BaseID) != 64 {
		t.Errorf("by platform %+v, %v; without %+v", again, err, fact)
	}
	t.Logf("base of %s: %s", testImage, fact.BaseID) // the same on every engine that has it from one file
	if _, err := e.Image(t.Context(), testImage, "linux/s390x"); !driver.Is(err, driver.NotFound) {
		t.Errorf("another platform: %v", err)
	}
	if err := e.RemoveImage(t.Context(), "envyimg-no-such:1"); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
}

func TestPackageManager(t *testing.T) {
	e := openEngine(t)
	for manager, file := range map[string]string{
		"apt": "usr/bin/apt-get", "apk": "sbin/apk", "dnf": "usr/bin/dnf", "zypper": "usr/bin/zypper", "pacman": "usr/bin/pacman",
	} {
		tag := imageTag(t, e, manager) // from scratch: there is no shell
		err := e.Build(t.Context(), driver.Build{Tag: tag, Context: contextOf(map[string]string{
			"Dockerfile": "FROM scratch\nCOPY m /" + file + "\nVOLUME /v\n", "m": "x",
		})}, event.Discard{}, "image.x")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.PackageManager(t.Context(), tag); err != nil || got != manager {
			t.Errorf("%s: %q, %v", manager, got, err)
		}
	}
	if _, err := e.PackageManager(t.Context(), testImage); !driver.Is(err, driver.NotFound) {
		t.Errorf("an image without one: %v", err)
	}
	if _, err := e.PackageManager(t.Context(), "envyimg-no-such:1"); !driver.Is(err, driver.NotFound) {
		t.Errorf("no image: %v", err)
	}
	left, err := e.api.ContainerList(t.Context(), container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", labelProbe), filters.Arg("label", resource.LabelVersion+"=test")),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range left {
		if strings.HasPrefix(c.Image, "envyimg-") {
			t.Errorf("container of %s is left", c.Image)
		}
	}
}

// TestPartialImages: two images of which an engine tells nothing are two, and no other image is one of them.
func TestPartialImages(t *testing.T) {
	ids := map[string]bool{}
	for _, id := range []string{"sha256:1", "sha256:2"} {
		ids[factOf("x", image.InspectResponse{ID: id}).BaseID] = true
	}
	ids[baseOf(image.InspectResponse{}).id()] = true
	if len(ids) != 3 {
		t.Errorf("%d ids of two images and of nothing", len(ids))
	}
}
