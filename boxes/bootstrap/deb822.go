package bootstrap

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// Limits of files of stanzas. The largest real ones stay far below.
const (
	maxLine   = 1 << 20  // bytes
	maxStanza = 16 << 20 // bytes of one stanza's kept values
	maxFields = 1000
)

// stanza is one paragraph of a file in the format of Debian's control files, with its first line's number.
type stanza struct {
	line   int
	fields map[string]string // by the name in small letters; lines of a value are parted by \n
}

func (s stanza) get(name string) string { return s.fields[name] }

// stanzas reads a file stanza by stanza. keep says which fields are of interest; nil is all of them.
type stanzas struct {
	what string
	r    *bufio.Reader
	keep map[string]bool
	line int
}

func readStanzas(what string, r io.Reader, keep ...string) *stanzas {
	s := &stanzas{what: what, r: bufio.NewReaderSize(r, maxLine)}
	if len(keep) > 0 {
		s.keep = map[string]bool{}
		for _, k := range keep {
			s.keep[k] = true
		}
	}
	return s
}

func (s *stanzas) bad(text string) error { return &formatError{s.what, s.line, text} }

// next gives the next stanza, or io.EOF. Lines that begin with # are comments.
func (s *stanzas) next() (stanza, error) {
	b := builder{fields: map[string]string{}}
	for {
		line, err := s.r.ReadSlice('\n')
		s.line++
		end := errors.Is(err, io.EOF)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return stanza{}, s.bad("a line of more than 1 MiB")
		case err != nil && !end:
			return stanza{}, err
		}
		line = bytes.TrimRight(line, " \t\r\n")
		if len(line) > 0 && line[0] != '#' {
			if err := s.take(line, &b); err != nil {
				return stanza{}, err
			}
		}
		switch {
		case b.line > 0 && (end || len(line) == 0):
			b.flush()
			return stanza{b.line, b.fields}, nil
		case end:
			return stanza{}, io.EOF
		}
	}
}

// builder is a stanza of which more may come.
type builder struct {
	line   int // 0: no field yet
	fields map[string]string
	name   string // of the field that may go on; "" is of no interest
	value  strings.Builder
	size   int
}

func (b *builder) flush() {
	if b.name != "" {
		b.fields[b.name] = b.value.String()
	}
	b.name = ""
	b.value.Reset()
}

func (s *stanzas) take(line []byte, b *builder) error {
	if line[0] == ' ' || line[0] == '\t' {
		if b.line == 0 {
			return s.bad("a continued line without a field before it")
		}
		if b.name != "" {
			b.value.WriteByte('\n')
			b.value.Write(bytes.TrimLeft(line, " \t"))
			b.size += len(line)
		}
	} else {
		b.flush()
		if b.line == 0 {
			b.line = s.line
		}
		name, value, err := s.field(line, b.fields)
		if err != nil {
			return err
		}
		b.name, b.size = name, b.size+len(value)
		b.value.WriteString(value)
	}
	if b.size > maxStanza || len(b.fields) > maxFields {
		return s.bad("a stanza over its limit")
	}
	return nil
}

// field takes a line apart; a name of "" is of no interest.
func (s *stanzas) field(line []byte, before map[string]string) (name, value string, err error) {
	key, rest, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(key) == 0 || bytes.ContainsAny(key, " \t") {
		return "", "", s.bad("a line that is no field")
	}
	if s.keep != nil && !s.keepFolded(key) {
		return "", "", nil
	}
	name = strings.ToLower(string(key))
	if _, twice := before[name]; twice {
		return "", "", s.bad("the field " + name + " stands twice")
	}
	return name, string(bytes.TrimSpace(rest)), nil
}

// keepFolded looks a field up without making a string of most of them.
func (s *stanzas) keepFolded(key []byte) bool {
	var small [32]byte
	if len(key) > len(small) {
		return false
	}
	for i, c := range key {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		small[i] = c
	}
	return s.keep[string(small[:len(key)])]
}
