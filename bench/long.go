package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
)

// long is many boxes of one image, once: what they take of time, of envy's memory and of the disk.
type long struct {
	Boxes     int       `json:"boxes"`
	Rows      []longRow `json:"operations"`
	ImageMiB  float64   `json:"image_mib"`
	OwnMiB    float64   `json:"own_layers_mib"`         // of all boxes, as the engine counts those of some
	EngineMiB float64   `json:"engine_images_mib_more"` // layers of images, with the boxes less without; 0 before API 1.42
	DiskMiB   float64   `json:"disk_mib_more"`          // used on the engine's file system, likewise; 0 where it is elsewhere
	LeftMiB   float64   `json:"disk_mib_left"`          // likewise, after destroy
	Left      int       `json:"objects_left"`           // containers, networks and volumes after destroy
}

type longRow struct {
	Op      string  `json:"op"`
	Seconds float64 `json:"seconds"`
	Peak    float64 `json:"envy_peak_mib"`
}

// long prints and gives what so many boxes take. An engine's bridge has room for 1,000.
func (b bench) long(ctx context.Context, n int) (result any, err error) {
	b.n, b.atOnce = n, 8
	c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, err
	}
	if err := b.warm(ctx); err != nil {
		return nil, err
	}
	clean, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer clean()
	l := &long{Boxes: n}
	image, err := c.ImageInspect(ctx, b.image)
	if err != nil {
		return nil, err
	}
	l.ImageMiB = float64(image.Size) / (1 << 20)
	before, err := use(ctx, c, b.project())
	if err != nil {
		return nil, err
	}
	if err := b.ofEnvy(ctx, l, "up, nothing there", "up, nothing changed", "up, nothing changed", "up, nothing changed", "status"); err != nil {
		return nil, err
	}
	with, err := use(ctx, c, b.project())
	if err != nil {
		return nil, err
	}
	l.OwnMiB, l.EngineMiB, l.DiskMiB = with.own, with.layers-before.layers, with.disk-before.disk
	if err := b.ofEnvy(ctx, l, "up, one box changed", "exec true", "status", "destroy"); err != nil {
		return nil, err
	}
	after, err := use(ctx, c, b.project())
	if err != nil {
		return nil, err
	}
	l.LeftMiB = after.disk - before.disk
	if l.Left, err = objects(ctx, c, b.project()); err != nil {
		return nil, err
	}
	fmt.Printf("image %.1f MiB; with %d boxes: layers of images %+.1f MiB, own layers of all boxes about %.1f MiB, used on the engine's disk %+.1f MiB\n", l.ImageMiB, n, l.EngineMiB, l.OwnMiB, l.DiskMiB)
	fmt.Printf("after destroy: %d objects, used on the engine's disk %+.1f MiB\n", l.Left, l.LeftMiB)
	if l.Left > 0 {
		err = errors.New("destroy left something")
	}
	return l, err
}

func (b *bench) ofEnvy(ctx context.Context, l *long, ops ...string) error {
	for _, op := range ops {
		if op == "up, one box changed" {
			if err := b.write("2"); err != nil {
				return err
			}
		}
		args := b.envyOps()[op]
		if op == "up, nothing there" {
			args = append(args, "--timeout", "30m")
		}
		c := b.command(ctx, args...)
		start := time.Now()
		if err := b.all(c); err != nil {
			return err
		}
		r := longRow{op, time.Since(start).Seconds(), peakOf(c)}
		l.Rows = append(l.Rows, r)
		fmt.Printf("%6d  %-20s %9.2f s %6.0f MiB\n", b.n, r.Op, r.Seconds, r.Peak)
	}
	return nil
}

// used is disk space in MiB.
type used struct{ layers, own, disk float64 }

// sampled is how many boxes' own layers are measured: an engine walks the files of each, 0.7 s on some.
const sampled = 10

func use(ctx context.Context, c *client.Client, project string) (u used, err error) {
	if versions.GreaterThanOrEqualTo(c.ClientVersion(), "1.42") { // older ones walk all containers for it
		df, err := c.DiskUsage(ctx, types.DiskUsageOptions{Types: []types.DiskUsageObject{types.ImageObject}})
		if err != nil {
			return u, err
		}
		u.layers = float64(df.LayersSize) / (1 << 20)
	}
	boxes, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: byProject(project)})
	if err != nil {
		return u, err
	}
	for i := range min(sampled, len(boxes)) {
		b, _, err := c.ContainerInspectWithRaw(ctx, boxes[i*len(boxes)/sampled].ID, true)
		if err != nil {
			return u, err
		}
		if b.SizeRw != nil {
			u.own += float64(*b.SizeRw) / (1 << 20) * float64(len(boxes)) / float64(min(sampled, len(boxes)))
		}
	}
	info, err := c.Info(ctx)
	if err != nil {
		return u, err
	}
	var fs syscall.Statfs_t
	if syscall.Statfs(info.DockerRootDir, &fs) == nil {
		u.disk = float64(fs.Blocks-fs.Bfree) * float64(fs.Bsize) / (1 << 20)
	}
	return u, nil
}

// objects counts what a project has on the engine.
func objects(ctx context.Context, c *client.Client, project string) (int, error) {
	containers, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: byProject(project)})
	if err != nil {
		return 0, err
	}
	networks, err := c.NetworkList(ctx, network.ListOptions{Filters: byProject(project)})
	if err != nil {
		return 0, err
	}
	volumes, err := c.VolumeList(ctx, volume.ListOptions{Filters: byProject(project)})
	if err != nil {
		return 0, err
	}
	return len(containers) + len(networks) + len(volumes.Volumes), nil
}
