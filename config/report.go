package config

import (
	"bytes"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/envyhq/envy/internal/diag"
	"github.com/hashicorp/hcl/v2"
)

const (
	maxProblems = 50  // then a count
	maxExcerpt  = 200 // columns of an excerpt

	maxCandidates = 1000 // names that a misspelt one is compared with
)

// problem is one finding on its way to a diagnostic.
type problem struct {
	warning bool
	class   diag.Class
	summary string
	detail  string
	hint    string
	at      hcl.Range
	many    bool // one of so many that it is not told, and nothing is looked for
}

// suggest sets a hint when the name is near to one of the candidates.
func (p *problem) suggest(name string, candidates []string) {
	if p.many || len(candidates) > maxCandidates {
		return
	}
	for _, written := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
		near := diag.Suggest(written, candidates)
		for _, c := range candidates {
			if near == "" && swapped(written, c) {
				near = c
			}
		}
		if near != "" {
			p.hint = fmt.Sprintf("did you mean `%s`?", near)
			return
		}
	}
}

// swapped reports whether two neighbours have changed places: the most common slip, which counts twice as a distance.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i+1 < len(a); i++ {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}

// problems collects findings and the sources that they quote.
type problems struct {
	sources map[string][]byte
	order   map[string]int
	found   []*problem
	limit   int // how many list tells; the rest are counted
	// named is where the Envfile, or a definition, names the file of a definition.
	named map[string]hcl.Range
}

func newProblems(sources []Source) *problems {
	p := &problems{sources: map[string][]byte{}, order: map[string]int{}, limit: maxProblems}
	for _, s := range sources {
		p.addSource(s)
	}
	return p
}

// addSource takes a file whose lines findings may quote; it comes behind those before it.
func (p *problems) addSource(s Source) {
	p.sources[s.Name] = bytes.TrimPrefix(s.Data, byteOrderMark)
	p.order[s.Name] = len(p.order)
}

func (p *problems) add(pr *problem) *problem {
	p.found = append(p.found, pr)
	pr.many = len(p.found) > 4*maxProblems
	return pr
}

func (p *problems) errorf(at hcl.Range, format string, args ...any) *problem {
	return p.add(&problem{at: at, summary: fmt.Sprintf(format, args...)})
}

// notBuilt refuses by name what the language has and this version cannot do.
func (p *problems) notBuilt(at hcl.Range, what string) {
	p.errorf(at, "%s is not built yet", what).detail = "the language has it, but this version of envy cannot do it"
}

func (p *problems) warnf(at hcl.Range, format string, args ...any) *problem {
	return p.add(&problem{at: at, warning: true, summary: fmt.Sprintf(format, args...)})
}

func (p *problems) failed() bool {
	for _, pr := range p.found {
		if !pr.warning {
			return true
		}
	}
	return false
}

// addHCL takes the findings of HCL's parser.
func (p *problems) addHCL(diags hcl.Diagnostics) {
	unclosed := false
	for _, d := range diags {
		if strings.HasPrefix(d.Summary, "Invalid multi-line string") {
			if unclosed {
				continue // said of every line that follows
			}
			unclosed = true
		}
		at := hcl.Range{Start: hcl.InitialPos, End: hcl.InitialPos}
		if d.Subject != nil {
			at = *d.Subject
		}
		pr := p.add(&problem{at: at, warning: d.Severity != hcl.DiagError, summary: d.Summary, detail: d.Detail})
		if p.insideTemplate(at) {
			pr.hint = shellHint
		}
	}
}

// insideTemplate reports whether a syntax error stands behind a ${ or %{ on its line: most often shell text.
func (p *problems) insideTemplate(at hcl.Range) bool {
	src := p.sources[at.Filename]
	end := min(max(at.Start.Byte, 0), len(src))
	line := src[bytes.LastIndexByte(src[:end], '\n')+1 : end]
	if tail := src[end:min(len(src), end+2)]; string(tail) == "${" || string(tail) == "%{" {
		return true
	}
	open := max(bytes.LastIndex(line, []byte("${")), bytes.LastIndex(line, []byte("%{")))
	return open >= 0
}

// list returns the diagnostics in the order of the layers and lines, each once, at most maxProblems and a count.
func (p *problems) list() diag.List {
	sorted := append([]*problem(nil), p.found...)
	sort.SliceStable(sorted, func(i, j int) bool { return p.before(sorted[i].at, sorted[j].at) })
	seen := map[string]bool{}
	var list diag.List
	errors, left := 0, 0
	for _, pr := range sorted {
		key := fmt.Sprint(pr.at, pr.summary)
		if seen[key] {
			continue
		}
		seen[key] = true
		if errors++; errors > p.limit {
			left++
			continue
		}
		list = append(list, p.diagnostic(pr))
	}
	if left > 0 {
		// It stands where the last one does, so that it stays behind it however the list is sorted.
		last := sorted[len(sorted)-1].at
		list = append(list, diag.Diagnostic{Severity: diag.Error, Class: diag.Invalid, Summary: fmt.Sprintf("and %d more problems", left), Range: toRange(last)})
	}
	return list
}

// before orders places by layer and offset.
func (p *problems) before(x, y hcl.Range) bool {
	if x.Filename != y.Filename {
		return p.order[x.Filename] < p.order[y.Filename]
	}
	return x.Start.Byte < y.Start.Byte
}

func (p *problems) diagnostic(pr *problem) diag.Diagnostic {
	severity := diag.Error
	if pr.warning {
		severity = diag.Warning
	}
	detail := pr.detail
	if at, ok := p.named[pr.at.Filename]; ok {
		detail = strings.TrimPrefix(detail+"\n", "\n") + "in the definition that " + toRange(at).String() + " names"
	}
	return diag.Diagnostic{
		Severity: severity, Class: pr.class, Summary: pr.summary, Detail: detail, Hint: pr.hint,
		Range: toRange(pr.at), Excerpt: p.excerpt(pr.at),
	}
}

// excerpt is the line of a range, cut at maxExcerpt columns.
func (p *problems) excerpt(at hcl.Range) string {
	src, ok := p.sources[at.Filename]
	if !ok || at.Start.Byte > len(src) {
		return ""
	}
	begin := bytes.LastIndexByte(src[:at.Start.Byte], '\n') + 1
	line, _, _ := bytes.Cut(src[begin:], []byte{'\n'})
	text := strings.TrimRight(string(line), "\r")
	if utf8.RuneCountInString(text) > maxExcerpt {
		text = string([]rune(text)[:maxExcerpt]) + "…"
	}
	return text
}

func toRange(r hcl.Range) diag.Range {
	if r.Start.Line == 0 {
		return diag.Range{} // of the command line or the environment: no place in a file
	}
	return diag.Range{
		File:  r.Filename,
		Start: diag.Pos{Line: r.Start.Line, Column: r.Start.Column, Byte: r.Start.Byte},
		End:   diag.Pos{Line: r.End.Line, Column: r.End.Column, Byte: r.End.Byte},
	}
}

// clip shortens what a message quotes.
func clip(s string) string {
	if utf8.RuneCountInString(s) > 60 {
		return string([]rune(s)[:60]) + "…"
	}
	return s
}
