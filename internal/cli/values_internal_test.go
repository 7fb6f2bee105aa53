package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/config"
)

func TestProjectName(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]string{"/src/My Shop": "my-shop", "/src/---": "project", "/": "project", "/localhost": "project"} {
		if got := projectName(dir); got != want {
			t.Errorf("%q: %q, want %q", dir, got, want)
		}
	}
}

func TestKeptVariable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, old, kind, answer string
		want                    string // "" where the answer cannot be kept
	}{
		{"first", "", "string", "a b", "variable \"v\" {\n  default = \"a b\"\n}\n"},
		{"behind others", "box \"web\" {}", "", "x", "box \"web\" {}\n\nvariable \"v\" {\n  default = \"x\"\n}\n"},
		{"number", "", "number", "5", "variable \"v\" {\n  default = 5\n}\n"},
		{"list", "", "list(string)", `["a"]`, "variable \"v\" {\n  default = [\"a\"]\n}\n"},
		{"no template", "", "string", "${x} %{y}", "variable \"v\" {\n  default = \"$${x} %%{y}\"\n}\n"},
		{"quotes", "", "string", `say "hi" \o/`, "variable \"v\" {\n  default = \"say \\\"hi\\\" \\\\o/\"\n}\n"},
		{"backslashes", "", "string", `C:\app\bin`, "variable \"v\" {\n  default = \"C:\\\\app\\\\bin\"\n}\n"},
		{"there already", "variable \"v\" {}\n", "string", "x", ""},
		{"no expression", "", "number", "5 }", ""},
	} {
		got, ok := keptVariable(t.Context(), []byte(tc.old), config.Variable{Name: "v", Type: tc.kind}, tc.answer)
		if ok != (tc.want != "") {
			t.Errorf("%s: kept is %v:\n%s", tc.name, ok, got)
			continue
		}
		if diff := cmp.Diff(tc.want, string(got)); ok && diff != "" {
			t.Errorf("%s:\n%s", tc.name, diff)
		}
	}
}

// What was answered is what the next command reads.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "plain", "${a}", "$${a}", "%{if}", "\\\"", "ü\t\n", "\u202e", "\x7f", "$", "%", "$$${"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		block, ok := keptVariable(t.Context(), nil, config.Variable{Name: "v", Type: "string"}, answer)
		if !ok {
			return // nothing is kept, so nothing is wrong
		}
		text := string(block) + "box \"b\" {\n  image = \"x\"\n  message = var.v\n}\n"
		project, list := config.Load(t.Context(), config.Values{DefaultName: "p", Checkout: "c"}, config.Source{Name: "Envfile", Data: []byte(text)})
		if list.HasErrors() {
			return // a value that the language refuses is refused the next time too, by name
		}
		if got := project.Boxes[0].Message; got != answer {
			t.Errorf("%q came back as %q", answer, got)
		}
	})
}

func TestLines(t *testing.T) {
	t.Parallel()
	var got []string
	l := &lines{send: func(s string) error { got = append(got, s); return nil }}
	for _, piece := range []string{"one\ntw", "o\r\n\nth", "ree", strings.Repeat("x", maxLine), "\nrest"} {
		if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	if err := l.flush(); err != nil {
		t.Fatal(err)
	}
	want := []string{"one", "two", "", "three" + strings.Repeat("x", maxLine), "", "rest"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
