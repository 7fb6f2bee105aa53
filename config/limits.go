package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The limits of the language (product reference, §9); each is a diagnostic.
const (
	MaxFileBytes  = 1 << 20 // an Envfile, and every file that an expression reads
	maxNesting    = 100     // brackets, templates, unary and conditional chains
	maxOperators  = 1000    // operators, indexes and attribute steps in one expression: the tree leans on its left side
	maxString     = 1 << 20 // bytes of an evaluated string
	maxCollection = 10_000  // elements of an evaluated collection
	maxNodes      = 200_000 // values inside one evaluated value
	maxDepth      = 500     // levels of an evaluated value
	maxEnvEntry   = 131_071 // bytes of NAME=value: the kernel's limit for one string of an environment
	maxBoxes      = 10_000  // boxes after count
	maxBlocks     = 200_000 // blocks in all boxes after count
)

var byteOrderMark = []byte{0xef, 0xbb, 0xbf}

// checkSource applies every limit that must hold before HCL's parser sees the bytes: it ends the process on deep
// nesting. It returns the bytes to parse, and whether that may be done.
func checkSource(p *problems, name string, data []byte, isJSON bool) ([]byte, bool) {
	start := hcl.Range{Filename: name, Start: hcl.InitialPos, End: hcl.InitialPos}
	if len(data) > MaxFileBytes {
		p.errorf(start, "%s is larger than 1 MiB", name)
		return nil, false
	}
	data = bytes.TrimPrefix(data, byteOrderMark)
	if !utf8.Valid(data) {
		p.errorf(invalidUTF8(name, data), "%s is not UTF-8", name)
		return nil, false
	}
	if isJSON {
		return data, checkJSON(p, name, data)
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		p.errorf(rangeAt(name, data, i), "a NUL byte in the file")
		return nil, false
	}
	tokens, _ := hclsyntax.LexConfig(data, name, hcl.InitialPos)
	if at := directionControl(tokens); at != nil {
		p.errorf(*at, "a direction control character outside a comment").hint = `it would make the text look like another one; write it as an escape, "\u202e"`
		return data, false
	}
	return data, checkNesting(p, tokens)
}

// checkNesting reports the first place where tokens nest too deeply.
func checkNesting(p *problems, tokens hclsyntax.Tokens) bool {
	n := nesting{}
	for _, t := range tokens {
		if what := n.step(t); what != "" {
			p.errorf(t.Range, "%s", what)
			return false
		}
	}
	return true
}

// nesting follows the depth that the parser and evaluation will reach, token by token.
type nesting struct {
	levels []level
	unary  int
	last   hclsyntax.TokenType
}

// level is an open bracket or template.
type level struct {
	open         hclsyntax.TokenType
	conditionals int // ?: nest to the right
	operators    int // left-associative chains nest to the left
	sequences    int // %{ if } and %{ for } that are still open inside this template
}

// step takes one token and returns what is wrong, or "".
func (n *nesting) step(t hclsyntax.Token) string {
	if len(n.levels) == 0 {
		n.levels = append(n.levels, level{})
	}
	top := &n.levels[len(n.levels)-1]
	n.countUnary(t.Type)
	switch t.Type {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
		hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		if t.Type == hclsyntax.TokenOBrack {
			top.operators++
		}
		n.levels = append(n.levels, level{open: t.Type})
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
		hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
		if len(n.levels) > 1 {
			n.levels = n.levels[:len(n.levels)-1]
		}
	case hclsyntax.TokenComma:
		top.conditionals, top.operators = 0, 0
	case hclsyntax.TokenNewline:
		if top.open != hclsyntax.TokenOParen && top.open != hclsyntax.TokenOBrack {
			top.conditionals, top.operators = 0, 0
		}
	case hclsyntax.TokenQuestion:
		top.conditionals++
		top.operators = 0
	case hclsyntax.TokenIdent:
		n.countSequence(t)
	default:
		if isOperator(t.Type) {
			top.operators++
		}
	}
	n.last = t.Type
	return n.verdict()
}

