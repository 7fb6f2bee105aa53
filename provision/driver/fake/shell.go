package fake

import (
	"fmt"
	"strings"
)

// The shell of the fake's boxes knows: simple commands with quotes, $NAME, ${NAME}, ${NAME%/*}, $1, "$@", $$, $? and
// $(…); assignments; > >> < and 2> with files, >&2 and 2>&1; ; && || !; if, while, until, for and { }. It has no pipes,
// background jobs, functions, case, here-documents or patterns: those are syntax errors that say so. Programs are those
// of programs.go and the image's own.

// node is a piece of a script; a process holds what it still has to do as a list of them, so that it can be kept in a
// file while it sleeps. Kinds that no parser makes ("and" apart) are what is left of a compound command.
type node struct {
	Kind   string `json:"k"` // cmd, and, or, not, invert, if, branch, loop, check, for, each, group
	Words  []word `json:"w,omitempty"`
	Redirs []redirect
	Name   string   `json:"n,omitempty"` // of for
	Items  []string `json:"i,omitempty"` // of each
	Until  bool     `json:"u,omitempty"`
	A      []node   `json:"a,omitempty"`
	B      []node   `json:"b,omitempty"`
	C      []node   `json:"c,omitempty"`
}

// word is parts side by side.
type word []part

type part struct {
	Text   string `json:"t,omitempty"`
	Var    string `json:"v,omitempty"`
	Trim   bool   `json:"r,omitempty"` // ${NAME%/*}
	Sub    []node `json:"s,omitempty"` // $(…)
	Quoted bool   `json:"q,omitempty"`
}

// redirect sends fd to a file, or to another fd when To is set.
type redirect struct {
	FD     int
	Append bool `json:",omitempty"`
	Input  bool `json:",omitempty"`
	To     int  `json:",omitempty"`
	File   word `json:",omitempty"`
}

func literal(words ...string) node {
	n := node{Kind: "cmd"}
	for _, w := range words {
		n.Words = append(n.Words, word{{Text: w, Quoted: true}})
	}
	return n
}

// parseScript gives the nodes of a script, or says what the shell does not know.
func parseScript(text string) ([]node, error) {
	if strings.HasPrefix(text, "#!") {
		_, text, _ = strings.Cut(text, "\n")
	}
	tokens, err := scan(text)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	list, err := p.list()
	if err == nil && p.more() {
		err = fmt.Errorf("unexpected %q", p.peek())
	}
	return list, err
}

// token is an operator ("" Word) or a word.
type token struct {
	op   string
	word word
	fd   int // before a redirection
}

// plain is a word's text when it has no quotes or expansions: keywords are known by it.
func (t token) plain() string {
	if t.op != "" {
		return t.op
	}
	if len(t.word) == 1 && t.word[0].Var == "" && t.word[0].Sub == nil && !t.word[0].Quoted {
		return t.word[0].Text
	}
	return ""
}

type parser struct {
	tokens []token
	at     int
}

func (p *parser) more() bool { return p.at < len(p.tokens) }

func (p *parser) peek() string {
	if !p.more() {
		return ""
	}
	return p.tokens[p.at].plain()
}

func (p *parser) accept(words ...string) bool {
	for _, w := range words {
		if p.more() && p.peek() == w {
			p.at++
			return true
		}
	}
	return false
}

func (p *parser) expect(w string) error {
	if !p.accept(w) {
		return fmt.Errorf("%q is missing", w)
	}
	return nil
}

func closes(w string) bool {
	switch w {
	case "then", "do", "done", "fi", "else", "elif", "}":
		return true
	}
	return false
}

// list reads commands up to a closing keyword or the end.
func (p *parser) list() ([]node, error) {
	var out []node
	for {
		for p.accept(";", "\n") {
		}
		if !p.more() || closes(p.peek()) {
			return out, nil
		}
		n, err := p.andOr()
		if err != nil {
			return nil, err
		}
		out = append(out, n...)
		if p.more() && !closes(p.peek()) && p.peek() != ";" && p.peek() != "\n" {
			return nil, fmt.Errorf("unexpected %q: the fake's shell does not know it", p.peek())
		}
	}
}

