package config_test

import (
	"strings"
	"testing"

	"github.com/envyhq/envy/config"
)

func TestSensitiveFlow(t *testing.T) {
	b := load(t, values(), `
variable "token" {
  type      = string
  default   = "hunter2"
  sensitive = true
}
locals {
  header = "Bearer ${var.token}"
  hashed = sha256(local.header)
  chosen = var.token == "x" ? "a" : "b"
}
`+box(`
env = {
  PLAIN  = "p"
  HEADER = local.header
  HASHED = local.hashed
  CHOSEN = local.chosen
  MARKED = sensitive("x")
  RENDER = templatefile("greet.tmpl", { name = var.token, list = [] })
  DOTENV = dotenv("dev.env").TOKEN
}
labels = { from = dotenv("dev.env").TOKEN }
file "/x" { content = "c ${var.token}" }
file "/y" { content = "plain" }
provision "a" { run = "echo ${var.token}" }
provision "b" { run = "echo plain" }
`)).Boxes[0]
	want := map[string]bool{"PLAIN": false, "HEADER": true, "HASHED": true, "CHOSEN": true, "MARKED": true, "RENDER": true, "DOTENV": false}
	for _, e := range b.Env {
		if e.Value.Sensitive != want[e.Name] {
			t.Errorf("%s is sensitive: %v", e.Name, e.Value.Sensitive)
		}
	}
	if b.Labels[0].Value != "hunter2" {
		t.Errorf("a value of dotenv() is plain: %+v", b.Labels)
	}
	if !b.Files[0].Content.Sensitive || b.Files[1].Content.Sensitive || !b.Provisioners[0].Run.Sensitive || b.Provisioners[1].Run.Sensitive {
		t.Error("the marks of files or scripts are wrong")
	}
}

// TestSecretsAreNeverQuoted: whatever goes wrong with a secret, no message shows it.
func TestSecretsAreNeverQuoted(t *testing.T) {
	head := "variable \"s\" {\ndefault = \"hunter2\"\nsensitive = true\n}\n"
	for _, secret := range []string{`var.s`, `dotenv("dev.env").TOKEN`} {
		for _, use := range []string{
			`env = { A = parseint(SECRET, 10) }`,
			`env = { A = jsondecode(SECRET) }`,
			`env = { A = cidrhost(SECRET, 1) }`,
			`env = { A = base64decode("${SECRET}!") }`,
			`env = { A = regex(SECRET, "x").y }`,
			`env = { A = { for i in [1, 2] : SECRET => i } }`,
			`env = { A = tomap({ x = 1 })[SECRET] }`,
			`env = { A = { x = 1 }[SECRET] }`,
			`env = { A = file(SECRET) }`,
			`env = { A = env(SECRET) }`,
			`env = { A = dotenv("${SECRET}.env") }`,
			`env = { A = formatdate(SECRET, "2020-01-01T00:00:00Z") }`,
			`env = { A = templatefile("greet.tmpl", { name = SECRET }) }`,
			`env = { (SECRET) = [] }`,
			`env = { A = SECRET + 1 }`,
			`env = { A = [1, 2][SECRET] }`,
			`env_file = [SECRET]`,
			`memory = SECRET`,
			`restart = SECRET`,
			`depends_on = [SECRET]`,
			`network_mode = "box:${SECRET}"`,
			`labels = { "io.envy.${SECRET}" = "x" }`,
			`ulimits = { (SECRET) = 1 }`,
			`extra_hosts = { (SECRET) = "nowhere" }`,
			`extra_hosts = { a = SECRET }`,
			`sysctls = { (SECRET) = 1 }`,
			`sysctls = { "kernel.${SECRET}" = 1 }`,
			`sysctls = { "kernel.shmmax" = SECRET }`,
			"network_mode = \"host\"\nsysctls = { \"net.${SECRET}\" = 1 }",
			`cap_add = [SECRET]`,
			`stop_signal = SECRET`,
			`platform = "linux/${SECRET}"`,
			`security_opt = ["seccomp=${SECRET}"]`,
			`devices = ["/dev/null:/dev/${SECRET}", "/dev/zero:/dev/${SECRET}"]`,
			`gpus = ["${SECRET},"]`,
			"port \"a\" {\nguest = 1\nprotocol = SECRET\n}",
			"share \"x\" {\nsource = SECRET\ntarget = \"/x\"\n}",
			"share \".\" { target = SECRET }",
			"volume \"x\" { target = \"/proc/${SECRET}\" }",
			"file \"/x\" { source = SECRET }",
			"build {\ncontext = SECRET\n}",
			"build {\ndockerfile = SECRET\n}",
			"setup \"x\" {\nrun = \"x\"\ninputs = [\"../../${SECRET}\"]\n}",
		} {
			use = strings.ReplaceAll(use, "SECRET", secret)
			got := problems(t, values(), head+box(use))
			if len(got) == 0 {
				t.Errorf("%s: nothing is reported", use)
			}
			if all := strings.Join(got, "\n"); strings.Contains(all, "hunter2") {
				t.Errorf("%s: the value is quoted:\n%s", use, all)
			}
		}
	}
	rule := "variable \"s\" {\ndefault = \"hunter2\"\nsensitive = true\nvalidation {\ncondition = length(var.s) > 99\nerror_message = \"bad: ${var.s}\"\n}\n}\n"
	if got := strings.Join(problems(t, values(), rule+box("")), ""); strings.Contains(got, "hunter2") || !strings.Contains(got, "var.s is not valid") {
		t.Error(got)
	}
	v := values()
	v.Vars = []config.Var{{Name: "n", Value: "hunter2", Origin: "--var"}}
	if got := strings.Join(problems(t, v, "variable \"n\" {\ntype = number\nsensitive = true\n}\n"+box("")), ""); strings.Contains(got, "hunter2") || got == "" {
		t.Error(got)
	}
}
