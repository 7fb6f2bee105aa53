package e2e

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestBuildElsewhere: a definition in a repository builds on a real engine, from the locked
// commit's files and no others.
func TestBuildElsewhere(t *testing.T) {
	t.Parallel()
	p := newProject(t, "")
	repo, salt := t.TempDir(), rand.Text()
	for name, text := range map[string]string{
		"web/box.hcl": `variable "who" {}
box {
  build {
    context    = "../ctx"
    dockerfile = "ci/Dockerfile.dev"
    target     = "last"
    args       = { WHO = var.who }
  }
  setup "s" {
    run    = "cat in/a > /setup; ls > /seen"
    inputs = ["in/*"]
  }
}
`,
		"web/in/a":              "input " + salt + "\n",
		"ctx/ci/Dockerfile.dev": fmt.Sprintf("FROM %s AS first\nCOPY . /from\nFROM first AS last\nARG WHO\nENV WHO=$WHO\nFROM first AS other\nRUN false\n", tiny),
		"ctx/.dockerignore":     "drop\n", "ctx/drop": "dropped\n", "ctx/a": salt + "\n",
	} {
		path := filepath.Join(repo, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(repo, "ctx/link")); err != nil {
		t.Fatal(err)
	}
	git := func(args ...string) {
		t.Helper()
		c := exec.Command("git", append([]string{"-C", repo}, args...)...)
		c.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "HOME="+t.TempDir())
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "first")
	git("tag", "v1")
	if err := os.WriteFile(filepath.Join(repo, "ctx/a"), []byte("no part of the commit\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	envfile := "box \"web\" {\n  from = %q\n  with = { who = \"me\" }\n}\n"
	p.write(fmt.Sprintf(envfile, "git::file://"+repo+"//web?ref=v1"))
	p.accept()
	p.ok("up")
	built := p.inspect("web", "{{.Image}}")
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "-f", built).Run() })
	want := salt + "\n" + salt + "\ninput " + salt + "\nin\nme\n"
	if got := p.ok("exec", "web", "sh", "-c", "cat /from/a /from/link /setup /seen; echo $WHO; ls /from/drop 2>/dev/null || true").stdout; got != want {
		t.Errorf("in the box: %q, want %q", got, want)
	}
	p.quiet()
}
