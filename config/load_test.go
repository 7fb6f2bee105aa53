package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/config"
	"github.com/google/go-cmp/cmp"
)

// load evaluates an Envfile that must be valid, with personal layers behind it.
func load(t *testing.T, v config.Values, layers ...string) *config.Project {
	t.Helper()
	project, list := config.Load(t.Context(), v, sources(layers...)...)
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	return project
}

func sources(layers ...string) []config.Source {
	names := []string{config.FileName, config.LocalFileName}
	var list []config.Source
	for i, src := range layers {
		list = append(list, config.Source{Name: names[i], Data: []byte(src)})
	}
	return list
}

// problems evaluates an Envfile and returns what is reported, one text a finding.
func problems(t *testing.T, v config.Values, layers ...string) []string {
	t.Helper()
	_, list := config.Load(t.Context(), v, sources(layers...)...)
	var out []string
	for _, d := range list {
		out = append(out, strings.Join([]string{d.Range.String(), d.Summary, d.Detail, d.Hint}, " | "))
	}
	return out
}

// box wraps the body of one box.
func box(body string) string { return "box \"a\" {\nimage = \"debian\"\n" + body + "\n}\n" }

// expressions have their values beside them.
func expressions() map[string]string {
	return map[string]string{
		`1 + 2`:                                          "3",
		`true`:                                           "true",
		`"${1}-${"x"}"`:                                  "1-x",
		`upper("a")`:                                     "A",
		`title("a b")`:                                   "A B",
		`basename("/a/b.txt")`:                           "b.txt",
		`dirname("/a/b.txt")`:                            "/a",
		`abspath("x/../y")`:                              "/home/u/shop/y",
		`abspath("/x/../y")`:                             "/y",
		`try(local.o.nope, "fallback")`:                  "fallback",
		`can(local.o.nope)`:                              "false",
		`can(local.o.a)`:                                 "true",
		`regex("[0-9]+", "abc123")`:                      "123",
		`join(",", regexall("[a-z]", "a1b2"))`:           "a,b",
		`format("%s-%03d", "x", 7)`:                      "x-007",
		`join(",", formatlist("%s!", ["a"]))`:            "a!",
		`jsonencode({ a = [1, null] })`:                  `{"a":[1,null]}`,
		`jsondecode("{\"a\": 1}").a`:                     "1",
		`yamldecode("a: {b: 2}").a.b`:                    "2",
		`yamldecode("x: &x {b: 2}\nz: *x").z.b`:          "2",
		`yamlencode({ a = 1 })`:                          "\"a\": 1\n",
		`base64encode("a")`:                              "YQ==",
		`base64decode("YQ==")`:                           "a",
		`md5("")`:                                        "d41d8cd98f00b204e9800998ecf8427e",
		`sha1("")`:                                       "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		`sha256("")`:                                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		`length(sha512(""))`:                             "128",
		`length(base64sha256(""))`:                       "44",
		`uuidv5("dns", "example.com")`:                   "cfbff0d1-9375-5685-968c-48ce8b15ae17",
		`cidrhost("10.0.0.0/8", 2)`:                      "10.0.0.2",
		`cidrhost("10.0.0.0/24", -1)`:                    "10.0.0.255",
		`cidrhost("fd00::/64", 5)`:                       "fd00::5",
		`cidrnetmask("10.0.0.0/12")`:                     "255.240.0.0",
		`cidrsubnet("10.0.0.0/8", 8, 2)`:                 "10.2.0.0/16",
		`join(",", cidrsubnets("10.1.0.0/16", 4, 4, 8))`: "10.1.0.0/20,10.1.16.0/20,10.1.32.0/24",
		`timeadd("2020-01-01T00:00:00Z", "1h")`:          "2020-01-01T01:00:00Z",
		`formatdate("YYYY", "2020-01-01T00:00:00Z")`:     "2020",
		`templatefile("greet.tmpl", { name = "you", list = [1, 2] })`: "Hello you!\n1;2;",
		`file("hello.txt")`:                     "hello\n",
		`file("./src/../hello.txt")`:            "hello\n",
		`file("${project.dir}/hello.txt")`:      "hello\n",
		`fileexists("hello.txt")`:               "true",
		`fileexists("nope")`:                    "false",
		`fileexists("src")`:                     "false",
		`env("API_KEY")`:                        "k",
		`env("NOT_SET", "d")`:                   "d",
		`env("EMPTY", "d")`:                     "d",
		`env("EMPTY")`:                          "",
		`dotenv("dev.env").TOKEN`:               "hunter2",
		`join(",", range(3))`:                   "0,1,2",
		`length(setproduct([1, 2], [1, 2, 3]))`: "6",
		`merge({ a = 1 }, { a = 2 }).a`:         "2",
		`lookup({ a = 1 }, "b", 5)`:             "5",
		`join(",", flatten([["a"], ["b"]]))`:    "a,b",
		`coalesce("", "x")`:                     "x",
		`length("äb")`:                          "2",
		`length({ a = 1 })`:                     "1",
		`one(["x"])`:                            "x",
		`coalesce(one([]), "none")`:             "none",
		`alltrue([true, false])`:                "false",
		`alltrue([])`:                           "true",
		`anytrue([true, false])`:                "true",
		`anytrue([])`:                           "false",
		`sum([1, 2.5])`:                         "3.5",
		`index(["a", "b"], "b")`:                "1",
		`join(",", matchkeys(["a", "b"], ["x", "y"], ["y"]))`:   "b",
		`join(",", transpose({ a = ["x", "y"], b = ["x"] }).x)`: "a,b",
		`startswith("abc", "a")`:                                "true",
		`endswith("abc", "a")`:                                  "false",
		`strcontains("abc", "b")`:                               "true",
		`replace("a.b", ".", "-")`:                              "a-b",
		`replace("abab", "/b$/", "c")`:                          "abac",
		`urlencode("a b&")`:                                     "a+b%26",
		`urldecode("a+b%26")`:                                   "a b&",
		`tostring(5)`:                                           "5",
		`tonumber("5") + 1`:                                     "6",
		`join(",", tolist(toset(["b", "a", "b"])))`:             "a,b",
		`parseint("ff", 16)`:                                    "255",
		`max(1, 3, 2)`:                                          "3",
		`csvdecode("a,b\n1,2")[0].b`:                            "2",
		`zipmap(["a"], [1]).a`:                                  "1",
		`host.uid`:                                              "1000",
		`"${host.os}/${host.arch}"`:                             "linux/amd64",
		`host.cpus * 2`:                                         "8",
		`project.name`:                                          "shop",
		`project.dir`:                                           "/home/u/shop",
		`self.name`:                                             "a",
		`self.index`:                                            "1",
		`self.port.http.guest`:                                  "80",
		`box.a.port["http"].host`:                               "8080",
		`box.a.name`:                                            "a",
		`join(",", [for k, v in { x = 1 } : "${k}=${v}"])`:      "x=1",
		`join("", local.l[*].n)`:                                "12",
		`"%{ if true }x%{ else }y%{ endif }"`:                   "x",
	}
}

