package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Sanitize makes text from outside safe to show: control characters but tab and newline, C1, zero-width and direction
// controls and invalid UTF-8 become visible escapes. Text without any is returned as it is.
func Sanitize(s string) string {
	for i, r := range s {
		if hidden(r) || r == utf8.RuneError {
			return s[:i] + escapeAll(s[i:])
		}
	}
	return s
}

// Line is [Sanitize] for what has to stay on one line: newlines and tabs are escaped as well.
func Line(s string) string {
	return lineBreaks.Replace(Sanitize(s))
}

var lineBreaks = strings.NewReplacer("\n", `\n`, "\t", `\t`)

func escapeAll(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		b.WriteString(visible(s[:size], r))
		s = s[size:]
	}
	return b.String()
}

// visible is one decoded character as it is shown.
func visible(encoded string, r rune) string {
	switch {
	case r == utf8.RuneError && len(encoded) == 1:
		return fmt.Sprintf(`\x%02x`, encoded[0])
	case !hidden(r):
		return encoded
	case r == '\r':
		return `\r`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// hidden says whether a character cannot be seen, or changes how others are: all of Unicode's controls and format
// characters (zero-width, direction, tags), line separators, fillers, and the variation selectors but for the two that
// choose between text and emoji.
func hidden(r rune) bool {
	switch {
	case r == '\t' || r == '\n':
		return false
	case r < 0x20:
		return true
	case r < 0x7f:
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || unicode.Is(invisible, r)
}

var invisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1},
		{Lo: 0x115f, Hi: 0x1160, Stride: 1},
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1},
		{Lo: 0x180b, Hi: 0x180f, Stride: 1},
		{Lo: 0x3164, Hi: 0x3164, Stride: 1},
		{Lo: 0xfe00, Hi: 0xfe0d, Stride: 1},
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0xe0000, Hi: 0xe0fff, Stride: 1}},
}

// maxSGR bounds a colour sequence, in bytes.
const maxSGR = 64

// Writer passes a stream of lines from outside on, made safe as by [Sanitize]; a carriage return before a newline is
// dropped. What is cut in the middle of a character waits for the next Write; Flush ends it. It is not safe for
// concurrent use.
type Writer struct {
	w       io.Writer
	colors  bool
	colored bool   // a colour is on
	rest    []byte // an unfinished character, line end or colour sequence
	out     bytes.Buffer
}

// NewWriter makes safe what goes to w. With colors, SGR sequences pass: for logs on a terminal. They end with their
// line, so that one box's colours never run into another's.
func NewWriter(w io.Writer, colors bool) *Writer {
	return &Writer{w: w, colors: colors}
}

// Write makes p safe. It reports all of p as written unless the stream fails.
func (s *Writer) Write(p []byte) (int, error) {
	data := append(s.rest, p...)
	n := s.consume(data, false)
	s.rest = append([]byte(nil), data[n:]...)
	return len(p), s.emit()
}

// Flush shows what waits for its end and switches colours off.
func (s *Writer) Flush() error {
	s.consume(s.rest, true)
	s.rest = nil
	s.reset()
	return s.emit()
}

func (s *Writer) emit() error {
	_, err := s.w.Write(s.out.Bytes())
	s.out.Reset()
	return err
}

func (s *Writer) reset() {
	if s.colored {
		s.out.WriteString("\x1b[0m")
		s.colored = false
	}
}

// consume takes what is whole from data and says how much that was; final takes everything.
func (s *Writer) consume(data []byte, final bool) int {
	at := 0
	for at < len(data) {
		rest := data[at:]
		if !final && (!utf8.FullRune(rest) || len(rest) == 1 && rest[0] == '\r') {
			break
		}
		if s.colors && rest[0] == '\x1b' {
			n, whole := sgr(rest)
			if !whole && !final {
				break
			}
			if n > 0 && whole {
				s.out.Write(rest[:n])
				s.colored = !bytes.Equal(rest[:n], []byte("\x1b[m")) && !bytes.Equal(rest[:n], []byte("\x1b[0m"))
				at += n
				continue
			}
		}
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == '\r' && len(rest) > 1 && rest[1] == '\n':
		case r == '\n':
			s.reset()
			s.out.WriteByte('\n')
		default:
			s.out.WriteString(visible(string(rest[:size]), r))
		}
		at += size
	}
	return at
}

// sgr measures the colour sequence at the start of data (ECMA-48, "select graphic rendition"): 0 when it is none.
// whole is false when more bytes are needed to tell.
func sgr(data []byte) (n int, whole bool) {
	for i, b := range data[:min(len(data), maxSGR)] {
		switch {
		case i == 0:
		case i == 1:
			if b != '[' {
				return 0, true
			}
		case b == 'm':
			return i + 1, true
		case b != ';' && b != ':' && (b < '0' || b > '9'):
			return 0, true
		}
	}
	return 0, len(data) >= maxSGR
}
