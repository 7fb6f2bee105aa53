package docker

import (
	"context"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/volume"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// CreateVolume implements driver.Mutator.
func (e *Engine) CreateVolume(ctx context.Context, v driver.NewVolume) (resource.Owner, error) {
	got, err := e.api.VolumeCreate(ctx, volume.CreateOptions{Name: v.Name, Labels: v.Labels})
	if err != nil {
		return resource.Owner{}, e.classify(err, "create", quoted("volume", v.Name))
	}
	return resource.OwnerOf(got.Labels), nil
}

// RemoveVolume implements driver.Mutator. One in use is a Conflict.
func (e *Engine) RemoveVolume(ctx context.Context, name string) error {
	err := e.classify(e.api.VolumeRemove(ctx, name, false), "remove", quoted("volume", name))
	return unless(err, driver.NotFound)
}

// StartBox implements driver.Mutator. The policy goes first: were the client to die between the two, a box that runs
// without its policy could not be told from one that is right. "no" is what boxes are made with and stopped to, so it
// is only written where an inspect, which is far cheaper, sees another.
func (e *Engine) StartBox(ctx context.Context, id, restart string) error {
	object := boxObject(id)
	policy, err := restartOf(restart)
	if err != nil {
		return &driver.Error{Kind: driver.Invalid, Op: "start", Object: object, Text: err.Error(), Err: err}
	}
	write := !policy.IsNone()
	if !write {
		now, err := e.inspect(ctx, id, "start")
		if err != nil {
			return err
		}
		write = !now.HostConfig.RestartPolicy.IsNone()
	}
	if write {
		if err := e.setRestart(ctx, id, policy); err != nil {
			return e.classify(err, "start", object)
		}
	}
	err = e.api.ContainerStart(ctx, id, container.StartOptions{})
	if lacksAgent(err) {
		if err = e.restoreAgent(ctx, id); err == nil {
			err = e.api.ContainerStart(ctx, id, container.StartOptions{})
		}
	}
	err = e.classify(err, "start", object)
	if err != nil && !policy.IsNone() {
		clean, cancel := detached(ctx)
		defer cancel()
		_ = e.setRestart(clean, id, container.RestartPolicy{Name: container.RestartPolicyDisabled})
	}
	return err
}

func (e *Engine) setRestart(ctx context.Context, id string, p container.RestartPolicy) error {
	_, err := e.api.ContainerUpdate(ctx, id, container.UpdateConfig{RestartPolicy: p})
	return err
}

// StopBox implements driver.Mutator.
func (e *Engine) StopBox(ctx context.Context, id string, timeout time.Duration) error {
	object := boxObject(id)
	now, err := e.inspect(ctx, id, "stop")
	if err != nil {
		return err
	}
	if !now.HostConfig.RestartPolicy.IsNone() {
		off := container.RestartPolicy{Name: container.RestartPolicyDisabled}
		if err := e.setRestart(ctx, id, off); err != nil {
			return e.classify(err, "stop", object)
		}
	}
	var options container.StopOptions
	if timeout > 0 {
		seconds := int((timeout + time.Second - 1) / time.Second)
		options.Timeout = &seconds
	}
	return e.classify(e.api.ContainerStop(ctx, id, options), "stop", object)
}

// KillBox implements driver.Mutator.
func (e *Engine) KillBox(ctx context.Context, id, signal string) error {
	return e.classify(e.api.ContainerKill(ctx, id, signal), "kill", boxObject(id))
}

// RemoveBox implements driver.Mutator. When somebody else is removing it already, it asks until that is over: an engine's
// wait for it never ends where it began in the moment between the removal and its announcement (20.10).
func (e *Engine) RemoveBox(ctx context.Context, id string) error {
	options := container.RemoveOptions{Force: true, RemoveVolumes: true}
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		err := e.classify(e.api.ContainerRemove(ctx, id, options), "remove", boxObject(id))
		if !driver.Is(err, driver.Conflict) || !strings.Contains(err.Error(), "already in progress") {
			return unless(err, driver.NotFound)
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			text := "a removal that was begun before does not end"
			return &driver.Error{Kind: driver.Failed, Op: "remove", Object: boxObject(id), Text: text, Err: context.Cause(ctx)}
		}
	}
}

// RenameBox implements driver.Mutator. A box that has the name already is fine.
func (e *Engine) RenameBox(ctx context.Context, id, name string) error {
	err := e.classify(e.api.ContainerRename(ctx, id, name), "rename", boxObject(id))
	return unlessSaid(err, "same name as its current name")
}

// PauseBox implements driver.Mutator.
func (e *Engine) PauseBox(ctx context.Context, id string) error {
	err := e.classify(e.api.ContainerPause(ctx, id), "pause", boxObject(id))
	return unlessSaid(err, "is already paused")
}

// UnpauseBox implements driver.Mutator.
func (e *Engine) UnpauseBox(ctx context.Context, id string) error {
	err := e.classify(e.api.ContainerUnpause(ctx, id), "unpause", boxObject(id))
	return unlessSaid(err, "is not paused")
}

// LimitBox implements driver.Mutator. The swap limit goes along: engines refuse memory above the old one.
func (e *Engine) LimitBox(ctx context.Context, id string, l driver.Limits) error {
	object := boxObject(id)
	policy, err := restartOf(l.Restart)
	if err != nil {
		return &driver.Error{Kind: driver.Invalid, Op: "update", Object: object, Text: err.Error(), Err: err}
	}
	update := container.UpdateConfig{RestartPolicy: policy}
	update.Memory, update.MemorySwap, update.NanoCPUs = l.Memory, swapFor(l.Memory), l.NanoCPUs
	if l.NanoCPUs > 0 {
		about, err := e.about(ctx)
		if err != nil {
			return err
		}
		update.NanoCPUs = about.clamp(l.NanoCPUs)
		e.warnClamped(id, l.NanoCPUs, about)
	}
	_, err = e.api.ContainerUpdate(ctx, id, update)
	return e.classify(err, "update", object)
}

// boxObject names a container by its short id, as docker shows it.
func boxObject(id string) string {
	if len(id) == 64 {
		id = id[:12]
	}
	return quoted("box", id)
}

// unless makes one kind of error a success.
func unless(err error, kind driver.Kind) error {
	if driver.Is(err, kind) {
		return nil
	}
	return err
}

// unlessSaid makes an error a success that says the thing is so already.
func unlessSaid(err error, text string) error {
	if err != nil && strings.Contains(err.Error(), text) {
		return nil
	}
	return err
}
