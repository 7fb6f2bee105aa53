package config_test

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/envyhq/envy/config"
)

func TestFormat(t *testing.T) {
	src := "# head\nbox \"a\" {\nimage=\"debian\"   # base\n    memory = \"1g\"\n}\n"
	want := "# head\nbox \"a\" {\n  image  = \"debian\" # base\n  memory = \"1g\"\n}\n"
	got, list := config.Format([]byte(src), config.FileName)
	if string(got) != want || len(list) != 0 {
		t.Errorf("%v\n%s", list, got)
	}
	if again, _ := config.Format(got, config.FileName); !bytes.Equal(again, got) {
		t.Errorf("formatting again changes it:\n%s", again)
	}
	if got, list := config.Format([]byte(`{}`), config.FileNameJSON); got != nil || !strings.Contains(list[0].Summary, "native syntax") {
		t.Errorf("%s %v", got, list)
	}
	for _, broken := range []string{"box {", "a = " + strings.Repeat("[", 1000), "a = \"\xff\""} {
		if got, list := config.Format([]byte(broken), config.FileName); got != nil || !list.HasErrors() {
			t.Errorf("%.20s: %s %v", broken, got, list)
		}
	}
}

// TestTemplate: what `envy init` writes loads clean, asks for no trust, and is in canonical style.
func TestTemplate(t *testing.T) {
	src := config.Template(config.Start{Project: "shop", Image: "debian:bookworm-slim"})
	project := load(t, values(), string(src))
	if b := project.Boxes[0]; project.Name != "shop" || b.Image != "debian:bookworm-slim" || b.User == "" || len(b.Shares) != 1 || b.Shares[0].Source.Rel != "." {
		t.Errorf("%+v", b)
	}
	if len(project.Gate) != 0 {
		t.Errorf("it asks for trust: %+v", project.Gate)
	}
	if formatted, _ := config.Format(src, config.FileName); !bytes.Equal(formatted, src) {
		t.Errorf("not in canonical style:\n%s", formatted)
	}
	odd := config.Template(config.Start{Project: "shop", Image: "x\"\nprivileged = true\ny = \"${1}"})
	if got := strings.Join(problems(t, values(), string(odd)), "\n"); strings.Count(got, "\n") != 0 || !strings.Contains(got, "`image`") {
		t.Errorf("what is no image reached the file: %s", got)
	}
	uncommented := uncomment(string(src))
	v := values()
	v.Definitions = shelf{"postgres": "variable \"database\" {}\nbox { image = \"x\" }"}
	if got := problems(t, v, uncommented); len(got) != 0 {
		t.Errorf("the commented examples are not valid: %v\n%s", got, uncommented)
	}
}

// uncomment turns the examples, which are code behind "# ", into code; prose is left out.
func uncomment(src string) string {
	var out []string
	inExample := false
	for _, line := range strings.Split(src, "\n") {
		code, isComment := strings.CutPrefix(strings.TrimLeft(line, " "), "#")
		code = strings.TrimPrefix(code, " ")
		starts := isComment && strings.HasSuffix(code, "{") && !strings.HasPrefix(code, " ")
		inExample = isComment && (inExample || starts)
		if inExample {
			line = code
		}
		out = append(out, line)
		if inExample && code == "}" {
			inExample = false
		}
	}
	return strings.Join(out, "\n")
}

// TestExample: the complete example at the root of the repository is valid and in canonical style.
func TestExample(t *testing.T) {
	src, err := os.ReadFile("../Envfile.example")
	if err != nil {
		t.Fatal(err)
	}
	v := values()
	v.Files = exampleFiles()
	load(t, v, string(src))
	if formatted, _ := config.Format(src, config.FileName); !bytes.Equal(formatted, src) {
		t.Error("Envfile.example is not in canonical style")
	}
	for _, b := range config.Reference() {
		checkShown(t, string(src), b)
	}
}

// checkShown: the example shows every attribute that this build has.
func checkShown(t *testing.T, src string, b config.BlockDoc) {
	t.Helper()
	if b.NotBuilt {
		return
	}
	for _, a := range b.Attributes {
		if !a.NotBuilt && !strings.Contains(src, a.Name+" ") {
			t.Errorf("the example does not show %s.%s", b.Name, a.Name)
		}
	}
	for _, c := range b.Blocks {
		checkShown(t, src, c)
	}
}

func TestChooseFile(t *testing.T) {
	for _, tc := range []struct {
		present string
		want    string
		fails   bool
	}{{"", "", false}, {"Envfile", "Envfile", false}, {"Envfile.json", "Envfile.json", false}, {"Envfile Envfile.json", "", true}} {
		got, list := config.ChooseFile(func(name string) bool { return strings.Contains(" "+tc.present+" ", " "+name+" ") })
		if got != tc.want || list.HasErrors() != tc.fails {
			t.Errorf("%q: %q %v", tc.present, got, list)
		}
	}
}

func TestSafeName(t *testing.T) {
	for dir, want := range map[string]string{
		"shop": "shop", "My Shop!": "my-shop", "a__b": "a-b", "-x-": "x", "": "", "…": "", "localhost": "", "Ünï": "n", "a.b.c": "a-b-c", strings.Repeat("a", 39) + "-b": strings.Repeat("a", 39),
		strings.Repeat("a", 60): strings.Repeat("a", 40),
	} {
		if got := config.SafeName(dir); got != want {
			t.Errorf("%q: got %q, want %q", dir, got, want)
		}
	}
}

// exampleFiles is the checkout that Envfile.example speaks of.
func exampleFiles() checkout {
	return checkout{fstest.MapFS{
		"config/dev.env": {Data: []byte("LOG_LEVEL=debug\n")}, "config/motd": {Data: []byte("welcome\n")},
		"migrations/Dockerfile": {Data: []byte("FROM scratch\n")},
	}}
}
