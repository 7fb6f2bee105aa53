package fake

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

func (m *machine) set(name, value string) {
	if _, exported := m.p.Env[name]; exported {
		m.p.Env[name] = value
		return
	}
	m.top().Vars[name] = value
}

func (m *machine) lookUpVar(name string) string {
	f := m.top()
	switch name {
	case "$":
		return strconv.Itoa(m.p.PID)
	case "?":
		return strconv.Itoa(m.p.Status)
	case "#":
		return strconv.Itoa(max(len(f.Args)-1, 0))
	case "@":
		return strings.Join(f.Args[min(1, len(f.Args)):], " ")
	}
	if i, err := strconv.Atoi(name); err == nil {
		if i < len(f.Args) {
			return f.Args[i]
		}
		return ""
	}
	if v, ok := f.Vars[name]; ok {
		return v
	}
	return m.p.Env[name]
}

func (m *machine) expandAll(words []word) []string {
	var out []string
	for _, w := range words {
		out = append(out, m.expand(w)...)
	}
	return out
}

// allArguments reports whether the word is "$@".
func (w word) allArguments() bool {
	found := false
	for _, p := range w {
		switch {
		case p.Var == "@" && p.Quoted && !found:
			found = true
		case p.Text != "" || p.Var != "" || p.Sub != nil:
			return false
		}
	}
	return found
}

// expand gives the words that one becomes: unquoted expansions are split at blanks, "$@" at its arguments.
func (m *machine) expand(w word) []string {
	if w.allArguments() {
		args := m.top().Args
		return slices.Clone(args[min(1, len(args)):])
	}
	var out []string
	var text strings.Builder
	open := false
	for _, p := range w {
		value := m.value(p)
		if p.Quoted || p.Var == "" && p.Sub == nil {
			text.WriteString(value)
			open = true
			continue
		}
		for i, field := range strings.Fields(value) {
			if i > 0 {
				out = append(out, text.String())
				text.Reset()
			}
			text.WriteString(field)
			open = true
		}
	}
	if open {
		out = append(out, text.String())
	}
	return out
}

func (m *machine) value(p part) string {
	switch {
	case p.Sub != nil:
		return m.capture(p.Sub)
	case p.Var != "":
		v := m.lookUpVar(p.Var)
		if i := strings.LastIndexByte(v, '/'); p.Trim && i >= 0 {
			return v[:i]
		}
		return v
	}
	return p.Text
}

// capture runs $(…) at once.
func (m *machine) capture(nodes []node) string {
	f := m.top()
	inner := *m.p
	inner.Env = maps.Clone(m.p.Env)
	inner.Frames = []frame{{Todo: slices.Clone(nodes), Args: f.Args, Vars: maps.Clone(f.Vars), Dir: f.Dir}}
	inner.Prompt = false
	var out strings.Builder
	sub := machine{s: m.s, b: m.b, p: &inner, now: m.now, lenient: m.lenient, nested: true, emit: func(fd int, text string) {
		if fd == 1 {
			out.WriteString(text)
		} else {
			m.emit(fd, text)
		}
	}}
	sub.run()
	m.p.Status, m.captured = inner.Code, true
	return strings.TrimRight(out.String(), "\n")
}

// assignments parts NAME=value words from the command behind them.
func (m *machine) assignments(words []word) (set [][2]string, rest []word) {
	for len(words) > 0 && len(words[0]) > 0 {
		first := words[0][0]
		name, value, ok := strings.Cut(first.Text, "=")
		if !ok || first.Quoted || first.Var != "" || !isName(name) {
			break
		}
		tail := append(word{{Text: value, Quoted: true}}, words[0][1:]...)
		for i := range tail { // values are not split
			tail[i].Quoted = true
		}
		set = append(set, [2]string{name, strings.Join(m.expand(tail), " ")})
		words = words[1:]
	}
	return set, words
}

func isName(s string) bool {
	for i := range len(s) {
		if !nameByte(s[i], i == 0) {
			return false
		}
	}
	return s != ""
}
