package config_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/envyhq/envy/config"
)

// mustReport evaluates and requires a finding that holds the text.
func mustReport(t *testing.T, want string, layers ...string) {
	t.Helper()
	got := strings.Join(problems(t, values(), layers...), "\n")
	if !strings.Contains(got, want) {
		t.Errorf("missing %q in:\n%.2000s", want, got)
	}
}

func env(expr string) string { return box("env = { X = " + expr + " }") }

func TestNesting(t *testing.T) {
	deep := 20_000
	rep := strings.Repeat
	for name, src := range map[string]string{
		"lists":            "a = " + rep("[", deep) + rep("]", deep),
		"parentheses":      "a = " + rep("(", deep),
		"objects":          "a = " + rep("{a=", deep),
		"templates":        "a = " + rep(`"${`, deep),
		"calls":            "a = " + rep("f(", deep),
		"unary not":        "a = " + rep("!", deep) + "x",
		"unary minus":      "a = " + rep("- ", deep) + "1",
		"unary in lines":   "a = (" + rep("!\n", deep) + "x)",
		"conditionals":     "a = " + rep("x ? y : ", deep) + "z",
		"conditionals mid": "a = " + rep("x ? ", deep) + "z",
		"directives":       "a = \"" + rep("%{ if x }", deep) + "\"",
		"for directives":   "a = \"" + rep("%{ for x in y }", deep) + "\"",
		"heredocs":         rep("a = <<E\n${\n", 10_000),
		"blocks":           rep("a {\n", deep),
		"for":              "a = " + rep("[for x in ", deep),
		"index":            "a = " + rep("x[", deep),
	} {
		t.Run(name, func(t *testing.T) { mustReport(t, "nested more than 100 deep", src) })
	}
	for name, src := range map[string]string{
		"sum":     "a = " + rep("1+", deep) + "1",
		"or":      "a = " + rep("x||", deep) + "y",
		"indexes": "a = x" + rep("[0]", deep),
		"splats":  "a = x" + rep("[*]", deep),
		"dots":    "a = x" + rep(".y", deep),
	} {
		t.Run(name, func(t *testing.T) { mustReport(t, "operators in one expression", src) })
	}
}

