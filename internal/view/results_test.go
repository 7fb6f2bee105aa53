package view

import (
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

func someRows() []BoxRow {
	size := int64(12_300_000)
	return []BoxRow{
		{
			Name: "web", State: resource.StateRunning, Health: resource.HealthHealthy, Image: "debian:bookworm-slim",
			Container: "shop-web", Size: &size,
			Ports: NewPortRows([]resource.PortSpec{{Name: "http", Guest: 3000, Host: 20417}, {Name: "53", Guest: 53, Host: 5353, Protocol: "udp", Address: "::1"}}),
		},
		{Name: "api", State: resource.StateRunning, Health: resource.HealthUnhealthy, Image: "evil\x1b[2J\n", Container: "shop-api.new", Drift: "not ready yet"},
		{Name: "mail", State: resource.StateRunning, Health: resource.HealthStarting, WasReady: true, Image: "alpine", Container: "shop-mail"},
		{Name: "queue", State: resource.StateRunning, Health: resource.HealthStarting, Image: "alpine", Container: "shop-queue.new", Drift: "not ready yet"},
		{Name: "db", State: resource.StateExited, ExitCode: 137, Image: "postgres:16", Container: "shop-db"},
		{Name: "job", State: resource.StateExited, Image: "alpine", Container: "shop-job"},
		{Name: "cache", State: resource.StateAbsent, Image: "redis:7"},
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		golden string
		format Format
		color  bool
		width  int
		rows   []BoxRow
		size   bool
	}{
		{"status.plain", Plain, true, 0, someRows(), false},
		{"status.color", Human, true, 0, someRows(), true},
		{"status.narrow", Human, false, 60, someRows(), false},
		{"status.json", JSON, true, 0, someRows(), true},
		{"status.quiet", Quiet, true, 0, someRows()[:1], false},
		{"status.empty", Human, true, 0, nil, false},
		{"status.empty.json", JSON, true, 0, nil, false},
	} {
		t.Run(test.golden, func(t *testing.T) {
			v, out, err := shown(test.format, test.color, test.width)
			if err := v.Status(test.rows, StatusOptions{Project: "shop", Size: test.size}); err != nil {
				t.Fatal(err)
			}
			golden(t, test.golden, out.String())
			if err.Len() > 0 {
				t.Errorf("stderr %q", err)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	t.Parallel()
	message := []string{"open http://localhost:20417", "evil \x1b[2J"}
	for _, test := range []struct {
		golden  string
		format  Format
		color   bool
		plan    *plan.Plan
		message []string
	}{
		{"summary.plain", Plain, true, somePlan(), message},
		{"summary.color", Human, true, somePlan(), nil},
		{"summary.json", JSON, true, somePlan(), message},
		{"summary.nothing", Plain, true, &plan.Plan{Project: "shop"}, message},
		{"summary.nothing.json", JSON, true, &plan.Plan{Project: "shop"}, nil},
		{"summary.quiet", Quiet, true, somePlan(), message},
	} {
		t.Run(test.golden, func(t *testing.T) {
			v, out, err := shown(test.format, test.color, 0)
			if err := v.Summary(test.plan, someRows(), test.message); err != nil {
				t.Fatal(err)
			}
			golden(t, test.golden, out.String())
			if err.Len() > 0 {
				t.Errorf("stderr %q", err)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	failures := []Failure{
		{
			Subject: "box.web", Text: "not ready after 5m0s", Place: "Envfile:12", Excerpt: `  healthcheck { command = "false" }`,
			Lines: []string{"listening on 3000\r", "bad\tthing \x1b[31m"}, Hint: "envy logs web shows all of it",
		},
		{Subject: "provision.web.deps", Text: "exit code 1\nIt ran as root.", Place: "the Envfile"},
		{Text: "the engine is gone"},
	}
	for _, test := range []struct {
		golden string
		format Format
		color  bool
	}{
		{"failures.plain", Plain, true}, {"failures.color", Human, true}, {"failures.json", JSON, true}, {"failures.quiet", Quiet, true},
	} {
		t.Run(test.golden, func(t *testing.T) {
			v, out, err := shown(test.format, test.color, 0)
			if err := v.Failures(failures); err != nil {
				t.Fatal(err)
			}
			golden(t, test.golden, err.String())
			if out.Len() > 0 {
				t.Errorf("stdout %q", out)
			}
		})
	}
	v, _, err := shown(JSON, false, 0)
	if e := v.Failures(nil); e != nil || err.Len() > 0 {
		t.Errorf("no failure, said %q, %v", err, e)
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	v, out, _ := shown(JSON, false, 0)
	for _, document := range []any{NewPorts(someRows()), NewPorts(nil), NewVersion("0.1.0", "go1.26.0", "linux/amd64")} {
		if err := v.JSON(document); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "documents.json", out.String())
}

// Nothing from outside reaches a stream but as text that can be seen.
func FuzzResults(f *testing.F) {
	f.Add("a\x1b[2Jb\u202e\r\n\x9b1m\xff\u200b")
	f.Add("Envfile:12\n: 7")
	f.Fuzz(func(t *testing.T, s string) {
		p := &plan.Plan{
			Project: s, Steps: make([]plan.Step, 1), Notes: []string{s}, Kept: []string{s},
			Changes: []plan.Change{{
				Address: resource.Address{Kind: resource.Kind(s), Box: s, Name: s}, Action: plan.Action(s), Summary: s, Reason: s,
				Attrs: []plan.AttrChange{{Path: s, Old: s, New: s + "x", Forces: true}}, Loss: &resource.Loss{Count: 2, Largest: []string{s}},
				Notes: []string{s},
			}},
			Problems: []plan.Problem{{Summary: s, Detail: s, Hint: s, Origin: resource.Origin{File: s, Line: 1}}},
		}
		rows := []BoxRow{{
			Name: s, State: resource.State(s), Health: resource.Health(s), Image: s, Drift: s, Container: s,
			Ports: []PortRow{{Name: s, Address: s, Protocol: s}},
		}}
		for _, format := range []Format{Human, Plain, JSON} {
			v, out, err := shown(format, false, 0)
			v.PlanHeader(s, s, s)
			for _, e := range []error{
				v.Plan(p), v.Status(rows, StatusOptions{Project: s}), v.Summary(p, rows, []string{s}),
				v.Failures([]Failure{{Subject: s, Text: s, Place: s, Excerpt: s, Lines: []string{s}, Hint: s}}),
			} {
				if e != nil {
					t.Fatal(e)
				}
			}
			if text := out.String() + err.String(); strings.ContainsFunc(text, hidden) || strings.ToValidUTF8(text, "") != text {
				t.Errorf("format %d: %q", format, text)
			}
		}
	})
}
