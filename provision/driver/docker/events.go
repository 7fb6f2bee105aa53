package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// boxEvent is what envy reads of an event; both old and new engines send it.
type boxEvent struct {
	Type, Action string
	Actor        struct {
		ID         string
		Attributes map[string]string
	}
	TimeNano int64
}

// told is the event as the contract has it; ok is false for what is not told.
func (m boxEvent) told(id resource.Identity) (event driver.BoxEvent, ok bool) {
	action, health, _ := strings.Cut(m.Action, ":")
	if m.Type != "container" || !slices.Contains(driver.BoxActions(), action) {
		return event, false
	}
	a := m.Actor.Attributes
	event = driver.BoxEvent{
		ID: m.Actor.ID, Name: a["name"], Owner: resource.OwnerOf(a), Action: action, Time: time.Unix(0, m.TimeNano),
	}
	switch action {
	case driver.HealthAction:
		event.Action += ": " + strings.TrimSpace(health)
	case "die":
		event.Code, _ = strconv.Atoi(a["exitCode"])
	case "kill":
		event.Signal = a["signal"]
	case "rename":
		event.From = strings.TrimPrefix(a["oldName"], "/")
	}
	return event, id.Owns(event.Owner)
}

// errEnough: nobody wants to hear more.
var errEnough = errors.New("enough")

// replayed is how much of what was before is asked for, where nothing may be missed: engines begin to answer a moment before they
// listen, and their clock is known to a second or two.
const replayed = 3 * time.Second

// Events implements driver.Observer. The engine sends only what is told, so that health checks, three events each, cost nothing.
func (e *Engine) Events(ctx context.Context, id resource.Identity, o driver.EventOptions, f func(driver.BoxEvent) bool) error {
	if _, err := e.ping(ctx); err != nil { // which tells the clock
		return err
	}
	query := url.Values{}
	since, until := e.at(o.Since), e.at(o.Until)
	if o.Listening != nil && since.IsZero() {
		since = e.at(driver.Moment{Ago: replayed})
	}
	if !since.IsZero() {
		query.Set("since", stamp(since))
	}
	if !until.IsZero() {
		query.Set("until", stamp(until))
	}
	body, err := e.filtered(ctx, "/events?"+query.Encode(), map[string][]string{
		"type": {"container"}, "event": driver.BoxActions(), "label": {resource.LabelCheckout + "=" + id.Checkout},
	})
	if err == nil {
		defer body.Close()
		if o.Listening != nil {
			o.Listening()
		}
		err = eachValue(body, func(m boxEvent) error {
			if event, ok := m.told(id); ok && !f(event) {
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
	case err == nil && !until.IsZero() && !e.present().Add(replayed).Before(until):
		return nil
	case err == nil: // it was stopped
		err = &driver.Error{Kind: driver.Unreachable, Op: "listen to", Object: "engine", Text: "it went away", Err: io.EOF}
	}
	return e.classify(err, "listen to", "engine")
}

// at is a moment as a time; zero for none.
func (e *Engine) at(m driver.Moment) time.Time {
	if m.Ago > 0 {
		return e.present().Add(-m.Ago)
	}
	return m.At
}

// present is now by the engine's clock, or by the caller's where that is not known.
func (e *Engine) present() time.Time {
	return cmp.Or(e.clock.now(), time.Now())
}

// stamp writes a time as engines read it, to the nanosecond.
func stamp(t time.Time) string { return fmt.Sprintf("%d.%09d", t.Unix(), t.Nanosecond()) }
