package dockerfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/envyhq/envy/internal/lazyre"
)

// instruction is one instruction, its lines put together.
type instruction struct {
	line int    // of its first word, from 1
	word string // upper case
	text string
	at   []int // the place in the file of each byte of text
}

// token is a word of an instruction, by its bytes there.
type token struct{ from, to int }

var (
	directive = lazyre.New(`^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$`)
	other     = lazyre.New(`^//\s*[sS][yY][nN][tT][aA][xX]\s*=`)
	document  = lazyre.New(`^[0-9]*<<(-?)(.*)$`)
	plainWord = lazyre.New(`^[A-Za-z0-9_.-]+$`)
)

// head is what the first lines of a file say about the rest.
type head struct {
	escape byte
	syntax string // the frontend that is asked for, "" for none
}

// headOf reads directives. Every builder looks for them in lines at the very beginning only.
func headOf(text string) head {
	h := head{escape: '\\'}
	text = strings.TrimPrefix(text, "\ufeff")
	if strings.HasPrefix(text, "#!") {
		_, text, _ = strings.Cut(text, "\n")
	}
	if other.MatchString(text) || strings.HasPrefix(strings.TrimSpace(text), "{") {
		h.syntax = "another one" // only a frontend of its own reads such a file
	}
	for line := range strings.Lines(text) {
		m := directive.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			break
		}
		switch strings.ToLower(m[1]) {
		case "escape":
			if m[2] == "`" {
				h.escape = '`'
			}
		case "syntax":
			h.syntax, _, _ = strings.Cut(m[2], " ")
		case "check":
		default:
			return h
		}
	}
	return h
}

// instructions are all that builders know.
const instructions = "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR"

// reader puts a file's instructions together.
type reader struct {
	lines [][]byte // with their ends
	start []int    // of each in the file
	next  int      // line, from 0
	head  head
}

func newReader(text string) *reader {
	r := &reader{head: headOf(text)}
	at := 0
	for line := range bytes.Lines([]byte(text)) {
		r.lines, r.start = append(r.lines, line), append(r.start, at)
		at += len(line)
	}
	if len(r.lines) > 0 && bytes.HasPrefix(r.lines[0], []byte("\ufeff")) {
		r.lines[0], r.start[0] = r.lines[0][len("\ufeff"):], len("\ufeff")
	}
	return r
}

// read gives the next instruction; false at the end, or where problem says that the rest cannot be understood.
func (r *reader) read() (in instruction, ok bool, problem string) {
	for ; r.next < len(r.lines); r.next++ {
		if line := bytes.TrimSpace(r.lines[r.next]); len(line) == 0 || line[0] == '#' {
			continue
		}
		in = r.join()
		if in.word == "" { // nothing but continued lines
			r.next--
			continue
		}
		if !slices.Contains(strings.Fields(instructions), in.word) { // or a here-document was not seen as one
			return in, true, fmt.Sprintf("there is no instruction %q", shortened(in.word))
		}
		return in, true, r.skipDocuments(in)
	}
	return instruction{}, false, ""
}

// join puts an instruction's lines together and goes behind them. Comments and empty lines in it are no part of it.
func (r *reader) join() instruction {
	in := instruction{line: r.next + 1}
	var text []byte
	for first := true; r.next < len(r.lines); first = false {
		line, start := r.lines[r.next], r.start[r.next]
		r.next++
		line = bytes.TrimRight(line, "\r\n")
		if trimmed := bytes.TrimSpace(line); !first && (len(trimmed) == 0 || trimmed[0] == '#') {
			continue
		}
		line, more := r.cut(line)
		text = append(text, line...)
		for i := range line {
			in.at = append(in.at, start+i)
		}
		if !more {
			break
		}
	}
	in.text = string(text)
	if words := in.words(); len(words) > 0 {
		in.word = strings.ToUpper(in.of(words[0]))
	}
	return in
}

// cut takes the escape character from the end of a line that is continued: a single one, that is.
func (r *reader) cut(line []byte) (rest []byte, more bool) {
	trimmed := bytes.TrimRight(line, " \t")
	n := len(trimmed)
	if n == 0 || trimmed[n-1] != r.head.escape || n > 1 && trimmed[n-2] == r.head.escape {
		return line, false
	}
	return trimmed[:n-1], true
}

// of is a token's text.
func (in instruction) of(t token) string { return in.text[t.from:t.to] }

// words are those that white space parts.
func (in instruction) words() []token {
	var out []token
	for i := 0; i < len(in.text); {
		if isSpace(in.text[i]) {
			i++
			continue
		}
		t := token{from: i}
		for i < len(in.text) && !isSpace(in.text[i]) {
			i++
		}
		t.to = i
		out = append(out, t)
	}
	return out
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// place is a token's place in the file; false where it is not in one piece there.
func (in instruction) place(t token) (place, bool) {
	for i := t.from + 1; i < t.to; i++ {
		if in.at[i] != in.at[i-1]+1 {
			return place{}, false
		}
	}
	return place{in.at[t.from], in.at[t.to-1] + 1}, true
}

// skipDocuments goes behind the here-documents that begin in an instruction.
func (r *reader) skipDocuments(in instruction) (problem string) {
	words := in.words()
	word := in.word
	if word == "ONBUILD" && len(words) > 1 {
		word, words = strings.ToUpper(in.of(words[1])), words[1:]
	}
	if word != "RUN" && word != "COPY" && word != "ADD" || !strings.Contains(in.text, "<<") || isJSON(in, words) {
		return ""
	}
	if strangeSpace(in.text) {
		return "a here-document begins among strange white space"
	}
	for _, w := range shellWords(in.text) {
		m := document.FindStringSubmatch(w)
		if m == nil || strings.Contains(m[2], "<") {
			continue
		}
		name := unquoted(strings.TrimSpace(m[2]))
		if !plainWord.MatchString(name) {
			return "a here-document's name is not plain"
		}
		if !r.skipTo(name, m[1] != "") {
			return "a here-document does not end"
		}
	}
	return ""
}

// skipTo goes behind the line that ends a here-document.
func (r *reader) skipTo(name string, tabs bool) bool {
	for r.next < len(r.lines) {
		line := strings.TrimRight(string(r.lines[r.next]), "\r\n")
		r.next++
		if tabs {
			line = strings.TrimLeft(line, "\t")
		}
		if line == name {
			return true
		}
	}
	return false
}

// isJSON reports an instruction in exec form, which has no here-documents. words begin with the instruction's own.
func isJSON(in instruction, words []token) bool {
	for _, w := range words[1:] {
		if strings.HasPrefix(in.of(w), "--") {
			continue
		}
		var list []string
		return json.Unmarshal([]byte(in.text[w.from:]), &list) == nil
	}
	return false
}

// shellWords parts a text as a shell does, and leaves quotes and escapes in it.
func shellWords(text string) []string {
	var out []string
	var word []byte
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == 0 && isSpace(c):
			if len(word) > 0 {
				out = append(out, string(word))
			}
			word = word[:0]
			continue
		case c == '\\' && quote != '\'' && i+1 < len(text):
			word = append(word, c)
			i++
			c = text[i]
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
		word = append(word, c)
	}
	if len(word) > 0 {
		out = append(out, string(word))
	}
	return out
}

// strangeSpace reports white space beyond ASCII, and what may be taken for it: builders differ in whether it parts words.
func strangeSpace(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r == utf8.RuneError || r > unicode.MaxASCII && unicode.IsSpace(r) })
}

// unquoted takes one pair of quotes away.
func unquoted(s string) string {
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}
