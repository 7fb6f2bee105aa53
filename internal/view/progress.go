package view

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/envyhq/envy/provision/event"
)

// EventVersion is the version of [EventJSON].
const EventVersion = 1

// EventJSON is an event as a line on stderr.
type EventJSON struct {
	Type    string    `json:"type"` // "event"
	Version int       `json:"version"`
	Time    time.Time `json:"time"` // UTC
	event.Event
}

const (
	liveInterval  = 80 * time.Millisecond // between two drawings: 12 a second
	plainInterval = time.Second           // between two looks at what takes long
	maxQueue      = 64 << 10              // bytes that wait for the next drawing
)

// Progress tells of work as it goes on, on Err. On a terminal the running tasks stand in a block below what is finished;
// elsewhere a line tells of each that starts or ends, and of what takes long. JSON is a line of [EventJSON] per event,
// Quiet nothing. It is safe for concurrent use.
type Progress struct {
	out    Printer
	format Format
	now    func() time.Time
	rows   func() int    // height of the terminal
	every  time.Duration // between two beats

	mu      sync.Mutex
	tasks   []*task // running, in the order they began; parts stand anywhere
	skipped map[string]bool
	holding []*lineWriter // with a line that has no end yet
	screen  screen
	stop    chan struct{} // of the goroutine that beats; nil while none runs
	ended   chan struct{}
	err     error // the first that the stream gave
}

// Progress starts to tell. Close it before anything else is written to Err.
func (v *View) Progress() *Progress {
	p := &Progress{
		out: v.Err, format: v.Format, now: v.Now, every: plainInterval,
		skipped: map[string]bool{},
	}
	if p.out.Live() {
		p.every = liveInterval
	}
	p.rows = func() int {
		if size, ok := v.streams.Size(); ok {
			return size.Rows
		}
		return defaultRows
	}
	return p
}

// Send implements [event.Sink].
func (p *Progress) Send(e event.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.take(e)
}

// Output gives the stream for what a program prints, told line by line as the subject's. A last line without an end is
// told by Close. Writes never fail: nobody's work ends because a terminal is gone.
func (p *Progress) Output(subject string) io.Writer { return &lineWriter{p: p, subject: subject} }

// Close takes the block of running tasks off the screen and ends the telling; whatever is sent later starts it again. It
// gives the first error of the stream.
func (p *Progress) Close() error {
	p.mu.Lock()
	for len(p.holding) > 0 {
		p.holding[0].flush()
	}
	p.tasks = nil
	p.draw()
	stop, ended := p.stop, p.ended
	p.stop, p.ended = nil, nil
	err := p.err
	p.err = nil
	p.mu.Unlock()
	if stop != nil {
		close(stop)
		<-ended
	}
	return err
}

func (p *Progress) take(e event.Event) {
	if e.Kind == event.Done || e.Kind == event.Failed { // it prints no more
		for _, w := range slices.Clone(p.holding) {
			if w.subject == e.Subject {
				w.flush()
			}
		}
	}
	switch p.format {
	case JSON:
		p.keep(p.out.JSON(EventJSON{Type: "event", Version: EventVersion, Time: p.now().UTC(), Event: e}))
	case Quiet: // what failed is told at the end
	default:
		p.tell(e)
		if len(p.tasks) == 0 || p.screen.queue.Len() > maxQueue {
			p.draw() // whoever writes next must find the cursor below
		}
	}
}

// keep keeps the first error: the telling goes on, since the work does.
func (p *Progress) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

// start sees to it that somebody redraws, or tells of what takes long.
func (p *Progress) start() {
	if p.stop != nil {
		return
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	p.stop, p.ended = stop, ended
	go func() {
		defer close(ended)
		tick := time.NewTicker(p.every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				p.mu.Lock()
				p.beat()
				p.mu.Unlock()
			}
		}
	}()
}

func (p *Progress) beat() {
	if p.out.Live() {
		p.screen.frame++
		p.draw()
		return
	}
	p.remind()
}

// lineWriter parts a stream into lines. Its state is guarded by the progress's lock.
type lineWriter struct {
	p       *Progress
	subject string
	rest    []byte
}

// maxOutputLine bounds a line that has no end, in bytes.
const maxOutputLine = 64 << 10

// Write implements [io.Writer].
func (w *lineWriter) Write(data []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	for _, b := range data {
		if b == '\n' {
			w.flush()
			continue
		}
		if w.rest = append(w.rest, b); len(w.rest) >= maxOutputLine {
			w.flush()
		}
	}
	if len(w.rest) > 0 && !slices.Contains(w.p.holding, w) {
		w.p.holding = append(w.p.holding, w)
	}
	return len(data), nil
}

func (w *lineWriter) flush() {
	line := strings.TrimSuffix(string(w.rest), "\r")
	w.rest = nil
	if i := slices.Index(w.p.holding, w); i >= 0 {
		w.p.holding = slices.Delete(w.p.holding, i, i+1)
	}
	w.p.take(event.Event{Kind: event.Output, Subject: w.subject, Text: line})
}
