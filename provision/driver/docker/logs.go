package docker

import (
	"bytes"
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
		if o.Timestamps {
			out, errOut = &stampedWriter{to: out}, &stampedWriter{to: errOut}
		}
		err = split(out, errOut, body)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return e.classify(err, "read the log of", object)
}

// stampedWriter takes the time out of the middle of lines: engines keep a long line in parts, and put the time before each.
type stampedWriter struct {
	to    io.Writer
	open  bool // the last frame ended within a line
	stamp bool // what comes is a time that is to be left out
}

// begin says that a frame begins, which is a line or a part of one.
func (s *stampedWriter) begin() { s.stamp = s.open }

// Write implements io.Writer.
func (s *stampedWriter) Write(p []byte) (int, error) {
	n := len(p)
	if s.stamp {
		i := bytes.IndexByte(p, ' ')
		if i < 0 {
			return n, nil
		}
		p, s.stamp = p[i+1:], false
	}
	if len(p) == 0 {
		return n, nil
	}
	s.open = p[len(p)-1] != '\n'
	_, err := s.to.Write(p)
	return n, err
}
