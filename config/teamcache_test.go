package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/config"
)

func TestParseUser(t *testing.T) {
	for name, tt := range map[string]struct {
		src   string
		want  []string
		wrong string // "" where it is well
	}{
		"empty":         {"", nil, ""},
		"one":           {"cache {\n  trust = [\"registry.example.com/team/cache\"]\n}\n", []string{"registry.example.com/team/cache"}, ""},
		"a port":        {"cache {\n  trust = [\"127.0.0.1:5000/x\", \"localhost/y\"]\n}\n", []string{"127.0.0.1:5000/x", "localhost/y"}, ""},
		"none":          {"cache {\n}\n", nil, ""},
		"empty list":    {"cache {\n  trust = []\n}\n", nil, ""},
		"no list":       {"cache {\n  trust = \"registry.example.com/x\"\n}\n", nil, "a list of strings"},
		"null":          {"cache {\n  trust = null\n}\n", nil, "a list of strings"},
		"null in it":    {"cache {\n  trust = [null]\n}\n", nil, "a list of strings"},
		"an expression": {"cache {\n  trust = [env(\"X\")]\n}\n", nil, "a list of strings"},
		"a short name":  {"cache {\n  trust = [\"team/cache\"]\n}\n", nil, "is not what `trust` wants"},
		"a tag":         {"cache {\n  trust = [\"registry.example.com/team/cache:1\"]\n}\n", nil, "is not what `trust` wants"},
		"the host only": {"cache {\n  trust = [\"registry.example.com\"]\n}\n", nil, "is not what `trust` wants"},
		"unknown":       {"box \"a\" {\n}\n", nil, "no block"},
		"broken":        {"cache {", nil, ""},
		"deep":          {"cache {\n  trust = " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n}\n", nil, "deep"},
	} {
		t.Run(name, func(t *testing.T) {
			got, list := config.ParseUser(config.Source{Name: "config.hcl", Data: []byte(tt.src)})
			if tt.wrong == "" && name != "broken" && list.HasErrors() || (tt.wrong != "" || name == "broken") && !list.HasErrors() {
				t.Fatalf("problems %v", list)
			}
			if tt.wrong != "" && !strings.Contains(list.Err().Error(), tt.wrong) {
				t.Errorf("problems %v, want %q", list.Err(), tt.wrong)
			}
			if diff := cmp.Diff(tt.want, got.Trust); diff != "" {
				t.Error(diff)
			}
			for _, r := range tt.want {
				if !got.Trusts(r) || got.Trusts(r+"2") {
					t.Errorf("trusts %s: %v", r, got.Trusts(r))
				}
			}
		})
	}
}

func TestParseUserKeys(t *testing.T) {
	for src, wrong := range map[string]string{
		`keys = ["team.pub", "old team.pub"]`: "",
		`sign = "team.key"`:                   "",
		`keys = ["../team.pub"]`:              "not what `keys` wants",
		`keys = ["a/team.pub"]`:               "not what `keys` wants",
		`keys = [".pub"]`:                     "not what `keys` wants",
		`keys = [""]`:                         "not what `keys` wants",
		`keys = "team.pub"`:                   "a list of strings",
		`sign = "/team.key"`:                  "not what `sign` wants",
		`sign = null`:                         "wants a string",
		`sign = 1`:                            "wants a string",
		`sign = env("X")`:                     "wants a string",
	} {
		got, list := config.ParseUser(config.Source{Name: "config.hcl", Data: []byte("cache {\n  " + src + "\n}\n")})
		switch {
		case wrong != "" && (!list.HasErrors() || !strings.Contains(list.Err().Error(), wrong)):
			t.Errorf("%s: %v, want %q", src, list, wrong)
		case wrong == "" && (list.HasErrors() || len(got.Keys) != 2 && got.Sign != "team.key"):
			t.Errorf("%s: %+v, %v", src, got, list)
		}
	}
}

func TestTeamCache(t *testing.T) {
	pr := load(t, values(), "cache {\n  registry = \"registry.example.com/${project.name}/cache\"\n}\nbox \"a\" {\n  image = \"debian\"\n}\n")
	if pr.Cache == nil || pr.Cache.Registry != "registry.example.com/shop/cache" || pr.Cache.Range.Start.Line != 1 {
		t.Errorf("%+v", pr.Cache)
	}
}
