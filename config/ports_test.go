package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/envyhq/envy/config"
	"github.com/google/go-cmp/cmp"
)

// TestDerivedPortsAreStable pins numbers: a change of the derivation would move the ports of everybody's boxes.
func TestDerivedPortsAreStable(t *testing.T) {
	for _, tc := range []struct {
		checkout, box, port string
		index, want         int
	}{
		{"c0ffee", "web", "http", 1, 24169},
		{"c0ffee", "web", "http", 2, 27784},
		{"c0ffee", "db", "http", 1, 25734},
		{"beef", "web", "http", 1, 25720},
	} {
		if got := config.DerivedPort(tc.checkout, tc.box, tc.port, tc.index); got != tc.want {
			t.Errorf("%+v: got %d", tc, got)
		}
	}
	if config.NextDerivedPort(29999, 1) != 20000 || config.NextDerivedPort(20000, 2) != 20002 {
		t.Error("the next choice leaves the range")
	}
}

func TestPortNumbers(t *testing.T) {
	src := `
box "web" {
  image = "debian"
  count = 2
  port "fixed" {
    guest = 1
    host  = 3000
  }
  port "auto" {
    guest = 2
    host  = 4000
    auto  = true
  }
  port "free" { guest = 3 }
  port "8080" {}
  env = { PORTS = "${self.port.fixed.host} ${self.port.auto.host} ${self.port.free.host} ${box.web.port.free.host}" }
}
`
	numbers := func(known map[config.PortKey]int) (out []string) {
		v := values()
		v.KnownPorts = known
		for _, b := range load(t, v, src).Boxes {
			for _, p := range b.Ports {
				out = append(out, fmt.Sprintf("%s.%s %d:%d %d", b.Name, p.Label, p.Host, p.Guest, p.Source))
			}
			out = append(out, b.Env[0].Value.Value)
		}
		return out
	}
	free1, free2 := config.DerivedPort("c0ffee", "web", "free", 1), config.DerivedPort("c0ffee", "web", "free", 2)
	n1, n2 := config.DerivedPort("c0ffee", "web", "8080", 1), config.DerivedPort("c0ffee", "web", "8080", 2)
	want := []string{
		"web-1.fixed 3000:1 0", "web-1.auto 4000:2 0", fmt.Sprintf("web-1.free %d:3 2", free1), fmt.Sprintf("web-1.8080 %d:8080 2", n1),
		fmt.Sprintf("3000 4000 %d %d", free1, free1),
		"web-2.fixed 3001:1 0", "web-2.auto 4001:2 0", fmt.Sprintf("web-2.free %d:3 2", free2), fmt.Sprintf("web-2.8080 %d:8080 2", n2),
		fmt.Sprintf("3001 4001 %d %d", free2, free1),
	}
	if diff := cmp.Diff(want, numbers(nil)); diff != "" {
		t.Error(diff)
	}
	got := numbers(map[config.PortKey]int{
		{Box: "web", Index: 1, Port: "fixed"}: 9, {Box: "web", Index: 1, Port: "auto"}: 4005, {Box: "web", Index: 1, Port: "free"}: 25000,
	})
	if diff := cmp.Diff([]string{"web-1.fixed 3000:1 0", "web-1.auto 4005:2 1", "web-1.free 25000:3 1"}, got[:3]); diff != "" {
		t.Error(diff)
	}
}

// TestDerivedPortsDoNotCollide: a derived number that another port has gives way to the next one.
func TestDerivedPortsDoNotCollide(t *testing.T) {
	first := config.DerivedPort("c0ffee", "a", "x", 1)
	project := load(t, values(), box(fmt.Sprintf("port \"x\" {\nguest = 1\n}\nport \"y\" {\nguest = 2\nhost = %d\n}", first)))
	if got := project.Boxes[0].Ports[0].Host; got != first+1 {
		t.Errorf("got %d, want the number behind %d", got, first)
	}
	many := load(t, values(), "box \"a\" {\nimage = \"x\"\ncount = 10000\nport \"x\" {\nguest = 1\n}\n}")
	seen := map[int]bool{}
	for _, b := range many.Boxes {
		seen[b.Ports[0].Host] = true
	}
	if len(seen) != 10000 {
		t.Errorf("%d distinct numbers for 10000 ports", len(seen))
	}
}

func TestEvaluateAgain(t *testing.T) {
	file, list := config.Parse(sources(box("port \"x\" {\nguest = 1\n}\nmessage = \"${self.port.x.host} ${env(\"API_KEY\")}\""))...)
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	for _, port := range []int{21000, 22000, 21000} {
		v := values()
		v.KnownPorts = map[config.PortKey]int{{Box: "a", Index: 1, Port: "x"}: port}
		project, list := file.Evaluate(t.Context(), v)
		if list.HasErrors() || project.Boxes[0].Message != fmt.Sprintf("%d k", port) || len(project.Gate) != 1 {
			t.Errorf("port %d: %v %+v", port, list, project)
		}
	}
}

func TestPortClashes(t *testing.T) {
	project := load(t, values(), `
box "a" {
  image = "x"
  port "p" {
    guest = 1
    host  = 80
  }
}
box "b" {
  image = "x"
  port "p" {
    guest = 1
    host  = 80
  }
}
box "c" {
  image = "x"
  port "p" {
    guest = 1
    host  = 80
    auto  = true
  }
  port "q" {
    guest    = 1
    host     = 80
    protocol = "udp"
  }
}
box "d" {
  image = "x"
  port "p" {
    guest   = 1
    host    = 80
    address = "127.0.0.2"
  }
}
`)
	list := config.PortClashes(project.Boxes)
	if len(list) != 1 || !strings.Contains(list[0].Summary, `boxes "a" and "b" both publish host port 80`) || list[0].Range.Start.Line != 13 {
		t.Errorf("%v", list)
	}
	if got := config.PortClashes(project.Boxes[1:]); len(got) != 0 {
		t.Errorf("boxes that do not start clash: %v", got)
	}
}

func TestScale(t *testing.T) {
	v := values()
	v.Scale = map[string]int{"a": 3}
	project := load(t, v, box(""))
	if len(project.Boxes) != 3 || project.Boxes[2].Name != "a-3" {
		t.Errorf("%d boxes", len(project.Boxes))
	}
	v.Scale = map[string]int{"a": 1}
	if name := load(t, v, box("")).Boxes[0].Name; name != "a" {
		t.Errorf("one of a box without count is called %s", name)
	}
	if project := load(t, v, box("count = 3")); len(project.Boxes) != 1 || project.Boxes[0].Name != "a-1" {
		t.Errorf("one of a counted box: %v", project.Boxes)
	}
	v.Scale = map[string]int{"a": 0}
	if project := load(t, v, box("count = 3")); len(project.Boxes) != 0 {
		t.Errorf("none of a counted box: %v", project.Boxes)
	}
	v.Scale = map[string]int{"aa": 1, "a": -1}
	got := strings.Join(problems(t, v, box("")), "\n")
	if !strings.Contains(got, "no box \"aa\"") || !strings.Contains(got, "a count from 0") {
		t.Error(got)
	}
}
