package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/config"
)

func TestVariables(t *testing.T) {
	src := `
variable "s" {
  type    = string
  default = "default"
}
variable "n" {
  type    = number
  default = 1
}
variable "l" {
  type    = list(string)
  default = []
}
variable "o" {
  type    = object({ a = string, b = optional(number, 7) })
  default = { a = "x" }
}
variable "from_env" {
  default  = "no"
  nullable = false
}
` + box(`env = { X = "${var.s} ${var.n} ${join(",", var.l)} ${var.o.a}${var.o.b} ${var.from_env}" }`)
	for name, tc := range map[string]struct {
		vars  []config.Var
		files []config.Source
		want  string
	}{
		"defaults":     {want: "default 1  x7 yes"},
		"command line": {vars: []config.Var{{"s", "1", "--var"}, {"n", "2", "--var"}, {"l", `["a", "b"]`, "--var"}}, want: "1 2 a,b x7 yes"},
		"first wins":   {vars: []config.Var{{"s", "1", "--var"}, {"s", "2", "--var"}, {"from_env", "cli", "--var"}}, want: "1 1  x7 cli"},
		"file":         {files: []config.Source{{"v.hcl", []byte("s = \"f\"\no = { a = \"y\", b = 1 }\n")}}, want: "f 1  y1 yes"},
		"json file":    {files: []config.Source{{"v.json", []byte(`{"s": "j", "l": ["q"]}`)}}, want: "j 1 q x7 yes"},
		"var over file": {
			vars: []config.Var{{"s", "v", "--var"}}, files: []config.Source{{"v.hcl", []byte("s = \"f\"\nfrom_env = \"file\"\n")}},
			want: "v 1  x7 file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := values()
			v.Vars, v.VarFiles = tc.vars, tc.files
			if got := load(t, v, src).Boxes[0].Env[0].Value.Value; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
	v := values()
	v.Vars = []config.Var{{"n", "x", "--var"}, {"zzz", "1", "--var"}, {"l", "[", "--var"}}
	got := strings.Join(problems(t, v, src), "\n")
	for _, want := range []string{"var.n from --var is not valid", "no variable `zzz` for --var", "var.l from --var is no valid value"} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in:\n%s", want, got)
		}
	}
}

func TestUnset(t *testing.T) {
	file, list := config.Parse(sources(`
variable "a" {
  type        = string
  description = "the key"
  sensitive   = true
}
variable "b" { default = 1 }
variable "from_env" {}
` + box(""))...)
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	want := []config.Variable{{Name: "a", Type: "string", Description: "the key", Sensitive: true}}
	if diff := cmp.Diff(want, file.Unset(t.Context(), values())); diff != "" {
		t.Error(diff)
	}
	v := values()
	v.Vars = []config.Var{{Name: "a", Value: "x", Origin: "prompt"}}
	if got := file.Unset(t.Context(), v); len(got) != 0 {
		t.Errorf("still unset: %v", got)
	}
}
