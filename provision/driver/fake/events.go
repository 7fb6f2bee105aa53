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

// Events implements driver.Observer. f is called with nothing locked.
func (e *Engine) Events(ctx context.Context, id resource.Identity, o driver.EventOptions, f func(driver.BoxEvent) bool) error {
	l := listener{id: id, o: o}
	tick := time.NewTicker(e.poll())
	defer tick.Stop()
	for first := true; ; first = false {
		var told []driver.BoxEvent
		over := false
		if err := e.do(ctx, "events", func(s *state, now time.Time) error {
			if first {
				l.begin(s, now)
			}
			told, over = l.next(s, now)
			return nil
		}); err != nil {
			return err
		}
		if first && o.Listening != nil {
			o.Listening()
		}
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

// listener is what somebody wants to hear, and how far they have heard it.
type listener struct {
	id resource.Identity
	o  driver.EventOptions
	at int
}

func (l *listener) begin(s *state, now time.Time) {
	if l.at = s.Seq; !none(l.o.Since) {
		l.at = -1
	}
	l.o.Since, l.o.Until = fixed(l.o.Since, now), fixed(l.o.Until, now)
}

// next are the events since the last time; over says that there will be no more.
func (l *listener) next(s *state, now time.Time) (told []driver.BoxEvent, over bool) {
	ends := !none(l.o.Until)
	for _, r := range s.Events {
		e := r.Event
		inTime := !e.Time.Before(l.o.Since.At) && !(ends && e.Time.After(l.o.Until.At))
		if r.Seq > l.at && inTime && l.id.Owns(e.Owner) && isTold(e.Action) {
			told = append(told, e)
		}
	}
	l.at = max(l.at, s.Seq)
	return told, ends && !now.Before(l.o.Until.At)
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
