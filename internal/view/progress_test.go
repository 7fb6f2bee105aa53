package view

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/provision/event"
)

// clock is a time that moves when a test says so.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.at }

// still gives a progress that nobody beats but the test.
func still(v *View) (*Progress, *clock) {
	c := newClock()
	v.Now = c.now
	p := v.Progress()
	p.every = time.Hour
	p.rows = func() int { return 10 }
	return p, c
}

// story is what an up sends; each step takes a while.
func story(p *Progress, c *clock) {
	send := func(wait time.Duration, e event.Event) {
		c.at = c.at.Add(wait)
		p.Send(e)
	}
	ms := time.Millisecond
	send(0, event.Event{Kind: event.Note, Text: "waiting for envy up (process 12)"})
	send(0, event.Event{ID: "1", Kind: event.Start, Subject: "image.postgres:16", Text: "pull"})
	send(ms, event.Event{ID: "1/a", Parent: "1", Kind: event.Start, Text: "layer a"})
	send(ms, event.Event{ID: "1/a", Parent: "1", Kind: event.Progress, Text: "download", Current: 5e6, Total: 10e6, Unit: "bytes"})
	send(ms, event.Event{ID: "1/b", Parent: "1", Kind: event.Progress, Text: "extract", Current: 1, Total: 4, Unit: "bytes"})
	send(ms, event.Event{ID: "1/a", Parent: "1", Kind: event.Done})
	send(ms, event.Event{Parent: "1", Kind: event.Warning, Text: "pulling without credentials"})
	c.at = c.at.Add(6 * time.Second)
	p.mu.Lock()
	p.beat()
	p.mu.Unlock()
	send(0, event.Event{ID: "1", Kind: event.Done, Subject: "image.postgres:16", Text: "pull", Elapsed: 6100 * ms})
	send(0, event.Event{ID: "2", Kind: event.Start, Subject: "image.envy/web:1", Text: "add-layers"})
	send(0, event.Event{ID: "2/x", Parent: "2", Kind: event.Start, Text: "[1/2] RUN apt-get\ninstall"})
	send(0, event.Event{ID: "2/x", Parent: "2", Kind: event.Output, Text: "Reading \x1b[2Jlists"})
	send(0, event.Event{ID: "2/x", Parent: "2", Kind: event.Done, Elapsed: 2 * time.Second})
	send(0, event.Event{ID: "2/y", Parent: "2", Kind: event.Start, Text: "[2/2] RUN true"})
	send(0, event.Event{ID: "2/y", Parent: "2", Kind: event.Done, Text: "cached"})
	send(0, event.Event{ID: "2", Kind: event.Done, Subject: "image.envy/web:1", Text: "add-layers", Elapsed: 2 * time.Second})
	send(0, event.Event{ID: "3", Kind: event.Start, Subject: "volume.shop", Text: "claim"})
	send(0, event.Event{ID: "3", Kind: event.Done, Subject: "volume.shop", Text: "claim"})
	send(0, event.Event{ID: "4", Kind: event.Start, Subject: "box.web", Text: "create-box"})
	send(100*ms, event.Event{ID: "4", Kind: event.Done, Subject: "box.web", Text: "create-box"})
	send(0, event.Event{ID: "5", Kind: event.Start, Subject: "provision.web.deps", Text: "provision"})
	send(0, event.Event{Kind: event.Output, Subject: "provision.web.deps", Text: "npm \u202e ci"})
	_, _ = fmt.Fprint(p.Output("provision.web.deps"), "added\r\n12 pack", "ages\nno end")
	send(time.Second, event.Event{ID: "5", Kind: event.Failed, Subject: "provision.web.deps", Text: "exit code 1\nmore", Elapsed: time.Second})
	send(0, event.Event{ID: "6", Kind: event.Start, Subject: "box.db", Text: "wait-healthy", Limit: 5 * time.Minute})
	for range 30 {
		c.at = c.at.Add(time.Second)
		p.mu.Lock()
		p.beat()
		p.mu.Unlock()
	}
	send(0, event.Event{ID: "6", Kind: event.Done, Subject: "box.db", Text: "wait-healthy", Elapsed: 30 * time.Second})
	send(0, event.Event{ID: "7", Kind: event.Skipped, Subject: "box.web", Text: "rename"})
	send(0, event.Event{ID: "8", Kind: event.Skipped, Subject: "box.web", Text: "start"})
	send(0, event.Event{ID: "9", Kind: event.Skipped, Subject: "box.web", Text: "wait-healthy"})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		golden string
		format Format
		live   bool
	}{
		{"progress.plain", Plain, true}, {"progress.pipe", Human, false}, {"progress.live", Human, true},
		{"progress.json", JSON, true}, {"progress.quiet", Quiet, true},
	} {
		t.Run(test.golden, func(t *testing.T) {
			v, out, err := shown(test.format, test.live, 0)
			p, c := still(v)
			story(p, c)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			golden(t, test.golden, err.String())
			if out.Len() > 0 {
				t.Errorf("stdout %q", out)
			}
			if test.golden != "progress.live" && bytes.ContainsAny(err.Bytes(), "\x1b\r") {
				t.Error("there are escape codes")
			}
		})
	}
}

