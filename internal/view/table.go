package view

import "strings"

const (
	tableGap  = 3 // columns between two cells
	cellLeast = 8 // columns to which a cell may be shortened
)

// Cell is one field of a table.
type Cell struct {
	Text  string
	Style Style
}

// Table is rows under a heading, aligned. Cells are one line each.
type Table struct {
	Header []string
	Rows   [][]Cell
}

// Table draws a table. Where lines are limited, the widest columns are cut with an ellipsis until a row fits, or until
// none is wider than a few characters.
func (p Printer) Table(t Table) error {
	text := p.Text()
	for _, r := range p.tableRows(t, p.Width()) {
		text.b.WriteString(r.text + "\n")
	}
	return p.Print(text)
}

// tableRows are a table's lines, in at most limit columns where that can be; 0 is no limit.
func (p Printer) tableRows(t Table, limit int) []row {
	rows := make([][]Cell, 0, len(t.Rows)+1)
	if len(t.Header) > 0 {
		head := make([]Cell, len(t.Header))
		for i, h := range t.Header {
			head[i] = Cell{Text: h, Style: Strong}
		}
		rows = append(rows, head)
	}
	rows = append(rows, t.Rows...)
	var widths []int
	for i, row := range rows {
		for len(row) > 0 && row[len(row)-1].Text == "" { // no blanks at the end of a line
			row = row[:len(row)-1]
		}
		safe := make([]Cell, len(row))
		for j, c := range row {
			safe[j] = Cell{Text: Line(c.Text), Style: c.Style}
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], columns(safe[j].Text))
		}
		rows[i] = safe
	}
	fit(widths, limit)
	out := make([]row, 0, len(rows))
	for _, cells := range rows {
		text, used := p.Text(), 0
		for j, c := range cells {
			shown := cut(c.Text, widths[j])
			text.Paint(c.Style, shown)
			if used += columns(shown); j < len(cells)-1 {
				gap := widths[j] - columns(shown) + tableGap
				text.Add(strings.Repeat(" ", gap))
				used += gap
			}
		}
		out = append(out, row{text.String(), used})
	}
	return out
}

// fit takes from the widest column until the row fits into limit columns; 0 is no limit.
func fit(widths []int, limit int) {
	if limit <= 0 {
		return
	}
	total := tableGap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for total > limit {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if len(widths) == 0 || widths[widest] <= cellLeast {
			return
		}
		widths[widest]--
		total--
	}
}
