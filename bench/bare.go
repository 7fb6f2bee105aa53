package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"golang.org/x/sync/errgroup"
)

// recipe is what the bare calls make: read from what envy made, so that both ask the engine for the same.
type recipe struct {
	Project string
	Network network.CreateOptions
	Boxes   []boxRecipe
}

type boxRecipe struct {
	Name   string
	Config *container.Config
	Host   *container.HostConfig
}

// bare is the floor, as a process of its own: the necessary calls and nothing else.
func bare(args []string) error {
	words := map[string]int{"learn": 3, "up": 3, "list": 2, "change": 3, "exec": 2, "down": 3}
	if len(args) == 0 || len(args) != words[args[0]] {
		return errors.New("bare learn RECIPE PROJECT | up RECIPE N | list PROJECT | change RECIPE CONTAINER | exec CONTAINER | down RECIPE N")
	}
	c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		return err
	}
	ctx := context.Background()
	switch args[0] {
	case "learn":
		return learn(ctx, c, args[1], args[2])
	case "list":
		return list(ctx, c, args[1])
	case "exec":
		return execTrue(ctx, c, args[1])
	}
	data, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	var r recipe
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	if args[0] == "change" {
		return change(ctx, c, r, args[2])
	}
	atOnce, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	if args[0] == "up" {
		return up(ctx, c, r, atOnce)
	}
	return down(ctx, c, r, atOnce)
}

func byProject(project string) filters.Args {
	return filters.NewArgs(filters.Arg("label", "io.envy.project="+project))
}

func learn(ctx context.Context, c *client.Client, path, project string) error {
	boxes, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: byProject(project)})
	if err != nil {
		return err
	}
	r := recipe{Project: "bare-" + project, Network: network.CreateOptions{Driver: "bridge"}}
	for _, b := range boxes {
		full, err := c.ContainerInspect(ctx, b.ID)
		if err != nil {
			return err
		}
		full.HostConfig.NetworkMode = container.NetworkMode(r.Project)
		for k := range full.Config.Labels {
			full.Config.Labels["bare."+k] = full.Config.Labels[k]
			delete(full.Config.Labels, k)
		}
		r.Boxes = append(r.Boxes, boxRecipe{Name: "bare-" + full.Name[1:], Config: full.Config, Host: full.HostConfig})
	}
	if len(r.Boxes) == 0 {
		return fmt.Errorf("no containers of project %q", project)
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// up makes a volume (envy's claim), the network, and the boxes, so many at a time.
func up(ctx context.Context, c *client.Client, r recipe, atOnce int) error {
	if _, err := c.VolumeCreate(ctx, volume.CreateOptions{Name: r.Project + ".envy"}); err != nil {
		return err
	}
	if _, err := c.NetworkCreate(ctx, r.Project, r.Network); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, b := range r.Boxes {
		g.Go(func() error {
			made, err := c.ContainerCreate(ctx, b.Config, b.Host, nil, nil, b.Name)
			if err != nil {
				return err
			}
			return c.ContainerStart(ctx, made.ID, container.StartOptions{})
		})
	}
	return g.Wait()
}

// change puts a container with another variable in the place of one: made before, started when the old one has stopped.
func change(ctx context.Context, c *client.Client, r recipe, name string) error {
	for _, b := range r.Boxes {
		if b.Name != name {
			continue
		}
		b.Config.Env = append(b.Config.Env, "A=2")
		made, err := c.ContainerCreate(ctx, b.Config, b.Host, nil, nil, name+".new")
		if err != nil {
			return err
		}
		for _, call := range []func() error{
			func() error { return c.ContainerStop(ctx, name, container.StopOptions{}) },
			func() error { return c.ContainerStart(ctx, made.ID, container.StartOptions{}) },
			func() error {
				return c.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
			},
			func() error { return c.ContainerRename(ctx, made.ID, name) },
		} {
			if err := call(); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("no container %s in the recipe", name)
}

// list is what an unchanged up must ask: a ping and three lists, side by side.
func list(ctx context.Context, c *client.Client, project string) error {
	if _, err := c.Ping(ctx); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		_, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: byProject(project)})
		return err
	})
	g.Go(func() error {
		_, err := c.NetworkList(ctx, network.ListOptions{Filters: byProject(project)})
		return err
	})
	g.Go(func() error {
		_, err := c.VolumeList(ctx, volume.ListOptions{Filters: byProject(project)})
		return err
	})
	return g.Wait()
}

func execTrue(ctx context.Context, c *client.Client, name string) error {
	made, err := c.ContainerExecCreate(ctx, name, container.ExecOptions{Cmd: []string{"true"}, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return err
	}
	conn, err := c.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.Copy(io.Discard, conn.Reader); err != nil {
		return err
	}
	done, err := c.ContainerExecInspect(ctx, made.ID)
	if err == nil && done.ExitCode != 0 {
		err = fmt.Errorf("exit code %d", done.ExitCode)
	}
	return err
}

// down stops and removes, as envy does, and takes network and volume away.
func down(ctx context.Context, c *client.Client, r recipe, atOnce int) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, b := range r.Boxes {
		g.Go(func() error {
			if err := c.ContainerStop(inner, b.Name, container.StopOptions{}); err != nil {
				return err
			}
			return c.ContainerRemove(inner, b.Name, container.RemoveOptions{Force: true, RemoveVolumes: true})
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := c.NetworkRemove(ctx, r.Project); err != nil {
		return err
	}
	return c.VolumeRemove(ctx, r.Project+".envy", false)
}
