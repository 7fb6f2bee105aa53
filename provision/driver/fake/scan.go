package fake

import (
	"fmt"
	"strings"
)

// scanner parts a script into tokens.
type scanner struct {
	text string
	at   int
}

// scan gives the tokens of a script.
func scan(text string) ([]token, error) {
	s := &scanner{text: text}
	var out []token
	for {
		s.blanks()
		if s.at >= len(s.text) {
			return out, nil
		}
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
}

func (s *scanner) blanks() {
	for s.at < len(s.text) {
		switch rest := s.text[s.at:]; {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r':
			s.at++
		case strings.HasPrefix(rest, "\\\n"):
			s.at += 2
		case rest[0] == '#':
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			s.at += end
		default:
			return
		}
	}
}

func (s *scanner) next() (token, error) {
	rest := s.text[s.at:]
	fd := -1
	if len(rest) > 1 && (rest[0] == '1' || rest[0] == '2') && (rest[1] == '>') {
		fd = int(rest[0] - '0')
		s.at++
		rest = rest[1:]
	}
	for _, op := range []string{"&&", "||", ";;", ">>", ">&", "<<", "\n", ";", ">", "<", "|", "&", "(", ")"} {
		if strings.HasPrefix(rest, op) {
			s.at += len(op)
			if fd < 0 && op[0] == '>' {
				fd = 1
			}
			return token{op: op, fd: fd}, nil
		}
	}
	w, err := s.word()
	return token{word: w}, err
}

// word reads to the next blank or operator outside of quotes.
func (s *scanner) word() (word, error) {
	var w word
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			w = append(w, part{Text: text.String()})
			text.Reset()
		}
	}
	for s.at < len(s.text) && !strings.ContainsRune(" \t\r\n;&|<>()", rune(s.text[s.at])) {
		var parts word
		var err error
		switch c := s.text[s.at]; c {
		case '\'':
			parts, err = s.single()
		case '"':
			parts, err = s.double()
		case '$':
			parts, err = s.dollar(false)
		case '`':
			err = fmt.Errorf("backquotes are nothing that the fake's shell knows")
		case '\\':
			s.at++
			if s.at < len(s.text) {
				parts = word{{Text: s.text[s.at : s.at+1], Quoted: true}}
				s.at++
			}
		default:
			text.WriteByte(c)
			s.at++
			continue
		}
		if err != nil {
			return nil, err
		}
		flush()
		w = append(w, parts...)
	}
	flush()
	return w, nil
}

func (s *scanner) single() (word, error) {
	end := strings.IndexByte(s.text[s.at+1:], '\'')
	if end < 0 {
		return nil, fmt.Errorf("a quote is not closed")
	}
	t := s.text[s.at+1 : s.at+1+end]
	s.at += end + 2
	return word{{Text: t, Quoted: true}}, nil
}

func (s *scanner) double() (word, error) {
	s.at++
	w := word{{Quoted: true}} // "" is a word too
	var text strings.Builder
	flush := func() {
		w = append(w, part{Text: text.String(), Quoted: true})
		text.Reset()
	}
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			flush()
			return w, nil
		case c == '\\' && s.at+1 < len(s.text) && strings.ContainsRune("\\\"$`\n", rune(s.text[s.at+1])):
			if s.text[s.at+1] != '\n' {
				text.WriteByte(s.text[s.at+1])
			}
			s.at += 2
		case c == '$':
			flush()
			parts, err := s.dollar(true)
			if err != nil {
				return nil, err
			}
			w = append(w, parts...)
		default:
			text.WriteByte(c)
			s.at++
		}
	}
	return nil, fmt.Errorf("a double quote is not closed")
}

func nameByte(c byte, first bool) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || !first && c >= '0' && c <= '9'
}

// dollar reads an expansion.
func (s *scanner) dollar(quoted bool) (word, error) {
	s.at++
	rest := s.text[s.at:]
	switch {
	case rest == "":
		return word{{Text: "$", Quoted: quoted}}, nil
	case rest[0] == '(':
		return s.substitution(quoted)
	case rest[0] == '{':
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return nil, fmt.Errorf("${ is not closed")
		}
		s.at += end + 1
		name, trim := strings.CutSuffix(rest[1:end], "%/*")
		if name == "" || strings.ContainsAny(name, ":-+=?#%/") {
			return nil, fmt.Errorf("${%s} is nothing that the fake's shell knows", rest[1:end])
		}
		return word{{Var: name, Trim: trim, Quoted: quoted}}, nil
	case strings.ContainsRune("$?@#0123456789", rune(rest[0])):
		s.at++
		return word{{Var: rest[:1], Quoted: quoted}}, nil
	case nameByte(rest[0], true):
		n := 1
		for n < len(rest) && nameByte(rest[n], false) {
			n++
		}
		s.at += n
		return word{{Var: rest[:n], Quoted: quoted}}, nil
	}
	return word{{Text: "$", Quoted: quoted}}, nil
}

// substitution reads $(…), quotes and inner parentheses minded.
func (s *scanner) substitution(quoted bool) (word, error) {
	start, depth := s.at+1, 0
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case '\'':
			if _, err := s.single(); err != nil {
				return nil, err
			}
			continue
		case '(':
			depth++
		case ')':
			depth--
		}
		s.at++
		if depth == 0 {
			inner, err := parseScript(s.text[start : s.at-1])
			if inner == nil {
				inner = []node{}
			}
			return word{{Sub: inner, Quoted: quoted}}, err
		}
	}
	return nil, fmt.Errorf("$( is not closed")
}
