package view

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/envyhq/envy/internal/diag"
)

const (
	maxExcerptColumns = 200
	maxExcerptLines   = 5
	tabColumns        = 4
	excerptBefore     = 40 // columns kept before the place in a line that is too long
)

// excerpt adds the source lines of a diagnostic with their numbers, the place underlined.
func excerpt(t *Text, d diag.Diagnostic, style Style) {
	if d.Excerpt == "" {
		return
	}
	lines := excerptLines(d)
	gutter := len(strconv.Itoa(d.Range.Start.Line + len(lines) - 1))
	for i, line := range lines {
		from, to := underlined(d.Range, i, line)
		shown, from, to := window(cells(line), from, to)
		t.Add("  ").Paint(Faint, fmt.Sprintf("%*d |", gutter, d.Range.Start.Line+i)).Add(" ", shown, "\n")
		if i == 0 && d.Range.Start.Column > 0 {
			mark := "^" + strings.Repeat("~", max(to-from-1, 0))
			t.Add("  ", spaces(gutter)).Paint(Faint, " |").Add(" ", spaces(from)).Paint(style, mark).Add("\n")
		}
	}
	if len(lines) == maxExcerptLines && d.Range.End.Line-d.Range.Start.Line >= maxExcerptLines {
		t.Add("  ", spaces(gutter)).Paint(Faint, " |").Add(" …\n")
	}
}

// excerptLines are the source lines that the range covers, no more than are shown.
func excerptLines(d diag.Diagnostic) []string {
	lines := strings.Split(strings.TrimRight(d.Excerpt, "\r\n"), "\n")
	return lines[:max(min(len(lines), d.Range.End.Line-d.Range.Start.Line+1, maxExcerptLines), 1)]
}

// shortExcerpt is the excerpt of a JSON document: as in the file, but for its limits.
func shortExcerpt(d diag.Diagnostic) string {
	if d.Excerpt == "" {
		return ""
	}
	lines := excerptLines(d)
	for i, line := range lines {
		lines[i] = cut(line, maxExcerptColumns)
	}
	return strings.Join(lines, "\n")
}

// underlined gives the characters of a line that the range covers, counted as the range counts columns.
func underlined(r diag.Range, i int, line string) (from, to int) {
	if i == 0 {
		from = r.Start.Column - 1
	}
	to = len(cells(line))
	if r.Start.Line+i == r.End.Line {
		to = r.End.Column - 1
	}
	return from, to
}

// cells are the characters of a line as they are shown; combining marks stand with what they combine with, as the
// columns of a range count them.
func cells(line string) []string {
	var out []string
	for line = strings.TrimSuffix(line, "\r"); line != ""; {
		r, size := utf8.DecodeRuneInString(line)
		shown := visible(line[:size], r)
		switch {
		case r == '\t':
			out = append(out, spaces(tabColumns))
		case len(out) > 0 && unicode.In(r, unicode.Mn, unicode.Me):
			out[len(out)-1] += shown
		default:
			out = append(out, shown)
		}
		line = line[size:]
	}
	return out
}

// window cuts a line to [maxExcerptColumns] around its underlined characters and gives these in columns.
func window(line []string, from, to int) (shown string, first, end int) {
	from = max(min(from, len(line)), 0)
	to = max(min(to, len(line)), from)
	start := 0
	if cellColumns(line) > maxExcerptColumns && cellColumns(line[:to]) > maxExcerptColumns {
		start = from
		for start > 0 && cellColumns(line[start:from]) < excerptBefore {
			start--
		}
	}
	prefix := ""
	if start > 0 {
		prefix = "…"
	}
	shown = cut(prefix+strings.Join(line[start:], ""), maxExcerptColumns)
	first = columns(prefix) + cellColumns(line[start:from])
	return shown, first, min(first+cellColumns(line[from:to]), maxExcerptColumns)
}

func cellColumns(line []string) int {
	n := 0
	for _, c := range line {
		n += columns(c)
	}
	return n
}

func spaces(n int) string { return strings.Repeat(" ", n) }