// around is an Envfile with an expression as its box's env.
func around(expr string) string {
	return "locals {\n o = { a = 1 }\n l = [{ n = 1 }, { n = 2 }]\n}\n" + box("port \"http\" {\nguest = 80\nhost = 8080\n}\nenv = { X = "+expr+" }")
}

// TestExpressions evaluates each expression as the box's env.
func TestExpressions(t *testing.T) {
	for expr, want := range expressions() {
		t.Run(expr, func(t *testing.T) {
			project := load(t, values(), around(expr))
			if got := project.Boxes[0].Env[0].Value.Value; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestModel(t *testing.T) {
	v := values()
	project := load(t, v, `
box "web" {
  image    = "debian"
  count    = 2
  env_file = ["dev.env", "more.env"]
  env      = { QUOTED = "mine", GONE = null }
  command  = "run 'a b' c\\ d"
  packages = ["curl=8.5", "git"]
  memory   = "1.5g"
  cpus     = host.cpus
  devices  = ["/dev/fuse:/dev/f:r"]
  restart  = "on-failure:3"
  stop_timeout = "1m30s"
  depends_on = ["db"]
  port "http" {
    guest = 3000
    host  = 3000
  }
  share "~/x" {
    target = "/x"
    create = true
  }
  healthcheck { command = "true" }
}
box "db" {
  image   = "postgres"
  service = true
  primary = true
}
box "job" {
  image      = "busybox"
  depends_on = ["web"]
}
`)
	web := project.Boxes[1]
	if web.Name != "web-2" || web.Label != "web" || web.Index != 2 || !web.Counted {
		t.Errorf("second replica is %s/%s/%d", web.Name, web.Label, web.Index)
	}
	if got := web.Ports[0].Host; got != 3001 {
		t.Errorf("host port of the second replica is %d, want 3001", got)
	}
	var env []string
	for _, e := range web.Env {
		env = append(env, strings.Join([]string{e.Name, e.Value.Value, map[bool]string{true: "sensitive"}[e.Value.Sensitive], map[bool]string{true: "unset"}[e.Unset]}, ":"))
	}
	if diff := cmp.Diff([]string{"GONE:::unset", "QUOTED:mine::", "TOKEN:other:sensitive:"}, env); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"run", "a b", "c d"}, web.Command.Args); diff != "" {
		t.Error(diff)
	}
	if p := web.Packages[0]; p.Name != "curl" || p.Version != "8.5" || p.Written != "curl=8.5" {
		t.Errorf("package %+v", p)
	}
	if web.Memory != 3<<29 || web.CPUs != 4 || *web.StopTimeout != 90*time.Second {
		t.Errorf("memory %d cpus %v stop %v", web.Memory, web.CPUs, *web.StopTimeout)
	}
	if diff := cmp.Diff([]string{"cpus"}, web.HostSized); diff != "" {
		t.Error(diff)
	}
	if d := web.Devices[0]; d.Host != "/dev/fuse" || d.Target != "/dev/f" || d.Permissions != "r" {
		t.Errorf("device %+v", d)
	}
	if web.Restart != (config.Restart{Name: "on-failure", MaxRetries: 3}) {
		t.Errorf("restart %+v", web.Restart)
	}
	if got := web.Shares[0].Source.Path; got != "/home/u/x" {
		t.Errorf("share %s", got)
	}
	if diff := cmp.Diff([]string{"sh", "-c", "true"}, web.Healthcheck.Command); diff != "" {
		t.Error(diff)
	}
	job := project.Boxes[3]
	if len(job.DependsOn) != 2 || job.DependsOn[0].Name != "web-1" || job.DependsOn[1].Name != "web-2" {
		t.Errorf("job depends on %+v", job.DependsOn)
	}
	if web.Primary || !project.Boxes[2].Primary || !job.Idles() || project.Boxes[2].Idles() {
		t.Error("primary or idle is wrong")
	}
	if got := web.AttrRange("memory"); got.Start.Line != 9 {
		t.Errorf("memory stands at %v", got)
	}
	if diff := cmp.Diff([]string{"dev.env", "more.env"}, project.Reads); diff != "" {
		t.Error(diff)
	}
}

func TestLayers(t *testing.T) {
	base := `
variable "v" { default = "base" }
locals {
  l = "base"
  m = "${local.l}!"
}
box "web" {
  image      = "debian"
  packages   = ["git", "curl"]
  depends_on = ["db"]
  env        = { A = "1", B = "2", C = "3" }
  command    = ["a"]
  memory     = "1g"
  cpus       = 2
  labels     = { x = "1", y = "2" }
  port "http" {
    guest = 80
    host  = 8000
  }
  healthcheck {
    command = "true"
    retries = 5
  }
  message = "${var.v} ${local.m}"
}
box "db" {
  image = "postgres"
}
box "gone" {
  image = "debian"
}
`
	local := `
variable "v" { default = "mine" }
locals { l = "mine" }
box "web" {
  packages   = ["curl", "vim"]
  depends_on = ["cache"]
  env        = { B = "two", C = null }
  command    = ["b", "c"]
  memory     = null
  labels     = { y = null }
  build { context = "app" }
  port "http" { host = 9000 }
  port "dbg" { guest = 99 }
  healthcheck { retries = 7 }
}
box "gone" { enabled = false }
box "cache" {
  image = "redis"
}
`
	project := load(t, values(), base, local)
	web := project.Boxes[0]
	if web.Image != "" || web.Build == nil || web.Build.Context.Path != "/home/u/shop/app" {
		t.Errorf("base is %q, %+v", web.Image, web.Build)
	}
	var packages, env, boxes []string
	for _, p := range web.Packages {
		packages = append(packages, p.Name)
	}
	for _, e := range web.Env {
		env = append(env, e.Name+"="+e.Value.Value+map[bool]string{true: "(unset)"}[e.Unset])
	}
	for _, b := range project.Boxes {
		boxes = append(boxes, b.Name)
	}
	for _, tc := range []struct{ got, want any }{
		{packages, []string{"git", "curl", "vim"}},
		{env, []string{"A=1", "B=two", "C=(unset)"}},
		{boxes, []string{"web", "db", "cache"}},
		{web.Command.Args, []string{"b", "c"}},
		{web.Memory, int64(0)},
		{web.CPUs, 2.0},
		{web.Labels[0].Key, "x"},
		{len(web.Labels), 1},
		{len(web.DependsOn), 2},
		{web.Ports[0].Host, 9000},
		{web.Ports[0].Guest, 80},
		{len(web.Ports), 2},
		{web.Healthcheck.Retries, 7},
		{web.Message, "mine mine!"},
		{web.Ports[0].HostRange.File, config.LocalFileName},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Error(diff)
		}
	}
	back := load(t, values(), box("build {}" + "")[:0]+"box \"a\" {\nbuild {}\n}", "box \"a\" {\nimage = \"debian\"\n}")
	if b := back.Boxes[0]; b.Image != "debian" || b.Build != nil {
		t.Errorf("an image of a later layer does not replace the build: %+v", b)
	}
}

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

func TestRequires(t *testing.T) {
	for constraint, want := range map[string]bool{
		">= 0.1": true, ">= 0.3.0": true, "> 0.3.0": false, "< 0.3": false, "~> 0.3": true, "~> 0.2.9": false, "~> 0.3.0": true,
		"= 0.3.0": true, "!= 0.3.0": false, ">= 0.1, < 0.3": false, "0.3.0": true, "~> 1": false,
	} {
		got := len(problems(t, values(), "envy {\nrequires = \""+constraint+"\"\n}\n"+box(""))) == 0
		if got != want {
			t.Errorf("%s met by 0.3.0: %v, want %v", constraint, got, want)
		}
	}
}

// TestJSONWithLocal: the personal layer is native syntax beside either form.
func TestJSONWithLocal(t *testing.T) {
	project, list := config.Load(t.Context(), values(),
		config.Source{Name: config.FileNameJSON, Data: []byte(`{"box": {"a": {"image": "debian", "packages": ["git"], "env": {"A": "${host.os}", "B": "b"}}}}`)},
		config.Source{Name: config.LocalFileName, Data: []byte("box \"a\" {\npackages = [\"vim\"]\nenv = { B = null, C = self.name }\n}")},
	)
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	b := project.Boxes[0]
	var got []string
	for _, p := range b.Packages {
		got = append(got, p.Written+" "+p.Range.File)
	}
	for _, e := range b.Env {
		got = append(got, e.Name+"="+e.Value.Value)
	}
	want := []string{"git Envfile.json", "vim Envfile.local", "A=linux", "B=", "C=a"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestReference: the description of the language is complete enough to generate pages from.
func TestReference(t *testing.T) {
	byName := map[string]config.BlockDoc{}
	for _, b := range config.Reference() {
		byName[b.Name] = b
	}
	if b := byName["box"]; b.Label != "name" || len(b.Attributes) < 40 || len(b.Blocks) < 10 || !byName["template"].NotBuilt {
		t.Errorf("box: %d attributes, %d blocks", len(b.Attributes), len(b.Blocks))
	}
	for _, b := range byName["box"].Blocks {
		for _, a := range b.Attributes {
			if a.Type == "" || a.Doc == "" {
				t.Errorf("%s.%s: %+v", b.Name, a.Name, a)
			}
		}
	}
	names := strings.Join(config.FunctionNames(), " ")
	for _, name := range []string{"try", "can", "env", "dotenv", "templatefile", "cidrsubnet", "yamldecode", "uuidv5", "basename"} {
		if !strings.Contains(" "+names+" ", " "+name+" ") {
			t.Errorf("no function %s", name)
		}
	}
}
