package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// served answers with the name of its box, after a moment, so that some request is always under way.
const served = `
box "web" {
  image   = "%[1]s"
  count   = 1
  command = ["sh", "-c", "mkdir -p /tmp/cgi-bin && printf '#!/bin/sh\necho Content-Type: text/plain; echo; usleep 20000; hostname\n' > /tmp/cgi-bin/who && chmod +x /tmp/cgi-bin/who && exec httpd -f -p 80 -h /tmp"]
  healthcheck { command = "wget -q -O /dev/null http://127.0.0.1/cgi-bin/who" }
  volume "data" { target = "/data" }
}
box "client" { image = "%[1]s" }
`

// asking resolves the name four times a second and asks each address that it has, all at once, until two rounds after it is told
// to stop. A line is the round, the phase in which the name was resolved, the address, and what that said: nothing where it
// failed. The busybox of the image cannot be told to give up by itself.
const asking = `
ask() { echo "$1 $2 $3 $(timeout 5 wget -q -O - http://$3/cgi-bin/who)"; }
round() {
  read phase < /tmp/phase
  for a in $(nslookup web | sed -n 's/^Address: *\([0-9.]*\)$/\1/p'); do ask $1 $phase $a & done
  wait
}
n=0 after=0
while [ $after -lt 2 ]; do
  [ ! -e /tmp/stop ] || after=$((after+1))
  n=$((n+1))
  round $n &
  usleep 250000
done
wait`

// TestScaleUnderRequests: from 1 to 20 to 3 replicas while a client keeps asking through the name. Those that stay answer every
// request from when they are ready, and there is always one that answers.
func TestScaleUnderRequests(t *testing.T) {
	t.Parallel()
	p := newProject(t, fmt.Sprintf(served, tiny))
	p.ok("up")
	one := p.unchanged("web=1")
	first := p.inspect("web-1", "{{.Id}} {{.State.StartedAt}}")
	phase := func(name string) {
		p.ok("exec", "client", "sh", "-c", "echo "+name+" > /tmp/next && mv /tmp/next /tmp/phase")
	}
	phase("one")
	client := p.command("exec", "client", "sh", "-c", asking)
	var said bytes.Buffer
	client.Stdout = &said
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	phase("growing")
	p.ok("up", "--scale", "web=20")
	if n := strings.Count(p.docker("exec", p.container("client"), "nslookup", "web"), "\nName:"); n != 20 {
		t.Errorf("the name web has %d addresses at a count of 20", n)
	}
	if few, many := one, p.unchanged("web=20"); !slices.Equal(few, many) {
		t.Errorf("an up with nothing to do asks %q with one replica, and %q with 20", few, many)
	}
	stay := map[string]string{}
	for _, box := range []string{"web-1", "web-2", "web-3"} {
		stay[p.address(box)] = box
		p.ok("exec", box, "sh", "-c", "hostname > /data/who")
	}
	phase("twenty")
	p.ok("up", "--scale", "web=3", "--yes")
	phase("three")
	p.ok("exec", "client", "touch", "/tmp/stop")
	if err := client.Wait(); err != nil {
		t.Fatal(err)
	}
	judge(t, said.String(), stay)
	if now := p.inspect("web-1", "{{.Id}} {{.State.StartedAt}}"); now != first {
		t.Errorf("web-1 was %s, now it is %s", first, now)
	}
	for a, box := range stay {
		if now := p.address(box); now != a {
			t.Errorf("%s had %s, now it has %s", box, a, now)
		}
	}
	// The volume of a replica that went is there for the next one of its number; a plain up goes back to the Envfile's count.
	p.ok("up")
	if got := p.names(); got != "client running, web-1 running" {
		t.Errorf("after a plain up: %s", got)
	}
	p.ok("up", "--scale", "web=2")
	if got := p.ok("exec", "web-2", "cat", "/data/who").stdout; got != "web-2\n" {
		t.Errorf("the volume of web-2 holds %q", got)
	}
	p.ok("up", "--scale", "web=1")
	p.quiet()
}

// unchanged are the engine calls of an up with nothing to do, at some count.
func (p *project) unchanged(scale string) []string {
	p.t.Helper()
	r := p.ok("up", "--debug", "--scale", scale)
	if !strings.Contains(r.stdout, "Nothing to do") {
		p.t.Errorf("a second up did something:\n%s%s", r.stdout, r.stderr)
	}
	var calls []string
	for line := range strings.Lines(r.stderr) {
		if words := strings.Fields(line); len(words) > 4 && words[0] == "engine" {
			calls = append(calls, words[3]+" "+words[4])
		}
	}
	if len(calls) < 5 {
		p.t.Errorf("too few calls to be all of them: %q", calls)
	}
	slices.Sort(calls)
	return calls
}

// address is a box's on its network.
func (p *project) address(box string) string {
	p.t.Helper()
	return p.inspect(box, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
}

// judge reads what the client was told. stay are the addresses of those that are there to the end.
func judge(t *testing.T, said string, stay map[string]string) {
	t.Helper()
	answered := map[string]int{} // by phase and box
	rounds := map[string]bool{}  // whether somebody answered
	all, failed := 0, 0
	for line := range strings.Lines(said) {
		words := strings.Fields(line)
		if len(words) < 3 {
			t.Fatalf("the client says %q", line)
		}
		round, phase, box := words[0], words[1], stay[words[2]]
		rounds[round] = rounds[round] || len(words) == 4
		all++
		if len(words) == 4 {
			answered[phase+" "+words[3]]++
			continue
		}
		failed++
		ready := phase == "twenty" || phase == "three"
		if box == "web-1" || box != "" && ready {
			t.Errorf("a request to %s failed, of those that were sent in phase %q", box, phase)
		}
	}
	for n, answer := range rounds {
		if !answer {
			t.Errorf("nobody answered in round %s", n)
		}
	}
	for _, box := range stay {
		if answered["twenty "+box] == 0 || answered["three "+box] == 0 {
			t.Errorf("%s was never asked while others went, or after", box)
		}
	}
	t.Logf("%d rounds, %d requests: %d failed, to boxes that were not ready yet or were on their way out", len(rounds), all, failed)
}
