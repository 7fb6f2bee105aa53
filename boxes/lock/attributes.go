package lock

import (
	"fmt"
	"maps"
	"slices"
)

// value is what an attribute has: a text, true or false, or texts by name, in one level or two.
type value struct {
	text   *string
	truth  *bool
	texts  map[string]string
	nested map[string]map[string]string
	object bool // {…}, also an empty one
}

// attributes are those of one block. Taking one out marks it as known.
type attributes map[string]*attribute

type attribute struct {
	value
	read bool
	bad  string
}

func (a attributes) take(name, want string, ok func(value) bool) value {
	have := a[name]
	if have == nil {
		return value{}
	}
	have.read = true
	if !ok(have.value) {
		have.bad = fmt.Sprintf("%s is not %s", name, want)
		return value{}
	}
	return have.value
}

func (a attributes) text(name string) string {
	v := a.take(name, "a text", func(v value) bool { return v.text != nil && *v.text != "" })
	if v.text == nil {
		return ""
	}
	return *v.text
}

func (a attributes) truth(name string) bool {
	v := a.take(name, "true", func(v value) bool { return v.truth != nil && *v.truth })
	return v.truth != nil
}

func (a attributes) texts(name string) map[string]string {
	return a.take(name, "texts by name", func(v value) bool { return v.object && v.nested == nil }).texts
}

func (a attributes) nested(name string) map[string]map[string]string {
	return a.take(name, "versions by name by platform", func(v value) bool { return v.object && v.texts == nil }).nested
}

func (a attributes) problem() string {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if a[name].bad != "" {
			return a[name].bad
		}
	}
	return ""
}

func (a attributes) unread() string {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if !a[name].read {
			return fmt.Sprintf("the attribute %q is unknown", name)
		}
	}
	return ""
}

// attributes reads them up to the closing brace.
func (p *parser) attributes() (attributes, *Error) {
	all := attributes{}
	for {
		t, err := p.skipLines()
		switch {
		case err != nil:
			return nil, err
		case t.kind == mark && t.text == "}":
			return all, nil
		case t.kind != word:
			return nil, &Error{Line: t.line, Summary: fmt.Sprintf("expected an attribute, found %s", t), Hint: Renew}
		case all[t.text] != nil:
			return nil, &Error{Line: t.line, Summary: fmt.Sprintf("%s is there twice", t.text), Hint: Renew}
		}
		if _, err := p.want(mark, "=", `"="`); err != nil {
			return nil, err
		}
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		all[t.text] = &attribute{value: v}
		if _, err := p.want(newline, "", "the end of the line"); err != nil {
			return nil, err
		}
	}
}

func (p *parser) value() (value, *Error) {
	t, err := p.next()
	switch {
	case err != nil:
		return value{}, err
	case t.kind == quote:
		return value{text: &t.text}, nil
	case t.kind == word && (t.text == "true" || t.text == "false"):
		yes := t.text == "true"
		return value{truth: &yes}, nil
	case t.kind == mark && t.text == "{":
		return p.object()
	}
	return value{}, &Error{Line: t.line, Summary: fmt.Sprintf("expected a value, found %s", t), Hint: Renew}
}

// object reads one, whose values are texts, or objects of texts.
func (p *parser) object() (value, *Error) {
	v := value{object: true}
	err := p.members(func(name token) *Error {
		t, err := p.next()
		switch {
		case err != nil:
			return err
		case t.kind == quote && v.nested == nil:
			return put(&v.texts, name, t.text)
		case t.kind == mark && t.text == "{" && v.texts == nil:
			var inner map[string]string
			err := p.members(func(name token) *Error {
				t, err := p.want(quote, "", "a text")
				if err != nil {
					return err
				}
				return put(&inner, name, t.text)
			})
			if err != nil {
				return err
			}
			return put(&v.nested, name, inner)
		}
		return &Error{Line: t.line, Summary: fmt.Sprintf("expected another value, found %s", t), Hint: Renew}
	})
	return v, err
}

func put[V any](m *map[string]V, name token, v V) *Error {
	if *m == nil {
		*m = map[string]V{}
	}
	if _, twice := (*m)[name.text]; twice {
		return &Error{Line: name.line, Summary: fmt.Sprintf("%q is there twice", name.text), Hint: Renew}
	}
	(*m)[name.text] = v
	return nil
}

// members reads name = … up to the closing brace, one a line or with commas between.
func (p *parser) members(read func(name token) *Error) *Error {
	for {
		t, err := p.skipLines()
		switch {
		case err != nil:
			return err
		case t.kind == mark && t.text == "}":
			return nil
		case t.kind != quote:
			return &Error{Line: t.line, Summary: fmt.Sprintf("expected a name in quotes, found %s", t), Hint: Renew}
		}
		if _, err := p.want(mark, "=", `"="`); err != nil {
			return err
		}
		if err := read(t); err != nil {
			return err
		}
		last, err := p.next()
		switch {
		case err != nil:
			return err
		case last.kind == mark && last.text == "}":
			return nil
		case last.kind != newline && (last.kind != mark || last.text != ","):
			return &Error{Line: last.line, Summary: fmt.Sprintf("expected the end of the line, found %s", last), Hint: Renew}
		}
	}
}
