package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoss(t *testing.T) {
	t.Parallel()
	text := `box "web" {
  image = "` + tiny + `"
  port "http" { guest = %d }
  provision "opt" { run = "mkdir -p /opt; echo x > /opt/provisioned" }
}
`
	p := newProject(t, fmt.Sprintf(text, 80))
	p.ok("up")
	p.ok("exec", "web", "sh", "-c", "echo scratch > /tmp/scratch")
	p.write(fmt.Sprintf(text, 81))
	for _, c := range p.plan().Changes {
		if c.Loss != nil {
			t.Errorf("a box that only ran its provisioner and wrote to /tmp would lose %+v", c.Loss)
		}
	}
	p.ok("up") // without a question
	p.ok("exec", "web", "sh", "-c", "echo a > /root-note; echo b > /opt/note; echo c >> /opt/provisioned")
	p.write(fmt.Sprintf(text, 82))
	r := p.ok("plan")
	if !strings.Contains(r.stdout, "3 files changed inside web would be lost") {
		t.Errorf("the loss is not named with its count:\n%s", r.stdout)
	}
	before := p.containers()
	p.want(5, "up")
	if after := p.containers(); strings.Join(before, "") != strings.Join(after, "") {
		t.Error("a refused up changed something")
	}
	p.ok("exec", "web", "cat", "/root-note")
	p.ok("up", "--yes")
	p.want(1, "exec", "web", "cat", "/root-note")
	p.quiet()
}

func TestImageVolumeKeepsItsData(t *testing.T) {
	t.Parallel()
	p := newProject(t, "")
	image := p.name + ":volume"
	if out, err := exec.Command("sh", "-c", `id=$(docker create `+tiny+` true) && docker export $id | docker import -c 'VOLUME /data' - `+image+`; docker rm $id`).CombinedOutput(); err != nil {
		t.Fatalf("make an image: %v\n%s", err, out)
	}
	t.Cleanup(func() { p.docker("rmi", "-f", image) })
	text := "box \"db\" {\n  image = %q\n  env = { A = %q }\n}\n"
	p.write(fmt.Sprintf(text, image, "1"))
	p.ok("up")
	p.ok("exec", "db", "sh", "-c", "echo kept > /data/x")
	p.write(fmt.Sprintf(text, image, "2"))
	p.ok("up") // nothing is lost, so nothing is asked
	if got := p.ok("exec", "db", "cat", "/data/x").stdout; got != "kept\n" {
		t.Errorf("the data is %q", got)
	}
	if got := p.docker("volume", "ls", "-q", "--filter", "dangling=true", "--filter", "label=io.envy.path="+p.real()); strings.Contains(got, "data") {
		t.Errorf("a volume dangles: %s", got)
	}
	p.quiet()
}

func TestDrift(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf("box \"web\" { image = %q }\n", tiny))
	p.ok("up")
	id := p.containers()[0]
	for _, tc := range []struct {
		hand []string
		says string
		same bool
	}{
		{[]string{"stop", "-t", "0", id}, "will be started", true},
		{[]string{"pause", id}, "will be resumed", true},
		{[]string{"rm", "-f", id}, "will be created", false},
	} {
		p.docker(tc.hand...)
		if r := p.ok("plan"); !strings.Contains(r.stdout, tc.says) {
			t.Errorf("after docker %s the plan does not say %q:\n%s", tc.hand[0], tc.says, r.stdout)
		}
		p.ok("up")
		if got := p.names(); got != "web running" {
			t.Errorf("after docker %s and up: %s", tc.hand[0], got)
		}
		if same := p.containers()[0] == id; same != tc.same {
			t.Errorf("after docker %s: same container %v", tc.hand[0], same)
		}
		p.quiet()
	}
}

func TestNetworkRemovedByHand(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf(`network "back" {}
box "db" {
  image = %[1]q
  network "default" {}
  network "back" { aliases = ["store"] }
}
box "side" {
  image        = %[1]q
  network_mode = "box:db"
}
box "web" { image = %[1]q }
`, tiny))
	p.ok("up")
	before := p.containers()
	first, back := p.name, p.name+".back"
	stop := append([]string{"stop", "-t", "0"}, before...)
	for _, tc := range []struct {
		name string
		hand [][]string
	}{
		{"a further one, stopped", [][]string{stop, {"network", "rm", back}}},
		{"both, stopped", [][]string{stop, {"network", "rm", first, back}}},
		{"a further one, paused", [][]string{{"pause", p.container("db")}, {"network", "disconnect", "-f", back, p.container("db")}, {"network", "rm", back}}},
	} {
		for _, args := range tc.hand {
			p.docker(args...)
		}
		if left := p.docker("network", "ls", "-q", "--filter", "label=io.envy.path="+p.real()); len(strings.Fields(left)) == 2 {
			t.Fatalf("%s: no network is gone", tc.name)
		}
		p.ok("up")
		for network, alias := range map[string]string{first: "db", back: "store"} {
			on := p.inspect("db", fmt.Sprintf(`{{with index .NetworkSettings.Networks %q}}{{.NetworkID}} {{.IPAddress}} {{.Aliases}}{{end}}`, network))
			id := p.docker("network", "inspect", "-f", "{{.Id}}", network)
			if f := strings.Fields(on); len(f) < 3 || f[0] != id || !strings.Contains(on, alias) {
				t.Errorf("%s: db is on %s, which is %s, as %q", tc.name, network, id, on)
			}
		}
		p.ok("exec", "web", "ping", "-c", "1", "-w", "5", "db")
		p.ok("exec", "side", "ping", "-c", "1", "-w", "5", "store")
		if got := p.names(); got != "db running, side running, web running" || strings.Join(p.containers(), " ") != strings.Join(before, " ") {
			t.Errorf("%s: %s, %v, were %v", tc.name, got, p.containers(), before)
		}
		p.quiet()
	}
}

