package cli

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
)

func (a *app) logsCommand() *cli.Command {
	return a.command("logs", "what boxes printed", "[BOX…]", func(ctx context.Context, c *cli.Context, s *session) error {
		names, _, dashed := operands(c)
		if dashed {
			return &usageError{text: "envy logs runs no command: take the -- away"}
		}
		o, err := logOptions(c, s.app.m.Now())
		if err != nil {
			return err
		}
		err = s.logs(ctx, names, o)
		if o.Follow {
			return stopped(ctx, err)
		}
		return err
	},
		toggle("follow", "go on with what they print from now on", "f"),
		&cli.StringFlag{Name: "tail", Aliases: []string{"n"}, Usage: "only the last `N` lines of each box", DefaultText: "all"},
		&cli.StringFlag{Name: "since", Usage: "only from `TIME` on: 2026-01-02T15:04:05Z, or how long ago: 10m"},
		toggle("timestamps", "with the time of each line", "t"),
	)
}

func logOptions(c *cli.Context, now time.Time) (driver.LogOptions, error) {
	o := driver.LogOptions{Follow: c.Bool("follow"), Tail: -1, Timestamps: c.Bool("timestamps")}
	if tail := c.String("tail"); tail != "" && tail != "all" {
		n, err := strconv.Atoi(tail)
		if err != nil || n < 0 {
			return o, &usageError{text: "--tail needs a number of lines, or all"}
		}
		o.Tail = n
	}
	since, err := moment("since", c.String("since"), now)
	o.Since, o.Ago = since.At, since.Ago
	return o, err
}

// logs copies the boxes' output side by side; of several, each line says whose it is.
func (s *session) logs(ctx context.Context, names []string, o driver.LogOptions) error {
	env, scene, err := s.lookAndCheck(ctx)
	if err != nil {
		return err
	}
	boxes, err := s.pick(ctx, scene, names)
	if err != nil {
		return err
	}
	width := 0
	for _, b := range boxes {
		width = max(width, len(b.Name))
	}
	if len(boxes) == 1 && s.g.format != view.JSON {
		return s.rawLogs(ctx, env, boxes[0], o)
	}
	p := &logPrinter{view: s.view, width: width, json: s.g.format == view.JSON, stamps: o.Timestamps}
	o.Timestamps = true // by which they are put in order
	read := func(ctx context.Context, i int, send func(logged) error) error {
		return readLog(ctx, env, boxes[i], o, send)
	}
	if o.Follow {
		return asTheyCome(ctx, len(boxes), read, p.print)
	}
	return inOrder(ctx, len(boxes), read, p.print)
}

// rawLogs copies one box's output, its errors to stderr, as it printed them.
func (s *session) rawLogs(ctx context.Context, env provision.Env, b provision.Box, o driver.LogOptions) error {
	out, errOut := s.view.Out.Logs(), s.view.Err.Logs()
	if err := provision.Logs(ctx, env, b, o, out, errOut); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return errOut.Flush()
}

// logPrinter writes whole lines of several boxes.
type logPrinter struct {
	view         *view.View
	width        int
	json, stamps bool
}

// logLine is one line in JSON.
type logLine struct {
	Format  string `json:"format"` // "envy.log"
	Version int    `json:"version"`
	Time    string `json:"time,omitempty"` // by the engine's clock
	Box     string `json:"box"`
	Stream  string `json:"stream"`
	Text    string `json:"text"`
}

func (p *logPrinter) print(l logged) error {
	if p.json {
		return p.view.Out.JSON(logLine{
			Format: "envy.log", Version: resultVersion, Time: l.stamp, Box: l.box, Stream: l.stream, Text: l.text,
		})
	}
	text := l.text
	if p.stamps && l.stamp != "" {
		text = l.stamp + " " + text
	}
	return p.view.Out.BoxLine(l.box, p.width, text)
}

// maxLine bounds a line that has no end, in bytes.
const maxLine = 256 << 10

// lines parts a stream at its newlines; flush sends what has none at its end.
type lines struct {
	mu   sync.Mutex
	rest []byte
	send func(string) error
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		switch {
		case i >= 0:
			line := strings.TrimSuffix(string(l.rest[:i]), "\r")
			l.rest = l.rest[i+1:]
			if err := l.send(line); err != nil {
				return 0, err
			}
		case len(l.rest) < maxLine:
			return len(p), nil
		default:
			line := string(l.rest)
			l.rest = nil
			return len(p), l.send(line)
		}
	}
}

func (l *lines) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) == 0 {
		return nil
	}
	line := string(l.rest)
	l.rest = nil
	return l.send(line)
}
