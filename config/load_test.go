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
	if b := byName["box"]; b.Label != "name" || len(b.Attributes) < 40 || len(b.Blocks) < 10 || byName["template"].Like != "box" {
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
