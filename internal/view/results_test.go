package view

import (
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
