package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
)

// The control sequences that live progress uses (ECMA-48). The cursor is never hidden: a process that is ended at once
// could not show it again.
const (
	eraseLine  = "\x1b[K" // from the cursor on
	eraseBelow = "\x1b[J" // from the cursor to the end of the screen
)

const (
	defaultRows = 24
	mostRows    = 16 // of the block, however high the terminal
	barColumns  = 20
	widestName  = 32
	asideAfter  = 500 * time.Millisecond // bookkeeping that takes longer is drawn
)

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

// screen is what stands on the terminal below the finished lines.
type screen struct {
	queue bytes.Buffer // safe lines to be put above the block
	drawn []int        // columns of the block's lines, as they stand
	frame int
}

// draw puts what waits above the block and draws the block anew, in one write.
func (p *Progress) draw() {
	if !p.out.Live() {
		return
	}
	width := p.out.Width()
	lines := p.block(width)
	s := &p.screen
	if s.queue.Len() == 0 && len(lines) == 0 && len(s.drawn) == 0 {
		return
	}
	var b strings.Builder
	up := s.height(width)
	if up > 0 {
		fmt.Fprintf(&b, "\r\x1b[%dA", up)
		if s.queue.Len() > 0 {
			b.WriteString(eraseBelow)
		}
	}
	b.Write(s.queue.Bytes())
	s.queue.Reset()
	s.drawn = s.drawn[:0]
	for _, l := range lines {
		b.WriteString(l.text + eraseLine + "\n")
		s.drawn = append(s.drawn, l.columns)
	}
	if up > 0 {
		b.WriteString(eraseBelow)
	}
	_, err := io.WriteString(p.out.out, b.String())
	p.keep(err)
}

// height is how many rows the block takes now; a terminal that became narrower has broken its lines.
func (s *screen) height(width int) int {
	n := 0
	for _, c := range s.drawn {
		if width <= 0 || c <= width {
			n++
		} else {
			n += (c + width - 1) / width
		}
	}
	return n
}

// row is a line of the block, cut to fit.
type row struct {
	text    string
	columns int
}

// row puts pieces together, in at most limit columns.
func (p Printer) row(limit int, pieces ...Cell) row {
	t, used := p.Text(), 0
	for _, piece := range pieces {
		s := Line(piece.Text)
		if limit > 0 {
			s = cut(s, limit-used)
		}
		t.Paint(piece.Style, s)
		if used += columns(s); limit > 0 && used >= limit {
			break
		}
	}
	return row{t.String(), used}
}

// block draws the running tasks, each with its parts below it. Where rows are few, parts are left out first.
func (p *Progress) block(width int) []row {
	limit := 0
	if width > 0 {
		limit = max(width-1, 1) // a line as wide as the screen would break
	}
	now := p.now()
	var tops []*task
	widest := 0
	for _, t := range p.tasks {
		if p.find(t.parent) == nil && (!t.op.aside || now.Sub(t.began) > asideAfter) {
			tops = append(tops, t)
			widest = max(widest, min(columns(Line(t.name.who)), widestName))
		}
	}
	room := max(min(p.rows()-1, mostRows), 1)
	var more []row
	if len(tops) > room {
		more = []row{p.out.row(limit, Cell{fmt.Sprintf("  … and %d more", len(tops)-room+1), Faint})}
		tops = tops[:room-1]
	}
	free := room - len(tops) - len(more)
	var rows []row
	for _, t := range tops {
		rows = append(rows, p.topRow(t, limit, widest, now))
		for _, part := range p.tasks {
			if free > 0 && part.parent != "" && part.parent == t.id {
				rows = append(rows, p.partRow(part, limit, now))
				free--
			}
		}
	}
	return append(rows, more...)
}

func (p *Progress) topRow(t *task, limit, widest int, now time.Time) row {
	who := cut(Line(t.name.who), widestName)
	pieces := []Cell{
		{spinner[p.screen.frame%len(spinner)], Accent}, {Text: " "}, {who, Strong}, {Text: spaces(widest - columns(who) + 2)},
		{Text: t.op.doing}, {Text: "  "}, {t.clock(now.Sub(t.began)), Faint},
	}
	if a := p.amount(t); a != "" {
		pieces = append(pieces, Cell{Text: "  "}, Cell{a, Faint})
	}
	return p.out.row(limit, pieces...)
}

func (p *Progress) partRow(t *task, limit int, now time.Time) row {
	title := cut(Line(t.op.doing), 60)
	pieces := []Cell{{Text: "    "}, {Text: title}, {Text: "  "}}
	if t.bytes && t.total > 0 {
		pieces = append(pieces, Cell{bar(t.current, t.total), Accent}, Cell{Text: " "}, Cell{p.amount(t), Faint}, Cell{" " + t.phase, Faint})
		return p.out.row(limit, pieces...)
	}
	pieces = append(pieces, Cell{t.clock(now.Sub(t.began)), Faint})
	if t.last != "" {
		pieces = append(pieces, Cell{"  " + oneLine(t.last), Faint})
	}
	return p.out.row(limit, pieces...)
}

// bar draws how much of a total is done.
func bar(current, total int64) string {
	full := int(barColumns * min(max(float64(current)/float64(total), 0), 1))
	return strings.Repeat("━", full) + strings.Repeat("─", barColumns-full)
}
