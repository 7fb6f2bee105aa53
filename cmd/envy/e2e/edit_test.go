package e2e

import (
	"fmt"
	"strings"
	"testing"
)

const editBase = `
box "web" {
  image    = "%s"
  env      = { A = "1" }
  memory   = "64m"
  cpus     = 1
  port "http" { guest = 80 }
  file "/etc/greeting" { content = "hello" }
  provision "mark" { run = "echo one > /mark" }
}
box "old" { image = "envy-test/tiny:1" }
`

// TestEdits is the table of one edit each on a real engine: the plan names exactly that attribute, chooses in place or
// replace, up does it, and the up after it does nothing.
func TestEdits(t *testing.T) {
	base := fmt.Sprintf(editBase, tiny)
	for _, tc := range []struct {
		name     string
		from, to string
		box      string
		action   string
		attr     string
		check    func(t *testing.T, p *project)
	}{
		{"memory", `memory   = "64m"`, `memory   = "96m"`, "web", "update", "memory", func(t *testing.T, p *project) {
			if got := p.docker("inspect", "-f", "{{.HostConfig.Memory}}", p.docker("ps", "-q", "--filter", "name="+p.container("web"))); got != "100663296" {
				t.Errorf("memory is %s", got)
			}
		}},
		{"port", `guest = 80`, `guest = 81`, "web", "replace", "port.http.guest", nil},
		{"env", `A = "1"`, `A = "2"`, "web", "replace", "env.A", func(t *testing.T, p *project) {
			if got := p.ok("exec", "web", "sh", "-c", "echo $A").stdout; strings.TrimSpace(got) != "2" {
				t.Errorf("A is %q", got)
			}
		}},
		{"file", `content = "hello"`, `content = "bye"`, "web", "update", "file./etc/greeting.content", func(t *testing.T, p *project) {
			if got := p.ok("exec", "web", "cat", "/etc/greeting").stdout; got != "bye" {
				t.Errorf("the file holds %q", got)
			}
		}},
		{"provisioner", `echo one`, `echo two`, "web", "update", "provision.mark.run", func(t *testing.T, p *project) {
			if got := p.ok("exec", "web", "cat", "/mark").stdout; got != "two\n" {
				t.Errorf("the provisioner did not run: %q", got)
			}
		}},
		{"removed limit", `memory   = "64m"`, ``, "web", "replace", "memory", func(t *testing.T, p *project) {
			if got := p.inspect("web", "{{.HostConfig.Memory}}"); got != "0" {
				t.Errorf("memory is %s", got)
			}
		}},
		{"removed box", `box "old" { image = "envy-test/tiny:1" }`, ``, "old", "destroy", "", func(t *testing.T, p *project) {
			if got := p.names(); strings.Contains(got, "old") {
				t.Errorf("containers: %s", got)
			}
		}},
		{"packages", `env      =`, "setup \"tool\" { run = \"echo made > /opt-tool\" }\n  env      =", "web", "replace", "setup.tool.run", func(t *testing.T, p *project) {
			if got := p.ok("exec", "web", "cat", "/opt-tool").stdout; got != "made\n" {
				t.Errorf("the setup is not in the image: %q", got)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, base)
			p.ok("up")
			p.quiet()
			before := p.docker("ps", "-aq", "--no-trunc", "--filter", "name="+p.container("web"))
			p.write(strings.Replace(base, tc.from, tc.to, 1))
			var actions, attrs []string
			for _, c := range p.plan().Changes {
				if c.Address.Kind != "box" {
					continue
				}
				actions = append(actions, c.Address.Box+" "+c.Action)
				for _, a := range c.Attrs {
					attrs = append(attrs, a.Path)
				}
			}
			if got := strings.Join(actions, ","); got != tc.box+" "+tc.action {
				t.Errorf("the plan does %q, want %s %s", got, tc.box, tc.action)
			}
			if got := strings.Join(attrs, ","); got != tc.attr {
				t.Errorf("the plan names %q, want %q", got, tc.attr)
			}
			p.ok("up")
			after := p.docker("ps", "-aq", "--no-trunc", "--filter", "name="+p.container("web"))
			if kept := before == after; kept != (tc.action != "replace") {
				t.Errorf("container kept: %v", kept)
			}
			if tc.check != nil {
				tc.check(t, p)
			}
			p.quiet()
		})
	}
}

// TestPackagesAndImage are the two edits that need a real distribution.
func TestPackagesAndImage(t *testing.T) {
	p := newProject(t, fmt.Sprintf("box \"web\" {\n  image = %q\n}\n", tiny))
	p.ok("up")
	p.write(fmt.Sprintf("box \"web\" {\n  image = %q\n}\n", debian))
	if r := p.ok("plan"); !strings.Contains(r.stdout, tiny+" → "+debian) {
		t.Errorf("the plan does not name the image:\n%s", r.stdout)
	}
	p.ok("up")
	p.quiet()
	p.write(fmt.Sprintf("box \"web\" {\n  image = %q\n  packages = [\"tree\"]\n}\n", debian))
	if r := p.ok("plan"); !strings.Contains(r.stdout, "packages") || !strings.Contains(r.stdout, "must be replaced") {
		t.Errorf("the plan does not name the packages:\n%s", r.stdout)
	}
	p.ok("up")
	if r := p.ok("exec", "web", "tree", "--version"); !strings.Contains(r.stdout, "tree v") {
		t.Errorf("the package is not there: %q", r.stdout)
	}
	p.quiet()
	p.write(fmt.Sprintf("box \"web\" {\n  image = %q\n  packages = [\"no-such-package-at-all\"]\n}\n", debian))
	if r := p.want(1, "up"); !strings.Contains(r.stderr, "no-such-package-at-all") || !strings.Contains(r.stderr, "Envfile:4") {
		t.Errorf("a failing install does not show the manager's words and the line:\n%s", r.stderr)
	}
	p.ok("exec", "web", "tree", "--version") // the old box stands
}
