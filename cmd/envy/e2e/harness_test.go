package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	tiny   = "envy-test/tiny:1"
	debian = "debian:bookworm-slim"
)

// binary is the envy under test, built once by TestMain.
var binary string // set once before any test runs

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	if out, err := exec.Command("docker", "image", "inspect", tiny, debian).CombinedOutput(); err != nil {
		if os.Getenv("ENVY_REQUIRE_ENGINE") != "" {
			return 1, fmt.Errorf("the end-to-end tests need an engine with %s and %s: %w\n%s", tiny, debian, err, out)
		}
		fmt.Println("ENGINE TEST SKIPPED: no engine with", tiny, "and", debian, "(make test makes them)")
		return 0, nil
	}
	dir, err := os.MkdirTemp("", "envy-e2e")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir) // a folder for temporary files
	binary = filepath.Join(dir, "envy")
	if out, err := exec.Command("go", "build", "-ldflags", "-X main.version=v0.1.0", "-o", binary, "..").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build envy: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// project is a checkout with an Envfile of its own name on the engine. Everything of it is removed at the test's end.
type project struct {
	t    *testing.T
	dir  string
	name string
	env  []string

	state string // XDG_STATE_HOME

	through []string // what runs envy, see machine; nil: nothing
	host    string   // the host id that its objects bear; "": of whatever host
}

// result is what a run of envy gave.
type result struct {
	stdout, stderr string
	code           int
}

func newProject(t *testing.T, envfile string) *project {
	t.Helper()
	var id [3]byte
	if _, err := rand.Read(id[:]); err != nil {
		t.Fatal(err)
	}
	p := &project{t: t, dir: filepath.Join(t.TempDir(), "checkout"), name: "e2e-" + hex.EncodeToString(id[:])}
	home := t.TempDir()
	p.state = home + "/state"
	p.env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+p.state, "XDG_CONFIG_HOME="+home+"/config", "XDG_CACHE_HOME="+home+"/cache", "NO_COLOR=1")
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p.write(envfile)
	t.Cleanup(p.clean)
	return p
}

// write puts an Envfile in place; its project name is added.
func (p *project) write(envfile string) {
	p.t.Helper()
	p.file("Envfile", fmt.Sprintf("envy { name = %q }\n%s", p.name, envfile))
}

func (p *project) file(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) clean() {
	if p.t.Failed() {
		p.t.Logf("evidence:\n%s", p.docker("ps", "-a", "--no-trunc", "--filter", "label=io.envy.project="+p.name, "--format", "{{.Names}} {{.Status}} {{.Networks}}"))
		for _, id := range p.containers() {
			p.t.Logf("log of %s:\n%s", id, p.docker("logs", "--tail", "20", id))
		}
	}
	told := p.run("destroy", "--yes", "--volumes").stderr
	// The engine's own fault, after many starts at once; envy says so, keeps the name, and destroys the rest.
	miscounted := strings.Contains(told, "counts a container on it that is gone")
	// Whatever envy left is a failure, and goes.
	for kind, list := range map[string][]string{
		"container": {"ps", "-aq"}, "network": {"network", "ls", "-q"}, "volume": {"volume", "ls", "-q"},
	} {
		left := strings.Fields(p.docker(append(list, p.mine()...)...))
		if len(left) == 0 {
			continue
		}
		if miscounted && len(left) == 1 && kind != "container" {
			p.t.Logf("destroy --volumes left %s %v: the engine counts a container that is gone, and will until its restart", kind, left)
		} else {
			p.t.Errorf("destroy --volumes left %s %v", kind, left)
		}
		remove := []string{kind, "rm"}
		if kind == "container" {
			remove = []string{"rm", "-f"}
		}
		p.docker(append(remove, left...)...)
	}
}