// countUnary counts ! and - that follow each other, which the parser takes by recursion.
func (n *nesting) countUnary(t hclsyntax.TokenType) {
	switch t {
	case hclsyntax.TokenBang, hclsyntax.TokenMinus:
		n.unary++
	case hclsyntax.TokenNewline, hclsyntax.TokenComment:
	default:
		n.unary = 0
	}
}

// countSequence counts template directives: they nest without a bracket that stays open.
func (n *nesting) countSequence(t hclsyntax.Token) {
	if n.last != hclsyntax.TokenTemplateControl || len(n.levels) < 2 {
		return
	}
	outer := &n.levels[len(n.levels)-2]
	switch string(t.Bytes) {
	case "if", "for":
		outer.sequences++
	case "endif", "endfor":
		outer.sequences = max(0, outer.sequences-1)
	}
}

func (n *nesting) verdict() string {
	depth := len(n.levels) - 1 + n.unary
	for i := range n.levels {
		depth += n.levels[i].conditionals + n.levels[i].sequences
	}
	if depth > maxNesting {
		return fmt.Sprintf("nested more than %d deep", maxNesting)
	}
	if n.levels[len(n.levels)-1].operators > maxOperators {
		return fmt.Sprintf("more than %d operators in one expression", maxOperators)
	}
	return ""
}

func isOperator(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenPercent,
		hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq,
		hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenAnd, hclsyntax.TokenOr,
		hclsyntax.TokenDot, hclsyntax.TokenDoubleColon:
		return true
	}
	return false
}

// checkTemplate is checkNesting for a template that stands outside HCL: a JSON string, a file of templatefile.
func checkTemplate(p *problems, src []byte, name string, start hcl.Pos) bool {
	tokens, _ := hclsyntax.LexTemplate(src, name, start)
	return checkNesting(p, tokens)
}

// checkJSON counts the nesting of JSON itself; the strings' templates are checked where they are parsed.
func checkJSON(p *problems, name string, data []byte) bool {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			i = skipJSONString(data, i)
		case '{', '[':
			if depth++; depth > maxNesting {
				p.errorf(rangeAt(name, data, i), "nested more than %d deep", maxNesting)
				return false
			}
		case '}', ']':
			depth--
		}
	}
	if at := bytes.IndexFunc(data, isDirectionControl); at >= 0 {
		p.errorf(rangeAt(name, data, at), "a direction control character in the file")
		return false
	}
	return json.Valid(data) || jsonSyntaxError(p, name, data)
}

func skipJSONString(data []byte, i int) int {
	for i++; i < len(data) && data[i] != '"'; i++ {
		if data[i] == '\\' {
			i++
		}
	}
	return i
}

// jsonSyntaxError reports where JSON breaks; HCL's own parser is more lenient and its errors point elsewhere.
func jsonSyntaxError(p *problems, name string, data []byte) bool {
	var v any
	err := json.Unmarshal(data, &v)
	at := 0
	var se *json.SyntaxError
	if errors.As(err, &se) {
		at = int(max(0, se.Offset-1))
	}
	p.errorf(rangeAt(name, data, at), "not JSON: %v", err)
	return false
}

func isDirectionControl(r rune) bool {
	return r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

func directionControl(tokens hclsyntax.Tokens) *hcl.Range {
	for _, t := range tokens {
		if t.Type != hclsyntax.TokenComment && bytes.ContainsFunc(t.Bytes, isDirectionControl) {
			return &t.Range
		}
	}
	return nil
}

func invalidUTF8(name string, data []byte) hcl.Range {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		at += size
	}
	return rangeAt(name, data, at)
}

// rangeAt is the range of one byte at an offset of data.
func rangeAt(name string, data []byte, at int) hcl.Range {
	at = min(at, len(data))
	line := bytes.Count(data[:at], []byte{'\n'}) + 1
	column := utf8.RuneCount(data[bytes.LastIndexByte(data[:at], '\n')+1:at]) + 1
	start := hcl.Pos{Line: line, Column: column, Byte: at}
	end := start
	end.Byte, end.Column = min(at+1, len(data)), column+1
	return hcl.Range{Filename: name, Start: start, End: end}
}