func (p *parser) andOr() ([]node, error) {
	first, err := p.command()
	if err != nil {
		return nil, err
	}
	out := []node{first}
	for {
		var kind string
		switch {
		case p.accept("&&"):
			kind = "and"
		case p.accept("||"):
			kind = "or"
		default:
			return out, nil
		}
		for p.accept("\n") {
		}
		next, err := p.command()
		if err != nil {
			return nil, err
		}
		out = append(out, node{Kind: kind, A: []node{next}})
	}
}

func (p *parser) command() (node, error) {
	switch {
	case p.accept("!"):
		n, err := p.command()
		return node{Kind: "not", A: []node{n}}, err
	case p.accept("{"):
		list, err := p.list()
		if err != nil {
			return node{}, err
		}
		return node{Kind: "group", A: list}, p.expect("}")
	case p.accept("if"):
		return p.conditional()
	case p.accept("while"):
		return p.loop(false)
	case p.accept("until"):
		return p.loop(true)
	case p.accept("for"):
		return p.each()
	}
	return p.simple()
}

func (p *parser) conditional() (node, error) {
	n := node{Kind: "if"}
	var err error
	if n.A, err = p.list(); err != nil {
		return n, err
	}
	if err = p.expect("then"); err != nil {
		return n, err
	}
	if n.B, err = p.list(); err != nil {
		return n, err
	}
	switch {
	case p.accept("elif"):
		inner, err := p.conditional()
		n.C = []node{inner}
		return n, err
	case p.accept("else"):
		if n.C, err = p.list(); err != nil {
			return n, err
		}
	}
	return n, p.expect("fi")
}

func (p *parser) loop(until bool) (node, error) {
	n := node{Kind: "loop", Until: until}
	var err error
	if n.A, err = p.list(); err != nil {
		return n, err
	}
	n.B, err = p.body()
	return n, err
}

func (p *parser) body() ([]node, error) {
	if err := p.expect("do"); err != nil {
		return nil, err
	}
	list, err := p.list()
	if err != nil {
		return nil, err
	}
	return list, p.expect("done")
}

func (p *parser) each() (node, error) {
	n := node{Kind: "for", Name: p.peek()}
	p.at++
	if err := p.expect("in"); err != nil {
		return n, err
	}
	for p.more() && p.tokens[p.at].op == "" {
		n.Words = append(n.Words, p.tokens[p.at].word)
		p.at++
	}
	for p.accept(";", "\n") {
	}
	var err error
	n.B, err = p.body()
	return n, err
}

func (p *parser) simple() (node, error) {
	n := node{Kind: "cmd"}
	for p.more() {
		t := p.tokens[p.at]
		switch t.op {
		case "":
			n.Words = append(n.Words, t.word)
			p.at++
			continue
		case ">", ">>", "<", ">&":
			p.at++
			r, err := p.redirect(t)
			if err != nil {
				return n, err
			}
			n.Redirs = append(n.Redirs, r)
			continue
		case "|", "&", "(", ")", ";;", "<<":
			return n, fmt.Errorf("%q is nothing that the fake's shell knows", t.op)
		}
		break
	}
	if len(n.Words)+len(n.Redirs) == 0 {
		return n, fmt.Errorf("unexpected %q", p.peek())
	}
	return n, nil
}

func (p *parser) redirect(t token) (redirect, error) {
	r := redirect{FD: t.fd, Append: t.op == ">>", Input: t.op == "<"}
	if !p.more() || p.tokens[p.at].op != "" {
		return r, fmt.Errorf("a file is missing behind %q", t.op)
	}
	r.File = p.tokens[p.at].word
	p.at++
	if t.op == ">&" {
		to := p.tokens[p.at-1].plain()
		if to != "1" && to != "2" {
			return r, fmt.Errorf("redirection to %q", to)
		}
		r.To, r.File = int(to[0]-'0'), nil
	}
	return r, nil
}
