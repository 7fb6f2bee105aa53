package view

import (
	"hash/fnv"
	"strings"
	"unicode"

	"github.com/fatih/color"
	"golang.org/x/text/width"
)

// Style is what a piece of text means; the palette says how that looks.
type Style int

// The styles.
const (
	None    Style = iota
	Strong        // names, headings
	Faint         // what matters less
	Problem       // errors, and what is destroyed
	Caution       // warnings, and what changes
	Good          // success, and what is created
	Accent        // what starts, hints
	Alarm         // what would be lost
)

// hues tell boxes from one another; red is left to problems.
func hues() []color.Attribute {
	return []color.Attribute{
		color.FgCyan, color.FgYellow, color.FgGreen, color.FgMagenta, color.FgBlue,
		color.FgHiCyan, color.FgHiYellow, color.FgHiGreen, color.FgHiMagenta, color.FgHiBlue,
	}
}

// hue colours text by a name, which has the same colour each time and everywhere.
func (p palette) hue(name, s string) string {
	if !p.enabled {
		return s
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	all := hues()
	c := color.New(all[h.Sum32()%uint32(len(all))])
	c.EnableColor()
	return c.Sprint(s)
}

// palette belongs to one stream. The package's own switch (color.NoColor) depends on the process's stdout, so each
// object is switched by itself.
type palette struct {
	enabled bool
	colors  [Alarm + 1]*color.Color
}

func newPalette(enabled bool) palette {
	p := palette{enabled: enabled, colors: [...]*color.Color{
		Strong:  color.New(color.Bold),
		Faint:   color.New(color.Faint),
		Problem: color.New(color.FgRed, color.Bold),
		Caution: color.New(color.FgYellow),
		Good:    color.New(color.FgGreen),
		Accent:  color.New(color.FgCyan),
		Alarm:   color.New(color.FgYellow, color.Bold),
	}}
	for _, c := range p.colors {
		switch {
		case c == nil:
		case enabled:
			c.EnableColor()
		default:
			c.DisableColor()
		}
	}
	return p
}

func (p palette) paint(style Style, s string) string {
	if c := p.colors[style]; c != nil && s != "" {
		return c.Sprint(s)
	}
	return s
}

// Text is put together piece by piece; whatever goes in is made safe, the styles around it are its own.
type Text struct {
	b       strings.Builder
	palette palette
}

// Add appends text from anywhere; newlines stay.
func (t *Text) Add(parts ...string) *Text {
	for _, p := range parts {
		t.b.WriteString(Sanitize(p))
	}
	return t
}

// Paint appends text in a style. It must not span lines.
func (t *Text) Paint(style Style, s string) *Text {
	t.b.WriteString(t.palette.paint(style, Line(s)))
	return t
}

// String is the text with its colours.
func (t *Text) String() string { return t.b.String() }

// columns is how wide a terminal shows text that is safe already.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case r < 0x80:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut shortens safe text to a number of columns, with an ellipsis.
func cut(s string, limit int) string {
	if columns(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > limit-1 {
			return s[:i] + "…"
		}
	}
	return s
}

// wrap breaks text into lines of at most limit columns at spaces; 0 keeps its lines. A line that starts with a space
// is laid out already and stays.
func wrap(s string, limit int) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(s, "\n"), "\n") {
		if limit <= 0 || strings.HasPrefix(line, " ") || columns(line) <= limit {
			lines = append(lines, line)
			continue
		}
		var at strings.Builder
		used := 0
		for _, word := range strings.Fields(line) {
			w := columns(word)
			if used > 0 && used+1+w > limit {
				lines = append(lines, at.String())
				at.Reset()
				used = 0
			}
			if used > 0 {
				at.WriteByte(' ')
				used++
			}
			at.WriteString(word)
			used += w
		}
		lines = append(lines, at.String())
	}
	return lines
}
