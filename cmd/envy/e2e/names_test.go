package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestMoved: of a checkout that was moved every command says where its boxes are from, and none touches them.
func TestMoved(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf("box \"web\" { image = %q }\n", tiny))
	p.ok("up")
	old, id := p.real(), p.containers()[0]
	moved := *p
	moved.dir = p.dir + "-moved"
	if err := os.Rename(p.dir, moved.dir); err != nil {
		t.Fatal(err)
	}
	for code, commands := range map[int][][]string{
		0:   {{"status"}},
		5:   {{"plan"}, {"up"}, {"halt"}, {"logs"}, {"port"}, {"destroy", "--yes", "--volumes"}},
		255: {{"exec", "web", "true"}, {"ssh"}, {"run", "web", "true"}},
	} {
		for _, args := range commands {
			if r := moved.want(code, args...); !strings.Contains(r.stderr, old) {
				t.Errorf("%v does not name %s:\n%s", args, old, r.stderr)
			}
		}
	}
	if err := os.Rename(moved.dir, p.dir); err != nil {
		t.Fatal(err)
	}
	if got := p.docker("inspect", "-f", "{{.State.Running}}", id); got != "true" {
		t.Errorf("the box was touched: %s", got)
	}
	p.quiet()
}

// several starts an up in each of the checkouts at the same moment and waits for all of them.
func several(t *testing.T, ups ...*project) {
	t.Helper()
	var all sync.WaitGroup
	results := make([]result, len(ups))
	for i, p := range ups {
		all.Go(func() { results[i] = p.run("up") })
	}
	all.Wait()
	for i, r := range results {
		if r.code != 0 {
			t.Fatalf("up in %s ended with %d:\n%s%s", ups[i].dir, r.code, r.stdout, r.stderr)
		}
	}
}

const pair = `
box "web" {
  image      = "%[1]s"
  depends_on = ["db"]
  volume "data" { target = "/data" }
}
box "db" {
  image = "%[1]s"
  port "sql" { guest = 5432 }
}
`

// TestFirstUpsAtOnce: two first ups of a checkout end as one would, also where they have no lock in common.
func TestFirstUpsAtOnce(t *testing.T) {
	t.Parallel()
	for name, rounds := range map[string]int{"locked": 1, "without a common lock": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, fmt.Sprintf(pair, tiny))
			other := *p
			if name != "locked" {
				other.env = append(slices.Clone(p.env), "XDG_STATE_HOME="+t.TempDir())
			}
			for range rounds {
				several(t, p, &other)
				if got := p.names(); got != "db running, web running" {
					t.Fatalf("containers: %s", got)
				}
				if nets := p.labelled("network"); len(nets) != 1 {
					t.Fatalf("networks: %v", nets)
				}
				p.quiet()
				p.ok("destroy", "--yes", "--volumes")
			}
		})
	}
}

// TestNamesakesAtOnce: first ups of checkouts with the same directory's name end with a name each, which all of their
// objects bear; the next ups keep it.
func TestNamesakesAtOnce(t *testing.T) {
	t.Parallel()
	base := newProject(t, "") // for a name that nobody has
	var copies []*project
	for _, folder := range []string{"a", "b", "c"} {
		p := *base
		p.dir = filepath.Join(base.dir, folder, base.name)
		if err := os.MkdirAll(p.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		p.file("Envfile", fmt.Sprintf(pair, tiny))
		t.Cleanup(p.clean)
		copies = append(copies, &p)
	}
	several(t, copies...)
	seen := map[string]bool{}
	for _, p := range copies {
		nets := p.labelled("network")
		if len(nets) != 1 {
			t.Fatalf("networks of %s: %v", p.dir, nets)
		}
		name := nets[0]
		if seen[name] || name != base.name && !strings.HasPrefix(name, base.name+"-") {
			t.Errorf("%s is called %s", p.dir, name)
		}
		seen[name] = true
		if got := strings.Join(p.labelled("container"), " "); got != name+"-db "+name+"-web" {
			t.Errorf("containers of %s: %s", name, got)
		}
		if got := strings.Join(p.labelled("volume"), " "); got != name+"-web.data "+name+".envy" {
			t.Errorf("volumes of %s: %s", name, got)
		}
		p.quiet()
	}
	if !seen[base.name] {
		t.Errorf("nobody has the short name: %v", seen)
	}
}
