package docker

import (
	"cmp"
	"context"
	"fmt"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// CreateBox implements driver.Mutator. A box that could not be finished (a further network is gone, the agent cannot be
// delivered) is removed again: it never ran, so nothing is lost.
func (e *Engine) CreateBox(ctx context.Context, b driver.NewBox) (id string, err error) {
	object := quoted("box", b.Name)
	about, err := e.about(ctx)
	if err != nil {
		return "", err
	}
	volume, err := e.agentVolume(ctx, about)
	if err != nil {
		return "", err
	}
	c, err := newCreation(b, about, volume.name, cmp.Or(b.Life, randomHex(16)))
	if err != nil {
		return "", &driver.Error{Kind: driver.Invalid, Op: "create", Object: object, Text: err.Error(), Err: err}
	}
	blank, err := e.unsetBlank(ctx, b, c.config.Env)
	if err != nil {
		return "", e.classify(err, "create", object)
	}
	c.config.Env = append(c.config.Env, blank...)
	made, err := e.api.ContainerCreate(ctx, c.config, c.host, c.network, c.platform, b.Name)
	if err != nil {
		return "", e.classify(err, "create", object)
	}
	if err := e.finish(ctx, made.ID, b, c, volume); err != nil {
		clean, cancel := detached(ctx)
		defer cancel()
		_ = e.RemoveBox(clean, made.ID) // the first error is the one to report
		return "", e.classify(err, "create", object)
	}
	for _, text := range made.Warnings { // limits that this machine cannot keep, mostly
		e.warn(b.Name, text)
	}
	e.warnClamped(b.Name, b.Spec.NanoCPUs, about)
	return made.ID, nil
}

// finish does what a create cannot.
func (e *Engine) finish(ctx context.Context, id string, b driver.NewBox, c creation, v agentVolume) error {
	for _, n := range c.further {
		if err := e.Connect(ctx, n.id, id, n.join); err != nil {
			return err
		}
	}
	if unprivileged(b.Spec) {
		if err := e.ownStateDir(ctx, id, b, c.config.User, v); err != nil {
			return err
		}
	}
	if err := e.groupsThere(ctx, id, b.Name, c.host); err != nil {
		return err
	}
	return e.fillAgent(ctx, v, id, b.Image)
}

func (e *Engine) warnClamped(name string, nano int64, about engineInfo) {
	if about.clamp(nano) != nano {
		e.warn(name, fmt.Sprintf("cpus = %g is more than the engine has; it gets all %d", float64(nano)/1e9, about.cpus))
	}
}

func (e *Engine) warn(name, text string) {
	subject := resource.Address{Kind: resource.KindBox, Box: name}.String()
	e.opts.Events.Send(event.Event{Kind: event.Warning, Subject: subject, Text: text})
}
