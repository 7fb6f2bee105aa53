package lock

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

type kind int

const (
	end kind = iota
	newline
	word
	quote // a string
	mark  // one of { } = ,
)

type token struct {
	kind kind
	text string // of a string, what it means
	line int
}

func (t token) String() string {
	switch t.kind {
	case end:
		return "the end of the file"
	case newline:
		return "the end of the line"
	case quote:
		return fmt.Sprintf("the text %q", t.text)
	}
	return fmt.Sprintf("%q", t.text)
}

// scanner cuts a file into tokens. It looks at each byte once and holds nothing but its place.
type scanner struct {
	rest string
	line int
}

func (s *scanner) fail(format string, args ...any) *Error {
	return &Error{Line: s.line, Summary: fmt.Sprintf(format, args...), Hint: Renew}
}

func (s *scanner) next() (token, *Error) {
	if err := s.skip(); err != nil {
		return token{}, err
	}
	if s.rest == "" {
		return token{kind: end, line: s.line}, nil
	}
	switch c := s.rest[0]; {
	case c == '\n':
		t := token{kind: newline, line: s.line}
		s.rest, s.line = s.rest[1:], s.line+1
		return t, nil
	case c == '"':
		return s.quoted()
	case strings.IndexByte("{}=,", c) >= 0:
		t := token{kind: mark, text: s.rest[:1], line: s.line}
		s.rest = s.rest[1:]
		return t, nil
	}
	n := 0
	for n < len(s.rest) && n < 64 && strings.IndexByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-", s.rest[n]) >= 0 {
		n++
	}
	if n == 0 {
		r, _ := utf8.DecodeRuneInString(s.rest)
		return token{}, s.fail("unexpected %q", r)
	}
	t := token{kind: word, text: s.rest[:n], line: s.line}
	s.rest = s.rest[n:]
	return t, nil
}

// skip leaves out spaces and comments. A comment to the end of its line leaves that end.
func (s *scanner) skip() *Error {
	for {
		s.rest = strings.TrimLeft(s.rest, " \t\r")
		switch {
		case strings.HasPrefix(s.rest, "#"), strings.HasPrefix(s.rest, "//"):
			i := strings.IndexByte(s.rest, '\n')
			if i < 0 {
				i = len(s.rest)
			}
			s.rest = s.rest[i:]
		case strings.HasPrefix(s.rest, "/*"):
			i := strings.Index(s.rest, "*/")
			if i < 0 {
				return s.fail("the comment does not end")
			}
			s.line += strings.Count(s.rest[:i], "\n")
			s.rest = s.rest[i+2:]
		default:
			return nil
		}
	}
}

// quoted reads a string with the escapes that Encode writes. Templates are refused.
func (s *scanner) quoted() (token, *Error) {
	var b strings.Builder
	for i := 1; i < len(s.rest) && i < 2*maxText+2; i++ {
		c, after := s.rest[i], s.rest[i+1:]
		switch {
		case c == '"':
			t := token{kind: quote, text: b.String(), line: s.line}
			s.rest = after
			return t, nil
		case c == '\n':
			return token{}, s.fail("the text does not end")
		case c == '\\':
			if after == "" || after[0] != '\\' && after[0] != '"' {
				return token{}, s.fail(`a backslash stands before \ and " only`)
			}
			b.WriteByte(after[0])
			i++
		case (c == '$' || c == '%') && strings.HasPrefix(after, string(c)+"{"):
			b.WriteByte(c)
			b.WriteByte('{')
			i += 2
		case (c == '$' || c == '%') && strings.HasPrefix(after, "{"):
			return token{}, s.fail("a lock has no templates")
		default:
			b.WriteByte(c)
		}
	}
	return token{}, s.fail("the text does not end, or is longer than %d bytes", maxText)
}
