package fake

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/envyhq/envy/provision/driver"
)

// Logs implements driver.Logger.
func (e *Engine) Logs(ctx context.Context, id string, o driver.LogOptions, out, errOut io.Writer) error {
	at := -1
	for {
		var lines []logLine
		done := true
		err := e.do(ctx, "logs", func(s *state, now time.Time) error {
			b, err := s.find("logs", id)
			if err != nil {
				return err
			}
			id = b.ID
			if o.Ago > 0 {
				o.Since, o.Ago = now.Add(-o.Ago), 0
			}
			lines, at = b.lines(o, at)
			done = !o.Follow || !b.up()
			return nil
		})
		if err != nil {
			return err
		}
		for _, l := range lines {
			if err := printLine(l, o, out, errOut); err != nil {
				return err
			}
		}
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return ended(ctx, "logs")
		case <-time.After(e.poll()):
		}
	}
}

// lines selects those behind at, -1 at first, and gives where to go on.
func (b *box) lines(o driver.LogOptions, at int) ([]logLine, int) {
	first := at
	if at < 0 {
		first = 0
		if o.Tail >= 0 {
			first = max(0, len(b.Log)-o.Tail)
		}
	}
	var out []logLine
	for _, l := range b.Log[min(first, len(b.Log)):] {
		if !l.Time.Before(o.Since) {
			out = append(out, l)
		}
	}
	return out, len(b.Log)
}

func printLine(l logLine, o driver.LogOptions, out, errOut io.Writer) error {
	w, text := out, l.Text
	if l.FD == 2 {
		w = errOut
	}
	if w == nil {
		return nil
	}
	if o.Timestamps {
		text = l.Time.UTC().Format(time.RFC3339Nano) + " " + text
	}
	if _, err := io.WriteString(w, text); err != nil {
		return fmt.Errorf("logs: %w", err)
	}
	return nil
}
