package view

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/term"
)

func TestSanitize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain\ttext\n":             "plain\ttext\n",
		"caf\u00e9 日本 ❤\ufe0f �":    "caf\u00e9 日本 ❤\ufe0f �",
		"\x1b[31mred\x1b[0m":        `\x1b[31mred\x1b[0m`,
		"\x00\x07\x7f\r":            `\x00\x07\x7f\r`,
		"\u009b31m":                 `\u009b31m`,
		"\x9b31m":                   `\x9b31m`,
		"a\u202eb\u2066c":           `a\u202eb\u2066c`,
		"a\u200bb\ufeff\u00ad":      `a\u200bb\ufeff\u00ad`,
		"\U000e0041":                `\U000e0041`,
		"\xff\xe2\x80":              `\xff\xe2\x80`,
		"\u2028\u2029":              `\u2028\u2029`,
		"\xed\xa0\x80":              `\xed\xa0\x80`,
		"x\ufe01\u3164\u034f\u061c": `x\ufe01\u3164\u034f\u061c`,
	} {
		if diff := cmp.Diff(want, Sanitize(in)); diff != "" {
			t.Errorf("%q:\n%s", in, diff)
		}
	}
	if got := Line("a\n\tb"); got != `a\n\tb` {
		t.Errorf("line %q", got)
	}
}

// unsafe finds a byte or character that may not reach a terminal. It is written without the code it judges.
func unsafe(s string) bool {
	if !utf8.ValidString(s) {
		return true
	}
	return strings.ContainsFunc(s, func(r rune) bool {
		return r != '\t' && r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029')
	})
}

func FuzzSanitize(f *testing.F) {
	for _, s := range []string{"", "\x1b[31m", "\x1b]0;title\x07", "\u202e\u200b", "\xff\xc2", "\r\n", "\x1b[1;31mx\x1b[0m\n", "\x1b[38;5;8m"} {
		f.Add(s, 1)
	}
	f.Fuzz(func(t *testing.T, s string, at int) {
		if got := Sanitize(s); unsafe(got) {
			t.Errorf("%q became %q", s, got)
		}
		if got := Sanitize(s); got != Sanitize(got) {
			t.Errorf("%q is not stable", got)
		}
		if got := Line(s); unsafe(got) || strings.ContainsAny(got, "\n\t") {
			t.Errorf("line %q became %q", s, got)
		}
		checkWriter(t, s, at)
		checkColors(t, s, at)
		checkViews(t, s)
	})
}

// checkWriter writes s in two pieces: the same comes out as in one, and nothing unsafe.
func checkWriter(t *testing.T, s string, at int) {
	t.Helper()
	got := through(t, false, pieces(s, at)...)
	if unsafe(got) {
		t.Errorf("%q became %q", s, got)
	}
	if whole := through(t, false, s); whole != got {
		t.Errorf("%q in one piece %q, in two %q", s, whole, got)
	}
	if want := Sanitize(strings.ReplaceAll(s, "\r\n", "\n")); want != got {
		t.Errorf("%q became %q, want %q", s, got, want)
	}
}

func checkColors(t *testing.T, s string, at int) {
	t.Helper()
	got := through(t, true, pieces(s, at)...)
	if whole := through(t, true, s); whole != got {
		t.Errorf("%q in one piece %q, in two %q", s, whole, got)
	}
	rest := got
	colored := false
	for {
		before, after, found := strings.Cut(rest, "\x1b[")
		if unsafe(before) {
			t.Errorf("%q became %q", s, got)
		}
		if colored && strings.Contains(before, "\n") {
			t.Errorf("%q: a colour outlives its line in %q", s, got)
		}
		if !found {
			break
		}
		parameters, rest2, ended := strings.Cut(after, "m")
		if !ended || strings.Trim(parameters, "0123456789;:") != "" {
			t.Errorf("%q became %q", s, got)
		}
		colored = parameters != "" && parameters != "0"
		rest = rest2
	}
	if colored {
		t.Errorf("%q: a colour stays on after %q", s, got)
	}
}

func pieces(s string, at int) []string {
	if at <= 0 || at >= len(s) {
		return []string{s}
	}
	return []string{s[:at], s[at:]}
}

