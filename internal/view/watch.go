package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Watch draws an answer again whenever it is another one: on a terminal over the last one, elsewhere below it, under the
// time of day; JSON is a document each.
type Watch struct {
	view  *View
	last  string
	drawn []int // columns of the lines that stand on the terminal
	begun bool
}

// NewWatch begins to watch.
func (v *View) NewWatch() *Watch { return &Watch{view: v} }

// Draw has render write an answer to Out of the view that it gets, and shows it unless it stands there already.
func (w *Watch) Draw(render func(*View) error) error {
	var answer bytes.Buffer
	copied := *w.view
	copied.Out.out.Writer = &answer
	if err := render(&copied); err != nil {
		return err
	}
	text := answer.String()
	if w.begun && text == w.last {
		return nil
	}
	head := ""
	switch {
	case w.view.Format == JSON:
	case w.view.Out.Live():
		head = w.over()
		w.drawn = widths(text)
	default:
		head = w.view.Now().Format("15:04:05") + "\n"
		if w.begun {
			head = "\n" + head
		}
	}
	w.begun, w.last = true, text
	_, err := io.WriteString(w.view.Out.out, head+text)
	return err
}

// over moves the cursor to the first line that was drawn, and clears what is below. What has left the screen at its top
// cannot be drawn over: it is begun anew.
func (w *Watch) over() string {
	up := (&screen{drawn: w.drawn}).height(w.view.Out.Width())
	rows := defaultRows
	if size, ok := w.view.streams.Size(); ok {
		rows = size.Rows
	}
	switch {
	case up == 0:
		return ""
	case up >= rows:
		return "\n"
	}
	return fmt.Sprintf("\r\x1b[%dA", up) + eraseBelow
}

// widths are the columns of a text's lines, colours left out.
func widths(text string) []int {
	var out []int
	for line := range strings.Lines(text) {
		n, escape := 0, false
		for _, r := range strings.TrimSuffix(line, "\n") {
			switch {
			case r == '\x1b':
				escape = true
			case escape:
				escape = r != 'm'
			default:
				n += runeColumns(r)
			}
		}
		out = append(out, n)
	}
	return out
}
