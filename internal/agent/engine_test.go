//go:build linux

package agent_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/internal/agent/wire"
)

// patience bounds every wait in the engine tests.
const patience = 30 * time.Second

// engine is a real engine with two images: one that has nothing but the agent,
// and one with a shell, made of this machine's own programs.
type engine struct {
	bare, shell string
}

// newEngine makes the images. Without an engine the test is skipped, or fails
// where ENVY_REQUIRE_ENGINE is 1.
func newEngine(t *testing.T) *engine {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		if os.Getenv("ENVY_REQUIRE_ENGINE") == "1" {
			t.Fatalf("no engine answers: %v\n%s", err, out)
		}
		t.Skipf("ENGINE TEST SKIPPED: no engine answers: %v", err)
	}
	binary := buildAgent(t)
	run := strings.ToLower(rand.Text()[:8])
	e := &engine{bare: "envy-agent-test:bare-" + run, shell: "envy-agent-test:shell-" + run}
	bare := newImage(t)
	bare.file("/.envy/agent", 0o755, 0, binary)
	bare.load(e.bare)
	shell := newImage(t)
	shell.file("/.envy/agent", 0o755, 0, binary)
	shell.distribution()
	shell.load(e.shell)
	return e
}

func buildAgent(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agent")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "github.com/envyhq/envy/cmd/envy-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the agent: %v\n%s", err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// image is the tar of a root file system.
type image struct {
	t    *testing.T
	data bytes.Buffer
	tar  *tar.Writer
	has  map[string]bool
}

func newImage(t *testing.T) *image {
	i := &image{t: t, has: map[string]bool{}}
	i.tar = tar.NewWriter(&i.data)
	return i
}

func (i *image) add(header *tar.Header, content []byte) {
	i.t.Helper()
	if i.has[header.Name] {
		return
	}
	i.has[header.Name] = true
	header.Size = int64(len(content))
	if err := i.tar.WriteHeader(header); err != nil {
		i.t.Fatal(err)
	}
	if _, err := i.tar.Write(content); err != nil {
		i.t.Fatal(err)
	}
}

func (i *image) dir(name string, mode int64, id int) {
	i.add(&tar.Header{Typeflag: tar.TypeDir, Name: name[1:] + "/", Mode: mode, Uid: id, Gid: id}, nil)
}

func (i *image) file(name string, mode int64, id int, content []byte) {
	i.add(&tar.Header{Typeflag: tar.TypeReg, Name: name[1:], Mode: mode, Uid: id, Gid: id}, content)
}

// program copies one of this machine's programs with the libraries it needs.
func (i *image) program(name string) {
	i.t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		i.t.Fatal(err)
	}
	i.copy(path, "/bin/"+name)
	// A static program has no libraries, which ldd calls an error.
	libraries, _ := exec.CommandContext(i.t.Context(), "ldd", path).Output()
	for field := range strings.FieldsSeq(string(libraries)) {
		if filepath.IsAbs(field) {
			i.copy(field, field)
		}
	}
}

func (i *image) copy(from, to string) {
	i.t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		i.t.Fatal(err)
	}
	i.file(to, 0o755, 0, content)
}

// distribution is what a small distribution has.
func (i *image) distribution() {
	for _, name := range []string{"sh", "cat", "id", "ls", "rm", "sleep", "stat", "touch"} {
		i.program(name)
	}
	i.file("/etc/passwd", 0o644, 0, []byte("root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n"))
	i.file("/etc/group", 0o644, 0, []byte("root:x:0:\nnode:x:1000:\nwheel:x:10:root\n"))
	i.file("/etc/shadow", 0o640, 0, []byte("root:*:19000:0:99999:7:::\n"))
	i.file("/etc/profile", 0o644, 0, []byte("PATH=/profile:/bin\nfor f in /etc/profile.d/*.sh; do . $f; done\n"))
	i.dir("/etc/profile.d", 0o755, 0)
	i.file("/etc/skel/.greeting", 0o644, 0, []byte("hello\n"))
	i.file("/usr/bin/sudo", 0o755, 0, []byte("#!/bin/sh\n"))
	i.file("/etc/sudoers", 0o440, 0, []byte("#includedir /etc/sudoers.d\n"))
	i.dir("/home/node", 0o755, 1000)
	i.file("/home/node/.npmrc", 0o600, 1000, []byte("x=1\n"))
	i.file("/home/node/of-root", 0o600, 0, nil)
	i.dir("/home/node/empty", 0o755, 1000)
	i.dir("/root", 0o700, 0)
	i.dir("/tmp", 0o1777, 0)
}

