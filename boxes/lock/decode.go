package lock

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Renew is what helps with a lock that cannot be read.
const Renew = "run envy lock, which writes it anew; git has the one of before"

// Decode reads the file. It never panics, and looks no deeper than the three levels that there are. An error is an
// [*Error]. Lines that git leaves when it cannot merge are one of their own.
func Decode(data []byte) (Lock, error) {
	if len(data) > MaxBytes {
		return Lock{}, &Error{Summary: fmt.Sprintf("it is larger than %d bytes", MaxBytes), Hint: Renew}
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return Lock{}, &Error{Summary: "it is not UTF-8", Hint: Renew}
	}
	if line := conflict(string(data)); line > 0 {
		return Lock{}, &Error{Line: line, Summary: "git has left its marks of a merge that has two answers", Hint: "take either side and run envy lock, which settles the rest"}
	}
	p := parser{scanner: scanner{rest: string(data), line: 1}, seen: map[[3]string]bool{}}
	if err := p.file(); err != nil {
		return Lock{}, err
	}
	return p.lock, nil
}

// conflict is the first line with a mark that a merge leaves, 0 for none.
func conflict(s string) int {
	n := 0
	for line := range strings.SplitSeq(s, "\n") {
		n++
		for _, m := range []string{"<<<<<<<", ">>>>>>>", "|||||||", "======="} {
			if strings.HasPrefix(line, m) {
				return n
			}
		}
	}
	return 0
}

type parser struct {
	scanner
	lock Lock
	seen map[[3]string]bool // type, name, and what a box was asked for by
}

func (p *parser) file() error {
	for {
		t, err := p.skipLines()
		if err != nil {
			return err
		}
		if t.kind == end {
			return nil
		}
		if err := p.block(t); err != nil {
			return err
		}
	}
}

// skipLines is the next token that is no end of a line.
func (p *parser) skipLines() (token, *Error) {
	for {
		t, err := p.next()
		if err != nil || t.kind != newline {
			return t, err
		}
	}
}

func (p *parser) want(k kind, text, what string) (token, *Error) {
	t, err := p.next()
	if err != nil {
		return t, err
	}
	if t.kind != k || text != "" && t.text != text {
		return t, &Error{Line: t.line, Summary: fmt.Sprintf("expected %s, found %s", what, t), Hint: Renew}
	}
	return t, nil
}

// block reads one, from its type to the line's end after it.
func (p *parser) block(t token) error {
	kinds := map[string]func(name string, a attributes) string{"archive": p.archive, "box": p.box, "image": p.image, "packages": p.packages}
	read, known := kinds[t.text]
	if t.kind != word || !known {
		return &Error{Line: t.line, Summary: fmt.Sprintf("%s is no block of a lock: there are archive, box, image and packages", t), Hint: Renew}
	}
	name, err := p.want(quote, "", "the name of the "+t.text)
	if err != nil {
		return err
	}
	if _, err := p.want(mark, "{", `"{"`); err != nil {
		return err
	}
	a, err := p.attributes()
	if err != nil {
		return err
	}
	if last, err := p.next(); err != nil {
		return err
	} else if last.kind != newline && last.kind != end {
		return &Error{Line: last.line, Summary: fmt.Sprintf("expected the end of the line, found %s", last), Hint: Renew}
	}
	problem := read(name.text, a)
	if problem == "" {
		problem = a.unread()
	}
	key := [3]string{t.text, name.text}
	if t.text == "box" {
		key[2] = p.lock.Boxes[len(p.lock.Boxes)-1].asked()
	}
	if problem == "" && p.seen[key] { // as a merge of two that both added it leaves it
		problem = "it is there twice"
	}
	p.seen[key] = true
	if problem != "" {
		return &Error{Line: t.line, Summary: fmt.Sprintf("%s %q: %s", t.text, name.text, problem), Hint: Renew}
	}
	return nil
}

func (p *parser) archive(name string, a attributes) string {
	v := Archive{Source: name, Checksum: a.text("checksum")}
	p.lock.Archives = append(p.lock.Archives, v)
	return first(a.problem(), v.check())
}

func (p *parser) box(name string, a attributes) string {
	v := Box{
		Source: name, Ref: a.text("ref"), Version: a.text("version"), Reference: a.text("reference"),
		Commit: a.text("commit"), Hash: a.text("hash"),
	}
	p.lock.Boxes = append(p.lock.Boxes, v)
	return first(a.problem(), v.check())
}

func (p *parser) image(name string, a attributes) string {
	v := Image{Reference: name, Local: a.truth("local"), Digest: a.text("digest"), Platforms: a.texts("platforms")}
	p.lock.Images = append(p.lock.Images, v)
	return first(a.problem(), v.check())
}

func (p *parser) packages(name string, a attributes) string {
	v := Packages{Recipe: name, Platforms: a.nested("platforms")}
	p.lock.Packages = append(p.lock.Packages, v)
	return first(a.problem(), v.check())
}