// The block as it stands at one moment, in terminals of several sizes.
func TestBlock(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ columns, rows int }{{100, 24}, {40, 24}, {12, 24}, {1, 24}, {100, 4}, {100, 1}} {
		t.Run(fmt.Sprintf("%dx%d", size.columns, size.rows), func(t *testing.T) {
			v, _, err := shown(Human, true, size.columns)
			v.Err.palette = newPalette(false)
			p, c := still(v)
			p.rows = func() int { return size.rows }
			p.Send(event.Event{ID: "1", Kind: event.Start, Subject: "image.postgres:16", Text: "pull"})
			p.Send(event.Event{ID: "1/a", Parent: "1", Kind: event.Start, Text: "layer 日本語"})
			p.Send(event.Event{ID: "1/a", Parent: "1", Kind: event.Progress, Text: "download", Current: 5e6, Total: 10e6, Unit: "bytes"})
			p.Send(event.Event{ID: "1/b", Parent: "1", Kind: event.Start, Text: "layer b"})
			p.Send(event.Event{ID: "2", Kind: event.Start, Subject: "image.envy/web:1", Text: "build"})
			p.Send(event.Event{ID: "2/x", Parent: "2", Kind: event.Start, Text: "[1/2] RUN make"})
			p.Send(event.Event{ID: "2/x", Parent: "2", Kind: event.Output, Text: "cc -o x\x1b[2J"})
			p.Send(event.Event{ID: "3", Kind: event.Start, Subject: "box.web", Text: "rename"})
			p.Send(event.Event{ID: "4", Kind: event.Start, Subject: "box.db", Text: "wait-healthy", Limit: 5 * time.Minute})
			c.at = c.at.Add(400 * time.Millisecond)
			p.beat()
			got := screenOf(t, size.columns, err.Bytes())
			golden(t, fmt.Sprintf("block.%dx%d", size.columns, size.rows), strings.Join(got.lines(), "\n")+"\n")
			if n := len(got.lines()); n > max(size.rows-1, 1) {
				t.Errorf("%d lines in a terminal of %d", n, size.rows)
			}
			p.beat()
			if again := screenOf(t, size.columns, err.Bytes()); len(again.lines()) != len(got.lines()) {
				t.Errorf("drawn again it is\n%s", strings.Join(again.lines(), "\n"))
			}
			if e := p.Close(); e != nil {
				t.Fatal(e)
			}
			if left := screenOf(t, size.columns, err.Bytes()); len(left.lines()) != 0 || left.row != 0 || left.column != 0 {
				t.Errorf("left over, cursor at %d,%d:\n%s", left.row, left.column, strings.Join(left.lines(), "\n"))
			}
		})
	}
}

// Bookkeeping is drawn once it takes long.
func TestAside(t *testing.T) {
	t.Parallel()
	v, _, err := shown(Human, true, 80)
	p, c := still(v)
	p.Send(event.Event{ID: "1", Kind: event.Start, Subject: "box.web", Text: "release"})
	p.beat()
	if err.Len() > 0 {
		t.Errorf("drawn at once: %q", err)
	}
	c.at = c.at.Add(time.Second)
	p.beat()
	if !strings.Contains(err.String(), "releasing the command") {
		t.Errorf("not drawn: %q", err)
	}
	p.Send(event.Event{ID: "1", Kind: event.Done, Subject: "box.web", Text: "release"})
	if left := screenOf(t, 80, err.Bytes()).lines(); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
	if e := p.Close(); e != nil {
		t.Fatal(e)
	}
}

