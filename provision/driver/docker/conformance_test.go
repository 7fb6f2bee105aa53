package docker

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"

	"github.com/envyhq/envy/provision/driver/drivertest"
	"github.com/envyhq/envy/provision/resource"
)

func TestConformance(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Engine {
		e := openEngine(t)
		local := strings.HasPrefix(e.endpoint, "unix://")
		registry := ""
		if _, err := exec.LookPath("docker-registry"); err == nil && local {
			registry = startRegistry(t, "")
		}
		return drivertest.Engine{
			Registry:  registry,
			Driver:    e,
			Image:     testImage,
			ImageFile: "/bin/vi",
			Prefix:    "envydrv-" + randomHex(4),
			Identity: func(project string) resource.Identity {
				return resource.Identity{
					Checkout: resource.Digest(project)[:16], HostID: "conformance", User: "4711", Path: "/nowhere/" + project,
					Project: project,
				}
			},
			System:     func(ctx context.Context, w io.Writer) error { return exportImage(ctx, e, w) },
			RealInside: true, PublishedPorts: local, HostFiles: local, Builds: true,
		}
	})
}

// exportImage writes the file system of the tests' image.
func exportImage(ctx context.Context, e *Engine, w io.Writer) error {
	made, err := e.api.ContainerCreate(ctx, &container.Config{Image: testImage}, nil, nil, nil, "")
	if err != nil {
		return err
	}
	defer e.removeProbe(ctx, made.ID)
	files, err := e.api.ContainerExport(ctx, made.ID)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, files)
	return errors.Join(err, files.Close())
}