func through(t *testing.T, colors bool, pieces ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, colors)
	for _, p := range pieces {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkViews puts s everywhere a view takes text.
func checkViews(t *testing.T, s string) {
	t.Helper()
	d := diag.Diagnostic{Summary: s, Detail: s, Hint: s, Excerpt: s, Range: diag.Range{File: s, Start: diag.Pos{Line: 1, Column: 2}, End: diag.Pos{Line: 2, Column: 1}}}
	for _, format := range []Format{Human, Plain, JSON, Quiet} {
		var b bytes.Buffer
		v := New(term.Injected(term.Input{}, term.Output{Writer: &b}, term.Output{Writer: &b}.WithWidth(40)), format)
		if err := v.Diagnostics(diag.List{d}); err != nil {
			t.Fatal(err)
		}
		if err := v.Out.Table(Table{Header: []string{s}, Rows: [][]Cell{{{Text: s}, {Text: s, Style: Good}}}}); err != nil {
			t.Fatal(err)
		}
		if err := v.Out.JSON(map[string]string{s: s}); err != nil {
			t.Fatal(err)
		}
		if unsafe(b.String()) {
			t.Errorf("format %d: %q became %q", format, s, b.String())
		}
	}
}

// Every character there is comes through as it is or as an escape, by its class: controls but tab and newline, C1,
// zero-width and direction controls never as they are, letters, figures and signs always.
func TestEveryCharacter(t *testing.T) {
	t.Parallel()
	zeroWidth := []rune{0xad, 0x180e, 0x200b, 0x200c, 0x200d, 0x2060, 0x2061, 0x2062, 0x2063, 0x2064, 0xfeff}
	direction := []rune{0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069}
	never := map[rune]bool{0x2028: true, 0x2029: true, 0x7f: true}
	for _, r := range append(zeroWidth, direction...) {
		never[r] = true
	}
	for r := range rune(0xa0) {
		if r < ' ' && r != '\t' && r != '\n' || r >= 0x80 {
			never[r] = true
		}
	}
	escape := regexp.MustCompile(`^\\(r|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})$`)
	for r := range rune(unicode.MaxRune + 1) {
		if !utf8.ValidRune(r) {
			continue
		}
		s := string(r)
		switch got := Sanitize(s); {
		case got != s && !escape.MatchString(got), got == s && never[r]:
			t.Errorf("%U is shown as %q", r, got)
		case got != s && r < 0x2000 && unicode.IsOneOf([]*unicode.RangeTable{unicode.L, unicode.N, unicode.P, unicode.S, unicode.Zs}, r) && r != 0x115f && r != 0x1160:
			t.Errorf("%q is hidden as %q", s, got)
		}
	}
}

// Wherever a diagnostic says it stands, it is shown, without anything unsafe, and in no more than it may take.
func FuzzDiagnostics(f *testing.F) {
	f.Add("box \"web\" {\n\timage = 1\n}", 2, 3, 2, 10)
	f.Add("\x1b[31m\u202e\xff\r\n", 1, 1, 9, 9)
	f.Add("日本\u0301\t", -1, 1<<40, 1<<62, -5)
	f.Fuzz(func(t *testing.T, text string, line, column, endLine, endColumn int) {
		d := diag.Diagnostic{
			Summary: text, Detail: text, Hint: text, Excerpt: text,
			Range: diag.Range{File: "Envfile", Start: diag.Pos{Line: line, Column: column}, End: diag.Pos{Line: endLine, Column: endColumn}},
		}
		for _, format := range []Format{Human, Plain, JSON} {
			var b bytes.Buffer
			v := New(term.Injected(term.Input{}, term.Output{Writer: &b}, term.Output{Writer: &b}.WithWidth(40)), format)
			if err := v.Diagnostics(diag.List{d}); err != nil {
				t.Fatal(err)
			}
			if unsafe(b.String()) || b.Len() > 64*len(text)+16<<10 {
				t.Errorf("format %d: %d bytes: %.200q", format, b.Len(), b.String())
			}
		}
	})
}

// The fuzzer's property over random text that is rich in trouble, in every test run.
func TestNothingUnsafeComesThrough(t *testing.T) {
	t.Parallel()
	parts := []string{"\x1b", "[", "3", "1", "m", ";", "\r", "\n", "\xc2", "\x9b", "\xe2\x80\xae", "é", "日", "\x00", "a", " ", "\x7f", "\u200d", "\xf0\x9f", "]0;", "\x07"}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var b strings.Builder
		for range rng.IntN(14) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		s := b.String()
		at := rng.IntN(len(s) + 1)
		checkWriter(t, s, at)
		checkColors(t, s, at)
		checkViews(t, s)
		if t.Failed() {
			return
		}
	}
}

func TestColorsOfLogs(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"\x1b[31mred\x1b[0m ok\n":         "\x1b[31mred\x1b[0m ok\n",
		"\x1b[31mred\nnext":               "\x1b[31mred\x1b[0m\nnext",
		"\x1b[1;38;5;196mx\x1b[m":         "\x1b[1;38;5;196mx\x1b[m",
		"\x1b[31":                         `\x1b[31`,
		"\x1b[2Jx":                        `\x1b[2Jx`,
		"\x1b]0;t\x07":                    `\x1b]0;t\x07`,
		"\x1b[?25l":                       `\x1b[?25l`,
		"\x1b[" + strings.Repeat("1", 99): `\x1b[` + strings.Repeat("1", 99),
		"half\r":                          `half\r`,
		"a\rb\r\n":                        "a" + `\r` + "b\n",
	} {
		if got := through(t, true, in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestJSONKeepsWhatItShows(t *testing.T) {
	t.Parallel()
	want := "a\x1b\u009b\u202e\U000e0041<b>&\x7f\n"
	data, err := marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if unsafe(string(data)) || !bytes.Contains(data, []byte(`\udb40\udc41<b>&`)) {
		t.Errorf("JSON %s", data)
	}
	var got string
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("read back %q", got)
	}
}
