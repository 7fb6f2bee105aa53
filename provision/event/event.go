// Package event is how work tells what it is doing: small values sent to a Sink. It knows nothing of who draws them;
// views turn them into progress lines or JSON.
package event

import (
	"sync"
	"time"
)

// Kind is what an event says.
type Kind string

// The kinds. A task starts, may report progress and output any number of times, and ends exactly once.
const (
	Start    Kind = "start"
	Progress Kind = "progress" // Current of Total, in Unit
	Output   Kind = "output"   // Text is a line that a program in a box or a build printed
	Note     Kind = "note"     // something a person should know; no task
	Done     Kind = "done"
	Failed   Kind = "failed"
	Skipped  Kind = "skipped" // not begun, because of what it needs
	Warning  Kind = "warning"
)

// Event is one message. ID names the task, Parent the task that it is part of.
type Event struct {
	ID      string        `json:"id,omitempty"`
	Parent  string        `json:"parent,omitempty"`
	Kind    Kind          `json:"kind"`
	Subject string        `json:"subject,omitempty"` // address: box.web
	Text    string        `json:"text,omitempty"`    // "create", "start", or a line of output
	Current int64         `json:"current,omitempty"`
	Total   int64         `json:"total,omitempty"`
	Unit    string        `json:"unit,omitempty"` // "bytes", or "" for counts
	Elapsed time.Duration `json:"elapsed_ns,omitempty"`
	Limit   time.Duration `json:"limit_ns,omitempty"` // of a wait
	Cause   string        `json:"cause,omitempty"`    // of done: why it had no use
}

// Cached is the text of a task that is done because its result was there already.
const Cached = "cached"

// Sink takes events. Implementations are safe for concurrent use and return quickly.
type Sink interface {
	Send(Event)
}

// Discard drops everything.
type Discard struct{}

// Send implements Sink.
func (Discard) Send(Event) {}

// Recorder keeps events, for tests and for reports. Safe for concurrent use.
type Recorder struct {
	mu     sync.Mutex
	events []Event
}

// Send implements Sink.
func (r *Recorder) Send(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Events returns a copy of what was sent so far.
func (r *Recorder) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}
