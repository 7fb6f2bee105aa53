package view

import (
	"strconv"
	"strings"

	"github.com/envyhq/envy/internal/diag"
)

// Failure is something that was tried and did not work.
type Failure struct {
	Subject string   `json:"subject,omitempty"` // "box.web", or "" where it concerns all
	Text    string   `json:"text"`              // why; its first line is the summary
	Place   string   `json:"place,omitempty"`   // what asked for it: Envfile:12
	Excerpt string   `json:"excerpt,omitempty"` // that line as it stands in the file
	Lines   []string `json:"lines,omitempty"`   // what the box printed last
	Hint    string   `json:"hint,omitempty"`
}

// FailuresJSON is the line on stderr that tells of failures.
type FailuresJSON struct {
	Type     string    `json:"type"` // "failures"
	Version  int       `json:"version"`
	Failures []Failure `json:"failures"`
}

// Failures shows, on Err and in every format, what did not work.
func (v *View) Failures(list []Failure) error {
	if len(list) == 0 {
		return nil
	}
	if v.Format == JSON {
		return v.Err.JSON(FailuresJSON{Type: "failures", Version: FailureVersion, Failures: list})
	}
	t := v.Err.Text()
	for i, f := range list {
		if i > 0 {
			t.Add("\n")
		}
		v.Err.failure(t, f)
	}
	return v.Err.Print(t)
}

func (p Printer) failure(t *Text, f Failure) {
	summary, detail, _ := strings.Cut(strings.TrimSpace(f.Text), "\n")
	if who := nameOf(f.Subject).full(); who != "" {
		summary = who + ": " + summary
	}
	t.Paint(Problem, "Error:").Add(" ").Paint(Strong, summary).Add("\n")
	if f.Place != "" {
		t.Add("  ").Paint(Faint, "at").Add(" ", Line(f.Place), "\n")
		excerpt(t, diag.Diagnostic{Range: lineRange(f.Place), Excerpt: f.Excerpt}, Problem)
	}
	limit := min(p.Width(), maxText)
	p.paragraph(t, "", detail, limit)
	if len(f.Lines) > 0 {
		t.Add("  It printed last:\n")
	}
	for _, line := range f.Lines {
		t.Add("  ").Paint(Faint, "|").Add(" ", oneLine(line), "\n")
	}
	p.paragraph(t, "Hint: ", f.Hint, limit)
}

// lineRange reads file:line; an excerpt is drawn at that line.
func lineRange(place string) diag.Range {
	pos := diag.Pos{Line: 1}
	if i := strings.LastIndexByte(place, ':'); i >= 0 {
		if n, err := strconv.Atoi(place[i+1:]); err == nil {
			pos.Line, place = n, place[:i]
		}
	}
	return diag.Range{File: place, Start: pos, End: pos}
}

// oneLine is a line that a program printed: tabs stay, whatever else steers a terminal is shown.
func oneLine(s string) string {
	return strings.ReplaceAll(Sanitize(strings.TrimRight(s, "\r\n")), "\n", `\n`)
}
