package view

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"

	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/provision/event"
)

// emulator is as much of a terminal as live progress uses, with an endless screen. What it does not know is an error.
type emulator struct {
	columns     int
	cells       [][]string // "" is the second half of a wide character
	row, column int
}

// screenOf is what a terminal shows after it got data.
func screenOf(t *testing.T, columns int, data []byte) *emulator {
	t.Helper()
	e := &emulator{columns: columns}
	for len(data) > 0 {
		n, err := e.take(data)
		if err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
	return e
}

var control = regexp.MustCompile(`^\x1b\[([0-9;]*)([A-Za-z])`)

func (e *emulator) take(data []byte) (int, error) {
	switch data[0] {
	case '\n':
		e.row, e.column = e.row+1, 0
		return 1, nil
	case '\r':
		e.column = 0
		return 1, nil
	case 0x1b:
		m := control.FindSubmatch(data)
		if m == nil {
			return 0, fmt.Errorf("unknown sequence %q", data[:min(len(data), 10)])
		}
		return len(m[0]), e.control(string(m[1]), m[2][0])
	}
	r, size := utf8.DecodeRune(data)
	if r < 0x20 {
		return 0, fmt.Errorf("control character %q", r)
	}
	e.put(string(r), runeColumns(r))
	return size, nil
}

func (e *emulator) control(argument string, function byte) error {
	switch {
	case function == 'm':
		return nil
	case function == 'A':
		n, err := strconv.Atoi(argument)
		if err != nil || n > e.row {
			return fmt.Errorf("%q rows up from row %d", argument, e.row)
		}
		e.row -= n
	case function == 'K' && argument == "":
		e.erase()
	case function == 'J' && argument == "":
		e.erase()
		e.cells = e.cells[:min(len(e.cells), e.row+1)]
	default:
		return fmt.Errorf("unknown control %q%c", argument, function)
	}
	return nil
}

func (e *emulator) erase() {
	if e.row < len(e.cells) {
		e.cells[e.row] = e.cells[e.row][:min(len(e.cells[e.row]), e.column)]
	}
}

func (e *emulator) put(s string, width int) {
	if width == 0 { // a mark on the character before it
		if e.column > 0 {
			e.cells[e.row][e.column-1] += s
		}
		return
	}
	if e.column+width > e.columns && e.column > 0 {
		e.row, e.column = e.row+1, 0
	}
	for len(e.cells) <= e.row {
		e.cells = append(e.cells, nil)
	}
	line := e.cells[e.row]
	for len(line) < e.column+width {
		line = append(line, " ")
	}
	line[e.column] = s
	for i := 1; i < width; i++ {
		line[e.column+i] = ""
	}
	e.cells[e.row] = line
	e.column += width
}

// lines are the rows without blanks at their ends, and without empty ones at the end.
func (e *emulator) lines() []string {
	var out []string
	for _, c := range e.cells {
		out = append(out, strings.TrimRight(strings.Join(c, ""), " "))
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// terminal is a pseudo-terminal of a size; read gives what was written once the slave is closed.
func terminal(t *testing.T, columns, rows uint16) (tty *os.File, read func() []byte) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := pty.Setsize(master, &pty.Winsize{Cols: columns, Rows: rows}); err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte, 1)
	go func() {
		data, _ := io.ReadAll(master) // ends with an error on Linux: the other side is gone
		got <- data
	}()
	return tty, func() []byte {
		if err := tty.Close(); err != nil {
			t.Fatal(err)
		}
		return <-got
	}
}

func environment(name string) string {
	return map[string]string{"TERM": "xterm"}[name]
}

// On a real terminal nothing is left of the block after Close, every line stands whole, and the cursor below them.
func TestLiveTerminal(t *testing.T) {
	t.Parallel()
	const columns = 50
	tty, read := terminal(t, columns, 8)
	v := New(term.Open(tty, tty, tty, term.Options{Getenv: environment}), Human)
	if !v.Err.Live() {
		t.Fatal("not live")
	}
	p := v.Progress()
	p.every = time.Millisecond
	crowd(p)
	p.Send(event.Event{ID: "wait", Kind: event.Start, Subject: "box.db", Text: "wait-healthy", Limit: time.Minute})
	p.mu.Lock()
	p.draw() // so that there is a block to be taken away
	p.mu.Unlock()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	data := read()
	if !strings.Contains(string(data), "waiting for health") {
		t.Error("the block was never drawn")
	}
	screen := screenOf(t, columns, data)
	lines := screen.lines()
	if want := members * (linesEach + 1); len(lines) != want {
		t.Errorf("%d lines, want %d:\n%s", len(lines), want, strings.Join(lines, "\n"))
	}
	whole := regexp.MustCompile(`^(member(\d) \| line \d+ of member(\d)|✓ member\d  started  \S+)$`)
	for _, line := range lines {
		if m := whole.FindStringSubmatch(line); m == nil || m[2] != m[3] {
			t.Errorf("line %q", line)
		}
	}
	if screen.row != len(lines) || screen.column != 0 {
		t.Errorf("cursor at %d,%d below %d lines", screen.row, screen.column, len(lines))
	}
}

// A terminal that becomes narrower breaks the block's lines; all their rows are taken away.
func TestNarrowerTerminal(t *testing.T) {
	t.Parallel()
	s := screen{drawn: []int{10, 25, 0}}
	for width, want := range map[int]int{0: 3, 30: 3, 25: 3, 24: 4, 10: 5} {
		if got := s.height(width); got != want {
			t.Errorf("in %d columns: %d rows, want %d", width, got, want)
		}
	}
}

// NO_COLOR leaves the drawing and takes the colours.
func TestLiveWithoutColor(t *testing.T) {
	t.Parallel()
	tty, read := terminal(t, 80, 24)
	getenv := func(name string) string {
		if name == "NO_COLOR" {
			return "1"
		}
		return environment(name)
	}
	p, c := still(New(term.Open(tty, tty, tty, term.Options{Getenv: getenv}), Human))
	story(p, c)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	data := string(read())
	if regexp.MustCompile(`\x1b\[[0-9;]*m`).MatchString(data) {
		t.Errorf("colours in %q", data)
	}
	if !strings.Contains(data, eraseLine) {
		t.Errorf("not live: %q", data)
	}
}

// Nothing that is sent gets a control byte of its own to the terminal.
func FuzzProgress(f *testing.F) {
	f.Add("box.web", "start", "a\x1b[2Jb\u202e\r\n\x9b1m\xff", 40)
	f.Add("", "", "\t", 1)
	f.Fuzz(func(t *testing.T, subject, op, text string, width int) {
		width = max(min(width, 300), 1)
		for _, live := range []bool{true, false} {
			v, _, err := shown(Human, live, width)
			v.Err.palette = newPalette(false)
			p, c := still(v)
			p.Send(event.Event{ID: "1", Kind: event.Start, Subject: subject, Text: op})
			p.Send(event.Event{ID: "2", Parent: "1", Kind: event.Start, Text: text})
			p.Send(event.Event{ID: "2", Parent: "1", Kind: event.Output, Text: text})
			c.at = c.at.Add(time.Minute)
			p.beat()
			p.Send(event.Event{Kind: event.Warning, Subject: text, Text: text})
			p.Send(event.Event{Kind: event.Note, Text: text})
			_, _ = io.WriteString(p.Output(subject), text)
			p.Send(event.Event{ID: "2", Parent: "1", Kind: event.Progress, Text: text, Current: 1, Total: 2, Unit: "bytes"})
			p.beat()
			p.Send(event.Event{ID: "2", Parent: "1", Kind: event.Failed, Text: text})
			p.Send(event.Event{ID: "1", Kind: event.Failed, Text: text})
			if e := p.Close(); e != nil {
				t.Fatal(e)
			}
			data := err.Bytes()
			if !live && strings.ContainsAny(err.String(), "\x1b\r") {
				t.Errorf("control bytes in %q", data)
			}
			screenOf(t, 1<<30, []byte(strings.ReplaceAll(err.String(), "\t", " "))) // fails at what progress itself does not use
		}
	})
}
