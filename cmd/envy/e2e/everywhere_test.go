package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

const everywhere = `
box "web" {
  image = "%[1]s"
  count = 3
  volume "data" { target = "/data" }
}
`

// projectsJSON and diskJSON are the parts of status --all and df that the test looks at.
type projectsJSON struct {
	Projects []struct {
		Path, Checkout string
		Mine           bool
		Boxes          []struct{ State string }
		Volumes        []string
	}
}

type diskJSON struct {
	Projects []struct {
		Path                 string
		Images, Own, Volumes int64
	}
	Images []struct{ Size int64 }
	Total  struct{ Images, Own, Apart int64 }
}

func (p *project) decode(into any, args ...string) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.ok(append(args, "--format", "json")...).stdout), into); err != nil {
		p.t.Fatal(err)
	}
}

// TestEverywhere: two checkouts of one repository, on a machine of their own as other tests' are gone now and then. Both are
// seen and measured; when one is gone, what belongs to it goes, its volumes by name only, and nothing of the other's.
func TestEverywhere(t *testing.T) {
	t.Parallel()
	needNamespaces(t)
	stays := newProject(t, fmt.Sprintf(everywhere, tiny)).onMachine("envy-everywhere")
	goes := *stays
	goes.dir = stays.dir + "-goes"
	if err := os.Mkdir(goes.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	goes.write(fmt.Sprintf(everywhere, tiny))
	path := goes.real()
	mine := []string{"--filter", "label=io.envy.path=" + path, "--filter", "label=io.envy.host=" + stays.host}
	list := func(kind ...string) []string { return strings.Fields(stays.docker(append(kind, mine...)...)) }
	t.Cleanup(func() { // what prune left, should it fail
		for _, kind := range []struct{ list, remove []string }{
			{[]string{"ps", "-aq"}, []string{"rm", "-f"}},
			{[]string{"network", "ls", "-q"}, []string{"network", "rm"}},
			{[]string{"volume", "ls", "-q"}, []string{"volume", "rm"}},
		} {
			if left := list(kind.list...); len(left) > 0 {
				stays.docker(append(kind.remove, left...)...)
			}
		}
	})
	several(t, stays, &goes)
	goes.ok("exec", "web-2", "sh", "-c", "head -c 1000000 /dev/zero > /big; head -c 500000 /dev/zero > /data/big")

	var seen projectsJSON
	var disk diskJSON
	stays.decode(&seen, "status", "--all")
	stays.decode(&disk, "df")
	found := 0
	for _, p := range seen.Projects {
		if p.Path == path && p.Mine && p.Checkout == "there" && len(p.Boxes) == 3 && len(p.Volumes) == 3 && p.Boxes[0].State == "running" || p.Path == stays.real() {
			found++
		}
	}
	if found != 2 {
		t.Errorf("status --all: %+v", seen)
	}
	found = 0
	for _, p := range disk.Projects {
		if p.Path == path && p.Own >= 1_000_000 && p.Own < 5_000_000 && p.Volumes >= 500_000 && p.Images > 0 && p.Images <= disk.Total.Images {
			found++
		}
	}
	if found != 1 || disk.Total.Apart <= disk.Total.Images+disk.Total.Own {
		t.Errorf("df: %+v", disk)
	}

	// A container with all labels of a box and a name of its own, as one of a committed image has.
	copied := goes.name + "_copy"
	labels := strings.Fields(stays.docker("inspect", "-f", `{{range $k, $v := .Config.Labels}}{{if ne $k "io.envy.spec"}}--label {{$k}}={{$v}} {{end}}{{end}}`, list("ps", "-q")[0]))
	stays.docker(append(append([]string{"create", "--name", copied}, labels...), tiny)...)
	t.Cleanup(func() { stays.docker("rm", "-f", copied) })

	before := strings.Join(stays.containers(), " ")
	if err := os.RemoveAll(goes.dir); err != nil {
		t.Fatal(err)
	}
	old := "--older=3650d" // what is others' to use stays
	if r := stays.want(5, "prune", old); !strings.Contains(r.stderr, path) || strings.Contains(r.stderr, stays.real()+",") {
		t.Errorf("would be pruned:\n%s", r.stderr)
	}
	if left := list("ps", "-q"); len(left) != 3 {
		t.Errorf("boxes after a refusal: %v", left)
	}
	stays.ok("prune", old, "--yes")
	if left := list("ps", "-aq"); len(left) != 1 || !strings.HasPrefix(stays.docker("inspect", "-f", "{{.Name}}", left[0]), "/"+copied) {
		t.Errorf("containers left: %v", left)
	}
	if left := list("network", "ls", "-q"); len(left) != 0 {
		t.Errorf("networks left: %v", left)
	}
	volumes := list("volume", "ls", "-q") // the claim among them
	if len(volumes) != 4 {
		t.Errorf("volumes left: %v", volumes)
	}
	args := []string{"prune", old, "--yes"}
	for _, v := range volumes {
		if !strings.HasSuffix(v, ".envy") {
			args = append(args, "--volume", v)
		}
	}
	stays.ok(args...)
	if left := list("volume", "ls", "-q"); len(left) != 0 {
		t.Errorf("volumes left: %v", left)
	}
	if after := strings.Join(stays.containers(), " "); after != before {
		t.Errorf("the other checkout's boxes: %s, then %s", before, after)
	}
	stays.quiet()
}
