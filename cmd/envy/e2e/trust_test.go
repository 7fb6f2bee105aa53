package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// accept types the command that the refusal of an up prints.
func (p *project) accept() {
	p.t.Helper()
	p.ok("trust", "--accept", p.hash())
	if left := p.containers(); len(left) > 0 {
		p.t.Fatalf("a refused up made %v", left)
	}
}

// hash is that of the list in the command that the refusal of an up prints.
func (p *project) hash() string {
	p.t.Helper()
	r := p.want(5, "up")
	found := regexp.MustCompile(`envy trust --accept ([0-9a-f]{40})`).FindStringSubmatch(r.stderr)
	if found == nil {
		p.t.Fatalf("no command is printed:\n%s", r.stderr)
	}
	return found[1]
}

// TestTrusted: what was accepted is what the engine is given, and nothing before.
func TestTrusted(t *testing.T) {
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "note"), []byte("outside\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := newProject(t, fmt.Sprintf(`box "web" {
  image   = %q
  cap_add = ["NET_ADMIN"]
  env     = { KEY = env("E2E_KEY") }
  share "there" {
    source    = %q
    target    = "/there"
    read_only = true
  }
  port "http" {
    guest   = 80
    address = "0.0.0.0"
  }
}
`, tiny, outside))
	p.env = append(p.env, "E2E_KEY=value")
	p.accept()
	p.ok("up")
	if got := p.ok("exec", "web", "sh", "-c", "echo $KEY; cat /there/note; touch /there/x || echo no").stdout; got != "value\noutside\nno\n" {
		t.Errorf("in the box: %q", got)
	}
	if got := p.inspect("web", "{{.HostConfig.CapAdd}} {{.HostConfig.Privileged}}"); got != "[CAP_NET_ADMIN] false" && got != "[NET_ADMIN] false" {
		t.Errorf("the engine was given %s", got)
	}
	p.quiet()
	p.ok("trust", "--revoke")
	p.want(5, "up")
	p.ok("exec", "web", "true")
	p.ok("halt")
}

// A box that can write the folder of another's share puts a link in its place while an up goes on. That link is not
// followed: not when the other box is made or first started, and not when it is started again.
func TestSwappedByABox(t *testing.T) {
	secret := t.TempDir()
	if err := os.WriteFile(filepath.Join(secret, "key"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newProject(t, fmt.Sprintf(`box "web" {
  image = %[1]q
  share "." { target = "/workspace" }
  provision "swap" {
    when = "always"
    run  = "if test -e swap; then mv data data.old && ln -s %[2]s data; fi"
  }
}
box "db" {
  image      = %[1]q
  depends_on = ["web"]
  share "data" { target = "/data" }
}
`, tiny, secret))
	if err := os.Mkdir(filepath.Join(p.dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	swapped := func() {
		t.Helper()
		r := p.want(5, "up")
		if !strings.Contains(r.stderr, "leads to "+secret+" by now") || !strings.Contains(r.stderr, "Envfile:") {
			t.Errorf("it is not said:\n%s", r.stderr)
		}
		for _, f := range []string{"swap", "data"} {
			if err := os.Remove(filepath.Join(p.dir, f)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(filepath.Join(p.dir, "data.old"), filepath.Join(p.dir, "data")); err != nil {
			t.Fatal(err)
		}
	}
	p.accept()
	p.file("swap", "")
	swapped()
	if got := p.names(); got != "web running" && got != "db created, web running" {
		t.Errorf("after the first up: %s", got)
	}
	p.ok("up")
	p.quiet()
	p.ok("halt")
	p.file("swap", "")
	swapped()
	if got := p.names(); got != "db exited, web running" {
		t.Errorf("after the second: %s", got)
	}
	// Left as it is, the link is seen by the next look, which asks about what it finds.
	if err := os.Rename(filepath.Join(p.dir, "data"), filepath.Join(p.dir, "data.old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(p.dir, "data")); err != nil {
		t.Fatal(err)
	}
	if r := p.want(5, "up"); !strings.Contains(r.stderr, `box "db" shares `+secret+", outside the project") {
		t.Errorf("it is not asked about:\n%s", r.stderr)
	}
}
