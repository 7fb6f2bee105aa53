package docker

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// Logs implements driver.Logger. The inspect before it tells whether the box has a terminal, whose output is not framed.
func (e *Engine) Logs(ctx context.Context, id string, o driver.LogOptions, out, errOut io.Writer) error {
	object := boxObject(id)
	now, err := e.api.ContainerInspect(ctx, id)
	if err != nil {
		return e.classify(err, "read the log of", object)
	}
	options := container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: o.Follow, Timestamps: o.Timestamps, Tail: "all",
	}
	if o.Tail >= 0 {
		options.Tail = strconv.Itoa(o.Tail)
	}
	if !o.Since.IsZero() {
		options.Since = fmt.Sprintf("%d.%09d", o.Since.Unix(), o.Since.Nanosecond())
	}
	body, err := e.api.ContainerLogs(ctx, id, options)
	if err != nil {
		return e.classify(err, "read the log of", object)
	}
	defer body.Close()
	if now.Config != nil && now.Config.Tty {
		_, err = io.Copy(out, body)
	} else {
		_, err = stdcopy.StdCopy(out, errOut, body)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return e.classify(err, "read the log of", object)
}

// Events implements driver.Observer. Only what both old and new engines send is read: Action and Actor.
func (e *Engine) Events(ctx context.Context, id resource.Identity, f func(driver.BoxEvent) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages, failed := e.api.Events(ctx, events.ListOptions{Filters: filters.NewArgs(
		filters.Arg("type", string(events.ContainerEventType)),
		filters.Arg("label", resource.LabelCheckout+"="+id.Checkout),
	)})
	for {
		select {
		case m := <-messages:
			if !id.Owns(resource.OwnerOf(m.Actor.Attributes)) {
				continue
			}
			if !f(driver.BoxEvent{
				ID: m.Actor.ID, Name: m.Actor.Attributes["name"], Action: string(m.Action), Time: time.Unix(0, m.TimeNano),
			}) {
				return nil
			}
		case err := <-failed:
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return e.classify(err, "listen to", "engine")
		}
	}
}
