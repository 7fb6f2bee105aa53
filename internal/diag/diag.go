// Package diag holds the one diagnostic type that every user mistake and every failed step is told in: what is wrong,
// where it stands, what was expected and what to do next. It knows nothing of HCL files' meaning, engines or terminals;
// drawing a diagnostic is the views' business.
package diag

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Severity says whether a diagnostic stops the command.
type Severity int

// The severities. The zero value is an error: forgetting to set it must not turn a mistake into a warning.
const (
	Error Severity = iota
	Warning
)

// String gives the word that views print before the summary.
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Class decides the exit code of a command that ends with a diagnostic (product reference, "Exit codes").
type Class int

// The classes, in the order in which they win when several are present: a mistake in the file comes before a refusal.
const (
	Invalid Class = iota // the Envfile or the usage is wrong: exit 3
	Refused              // envy will not do it unasked: exit 5
	Failed               // it was tried, or cannot be done now (a port clash, a taken name): exit 1
)

// Pos is a place in a file. Line and Column count from 1, Column in characters, Byte from 0.
type Pos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// Range is a stretch of a file, End exclusive. File is a name relative to the project's directory; "" is no place.
type Range struct {
	File  string `json:"file"`
	Start Pos    `json:"start"`
	End   Pos    `json:"end"`
}

// String is file:line,column as compilers print it.
func (r Range) String() string { return fmt.Sprintf("%s:%d,%d", r.File, r.Start.Line, r.Start.Column) }

// Diagnostic is one problem. Summary is one line without a full stop; Detail says what was found and what was expected;
// Hint is what to type or write next. Excerpt holds the source lines from Range.Start.Line on as they stand in the file,
// filled by whoever has the bytes, never for files outside the checkout.
type Diagnostic struct {
	Severity Severity
	Class    Class
	Summary  string
	Detail   string
	Hint     string
	Range    Range
	Excerpt  string
}

// List is diagnostics in the order they were found; Sort puts them in the order people read a file.
type List []Diagnostic

// HasErrors reports whether any of them stops the command.
func (l List) HasErrors() bool {
	for _, d := range l {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Class is the class of the whole list: that of its first error class in the order of the constants.
func (l List) Class() Class {
	c := Failed
	for _, d := range l {
		if d.Severity == Error {
			c = min(c, d.Class)
		}
	}
	return c
}

// Sort orders by file, line and column; those without a place come first, in the order they were found.
func (l List) Sort() {
	sort.SliceStable(l, func(i, j int) bool {
		a, b := l[i].Range, l[j].Range
		switch {
		case a.File != b.File:
			return a.File < b.File
		case a.Start.Line != b.Start.Line:
			return a.Start.Line < b.Start.Line
		}
		return a.Start.Column < b.Start.Column
	})
}

// Err is the list as a Go error, nil when nothing in it is an error.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return &listError{l}
}

type listError struct{ list List }

func (e *listError) Error() string {
	var parts []string
	for _, d := range e.list {
		if d.Severity != Error {
			continue
		}
		s := d.Summary
		if d.Range.File != "" {
			s = d.Range.String() + ": " + s
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "; ")
}

// FromError finds the diagnostics that travel in err, if any.
func FromError(err error) (List, bool) {
	var e *listError
	if errors.As(err, &e) {
		return e.list, true
	}
	return nil, false
}
