package cli

import (
	"context"
	"errors"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
)

func (a *app) eventsCommand() *cli.Command {
	return a.command("events", "what happens to boxes, as it happens", "[BOX…]", func(ctx context.Context, c *cli.Context, s *session) error {
		names, _, dashed := operands(c)
		if dashed {
			return &usageError{text: "envy events runs no command: take the -- away"}
		}
		var o driver.EventOptions
		var err error
		if o.Since, err = moment("since", c.String("since"), s.app.m.Now()); err != nil {
			return err
		}
		if o.Until, err = moment("until", c.String("until"), s.app.m.Now()); err != nil {
			return err
		}
		return stopped(ctx, s.events(ctx, names, o))
	},
		&cli.StringFlag{Name: "since", Usage: "what the engine remembers of since `TIME` too: 2026-01-02T15:04:05Z, or how long ago: 10m", DefaultText: "now"},
		&cli.StringFlag{Name: "until", Usage: "end at `TIME`, which may have passed", DefaultText: "Ctrl-C"},
	)
}

// moment reads the value of a flag that is a time, or how long ago; "" is none.
func moment(flag, text string, now time.Time) (driver.Moment, error) {
	if text == "" {
		return driver.Moment{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return driver.Moment{At: now.Add(-ago), Ago: max(ago, 1)}, nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return driver.Moment{At: at}, nil
		}
	}
	return driver.Moment{}, &usageError{text: "--" + flag + " needs a time, as 2026-01-02T15:04:05Z, or how long ago, as 10m"}
}

// boxEventJSON is a line of events.
type boxEventJSON struct {
	Format    string `json:"format"` // "envy.event"
	Version   int    `json:"version"`
	Time      string `json:"time"` // UTC, by the engine's clock
	Box       string `json:"box"`
	Container string `json:"container"`
	ID        string `json:"id"`
	Action    string `json:"action"`
	Code      *int   `json:"exit_code,omitempty"` // of die
	Signal    string `json:"signal,omitempty"`    // of kill
	From      string `json:"from,omitempty"`      // of rename
}

// stopped is the end of what goes on until it is interrupted: that is how one stops it.
func stopped(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return &shownError{errInterrupted}
	}
	return err
}

func (s *session) events(ctx context.Context, names []string, o driver.EventOptions) error {
	env, scene, err := s.lookAndCheck(ctx)
	if err != nil {
		return err
	}
	for _, n := range names { // one that only the Envfile has may come
		if _, err := s.pick(ctx, scene, []string{n}); err != nil && !is[*provision.StateError](err) {
			return err
		}
	}
	width := 0
	for _, b := range scene.Boxes {
		width = max(width, len(b.Name))
	}
	var failed error
	err = provision.Events(ctx, env, scene, names, o, func(e provision.BoxEvent) bool {
		failed = s.event(e, width)
		return failed == nil
	})
	return errors.Join(err, failed)
}

func (s *session) event(e provision.BoxEvent, width int) error {
	if s.g.format == view.JSON {
		j := boxEventJSON{
			Format: "envy.event", Version: resultVersion, Time: e.Time.UTC().Format(time.RFC3339Nano), Box: e.Box, Container: e.Name, ID: e.ID,
			Action: e.Action, Signal: e.Signal, From: e.From,
		}
		if e.Action == "die" {
			j.Code = &e.Code
		}
		return s.view.JSON(j)
	}
	return s.view.Out.BoxEvent(e.Time.In(s.app.m.Now().Location()), e.Box, width, e.String())
}
