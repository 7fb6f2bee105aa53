package config_test

import (
	"bytes"
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"github.com/envyhq/envy/config"
)

// travelling is a box with much of what there is.
const travelling = `
variable "token" {
  type      = string
  default   = "s3cret"
  sensitive = true
}
network "back" { subnet = "10.9.0.0/24" }
box "db" { image = "debian" }
box "web" {
  image       = "debian"
  packages    = ["git"]
  command     = ["run", "a b", "$${x}", "%%{y}"]
  env         = { PLAIN = "a\tb\n\"c\" $${HOME}", TOKEN = var.token, DIR = "${project.dir}/x", HOST = env("SECRET_OF_HOST"), GONE = null }
  env_file    = ["dev.env"]
  path        = ["/opt/bin"]
  user        = "dev"
  login       = "root"
  groups      = ["users"]
  shell       = "/bin/bash"
  restart     = "on-failure:3"
  stop_signal = "SIGINT"
  stop_timeout = "1m30s"
  wait_timeout = "90s"
  cpus        = host.cpus
  memory      = "1.5g"
  shm_size    = "64m"
  ulimits     = { nofile = { soft = 10, hard = 20 }, nproc = 5 }
  cap_drop    = ["NET_RAW"]
  sysctls     = { "net.core.somaxconn" = "1024" }
  labels      = { "org.example.a" = "b" }
  devices     = ["/dev/fuse"]
  hostname    = "shop.example"
  aliases     = ["www"]
  dns         = ["10.0.0.1"]
  extra_hosts = { api = "10.0.0.2" }
  depends_on  = ["db"]
  port "http" {
    guest = 3000
    host  = 8080
  }
  port "dns" {
    guest    = 53
    protocol = "udp"
    auto     = true
  }
  share "." { target = "/workspace" }
  volume "data" { target = "/data" }
  tmpfs "/scratch" { size = "16m" }
  network "back" { ip = "10.9.0.9" }
  file "/etc/motd" {
    content = "hello\n"
    mode    = "0755"
    owner   = "root"
  }
  file "/etc/token" { content = var.token }
  setup "tool" { run = "true" }
  provision "first" {
    run     = "echo $HOME\nexit 0\n"
    when    = "once"
    user    = "root"
    env     = { A = "b", TOKEN = var.token }
    timeout = "2m"
    after   = "healthy"
  }
  provision "deps" {
    run    = "npm ci"
    inputs = ["hello.txt"]
  }
  provision "secret" { run = "echo ${var.token}" }
  healthcheck {
    command  = "test -e /x"
    interval = "2s"
    retries  = 7
  }
}
`

func boxOf(t *testing.T, p *config.Project, name string) *config.Box {
	t.Helper()
	for _, b := range p.Boxes {
		if b.Name == name {
			return b
		}
	}
	t.Fatalf("no box %s", name)
	return nil
}

// told is what of a box must be the same where it arrives.
func told(b *config.Box) map[string]any {
	env := map[string]string{}
	for _, v := range b.Env {
		env[v.Name] = v.Value.Value
		if v.Unset {
			env[v.Name] = "(unset)"
		}
	}
	out := map[string]any{
		"command": b.Command.Args, "service": b.Service, "env": env, "path": b.Path, "user": b.User, "login": b.Login, "groups": b.Groups,
		"shell": b.Shell, "restart": b.Restart, "signal": b.StopSignal, "stop": *b.StopTimeout, "wait": b.WaitTimeout, "memory": b.Memory,
		"shm": b.ShmSize, "ulimits": b.Ulimits, "drop": b.CapDrop, "check": b.Healthcheck.Command, "interval": b.Healthcheck.Interval, "retries": b.Healthcheck.Retries,
		"sysctl": b.Sysctls[0].Value, "label": b.Labels[0].Key, "volume": b.Volumes[0].Label + b.Volumes[0].Target, "tmpfs": b.Tmpfs[0].Size,
		"provision": b.Provisioners[0].Run.Value + b.Provisioners[0].When + b.Provisioners[0].User, "after": b.Provisioners[0].AfterHealthy,
		"guest": b.Ports[0].Guest, "udp": b.Ports[1].Protocol,
	}
	f := b.Files[0]
	out["file"] = []any{f.Target, f.Content, f.Mode, f.Owner}
	return out
}

