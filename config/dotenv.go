package config

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// envEntry is one variable of a dotenv file.
type envEntry struct {
	name, value string
	line        int
}

// parseDotenv reads NAME=value lines: optional `export`, # comments, single quotes as they are, double quotes with \n, \t,
// \r, \", \\, \$ and over several lines. Nothing is interpolated. Errors name the line and never quote it.
func parseDotenv(data []byte) ([]envEntry, error) {
	data = bytes.TrimPrefix(data, byteOrderMark)
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("is not UTF-8")
	}
	p := dotenvParser{rest: strings.ReplaceAll(string(data), "\r\n", "\n"), line: 1}
	var list []envEntry
	for p.rest != "" {
		entry, ok, err := p.entry()
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if len(list) == maxCollection {
			return nil, fmt.Errorf("holds more than %d variables", maxCollection)
		}
		if _, bad := badControl(entry.value, true); bad {
			return nil, fmt.Errorf("line %d: a control character in the value", entry.line)
		}
		list = append(list, entry)
	}
	return list, nil
}

type dotenvParser struct {
	rest string
	line int
}

// takeLine cuts the next line off.
func (p *dotenvParser) takeLine() string {
	line, rest, _ := strings.Cut(p.rest, "\n")
	p.rest = rest
	p.line++
	return line
}

// entry reads one line, or several where a quote goes on; false: a comment or an empty line.
func (p *dotenvParser) entry() (envEntry, bool, error) {
	at := p.line
	text := strings.TrimLeft(p.rest, " \t")
	if line, _, _ := strings.Cut(text, "\n"); strings.TrimSpace(line) == "" || line[0] == '#' {
		p.takeLine()
		return envEntry{}, false, nil
	}
	if after, ok := strings.CutPrefix(text, "export"); ok && after != "" && (after[0] == ' ' || after[0] == '\t') {
		text = strings.TrimLeft(after, " \t")
	}
	line, _, _ := strings.Cut(text, "\n")
	name, _, found := strings.Cut(line, "=")
	name = strings.TrimRight(name, " \t")
	if !found || envName(name) != "" {
		return envEntry{}, false, fmt.Errorf("line %d: expected NAME=value", at)
	}
	p.rest = strings.TrimLeft(text[strings.IndexByte(text, '=')+1:], " \t")
	value, err := p.value(at)
	return envEntry{name: name, value: value, line: at}, true, err
}

// value reads what stands behind the equals sign, to the end of its line.
func (p *dotenvParser) value(at int) (string, error) {
	if p.rest == "" || p.rest[0] != '"' && p.rest[0] != '\'' {
		line := p.takeLine()
		for i := range line {
			if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
				line = line[:i]
				break
			}
		}
		return strings.TrimSpace(line), nil
	}
	quote := p.rest[0]
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		c := p.rest[i]
		switch {
		case c == quote:
			p.line += strings.Count(p.rest[:i], "\n")
			p.rest = p.rest[i+1:]
			tail := strings.TrimSpace(p.takeLine())
			if tail != "" && tail[0] != '#' {
				return "", fmt.Errorf("line %d: text behind the closing quote", p.line-1)
			}
			return b.String(), nil
		case c == '\\' && quote == '"' && i+1 < len(p.rest):
			i++
			b.WriteString(unescape(p.rest[i]))
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("line %d: a quote is not closed", at)
}

func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 't':
		return "\t"
	case 'r':
		return "\r"
	case '"', '\\', '$', '`':
		return string(c)
	}
	return "\\" + string(c)
}