// After Close what is sent starts the telling again, below what others wrote meanwhile.
func TestProgressGoesOnAfterClose(t *testing.T) {
	t.Parallel()
	v, _, err := shown(Human, true, 80)
	p, _ := still(v)
	for _, box := range []string{"box.web", "box.db"} {
		p.Send(event.Event{ID: "1", Kind: event.Start, Subject: box, Text: "start"})
		p.beat()
		p.Send(event.Event{ID: "1", Kind: event.Done, Subject: box, Text: "start", Elapsed: time.Second})
		if e := p.Close(); e != nil {
			t.Fatal(e)
		}
		err.WriteString("question?\n")
	}
	want := []string{"✓ web  started  1.0s", "question?", "✓ db  started  1.0s", "question?"}
	if got := screenOf(t, 80, err.Bytes()).lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}

type brokenPipe struct{}

var errBroken = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

// A stream that is gone stops nobody's work; Close tells of it.
func TestProgressOnABrokenStream(t *testing.T) {
	t.Parallel()
	for _, format := range []Format{Human, Plain, JSON} {
		broken := term.Output{Writer: brokenPipe{}, Live: true}
		p, c := still(New(term.Injected(term.Input{}, broken, broken), format))
		story(p, c)
		if n, err := p.Output("box.web").Write([]byte("a\n")); n != 2 || err != nil {
			t.Errorf("format %d: write gave %d, %v", format, n, err)
		}
		if err := p.Close(); !errors.Is(err, errBroken) {
			t.Errorf("format %d: %v", format, err)
		}
	}
}

// A program's line without an end is told in pieces.
func TestOutputIsBounded(t *testing.T) {
	t.Parallel()
	v, _, err := shown(Plain, false, 0)
	p, _ := still(v)
	w := p.Output("box.web")
	for range 3 * maxOutputLine / 1024 {
		if _, e := w.Write(bytes.Repeat([]byte("x"), 1024)); e != nil {
			t.Fatal(e)
		}
	}
	if got := strings.Count(err.String(), "web | "); got != 3 {
		t.Errorf("%d lines", got)
	}
	if e := p.Close(); e != nil {
		t.Fatal(e)
	}
}

// Whatever comes, in whatever order and from however many at once, no line is broken and none is lost.
func TestProgressAtOnce(t *testing.T) {
	t.Parallel()
	for _, format := range []Format{Human, Plain, JSON, Quiet} {
		var written safeBuffer
		out := term.Output{Writer: &written, Live: true}.WithWidth(60)
		p := New(term.Injected(term.Input{}, out, out), format).Progress()
		p.every = time.Millisecond
		crowd(p)
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
		text := written.String()
		switch format {
		case Quiet:
			if text != "" {
				t.Errorf("quiet said %q", text)
			}
			continue
		case Human:
			text = strings.Join(screenOf(t, 60, []byte(text)).lines(), "\n")
		}
		for i := range members {
			for j := range linesEach {
				if want := fmt.Sprintf("line %d of member%d", j, i); strings.Count(text, want+"\n")+strings.Count(text, want+`"`) != 1 {
					t.Fatalf("format %d: %q is not there once in\n%s", format, want, text)
				}
			}
		}
	}
}

const members, linesEach = 8, 20

// crowd are tasks side by side that all print.
func crowd(p *Progress) {
	var all sync.WaitGroup
	for i := range members {
		all.Go(func() {
			id, subject := fmt.Sprint(i), fmt.Sprintf("box.member%d", i)
			p.Send(event.Event{ID: id, Kind: event.Start, Subject: subject, Text: "start"})
			w := p.Output(subject)
			for j := range linesEach {
				_, _ = fmt.Fprintf(w, "line %d of member%d\n", j, i)
				p.Send(event.Event{ID: id + "/x", Parent: id, Kind: event.Progress, Current: int64(j), Total: linesEach, Unit: "bytes"})
			}
			p.Send(event.Event{ID: id, Kind: event.Done, Subject: subject, Text: "start"})
		})
	}
	all.Wait()
}

// safeBuffer is written by a progress's goroutine and read by the test.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
