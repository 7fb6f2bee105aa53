package e2e

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// another runs a program as another machine would: with a host name and a machine id of its own.
const another = `hostname "$1"
for f in /etc/machine-id /var/lib/dbus/machine-id; do
  [ ! -e "$f" ] || mount --bind "$2" "$f" || exit 125
done
shift 2
exec "$@"`

// onMachine gives the checkout as another machine has it: the same path, user and engine, but a host id and XDG folders of
// its own. What it leaves on the engine is removed at the test's end.
func (p *project) onMachine(host string) *project {
	p.t.Helper()
	id := filepath.Join(p.t.TempDir(), "machine-id")
	var machine [16]byte
	if _, err := rand.Read(machine[:]); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(id, []byte(hex.EncodeToString(machine[:])+"\n"), 0o644); err != nil {
		p.t.Fatal(err)
	}
	home := p.t.TempDir()
	m := *p
	m.through = []string{"unshare", "--mount", "--uts", "sh", "-c", another, "sh", host, id}
	m.state = home + "/state"
	m.env = append(slices.Clone(p.env), "HOME="+home, "XDG_STATE_HOME="+m.state, "XDG_CONFIG_HOME="+home+"/config", "XDG_CACHE_HOME="+home+"/cache")
	m.host = "name:" + host
	if _, err := os.Stat("/etc/machine-id"); err == nil {
		m.host = hex.EncodeToString(machine[:])
	}
	p.t.Cleanup(m.clean)
	return &m
}

// needNamespaces skips a test where nobody may make mount namespaces.
func needNamespaces(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("unshare", "--mount", "--uts", "sh", "-c", "hostname envy-test && mount -t tmpfs none /mnt").CombinedOutput(); err != nil {
		t.Skipf("mounts and host names of a test's own need root on Linux: %v %s", err, out)
	}
}

const machines = `
box "web" {
  image   = "%[1]s"
  command = ["sh", "-c", "echo web $(cat /data/who); sleep 1000"]
  volume "data" { target = "/data" }
  port "http" { guest = 80 }
  provision "runs" {
    run  = "echo run >> /data/runs"
    when = "always"
  }
}
`

// TestTwoMachines: a checkout at the same path of two machines that share an engine is two checkouts. Neither sees, reaches
// or takes away what is the other's.
func TestTwoMachines(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	base := newProject(t, fmt.Sprintf(machines, tiny))
	a, b := base.onMachine("envy-a"), base.onMachine("envy-b")
	a.ok("up")
	a.ok("exec", "web", "sh", "-c", "echo a > /data/who")
	kept := a.whole()
	// B has nothing yet, whatever A has.
	for _, tc := range []struct {
		code int
		args []string
		says string
	}{
		{0, []string{"status"}, "absent"},
		{0, []string{"plan"}, "3 to create"},
		{0, []string{"halt"}, "nothing is running"},
		{0, []string{"destroy", "--yes", "--volumes"}, "nothing to destroy"},
		{255, []string{"exec", "web", "true"}, "is absent"},
		{255, []string{"ssh"}, "is absent"},
		{0, []string{"logs"}, ""},
		{0, []string{"port"}, ""},
		{1, []string{"port", "web", "http"}, "is absent"},
		{1, []string{"provision"}, "is absent"},
	} {
		r := b.want(tc.code, tc.args...)
		if said := r.stdout + r.stderr; !strings.Contains(said, tc.says) || tc.says == "" && said != "" {
			t.Errorf("%v on the other machine says %q", tc.args, said)
		}
	}
	// A reload that makes what it is to restart, of B's own.
	b.ok("reload")
	short, long := a.labelled("network"), b.labelled("network")
	if len(short) != 1 || len(long) != 1 || short[0] != base.name || !strings.HasPrefix(long[0], base.name+"-") {
		t.Fatalf("the machines' projects are called %v and %v", short, long)
	}
	if got := strings.Join(b.labelled("container"), " "); got != long[0]+"-web" {
		t.Errorf("the other machine's container is called %s", got)
	}
	b.ok("exec", "web", "sh", "-c", "test ! -e /data/who && echo b > /data/who")
	for _, args := range [][]string{{"reload"}, {"provision"}, {"logs"}, {"halt"}, {"up"}} {
		if r := b.ok(args...); args[0] == "logs" && (!strings.Contains(r.stdout, "web b") || strings.Contains(r.stdout, "web a")) {
			t.Errorf("logs on the other machine: %q", r.stdout)
		}
	}
	a.is(kept, "what the other machine did with its own boxes")
	keptB := b.whole()
	a.ok("reload", "web")
	a.ok("destroy", "--yes", "--volumes")
	b.is(keptB, "a destroy --volumes on the first machine")
	a.ok("up")
	kept = a.whole()
	b.ok("destroy", "--yes", "--volumes")
	a.is(kept, "a destroy --volumes on the second machine")
	a.quiet()
	if left := append(append(b.labelled("container"), b.labelled("network")...), b.labelled("volume")...); len(left) != 0 {
		t.Errorf("the second machine's destroy left %v", left)
	}
}

// whole is everything of a checkout that another's commands could change: names, ids, states, starts and bytes.
func (p *project) whole() string {
	p.t.Helper()
	parts := []string{p.docker(append([]string{"inspect", "-f", "{{.Name}} {{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.RestartCount}}"}, p.containers()...)...)}
	for _, kind := range []string{"network", "volume"} {
		parts = append(parts, kind+"s "+strings.Join(p.labelled(kind), " "))
	}
	for _, name := range p.labelled("container") {
		parts = append(parts, p.docker("exec", name, "sh", "-c", "grep -H . /data/*"))
	}
	return strings.Join(parts, "\n")
}

// is compares a checkout with what it was.
func (p *project) is(kept, after string) {
	p.t.Helper()
	if now := p.whole(); now != kept {
		p.t.Errorf("%s changed\n%s\nto\n%s", after, kept, now)
	}
}