func (i *image) load(name string) {
	i.t.Helper()
	if err := i.tar.Close(); err != nil {
		i.t.Fatal(err)
	}
	load := exec.CommandContext(i.t.Context(), "docker", "import", "-", name)
	load.Stdin = &i.data
	if out, err := load.CombinedOutput(); err != nil {
		i.t.Fatalf("import %s: %v\n%s", name, err, out)
	}
	i.t.Cleanup(func() { docker(i.t, nil, "rmi", "-f", name) })
}

// result of a client's run.
type result struct {
	stdout, stderr string
	code           int
}

// docker runs the client to its end, the end of the test notwithstanding.
func docker(t *testing.T, stdin []byte, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*patience)
	defer cancel()
	command := exec.CommandContext(ctx, "docker", args...)
	var stdout, stderr strings.Builder
	command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatalf("docker %q: %v", args, err)
	}
	return result{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// must is docker that has to go well.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := docker(t, nil, args...)
	if r.code != 0 {
		t.Fatalf("docker %q: exit %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return strings.TrimSpace(r.stdout)
}

// testBox is a container of a test.
type testBox struct {
	t    *testing.T
	name string
}

// create makes a box without starting it; options are those of docker create.
func create(t *testing.T, image string, boot wire.Boot, options ...string) *testBox {
	t.Helper()
	data, err := wire.Encode(boot)
	if err != nil {
		t.Fatal(err)
	}
	b := &testBox{t, "envy-agent-test-" + strings.ToLower(rand.Text()[:10])}
	args := append([]string{"create", "--name", b.name, "--user", "0:0", "--entrypoint", wire.Path}, options...)
	must(t, append(args, image, wire.VerbInit, string(data))...)
	t.Cleanup(func() {
		if t.Failed() {
			r := docker(t, nil, "logs", b.name)
			t.Logf("%s said:\n%s%s", b.name, r.stdout, r.stderr)
		}
		docker(t, nil, "rm", "-f", "-v", b.name)
	})
	return b
}

// start is create and start.
func start(t *testing.T, image string, boot wire.Boot, options ...string) *testBox {
	t.Helper()
	b := create(t, image, boot, options...)
	must(t, "start", b.name)
	return b
}

// agent runs a verb with a message on stdin, which ends after it.
func (b *testBox) agent(verb string, stdin []byte, args ...string) result {
	b.t.Helper()
	return docker(b.t, stdin, append([]string{"exec", "-i", b.name, wire.Path, verb}, args...)...)
}

// exec runs a command as a user, by way of the agent.
func (b *testBox) exec(spec wire.Exec) result {
	b.t.Helper()
	return b.agent(wire.VerbExec, nil, string(encode(b.t, spec)))
}

// sh runs a script as root and returns what it wrote.
func (b *testBox) sh(script string) string {
	b.t.Helper()
	r := b.exec(wire.Exec{Argv: []string{"sh", "-c", script}})
	if r.code != 0 {
		b.t.Fatalf("%s: exit %d\n%s%s", script, r.code, r.stdout, r.stderr)
	}
	return strings.TrimSpace(r.stdout)
}

func (b *testBox) record() wire.Record {
	b.t.Helper()
	r := b.agent(wire.VerbRecord, nil)
	record, err := wire.Decode[wire.Record]([]byte(r.stdout))
	if err != nil {
		b.t.Fatalf("%v (exit %d)\n%s%s", err, r.code, r.stdout, r.stderr)
	}
	return record
}

// ended waits for the box to end and returns its exit code.
func (b *testBox) ended() int {
	b.t.Helper()
	var state struct {
		Running  bool
		ExitCode int
	}
	poll(b.t, b.name+" ends", func() bool {
		if err := json.Unmarshal([]byte(must(b.t, "inspect", "-f", "{{json .State}}", b.name)), &state); err != nil {
			b.t.Fatal(err)
		}
		return !state.Running
	})
	return state.ExitCode
}

func (b *testBox) logs() string {
	b.t.Helper()
	r := docker(b.t, nil, "logs", b.name)
	return r.stdout + r.stderr
}

// poll waits until something is so.
func poll(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func encode[M wire.Message](t *testing.T, message M) []byte {
	t.Helper()
	data, err := wire.Encode(message)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
