package docker

import (
	"context"
	"io"
	"strconv"

	"github.com/docker/docker/api/types/container"

	"github.com/envyhq/envy/provision/driver"
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
	if since := e.at(driver.Moment{At: o.Since, Ago: o.Ago}); !since.IsZero() {
		options.Since = stamp(since)
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