func TestForeignContainersAreLeftAlone(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf("box \"web\" { image = %q }\nbox \"db\" { image = %q }\n", tiny, tiny))
	p.ok("up", "db")
	// One bears the name of a box, one carries all of envy's labels under a name that envy does not give.
	named := p.docker("run", "-d", "--name", p.container("web"), tiny, "sleep", "1000")
	t.Cleanup(func() { p.docker("rm", "-f", named) })
	args := []string{"run", "-d", "--name", p.name + "_stranger"}
	for _, l := range strings.Split(p.docker("inspect", "-f", `{{range $k, $v := .Config.Labels}}{{if ne $k "io.envy.spec"}}{{$k}}={{$v}}{{"\n"}}{{end}}{{end}}`, p.container("db")), "\n") {
		if l != "" {
			args = append(args, "--label", l)
		}
	}
	stranger := p.docker(append(args, tiny, "sleep", "1000")...)
	t.Cleanup(func() { p.docker("rm", "-f", stranger) })
	r := p.want(1, "up")
	if !strings.Contains(r.stderr, p.container("web")) {
		t.Errorf("the taken name is not told:\n%s", r.stderr)
	}
	p.ok("destroy", "--yes")
	for _, id := range []string{named, stranger} {
		if got := p.docker("inspect", "-f", "{{.State.Running}}", id); got != "true" {
			t.Errorf("a foreign container was touched: %s", got)
		}
	}
	p.docker("rm", "-f", named, stranger)
}

func TestComposeDownTakesNothing(t *testing.T) {
	compose, err := exec.LookPath("docker-compose")
	if err != nil {
		t.Skip("docker-compose is not installed")
	}
	t.Parallel()
	p := newProject(t, fmt.Sprintf("box \"web\" { image = %q }\n", tiny))
	p.ok("up")
	p.file("docker-compose.yml", "version: '3'\nservices:\n  web:\n    image: "+tiny+"\n    command: sleep 1000\n")
	for _, project := range []string{p.name, "checkout"} {
		c := exec.Command(compose, "-p", project, "down", "--remove-orphans")
		c.Dir = p.dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Logf("docker-compose down: %v\n%s", err, out)
		}
	}
	if got := p.names(); got != "web running" {
		t.Errorf("after docker-compose down: %s", got)
	}
	p.quiet()
}

func TestShareAndGit(t *testing.T) {
	t.Parallel()
	p := newProject(t, "")
	git := func(dir string, args ...string) {
		t.Helper()
		c := exec.Command("git", args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b", "HOME="+t.TempDir())
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	p.write(fmt.Sprintf("box \"web\" {\n  image = %q\n  packages = [\"git\"]\n  user = \"dev\"\n  share \".\" { target = \"/workspace\" }\n}\n", debian))
	git(p.dir, "init", "-q")
	git(p.dir, "add", ".")
	git(p.dir, "commit", "-qm", "first")
	git(p.dir, "worktree", "add", "-q", "../linked")
	if os.Getuid() == 0 { // as root envy takes the ids of the checkout's owner
		if out, err := exec.Command("chown", "-R", "1234:1234", filepath.Dir(p.dir)).CombinedOutput(); err != nil {
			t.Fatalf("chown: %v\n%s", err, out)
		}
	}
	linked := *p
	linked.dir = filepath.Join(filepath.Dir(p.dir), "linked")
	t.Cleanup(linked.clean)
	for _, q := range []*project{p, &linked} {
		q.ok("up")
		q.ok("ssh", "--", "touch", "made-in-the-box")
		made, err := os.Stat(filepath.Join(q.dir, "made-in-the-box"))
		if err != nil {
			t.Fatal(err)
		}
		there, err := os.Stat(filepath.Join(q.dir, "Envfile"))
		if err != nil {
			t.Fatal(err)
		}
		if owner(made) != owner(there) {
			t.Errorf("a file made in the share belongs to %s, the checkout to %s", owner(made), owner(there))
		}
		r := q.ok("ssh", "--", "git", "status", "--porcelain")
		if strings.TrimSpace(r.stdout) != "?? Envfile.lock\n?? made-in-the-box" {
			t.Errorf("git status in the box of %s: %q", filepath.Base(q.dir), r.stdout+r.stderr)
		}
		if q == p {
			continue // in the main checkout a prune sees no other worktree; that is git's own business
		}
		q.ok("ssh", "--", "git", "worktree", "prune")
		git2 := exec.Command("git", "-c", "safe.directory=*", "status", "--porcelain")
		git2.Dir = q.dir
		if out, err := git2.CombinedOutput(); err != nil {
			t.Errorf("git on the host after a prune in the box: %v\n%s", err, out)
		}
	}
}
