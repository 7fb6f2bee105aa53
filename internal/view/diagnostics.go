package view

import (
	"fmt"

	"github.com/envyhq/envy/internal/diag"
)

const (
	// MaxDiagnostics is how many are shown; the rest is counted.
	MaxDiagnostics = 50
	// DiagnosticsVersion is the version of the JSON form of diagnostics. It grows when a field changes its meaning or
	// goes; new fields may come without.
	DiagnosticsVersion = 1

	maxText = 100 // columns of running text, however wide the terminal
)

// Diagnostics shows problems on Err, in the list's order. Quiet shows errors only; JSON is a line of [DiagnosticList].
func (v *View) Diagnostics(list diag.List) error {
	if v.Format == Quiet {
		list = onlyErrors(list)
	}
	if len(list) == 0 {
		return nil
	}
	if v.Format == JSON {
		return v.Err.JSON(NewDiagnosticList(list))
	}
	t := v.Err.Text()
	for i, d := range list[:min(len(list), MaxDiagnostics)] {
		if i > 0 {
			t.Add("\n")
		}
		v.Err.diagnostic(t, d)
	}
	if more := len(list) - MaxDiagnostics; more > 0 {
		t.Add(fmt.Sprintf("\n… and %d more\n", more))
	}
	return v.Err.Print(t)
}

func onlyErrors(list diag.List) diag.List {
	var errs diag.List
	for _, d := range list {
		if d.Severity == diag.Error {
			errs = append(errs, d)
		}
	}
	return errs
}

func (p Printer) diagnostic(t *Text, d diag.Diagnostic) {
	style, word := Problem, "Error:"
	if d.Severity == diag.Warning {
		style, word = Caution, "Warning:"
	}
	t.Paint(style, word).Add(" ").Paint(Strong, d.Summary).Add("\n")
	if d.Range.File != "" {
		t.Add("  ").Paint(Faint, "at").Add(" ", Line(place(d.Range)), "\n")
		excerpt(t, d, style)
	}
	limit := min(p.Width(), maxText)
	p.paragraph(t, "", d.Detail, limit)
	p.paragraph(t, "Hint: ", d.Hint, limit)
}

// place names a whole file where there is no line, a whole line where there is no column.
func place(r diag.Range) string {
	switch {
	case r.Start.Line == 0:
		return r.File
	case r.Start.Column == 0:
		return fmt.Sprintf("%s:%d", r.File, r.Start.Line)
	}
	return r.String()
}

// paragraph adds indented running text, the heading before its first line.
func (p Printer) paragraph(t *Text, heading, s string, limit int) {
	if s == "" {
		return
	}
	const indent = "  "
	if limit > 0 {
		limit = max(limit-len(indent)-len(heading), 20)
	}
	for i, line := range wrap(Sanitize(s), limit) {
		switch {
		case line == "":
		case heading != "" && i == 0:
			t.Add(indent).Paint(Accent, heading[:len(heading)-1]).Add(" ")
		default:
			t.Add(indent, spaces(len(heading)))
		}
		t.Add(line, "\n")
	}
}

// DiagnosticList is the JSON form of diagnostics.
type DiagnosticList struct {
	Type        string           `json:"type"` // "diagnostics"
	Version     int              `json:"version"`
	Diagnostics []DiagnosticJSON `json:"diagnostics"`
	Omitted     int              `json:"omitted,omitempty"` // how many were left out
}

// DiagnosticJSON is one of them.
type DiagnosticJSON struct {
	Severity string      `json:"severity"` // error, warning
	Class    string      `json:"class"`    // invalid, refused, failed
	Summary  string      `json:"summary"`
	Detail   string      `json:"detail,omitempty"`
	Hint     string      `json:"hint,omitempty"`
	Range    *diag.Range `json:"range,omitempty"`
	Excerpt  string      `json:"excerpt,omitempty"` // the range's first lines, each cut at 200 columns
}

// NewDiagnosticList gives diagnostics to a JSON document, at most [MaxDiagnostics].
func NewDiagnosticList(list diag.List) DiagnosticList {
	out := DiagnosticList{Type: "diagnostics", Version: DiagnosticsVersion, Diagnostics: []DiagnosticJSON{}}
	out.Omitted = max(len(list)-MaxDiagnostics, 0)
	for _, d := range list[:min(len(list), MaxDiagnostics)] {
		j := DiagnosticJSON{
			Severity: d.Severity.String(), Class: className(d.Class),
			Summary: d.Summary, Detail: d.Detail, Hint: d.Hint, Excerpt: shortExcerpt(d),
		}
		if d.Range.File != "" {
			j.Range = &d.Range
		}
		out.Diagnostics = append(out.Diagnostics, j)
	}
	return out
}

func className(c diag.Class) string {
	switch c {
	case diag.Refused:
		return "refused"
	case diag.Failed:
		return "failed"
	}
	return "invalid"
}
