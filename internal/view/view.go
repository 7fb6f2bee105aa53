package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/envyhq/envy/internal/term"
)

// Format is how a command speaks.
type Format int

// The formats.
const (
	Human Format = iota // colours, and live progress where the terminal can
	Plain               // lines without either
	JSON                // one JSON value on stdout, events and diagnostics as JSON lines on stderr
	Quiet               // the result and errors only
)

// ParseFormat reads the value of --format; "" is Human.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "", "human":
		return Human, nil
	case "plain":
		return Plain, nil
	case "json":
		return JSON, nil
	}
	return Human, fmt.Errorf("format %q is none of human, plain and json", name)
}

// View says what one command has to say. Out is for the answer, Err for progress and problems.
type View struct {
	Format Format
	Out    Printer
	Err    Printer
	Now    func() time.Time // the clock of progress; New gives the system's

	header  header
	gate    Gate // what the plan's Envfile reaches outside
	locked  lockChanges
	timings *TimingsJSON // part of the document that ends a command
	streams *term.Streams
}

// New makes a view on streams. Only Human colours and draws live, each stream by what it can do.
func New(streams *term.Streams, format Format) *View {
	return &View{
		Format: format, Out: newPrinter(streams.Out, format), Err: newPrinter(streams.Err, format), Now: time.Now,
		streams: streams,
	}
}

// JSON writes a command's answer: one of this package's documents.
func (v *View) JSON(document any) error { return v.Out.JSON(document) }

// Printer writes safe text to one stream.
type Printer struct {
	out     term.Output
	palette palette
	live    bool
}

func newPrinter(out term.Output, format Format) Printer {
	human := format == Human
	return Printer{out: out, palette: newPalette(human && out.Color), live: human && out.Live}
}

// Live says whether lines may be drawn over.
func (p Printer) Live() bool { return p.live }

// Width is how many columns a line may have now, 0 for no limit.
func (p Printer) Width() int { return p.out.Width() }

// Text starts a text in the stream's colours.
func (p Printer) Text() *Text { return &Text{palette: p.palette} }

// Print writes a text, in one piece.
func (p Printer) Print(t *Text) error {
	_, err := io.WriteString(p.out, t.b.String())
	return err
}

// Logs is a stream for the output of boxes: colours stay where the stream shows them. Flush it.
func (p Printer) Logs() *Writer {
	return NewWriter(p.out, p.palette.enabled)
}

// BoxLine writes a line that a box printed behind the box's name, which is filled up to width bytes, in one piece: whoever else
// writes to the stream cannot come between.
func (p Printer) BoxLine(box string, width int, line string) error {
	var b bytes.Buffer
	b.WriteString(p.palette.hue(box, Line(box)+strings.Repeat(" ", max(width-len(box), 0))+" |"))
	b.WriteByte(' ')
	w := NewWriter(&b, p.palette.enabled)
	if _, err := io.WriteString(w, line+"\n"); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := p.out.Write(b.Bytes())
	return err
}

// BoxEvent writes a line that tells when something happened to a box, whose name is filled up to width bytes.
func (p Printer) BoxEvent(at time.Time, box string, width int, text string) error {
	t := p.Text().Paint(Faint, at.Format("2006-01-02T15:04:05.000Z07:00")).Add("  ")
	t.b.WriteString(p.palette.hue(box, Line(box)))
	return p.Print(t.Add(strings.Repeat(" ", max(width-len(box), 0)+2), Line(text), "\n"))
}

// JSON writes a value as one line. Characters that would be hidden or steer a terminal stand as JSON's own escapes, so
// that a reader gets what was meant and a terminal shows what it got.
func (p Printer) JSON(v any) error {
	data, err := marshal(v)
	if err != nil {
		return err
	}
	_, err = p.out.Write(data)
	return err
}

func marshal(v any) ([]byte, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	data := plain.Bytes()
	// Outside strings JSON is ASCII without controls, so whatever is hidden stands in a string.
	safe := make([]byte, 0, len(data))
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case !hidden(r):
			safe = append(safe, data[:size]...)
		case r > 0xffff:
			high, low := surrogates(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
		data = data[size:]
	}
	return safe, nil
}

func surrogates(r rune) (high, low rune) {
	r -= 0x10000
	return 0xd800 + r>>10, 0xdc00 + r&0x3ff
}
