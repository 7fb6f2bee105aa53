package examples_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// owner is whom a copied checkout is given to where the tests run as root, who otherwise owns whatever is written.
const owner = 1234

const base = "debian:bookworm-slim"

// TestOnEngine brings examples up for real, side by side, and checks what each promises.
func TestOnEngine(t *testing.T) {
	t.Parallel()
	if out, err := exec.Command("docker", "image", "inspect", base).CombinedOutput(); err != nil {
		if os.Getenv("ENVY_REQUIRE_ENGINE") != "" {
			t.Fatalf("no engine with %s: %v\n%s", base, err, out)
		}
		t.Skipf("ENGINE TEST SKIPPED: no engine with %s (make test makes it)", base)
	}
	envy := filepath.Join(t.TempDir(), "envy")
	if out, err := exec.Command("go", "build", "-o", envy, "../cmd/envy").CombinedOutput(); err != nil {
		t.Fatalf("build envy: %v\n%s", err, out)
	}
	for example, check := range map[string]func(*testing.T, *project){
		"hello": hello, "web-and-db": webAndDB, "build": builds, "cluster": cluster, "catalog": catalog,
	} {
		t.Run(example, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, envy, example)
			p.ok("up")
			check(t, p)
		})
	}
}

func hello(t *testing.T, p *project) {
	page := p.read("site/index.html")
	if got := p.get("web", "http", "/"); got != page {
		t.Errorf("the box serves %q, want the file of the checkout", got)
	}
	p.write("site/index.html", "changed outside\n")
	if got := p.get("web", "http", "/"); got != "changed outside\n" {
		t.Errorf("after the file changed the box serves %q", got)
	}
	p.quiet()
}

func webAndDB(t *testing.T, p *project) {
	for box, names := range map[string][]string{"web": {"curl", "git", "postgresql-client", "python3"}, "db": {"postgresql"}} {
		for _, name := range names {
			if got := p.ok("exec", box, "dpkg-query", "-W", "-f", "${Status}", name); got != "install ok installed" {
				t.Errorf("package %s in %s: %q", name, box, got)
			}
		}
	}
	if got := p.ok("exec", "web", "psql", "-qtAX", "postgresql://dev@db/shop", "-c", "select current_user || '@' || current_database()"); got != "dev@shop\n" {
		t.Errorf("the database answers %q from web", got)
	}
	for _, want := range []string{"visit number 1\n", "visit number 2\n"} {
		if got := p.get("web", "http", "/"); got != want {
			t.Errorf("the published port answers %q, want %q", got, want)
		}
	}
	p.ok("exec", "web", "touch", "made-inside")
	if got, want := p.owner("made-inside"), p.owner("Envfile"); got != want {
		t.Errorf("a file made in the share belongs to %s, want %s", got, want)
	}
	p.quiet()

	p.ok("destroy", "--yes")
	p.ok("up")
	if got := p.get("web", "http", "/"); got != "visit number 3\n" {
		t.Errorf("the volume outlives destroy, but then the port answers %q", got)
	}
}

func builds(t *testing.T, p *project) {
	if got := p.ok("exec", "tool", "greet", "Ada"); got != "good morning, Ada\n" {
		t.Errorf("greet says %q", got)
	}
	p.ok("exec", "tool", "touch", "made-inside")
	if got, want := p.owner("made-inside"), p.owner("Envfile"); got != want {
		t.Errorf("a file made in the share belongs to %s, want %s", got, want)
	}
}

func cluster(t *testing.T, p *project) {
	want := "node-1 serves shard 1\nnode-2 serves shard 2\nnode-3 serves shard 3\n"
	if got := p.ok("logs", "check"); got != want {
		t.Errorf("check printed %q, want %q", got, want)
	}
	if got := p.ok("exec", "node-2", "hostname"); got != "node-2\n" {
		t.Errorf("the host name of node-2 is %q", got)
	}
	for _, node := range []string{"node-1", "node-2", "node-3"} {
		if got := p.get(node, "http", "/seed/words.txt"); got != "sown once\n" {
			t.Errorf("%s serves %q from the shared volume", node, got)
		}
	}
	p.quiet()
	if got := p.ok("logs", "check"); got != want {
		t.Errorf("check ran again: %q", got)
	}
}

