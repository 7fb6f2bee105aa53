package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// Logs implements driver.Logger. The inspect before it tells whether the box has a terminal, whose output is not framed.
func (e *Engine) Logs(ctx context.Context, id string, o driver.LogOptions, out, errOut io.Writer) error {
	object := boxObject(id)
	now, err := e.inspect(ctx, id, "read the log of")
	if err != nil {
		return err
	}
	options := container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: o.Follow, Timestamps: o.Timestamps, Tail: "all",
	}
	if o.Tail >= 0 {
		options.Tail = strconv.Itoa(o.Tail)
	}
	if now := e.clock.now(); o.Ago > 0 && !now.IsZero() {
		o.Since = now.Add(-o.Ago)
	}
	if !o.Since.IsZero() {
		options.Since = fmt.Sprintf("%d.%09d", o.Since.Unix(), o.Since.Nanosecond())
	}
	body, err := e.api.ContainerLogs(ctx, id, options)
	if err != nil {
		return e.classify(err, "read the log of", object)
	}
	defer body.Close()
	if now.Config.Tty {
		_, err = io.Copy(out, body)
	} else {
		err = split(out, errOut, body)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return e.classify(err, "read the log of", object)
}

// boxEvent is what envy reads of an event; both old and new engines send it.
type boxEvent struct {
	Type, Action string
	Actor        struct {
		ID         string
		Attributes map[string]string
	}
	TimeNano int64
}

// errEnough: nobody wants to hear more.
var errEnough = errors.New("enough")

// Events implements driver.Observer.
func (e *Engine) Events(ctx context.Context, id resource.Identity, f func(driver.BoxEvent) bool) error {
	body, err := e.get(ctx, "/events", resource.LabelCheckout+"="+id.Checkout)
	if err == nil {
		defer body.Close()
		err = eachValue(body, func(m boxEvent) error {
			mine := m.Type == "container" && id.Owns(resource.OwnerOf(m.Actor.Attributes))
			if mine && !f(driver.BoxEvent{ID: m.Actor.ID, Name: m.Actor.Attributes["name"], Action: m.Action, Time: time.Unix(0, m.TimeNano)}) {
				return errEnough
			}
			return nil
		})
	}
	switch {
	case errors.Is(err, errEnough):
		return nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err == nil:
		err = io.EOF
	}
	return e.classify(err, "listen to", "engine")
}
