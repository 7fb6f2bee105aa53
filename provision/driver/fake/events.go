package fake

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// maxEvents are remembered, as by real engines.
const maxEvents = 256

// emit records an event of a box.
func (s *state) emit(b *box, action string, now time.Time) {
	s.record(b, driver.BoxEvent{Action: action}, now)
}

// record adds what every event has, and forgets the oldest.
func (s *state) record(b *box, e driver.BoxEvent, now time.Time) {
	s.Seq++
	e.ID, e.Name, e.Owner, e.Time = b.ID, b.Name, resource.OwnerOf(b.Labels), now
	s.Events = append(s.Events, recorded{Seq: s.Seq, Event: e})
	if n := len(s.Events) - maxEvents; n > 0 {
		s.Events = slices.Delete(s.Events, 0, n)
	}
}

// rename gives a box another name.
func (s *state) rename(b *box, name string, now time.Time) {
	from := b.Name
	b.Name = name
	s.record(b, driver.BoxEvent{Action: "rename", From: from}, now)
}

// killed tells of a signal.
func (s *state) killed(b *box, signal int, now time.Time) {
	s.record(b, driver.BoxEvent{Action: "kill", Signal: strconv.Itoa(signal)}, now)
}

// Events implements driver.Observer.
func (e *Engine) Events(ctx context.Context, id resource.Identity, o driver.EventOptions, f func(driver.BoxEvent) bool) error {
	at, begun := -1, false
	tick := time.NewTicker(e.poll())
	defer tick.Stop()
	for {
		var told []driver.BoxEvent
		over := false
		err := e.do(ctx, "events", func(s *state, now time.Time) error {
			if !begun {
				if at = s.Seq; !none(o.Since) {
					at = -1
				}
				o.Since, o.Until = fixed(o.Since, now), fixed(o.Until, now)
			}
			over = !none(o.Until) && !now.Before(o.Until.At)
			for _, r := range s.Events {
				late := !none(o.Until) && r.Event.Time.After(o.Until.At)
				if r.Seq > at && id.Owns(r.Event.Owner) && !late && !r.Event.Time.Before(o.Since.At) && isTold(r.Event.Action) {
					told = append(told, r.Event)
				}
			}
			at = max(at, s.Seq)
			return nil
		})
		if err != nil {
			return err
		}
		if !begun && o.Listening != nil {
			o.Listening()
		}
		begun = true
		for _, event := range told {
			if !f(event) {
				return nil
			}
		}
		if over {
			return nil
		}
		select {
		case <-ctx.Done():
			return ended(ctx, "events")
		case <-tick.C:
		}
	}
}

func none(m driver.Moment) bool { return m.At.IsZero() && m.Ago == 0 }

// fixed is a moment that was given as how long ago, by this clock.
func fixed(m driver.Moment, now time.Time) driver.Moment {
	if m.Ago > 0 {
		return driver.Moment{At: now.Add(-m.Ago)}
	}
	return m
}

func isTold(action string) bool {
	name, _, _ := strings.Cut(action, ":")
	return slices.Contains(driver.BoxActions(), name)
}