func (p *project) real() string {
	dir, err := filepath.EvalSymlinks(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	return dir
}

// mine filters lists of the engine: what bears the checkout's path.
func (p *project) mine() []string {
	filters := []string{"--filter", "label=io.envy.path=" + p.real()}
	if p.host != "" {
		filters = append(filters, "--filter", "label=io.envy.host="+p.host)
	}
	return filters
}

func (p *project) command(args ...string) *exec.Cmd {
	return p.commandIn(context.Background(), args...)
}

// commandIn is command that is killed when ctx ends.
func (p *project) commandIn(ctx context.Context, args ...string) *exec.Cmd {
	argv := append(append(slices.Clone(p.through), binary), args...)
	c := exec.CommandContext(ctx, argv[0], argv[1:]...)
	c.Dir, c.Env = p.dir, p.env
	return c
}

// run runs envy, with no standard input and no terminal.
func (p *project) run(args ...string) result { return p.input("", args...) }

func (p *project) input(stdin string, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := p.commandIn(ctx, args...)
	if stdin != "" {
		c.Stdin = strings.NewReader(stdin)
	}
	var out, errOut bytes.Buffer
	c.Stdout, c.Stderr = &out, &errOut
	err := c.Run()
	r := result{stdout: out.String(), stderr: errOut.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		r.code = exit.ExitCode()
	} else if err != nil {
		p.t.Fatalf("envy %v: %v", args, err)
	}
	return r
}

// ok runs envy and fails the test where it does not exit with 0.
func (p *project) ok(args ...string) result { return p.want(0, args...) }

func (p *project) want(code int, args ...string) result {
	p.t.Helper()
	r := p.run(args...)
	if r.code != code {
		p.t.Fatalf("envy %s exited with %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

// quiet is an up that must find nothing to do.
func (p *project) quiet() {
	p.t.Helper()
	before := p.containers()
	if r := p.run("plan", "--detailed-exitcode"); r.code != 0 {
		p.t.Fatalf("the plan after up is not empty (exit %d):\n%s%s", r.code, r.stdout, r.stderr)
	}
	p.ok("up")
	if after := p.containers(); strings.Join(before, " ") != strings.Join(after, " ") {
		p.t.Fatalf("an up with nothing to do changed containers: %v, then %v", before, after)
	}
}

// docker runs the docker CLI; a failure is in the output.
func (p *project) docker(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		return string(out) + err.Error()
	}
	return strings.TrimSpace(string(out))
}

// containers are the ids of the checkout's containers, sorted by name.
func (p *project) containers() []string {
	p.t.Helper()
	return strings.Fields(p.docker(append([]string{"ps", "-a", "-q", "--no-trunc"}, p.mine()...)...))
}

// labelled are the names of the checkout's objects of a kind, sorted.
func (p *project) labelled(kind string) []string {
	p.t.Helper()
	list, format := []string{kind, "ls"}, "{{.Name}}"
	if kind == "container" {
		list, format = []string{"ps", "-a"}, "{{.Names}}"
	}
	names := strings.Fields(p.docker(append(append(list, "--format", format), p.mine()...)...))
	slices.Sort(names)
	return names
}

// names are the names and states of the checkout's containers, sorted.
func (p *project) names() string {
	p.t.Helper()
	out := strings.Split(p.docker(append([]string{"ps", "-a", "--format", "{{.Names}} {{.State}}"}, p.mine()...)...), "\n")
	for i := range out {
		out[i] = strings.TrimPrefix(out[i], p.name+"-")
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// container is a box's container name.
func (p *project) container(box string) string { return p.name + "-" + box }

// inspect gives one value of a container.
func (p *project) inspect(box, format string) string {
	p.t.Helper()
	return p.docker("inspect", "-f", format, p.container(box))
}

// planJSON is the part of envy plan --format json that tests look at.
type planJSON struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Changes []struct {
		Address struct{ Kind, Box, Name string }
		Action  string
		Reason  string
		Attrs   []struct {
			Path   string
			Forces bool `json:"forces_replacement"`
		} `json:"attributes"`
		Loss *struct {
			Count   int
			Largest []string
		}
	}
}

func (p *project) plan(args ...string) planJSON {
	p.t.Helper()
	r := p.ok(append([]string{"plan", "--format", "json"}, args...)...)
	var out planJSON
	if err := json.Unmarshal([]byte(r.stdout), &out); err != nil {
		p.t.Fatalf("plan --format json: %v\n%s", err, r.stdout)
	}
	return out
}
