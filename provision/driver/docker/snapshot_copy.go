package docker

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// copierPrefix begins the names of containers that copy volumes. They go with their work, whose end is that of their client.
const copierPrefix = "envy-copy-"

// CopyVolume implements driver.Snapshotter: the agent does it, in a container that has the two volumes and no network.
func (e *Engine) CopyVolume(ctx context.Context, c driver.VolumeCopy) (int64, error) {
	object := quoted("volume", c.From)
	about, err := e.about(ctx)
	if err != nil {
		return 0, err
	}
	v, err := e.agentVolume(ctx, about)
	if err != nil {
		return 0, err
	}
	for _, name := range []string{c.From, c.To} { // the engine makes one that is missing
		if _, err := e.api.VolumeInspect(ctx, name); err != nil {
			return 0, e.classify(err, "copy", quoted("volume", name))
		}
	}
	if err := e.endCopies(ctx, c.To); err != nil {
		return 0, err
	}
	config, host := copier(c, v, e.opts.Version)
	made, err := e.api.ContainerCreate(ctx, config, host, nil, nil, copierPrefix+randomHex(6))
	if err != nil {
		return 0, e.classify(err, "copy", object)
	}
	defer func() {
		clean, cancel := detached(ctx)
		defer cancel()
		_ = e.RemoveBox(clean, made.ID) // it goes by itself where it has started
	}()
	if err := e.fillAgent(ctx, v, made.ID, c.Image); err != nil {
		return 0, e.classify(err, "copy", object)
	}
	done, err := e.mirror(ctx, made.ID)
	return done.Bytes, e.classify(err, "copy", object)
}

// copier is the container. Of the capabilities it has what files can bear, and what trusted attributes need, which nested
// engines keep in their volumes.
func copier(c driver.VolumeCopy, v agentVolume, version string) (*container.Config, *container.HostConfig) {
	off := false
	at := func(name, target string, readOnly bool) mount.Mount {
		return mount.Mount{
			Type: mount.TypeVolume, Source: name, Target: target, ReadOnly: readOnly, VolumeOptions: &mount.VolumeOptions{NoCopy: true},
		}
	}
	config := &container.Config{
		Image: c.Image, User: "0:0", Entrypoint: []string{wire.Path}, Cmd: []string{wire.VerbMirror}, WorkingDir: "/",
		OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true, NetworkDisabled: true,
		Labels: resource.Identity{}.Labels(resource.Owner{Version: version}), Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
	}
	host := &container.HostConfig{
		AutoRemove: true, NetworkMode: "none", Init: &off, LogConfig: container.LogConfig{Type: "json-file"},
		CapDrop: []string{"ALL"}, CapAdd: []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP", "SYS_ADMIN"},
		Mounts: []mount.Mount{at(v.name, wire.MountDir, true), at(c.From, wire.MirrorFrom, true), at(c.To, wire.MirrorTo, false)},
	}
	return config, host
}

// endCopies ends what copies into a volume: its client is gone, or there would be no second one.
func (e *Engine) endCopies(ctx context.Context, to string) error {
	found, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("volume", to))})
	if err != nil {
		return e.classify(err, "list", "containers")
	}
	for _, c := range found {
		if len(c.Names) > 0 && strings.HasPrefix(c.Names[0], "/"+copierPrefix) {
			if err := e.RemoveBox(ctx, c.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// mirror starts the container and gives what it says it did. When ctx ends, so does its stdin, and with that its work.
func (e *Engine) mirror(ctx context.Context, id string) (wire.Mirrored, error) {
	order, err := wire.Encode(wire.Mirror{})
	if err != nil {
		return wire.Mirrored{}, err
	}
	conn, err := e.open(ctx, "/containers/"+id+"/attach", func(ctx context.Context) (types.HijackedResponse, error) {
		return e.api.ContainerAttach(ctx, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	})
	if err != nil {
		return wire.Mirrored{}, err
	}
	st := &stream{conn: conn}
	defer st.cut()
	waiting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	ended, failed := e.api.ContainerWait(waiting, id, container.WaitConditionNextExit)
	if err := e.api.ContainerStart(ctx, id, container.StartOptions{}); err != nil {
		return wire.Mirrored{}, err
	}
	if _, err := st.conn.Conn.Write(append(order, '\n')); err != nil {
		return wire.Mirrored{}, err
	}
	stop := st.endWith(ctx)
	defer stop()
	var said bytes.Buffer
	var words tail
	drained := st.drain(&said, &words)
	if cause := context.Cause(ctx); cause != nil {
		return wire.Mirrored{}, cause
	}
	code, err := e.exitOf(ctx, id, ended, failed)
	switch {
	case err != nil:
		return wire.Mirrored{}, errors.Join(drained, err)
	case code != 0:
		return wire.Mirrored{}, agentError("copy in", id, agentWords(words.text(), code))
	}
	return wire.Decode[wire.Mirrored](bytes.TrimSpace(said.Bytes()))
}
