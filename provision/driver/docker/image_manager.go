package docker

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/container"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// labelProbe marks the container that an image is looked into through, so that one left by a killed envy is recognised.
const labelProbe = "io.envy.probe"

// managerPaths say where each manager's program is. The first that is there wins: a Debian that has dnf installed is
// still apt's.
var managerPaths = []struct{ path, manager string }{
	{"/usr/bin/apt-get", "apt"},
	{"/sbin/apk", "apk"},
	{"/usr/bin/apk", "apk"},
	{"/usr/bin/zypper", "zypper"},
	{"/usr/bin/pacman", "pacman"},
	{"/usr/bin/dnf", "dnf"},
}

// PackageManager implements driver.Images. It looks at the image's files through a container that is never started, so
// it works without a shell, and for a foreign platform.
func (e *Engine) PackageManager(ctx context.Context, ref string) (string, error) {
	id, err := e.makeProbe(ctx, ref, "package-manager")
	if err != nil {
		return "", err
	}
	defer e.removeProbe(ctx, id)
	for _, m := range managerPaths {
		_, err := e.api.ContainerStatPath(ctx, id, m.path)
		if err == nil {
			return m.manager, nil
		}
		if err = e.classify(err, "look into", quoted("image", ref)); !driver.Is(err, driver.NotFound) {
			return "", err
		}
	}
	return "", &driver.Error{
		Kind: driver.NotFound, Op: "look into", Object: quoted("image", ref),
		Text: "it has none of apt, apk, zypper, pacman and dnf",
	}
}

// makeProbe makes a container that is never started.
func (e *Engine) makeProbe(ctx context.Context, ref, why string) (id string, err error) {
	labels := resource.Identity{}.Labels(resource.Owner{Version: e.opts.Version})
	labels[labelProbe] = why
	var platform *ocispec.Platform // whichever the reference stands for
	made, err := e.api.ContainerCreate(ctx, &container.Config{
		Image: ref, Entrypoint: []string{"/.envy-probe"}, Labels: labels, NetworkDisabled: true,
	}, &container.HostConfig{NetworkMode: "none"}, nil, platform, "")
	if err != nil {
		return "", e.classify(err, "look into", quoted("image", ref))
	}
	return made.ID, nil
}

// ImageFile implements driver.Images, through such a container too.
func (e *Engine) ImageFile(ctx context.Context, ref, path string, limit int64) ([]byte, error) {
	object := quoted("image", ref)
	id, err := e.makeProbe(ctx, ref, "file")
	if err != nil {
		return nil, err
	}
	defer e.removeProbe(ctx, id)
	archive, _, err := e.api.CopyFromContainer(ctx, id, path)
	if err != nil {
		return nil, e.classify(err, "look into", object)
	}
	defer func() { _ = archive.Close() }() // it was only read
	tr := tar.NewReader(archive)
	switch head, err := tr.Next(); {
	case err != nil:
		return nil, e.classify(streamEnd(err), "look into", object)
	case head.Typeflag != tar.TypeReg:
		return nil, &driver.Error{Kind: driver.NotFound, Op: "look into", Object: object, Text: path + " is no regular file"}
	case head.Size > limit:
		return nil, &driver.Error{Kind: driver.Failed, Op: "look into", Object: object, Text: fmt.Sprintf("%s is larger than %d bytes", path, limit)}
	}
	data, err := io.ReadAll(io.LimitReader(tr, limit))
	if err != nil {
		return nil, e.classify(streamEnd(err), "look into", object)
	}
	return data, nil
}

// removeProbe also removes what an image's VOLUMEs made; it runs to its end when the caller has given up.
func (e *Engine) removeProbe(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	// A leftover costs nothing and bears its label.
	_ = e.api.ContainerRemove(ctx, id, container.RemoveOptions{RemoveVolumes: true, Force: true})
}
