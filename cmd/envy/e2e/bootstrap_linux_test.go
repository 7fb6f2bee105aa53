package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nobody is a user who may use the engine and nothing else of this machine.
type nobody struct {
	home    string
	program string
	attr    *syscall.SysProcAttr
}

// asNobody makes one with a home of its own. Run by root it is another user, in the group of the engine's socket.
func asNobody(t *testing.T) nobody {
	t.Helper()
	dir, err := os.MkdirTemp("", "envy-nobody") //nolint:usetesting // one of the test's own would be root's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	n := nobody{home: filepath.Join(dir, "home"), program: filepath.Join(dir, "envy")}
	data, err := os.ReadFile(binary)
	if err == nil {
		err = os.WriteFile(n.program, data, 0o755)
	}
	if err == nil {
		err = os.Mkdir(n.home, 0o700)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	const uid = 65534
	socket, err := os.Stat("/var/run/docker.sock")
	if os.Getuid() != 0 || os.Getenv("DOCKER_HOST") != "" || err != nil {
		return n
	}
	gid := socket.Sys().(*syscall.Stat_t).Gid
	n.attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, Groups: []uint32{gid}}}
	if err := os.Chown(n.home, uid, uid); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n nobody) envy(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, n.program, args...)
	c.Dir, c.SysProcAttr = n.home, n.attr
	c.Env = []string{"HOME=" + n.home, "PATH=/nowhere", "NO_COLOR=1"}
	for _, name := range []string{"DOCKER_HOST", "http_proxy", "https_proxy", "no_proxy"} {
		if v, ok := os.LookupEnv(name); ok {
			c.Env = append(c.Env, name+"="+v)
		}
	}
	var out, errOut strings.Builder
	c.Stdout, c.Stderr = &out, &errOut
	_ = c.Run() // its code says it
	return out.String(), errOut.String(), c.ProcessState.ExitCode()
}

// TestBootstrap makes a base image from the mirror of this machine's own apt configuration, as a user who is neither root nor
// has any program of the distribution's, and works in a box of it.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	n := asNobody(t)
	p := newProject(t, "")
	tag := "envy-test/bootstrap:" + p.name
	t.Cleanup(func() { p.docker("image", "rm", tag) }) // after the boxes: the project was made before
	out, said, code := n.envy(t, "box", "bootstrap", "debian:bookworm", "--tag", tag, "--packages", "hello", "--format", "json")
	if code == 3 {
		t.Skipf("no mirror of bookworm, or no keyring, on this machine: %s", said)
	}
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	var made struct {
		Format   string
		Image    string
		Tags     []string
		Suite    string
		Packages []string
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Format != "envy.bootstrap" || made.Suite != "bookworm" || len(made.Packages) < 50 {
		t.Fatalf("%+v, %v\n%s", made, err, out)
	}
	if got := p.docker("image", "inspect", "-f", `{{len .RootFS.Layers}} {{index .Config.Labels "io.envy.bootstrap.suite"}} {{json .Config.Cmd}} {{.Id}}`, tag); got != `1 bookworm ["bash"] `+made.Image {
		t.Errorf("the image: %s", got)
	}
	p.write(fmt.Sprintf("box \"web\" {\n  image    = %q\n  packages = [\"file\"]\n}\n", tag))
	p.ok("up")
	recipe := p.inspect("web", "{{.Image}}")
	t.Cleanup(func() {
		p.run("destroy", "--yes", "--volumes")
		p.docker("image", "rm", recipe)
	})
	for script, want := range map[string]string{
		"hello":        "Hello, world!\n",
		"file -b /bin": "symbolic link to usr/bin\n",
		"dpkg --audit": "",
		"dpkg-query -Wf '${db:Status-Status}\\n' | sort -u": "installed\n",
		"stat -c %a /tmp; ls -d /.envy-b* 2>&-":             "1777\n",
		"ls -A /usr/share/doc":                              "",
	} {
		if r := p.run("exec", "web", "--", "sh", "-c", script); r.stdout != want {
			t.Errorf("%s: %q, want %q\n%s", script, r.stdout, want, r.stderr)
		}
	}
	p.quiet()
}