func TestNestingJSON(t *testing.T) {
	rep := strings.Repeat
	for name, src := range map[string]string{
		"arrays":    `{"box": ` + rep("[", 200_000),
		"objects":   rep(`{"a":`, 100_000),
		"templates": `{"box": {"a": {"image": "` + rep("${[", 50_000) + `"}}}`,
		"keys":      `{"box": {"a": {"env": {"` + rep("${[", 50_000) + `": 1}}}}`,
		"type":      `{"variable": {"a": {"type": "` + rep("list(", 50_000) + `"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, list := config.Load(t.Context(), values(), config.Source{Name: config.FileNameJSON, Data: []byte(src)})
			if got := fmt.Sprint(list.Err()); !strings.Contains(got, "nested more than 100 deep") {
				t.Errorf("%.500s", got)
			}
		})
	}
}

// TestReasonableNesting: what people write stays far from the limits.
func TestReasonableNesting(t *testing.T) {
	rep := strings.Repeat
	load(t, values(), env("length(jsonencode("+rep("[", 50)+rep("]", 50)+"))"))
	load(t, values(), env(rep("1 + ", 500)+"1"))
	load(t, values(), env(rep("false ? 1 : ", 50)+"1"))
	load(t, values(), env(`"`+rep("%{ if true }x%{ endif }", 300)+`"`))
	load(t, values(), "locals {\n"+func() string {
		var b strings.Builder
		for i := range 300 {
			fmt.Fprintf(&b, "a%d = false ? \"x\" : !true ? -1 : 2\n", i)
		}
		return b.String()
	}()+"}\n"+box(""))
}

// growing expressions are ended, and the words that say why.
func growing() map[string]string {
	big := `format("%100000s", "x")`
	return map[string]string{
		`format("%2000000d", 1)`:                                  "more than 1 MiB",
		`format("%.2000000f", 1)`:                                 "more than 1 MiB",
		`format("%*d", 1, 1)`:                                     "not supported",
		`formatlist("%9999999d", [1])`:                            "more than 1 MiB",
		`indent(1000000, "a\nb\nc")`:                              "more than 1 MiB",
		`indent(-1, "a\nb")`:                                      "negative",
		`length(range(1000000000))`:                               "more than 10000",
		`length(range(0, 1000000, 0.5))`:                          "more than 10000",
		`length(setproduct(range(1000), range(1000)))`:            "more than 10000",
		`replace(` + big + `, " ", ` + big + `)`:                  "more than 1 MiB",
		`replace(` + big + `, "/ /", ` + big + `)`:                "more than 1 MiB",
		`replace(` + big + `, "", ` + big + `)`:                   "more than 1 MiB",
		`join(` + big + `, range(1000))`:                          "more than 1 MiB",
		`length(concat([for i in range(11) : range(1000)]...))`:   "more than 10000",
		`length(flatten([for i in range(11) : range(1000)]))`:     "more than 10000",
		`"${1e999999}"`:                                           "out of range",
		`"${tonumber("1e999999")}"`:                               "out of range",
		`"${jsondecode("1e999999")}"`:                             "out of range",
		`length(yamldecode("` + yamlBomb() + `"))`:                "aliases",
		`length([for a in range(1000) : ` + big + `])`:            "builds more than 16 MiB",
		`length(split("", ` + big + `))`:                          "more than 10000",
		`length(regexall(".", ` + big + `))`:                      "more than 10000",
		`jsondecode("` + strings.Repeat("[", 100_000) + `")`:      "nested more than 100 deep",
		`yamldecode("` + strings.Repeat("[", 100_000) + `")`:      "nested more than 100 deep",
		`yamldecode("` + strings.Repeat("- ", 100_000) + `")`:     "nested more than 100 deep",
		`file("big.txt")`:                                         "larger than 1 MiB",
		`length(jsonencode([for a in range(201) : range(1000)]))`: "more than 200000 values",
	}
}

func TestGrowth(t *testing.T) {
	for expr, want := range growing() {
		t.Run(fmt.Sprintf("%.60s", expr), func(t *testing.T) { mustReport(t, want, env(expr)) })
	}
}

func yamlBomb() string {
	var b strings.Builder
	b.WriteString(`a0: &a0 [x,x,x,x,x,x,x,x,x]\n`)
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, `a%d: &a%d [%s]\n`, i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	return b.String()
}

func TestSharedGrowth(t *testing.T) {
	var lists, texts strings.Builder
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&lists, "a%d = [local.a%d, local.a%d]\n", i, i-1, i-1)
		fmt.Fprintf(&texts, "a%d = \"${local.a%d}${local.a%d}\"\n", i, i-1, i-1)
	}
	mustReport(t, "holds more than 200000 values", "locals {\na0 = []\n"+lists.String()+"}\n"+box(""))
	mustReport(t, "is a string of more than 1 MiB", "locals {\na0 = \"xxxx\"\n"+texts.String()+"}\n"+box(""))
}

// TestEndlessLoop: an expression that would run for hours ends, with a diagnostic that names it. The environment's reader
// ends the context in the midst of the evaluation, so that the test need not wait for the deadline.
func TestEndlessLoop(t *testing.T) {
	src := env(`"${env("STOP")}${length([for a in range(1000) : length([for b in range(1000) : length([for c in range(1000) : a * b * c])])])}"`)
	file, list := config.Parse(sources(src)...)
	if file == nil {
		t.Fatal(list.Err())
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v := values()
	v.Env = func(string) (string, bool) { cancel(); return "", true }
	project, list := file.Evaluate(ctx, v)
	if project != nil || !strings.Contains(fmt.Sprint(list), "evaluation was interrupted in the expression of `env`") {
		t.Errorf("%v", list)
	}
	over, done := context.WithTimeout(t.Context(), 0)
	defer done()
	if _, list := file.Evaluate(over, values()); !strings.Contains(fmt.Sprint(list), "evaluation takes longer than 5 s") {
		t.Errorf("%v", list)
	}
}

func TestSizes(t *testing.T) {
	mustReport(t, "larger than 1 MiB", "# "+strings.Repeat("x", config.MaxFileBytes))
	mustReport(t, "is not UTF-8", "a = \"\xff\"")
	mustReport(t, "a NUL byte", "a = \"\x00\"")
	mustReport(t, "direction control", "a = \"\u202e\"")
	mustReport(t, "direction control", "a = <<X\n\u2066\nX\n")
	if got := problems(t, values(), "# \u202e in a comment\n"+box("")); len(got) != 0 {
		t.Errorf("a comment: %v", got)
	}
	if got := problems(t, values(), "\ufeff"+box("")); len(got) != 0 {
		t.Errorf("a byte order mark: %v", got)
	}
	if got := problems(t, values(), strings.ReplaceAll(box("# x"), "\n", "\r\n")); len(got) != 0 {
		t.Errorf("CRLF: %v", got)
	}
	mustReport(t, "at most 131071 bytes", env(`format("%131070s", "")`))
	mustReport(t, "more than 10000 boxes", "box \"b\" {\nimage = \"x\"\ncount = 9000\n}\nbox \"c\" {\nimage = \"x\"\ncount = 9000\n}")
	ports := func(count int) string {
		var s strings.Builder
		fmt.Fprintf(&s, "box \"b\" {\nimage = \"x\"\ncount = %d\n", count)
		for i := range 1000 {
			fmt.Fprintf(&s, "port \"p%d\" { guest = %d }\n", i, i+1)
		}
		return s.String() + "}\n"
	}
	mustReport(t, "more than 200000 blocks in all boxes", ports(500))
	mustReport(t, "no port is free from 20000 to 29999", ports(12))
}

func TestAtMostFiftyProblems(t *testing.T) {
	var b strings.Builder
	for i := range 80 {
		fmt.Fprintf(&b, "x%d = 1\n", i)
	}
	got := problems(t, values(), box(b.String()))
	if len(got) != 51 || !strings.Contains(got[50], "and 30 more problems") {
		t.Errorf("%d findings, the last: %s", len(got), got[len(got)-1])
	}
}

func TestExcerptIsCut(t *testing.T) {
	_, list := config.Load(t.Context(), values(), sources(box("imagee = \""+strings.Repeat("ä", 500)+"\""))...)
	if n := len([]rune(list[0].Excerpt)); n != 201 {
		t.Errorf("the excerpt has %d characters", n)
	}
}
