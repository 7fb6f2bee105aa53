package drivertest

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
)

func logTests() []test {
	return []test{
		{"order and streams", testLogOrder},
		{"tail, since and timestamps", testLogSelection},
		{"a long line has one timestamp", testLogLongLine},
		{"follow ends with the box", testLogFollow},
		{"follow ends with ctx", testLogCancelled},
	}
}

func (b *bench) logs(id string, o driver.LogOptions) string {
	b.Helper()
	var out bytes.Buffer
	b.must(b.d.Logs(b.ctx, id, o, &out, &out))
	return out.String()
}

func testLogOrder(b *bench) {
	id := b.up("web", command("echo one; echo two; echo bad >&2; sleep 1000"))
	b.wantLog(id, "bad")
	for range 2 { // running, then stopped
		var out, errOut bytes.Buffer
		b.must(b.d.Logs(b.ctx, id, driver.LogOptions{Tail: -1}, &out, &errOut))
		if out.String() != "one\ntwo\n" || errOut.String() != "bad\n" {
			b.Errorf("printed %q and %q", out.String(), errOut.String())
		}
		b.must(b.d.StopBox(b.ctx, id, 0))
	}
}

func testLogSelection(b *bench) {
	id := b.up("web", command("echo one; echo two; echo three; exit 0"))
	_, err := b.d.WaitExit(b.ctx, id)
	b.must(err)
	b.wantLog(id, "three")
	for _, c := range []struct {
		name    string
		options driver.LogOptions
		want    string
	}{
		{"all", driver.LogOptions{Tail: -1}, "one\ntwo\nthree\n"},
		{"last two", driver.LogOptions{Tail: 2}, "two\nthree\n"},
		{"none", driver.LogOptions{Tail: 0}, ""},
		{"since later", driver.LogOptions{Tail: -1, Since: time.Now().Add(time.Hour)}, ""},
		{"since earlier", driver.LogOptions{Tail: -1, Since: time.Now().Add(-time.Hour)}, "one\ntwo\nthree\n"},
	} {
		if got := b.logs(id, c.options); got != c.want {
			b.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	got := b.logs(id, driver.LogOptions{Tail: 1, Timestamps: true})
	stamp, line, _ := strings.Cut(got, " ")
	if _, err := time.Parse(time.RFC3339Nano, stamp); err != nil || line != "three\n" {
		b.Errorf("with a timestamp: %q (%v)", got, err)
	}
}

// Engines keep a long line in parts.
func testLogLongLine(b *bench) {
	line := strings.Repeat("a long line ", 4<<10)
	id := b.up("web", command("echo '"+line+"'; echo short"))
	_, err := b.d.WaitExit(b.ctx, id)
	b.must(err)
	b.wantLog(id, "short")
	got := b.logs(id, driver.LogOptions{Tail: -1, Timestamps: true})
	first, rest, _ := strings.Cut(got, "\n")
	if _, text, _ := strings.Cut(first, " "); text != line || !strings.HasSuffix(rest, " short\n") {
		b.Errorf("a line of %d bytes came as %d: %.200q, then %.200q", len(line), len(text), text, rest)
	}
}

func testLogFollow(b *bench) {
	id := b.up("web", command("echo first; until test -e /go; do sleep 0.05; done; echo last"))
	done := make(chan error, 1)
	var out bytes.Buffer
	go func() { done <- b.d.Logs(b.ctx, id, driver.LogOptions{Follow: true, Tail: -1}, &out, &out) }()
	b.wantLog(id, "first")
	b.holds(id, "touch /go")
	b.must(<-done)
	if out.String() != "first\nlast\n" {
		b.Errorf("followed %q", out.String())
	}
}

func testLogCancelled(b *bench) {
	id := b.up("web", command("echo first; sleep 1000"))
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	lines := &signalWriter{wrote: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = b.d.Logs(ctx, id, driver.LogOptions{Follow: true, Tail: -1}, lines, lines) // cancelled: either answer is right
	}()
	select {
	case <-lines.wrote:
	case <-time.After(patience):
		b.Error("nothing was followed")
	}
	cancel()
	<-done
}

// signalWriter says when it was written to.
type signalWriter struct{ wrote chan struct{} }

func (w *signalWriter) Write(p []byte) (int, error) {
	select {
	case w.wrote <- struct{}{}:
	default:
	}
	return len(p), nil
}