// catalog: each box made from the catalogue does what it is for.
func catalog(t *testing.T, p *project) {
	if got := p.ok("exec", "app", "/tmp/greet"); got != "hello from a box of the catalogue\n" {
		t.Errorf("the Go program says %q", got)
	}
	if got := p.ok("exec", "db", "env", "PGPASSWORD=dev", "psql", "-qtAX", "-h", "db", "-U", "dev", "shop", "-c", "select current_user || '@' || current_database()"); got != "dev@shop\n" {
		t.Errorf("the database answers %q", got)
	}
	if _, out, code := p.run("exec", "db", "env", "PGPASSWORD=wrong", "psql", "-h", "db", "-U", "dev", "shop", "-c", "select 1"); code != 2 || !strings.Contains(out, "password authentication failed") {
		t.Errorf("a wrong password: exit %d\n%s", code, out)
	}
	if got := p.ok("exec", "cache", "redis-cli", "-h", "cache", "ping"); got != "PONG\n" {
		t.Errorf("the cache answers %q", got)
	}
	if got, want := p.get("web", "http", "/"), p.read("site/index.html"); got != want {
		t.Errorf("the server answers %q, want %q", got, want)
	}
	if got := p.ok("exec", "scripts", "sh", "-c", `echo '{"a": 1}' | jq .a && python -c 'print(2)'`); got != "1\n2\n" {
		t.Errorf("scripts says %q", got)
	}
	if got := p.ok("exec", "js", "node", "-e", "console.log(3)"); got != "3\n" {
		t.Errorf("js says %q", got)
	}
	p.ok("exec", "shell", "sh", "-c", ". /etc/os-release && test $ID = debian")
	p.quiet()
}

// project is a copy of an example with a name of its own on the engine. All of it is removed at the test's end.
type project struct {
	t         *testing.T
	envy, dir string
}

var nameLine = regexp.MustCompile(`(?m)^  name( *)= ".*"$`)

func newProject(t *testing.T, envy, example string) *project {
	t.Helper()
	p := &project{t: t, envy: envy, dir: checkout(t, example)}
	var id [3]byte
	if _, err := rand.Read(id[:]); err != nil {
		t.Fatal(err)
	}
	text := p.read("Envfile")
	named := nameLine.ReplaceAllString(text, `  name$1= "example-`+hex.EncodeToString(id[:])+`"`)
	if named == text {
		t.Fatal("the Envfile names no project")
	}
	p.write("Envfile", named)
	if os.Getuid() == 0 {
		p.give()
	}
	t.Cleanup(p.clean)
	return p
}

// give makes the checkout another's.
func (p *project) give() {
	p.t.Helper()
	err := filepath.WalkDir(p.dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(path, owner, owner)
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// clean removes the project; whatever envy left of it fails the test.
func (p *project) clean() {
	if _, out, code := p.run("destroy", "--yes", "--volumes"); code != 0 {
		p.t.Errorf("destroy exits with %d:\n%s", code, out)
	}
	for kind, list := range map[string][]string{
		"container": {"ps", "-aq"}, "network": {"network", "ls", "-q"}, "volume": {"volume", "ls", "-q"},
	} {
		out, err := exec.Command("docker", append(list, "--filter", "label=io.envy.path="+p.dir)...).Output()
		if err != nil || len(out) > 0 {
			p.t.Errorf("destroy --volumes left %s %s (%v)", kind, out, err)
		}
	}
}

// run runs envy in the checkout, without a terminal. It gives what came on stdout, what came on both, and the exit code.
func (p *project) run(args ...string) (stdout, both string, code int) {
	p.t.Helper()
	// A clean-up runs after the test's own context has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.t.Context()), 10*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, p.envy, args...)
	var out, problems strings.Builder
	c.Dir, c.Env = p.dir, append(os.Environ(), "NO_COLOR=1")
	c.Stdout, c.Stderr = &out, &problems
	err := c.Run()
	if c.ProcessState == nil {
		p.t.Fatalf("envy %v: %v", args, err)
	}
	return out.String(), out.String() + problems.String(), c.ProcessState.ExitCode()
}

// ok runs envy, which must exit with 0, and gives what it wrote to stdout.
func (p *project) ok(args ...string) string {
	p.t.Helper()
	out, both, code := p.run(args...)
	if code != 0 {
		p.t.Fatalf("envy %s exits with %d:\n%s", strings.Join(args, " "), code, both)
	}
	return out
}

// quiet checks that nothing is left to do.
func (p *project) quiet() {
	p.t.Helper()
	if _, out, code := p.run("plan", "--detailed-exitcode"); code != 0 {
		p.t.Errorf("the plan after up exits with %d, want 0 for nothing to do:\n%s", code, out)
	}
}

// get asks a published port, from the host.
func (p *project) get(box, port, path string) string {
	p.t.Helper()
	url := "http://" + strings.TrimSpace(p.ok("port", box, port)) + path
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	reply, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil || reply.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s %v\n%s", url, reply.Status, err, body)
	}
	return string(body)
}

func (p *project) read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func (p *project) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// owner gives the ids of a file of the checkout.
func (p *project) owner(name string) string {
	p.t.Helper()
	info, err := os.Stat(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	status := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", status.Uid, status.Gid)
}