func TestPackRoundTrip(t *testing.T) {
	v := values()
	v.Env = func(name string) (string, bool) { return "value-of-the-host", name == "SECRET_OF_HOST" }
	b := boxOf(t, load(t, v, travelling), "web")
	const image = "envy.local/box/web:0123456789abcdef0123456789abcdef"
	o := config.Packing{Image: image, Keep: []string{checkoutDir, "value-of-the-host"}}
	packed := b.Pack(o)
	if again := boxOf(t, load(t, v, travelling), "web").Pack(o); !bytes.Equal(again.Text, packed.Text) {
		t.Error("the same box gives another text")
	}
	for _, secret := range []string{"s3cret", checkoutDir, "value-of-the-host", "8080", "10.9.0.9", "hello.txt", "npm", "shop.example", "/dev/fuse", "share", "git"} {
		if strings.Contains(string(packed.Text), secret) {
			t.Errorf("%q travels:\n%s", secret, packed.Text)
		}
	}
	formatted, list := config.Format(packed.Text, "box.hcl")
	if list.HasErrors() || !bytes.Equal(formatted, packed.Text) {
		t.Errorf("it is not in canonical style: %v", list.Err())
	}
	v.Definitions = packedShelf{text: packed.Text, image: image}
	there := boxOf(t, load(t, v, `box "web" { from = "web" }`), "web")
	want, got := told(b), told(there)
	for _, name := range []string{"TOKEN", "DIR", "HOST"} {
		delete(want["env"].(map[string]string), name)
	}
	for _, e := range b.Env {
		if e.Value.Sensitive { // of env_file too
			delete(want["env"].(map[string]string), e.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || there.Image != image {
		t.Errorf("it arrives otherwise:\n%s", diff)
	}
	left := strings.Join(packed.Left, "\n")
	for _, what := range []string{
		`env TOKEN: it is sensitive`, `env DIR: it holds`, `env HOST: it holds`, `cpus: it follows`, `device "/dev/fuse"`, `hostname`, `aliases`, `dns`, `extra_hosts`,
		`depends_on "db"`, `share "."`, `network "back"`, `file "/etc/token"`, `provision "deps"`, `provision "secret"`, `provision "first": env TOKEN`,
	} {
		if !strings.Contains(left, what) {
			t.Errorf("not told: %s", what)
		}
	}
}

// markStrings calls with for every string in v, as a place that can be set, with the path that leads to it.
func markStrings(v reflect.Value, path string, with func(reflect.Value, string)) {
	switch v.Kind() {
	case reflect.String:
		with(v, path)
	case reflect.Pointer:
		if !v.IsNil() {
			markStrings(v.Elem(), path, with)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			markStrings(v.Field(i), path+"."+v.Type().Field(i).Name, with)
		}
	case reflect.Slice:
		for i := range v.Len() {
			markStrings(v.Index(i), path, with)
		}
	}
}

// A text of this machine travels in no attribute, label or key, and what goes without it is told.
func TestPackKeepsEverywhere(t *testing.T) {
	const text = "path-of-this-machine"
	v := values()
	v.Env = func(string) (string, bool) { return "", true }
	b := boxOf(t, load(t, v, travelling), "web")
	o := config.Packing{Image: "envy.local/box/web:0123456789abcdef0123456789abcdef", Keep: []string{text}}
	plain := b.Pack(o)
	places := 0
	markStrings(reflect.ValueOf(b).Elem(), "box", func(s reflect.Value, path string) {
		if path == "box.Ulimits.Name" {
			return // one of a few words
		}
		before := s.String()
		defer s.SetString(before)
		s.SetString("a " + text + " b")
		places++
		packed := b.Pack(o)
		if strings.Contains(string(packed.Text), text) {
			t.Errorf("%s travels:\n%s", path, packed.Text)
		}
		if !bytes.Equal(packed.Text, plain.Text) && slices.Equal(packed.Left, plain.Left) {
			t.Errorf("%s goes, and nobody is told", path)
		}
		file := []byte(packed.Text)
		v := values()
		v.Definitions = packedShelf{file, o.Image}
		if list := problems(t, v, `box "a" { from = "web" }`); len(list) > 0 {
			t.Errorf("without %s it is no box: %v", path, list)
		}
	})
	if places < 50 {
		t.Errorf("only %d places were tried", places)
	}
}

// What whoever packs has of their own does not travel, whatever was made of it.
func TestPackOwn(t *testing.T) {
	v := values()
	v.Env = func(name string) (string, bool) {
		value, ok := map[string]string{"USER": "ann", "CI": "true", "PIN": "12"}[name]
		return value, ok
	}
	const text = `
variable "key" { default = "" }
box "a" {
  image   = "debian"
  env     = { WHO = upper(env("USER")), PIN = env("PIN"), PLAIN = "true", DEF = env("NOT_SET", "12"), KEY = var.key, FILE = dotenv("dev.env").TOKEN }
  labels  = { who = "of ${env("USER")}", plain = "ann" }
  memory  = env("CI") == "true" ? "1g" : "2g"
  workdir = "/home/${env("USER")}"
  tmpfs "/scratch" { size = host.memory / 4 }
  file "/etc/who" { content = env("USER") }
  provision "who" { run = "echo ${env("USER")}" }
  provision "plain" {
    run     = "true"
    env     = { WHO = env("USER") }
    timeout = "${env("PIN")}s"
  }
  healthcheck { command = "test ${env("USER")}" }
}
`
	project, list := config.Load(t.Context(), v, config.Source{Name: "Envfile", Data: []byte(text)}, config.Source{Name: "Envfile.local", Data: []byte(`
variable "key" { default = "personal" }
box "a" { env = { MINE = "personal" } }
`)})
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	packed := boxOf(t, project, "a").Pack(config.Packing{Image: "envy.local/box/a:0123456789abcdef0123456789abcdef"})
	want := `# A box that envy package wrote.

box {
  image = "envy.local/box/a:0123456789abcdef0123456789abcdef"
  env = {
    DEF   = "12"
    PLAIN = "true"
  }
  labels = {
    plain = "ann"
  }
  tmpfs "/scratch" {
  }
  provision "plain" {
    run = "true"
  }
}
`
	if diff := cmp.Diff(want, string(packed.Text)); diff != "" {
		t.Error(diff)
	}
	for _, what := range []string{
		"env WHO", "env PIN", "env KEY", "env MINE", "env FILE", "labels who", "memory", "workdir", `tmpfs "/scratch": size: it follows`, `file "/etc/who"`,
		`provision "who"`, `provision "plain": env WHO`, `provision "plain": timeout`, "healthcheck",
	} {
		if !slices.ContainsFunc(packed.Left, func(left string) bool { return strings.HasPrefix(left, what) }) {
			t.Errorf("not told: %s", what)
		}
	}
}

// packedShelf has one definition, which came with its image.
type packedShelf struct {
	text  []byte
	image string
}

func (s packedShelf) Definition(context.Context, string, *config.Definition) (*config.Definition, error) {
	return &config.Definition{ID: "archive", File: "web.box/box.hcl", Data: s.text, Tree: files(), Folder: ".", Image: s.image}, nil
}

// A definition that has its image with it starts from no other.
func TestPackedImage(t *testing.T) {
	const image = "envy.local/box/web:0123456789abcdef0123456789abcdef"
	for name, tc := range map[string]struct{ text, want string }{
		"its own":     {`box { image = "` + image + `" }`, ""},
		"none":        {`box { memory = "1g" }`, "no base"},
		"another":     {`box { image = "debian" }`, "the image that came with the definition"},
		"by a local":  {"locals { i = \"" + image + "\" }\nbox { image = local.i }", "the image that came with the definition"},
		"a template":  {"box { image = \"${self.name}\" }", "the image that came with the definition"},
		"null":        {`box { image = null }`, "the image that came with the definition"},
		"a build":     {"box {\n build { context = \".\" }\n}", "cannot build one"},
		"off a build": {"box {\n image = \"" + image + "\"\n build { enabled = false }\n}", "cannot build one"},
	} {
		t.Run(name, func(t *testing.T) {
			v := values()
			v.Definitions = packedShelf{[]byte(tc.text), image}
			got := strings.Join(problems(t, v, `box "a" { from = "web" }`), "\n")
			if (got == "") != (tc.want == "") || tc.want != "no base" && !strings.Contains(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzPack(f *testing.F) {
	f.Add("hello ${x} %{y} \"\\\n\t", "sh -c 'x'")
	f.Add("\u00e9\u202e\x00", "")
	f.Fuzz(func(t *testing.T, text, script string) {
		if !utf8.ValidString(text) || !utf8.ValidString(script) || !norm.NFC.IsNormalString(text) || !norm.NFC.IsNormalString(script) {
			return // evaluation gives no such text
		}
		stop := time.Second
		b := &config.Box{
			Name: "a", Env: []config.EnvVar{{Name: "A", Value: config.Text{Value: text}}}, StopTimeout: &stop,
			Provisioners: []*config.Provision{{Label: "p", Run: config.Text{Value: script}, When: "changed"}},
		}
		const image = "envy.local/box/web:0123456789abcdef0123456789abcdef"
		v := values()
		v.Definitions = packedShelf{b.Pack(config.Packing{Image: image}).Text, image}
		project, list := config.Load(t.Context(), v, config.Source{Name: "Envfile", Data: []byte(`box "a" { from = "web" }`)})
		if list.HasErrors() {
			return // a text that no box can have
		}
		if got := boxOf(t, project, "a"); got.Env[0].Value.Value != text || got.Provisioners[0].Run.Value != script {
			t.Errorf("%q and %q arrive as %q and %q", text, script, got.Env[0].Value.Value, got.Provisioners[0].Run.Value)
		}
	})
}
