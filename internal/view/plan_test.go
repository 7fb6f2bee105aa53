package view

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

func box(name string) resource.Address { return resource.Address{Kind: resource.KindBox, Box: name} }

// somePlan has a change of every mark.
func somePlan() *plan.Plan {
	return &plan.Plan{
		Version: plan.Version, Project: "shop",
		Changes: []plan.Change{
			{Address: box("db"), Action: plan.Create, Summary: "image postgres:16", Provisions: []string{"schema", "seed"}, SpecHash: "12ab"},
			{Address: box("api"), Action: plan.Update, Attrs: []plan.AttrChange{
				{Path: "memory", Old: "2g", New: "4g"}, {Path: "aliases", New: `["api"]`}, {Path: "ip", Old: "10.0.0.1"},
			}},
			{Address: box("web"), Action: plan.Replace, Attrs: []plan.AttrChange{
				{Path: "port.http.host", Old: "8080", New: "8081", Forces: true},
				{Path: "env.TOKEN", Old: plan.Sensitive + "k1:aaaa", New: plan.Sensitive + "k1:bbbb", Forces: true},
				{Path: "env.EVIL", New: "a\x1b[2Jb", Forces: true},
			}, Loss: &resource.Loss{Count: 14, Bytes: 3 << 20, Largest: []string{"/opt/a"}}, Notes: []string{"idles"}},
			{Address: box("worker"), Action: plan.Start, Reason: "stopped by hand"},
			{Address: box("old"), Action: plan.Remove, Reason: "no longer in the Envfile"},
		},
		Steps: []plan.Step{{ID: 1, Op: plan.OpCreateBox, Address: box("db"), Target: plan.Target{Name: "shop-db"}}},
		Notes: []string{"a second network was found"}, Kept: []string{"shop-old.data"},
	}
}

// stuckPlan cannot be applied.
func stuckPlan() *plan.Plan {
	return &plan.Plan{Project: "shop", Problems: []plan.Problem{
		{
			Summary: "port 3000 on the host is taken", Detail: "docker-proxy (4711) holds it.", Hint: "write auto = true",
			Clash: &plan.PortClash{Box: "web", Name: "http", Port: 3000, Fixed: true}, Origin: resource.Origin{File: "Envfile", Line: 12},
		},
		{Summary: `box "db" was made by a newer envy`, Refused: true},
	}}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		golden string
		format Format
		color  bool
		plan   *plan.Plan
	}{
		{"plan.plain", Plain, true, somePlan()},
		{"plan.color", Human, true, somePlan()},
		{"plan.json", JSON, true, somePlan()},
		{"plan.stuck", Human, false, stuckPlan()},
		{"plan.stuck.json", JSON, false, stuckPlan()},
		{"plan.empty", Human, false, &plan.Plan{Project: "shop"}},
	} {
		t.Run(test.golden, func(t *testing.T) {
			v, out, err := shown(test.format, test.color, 0)
			v.PlanHeader("shop", "20.10.24", "unix:///var/run/docker.sock")
			if err := v.Plan(test.plan); err != nil {
				t.Fatal(err)
			}
			golden(t, test.golden, out.String())
			if err.Len() > 0 {
				t.Errorf("stderr %q", err)
			}
			if test.format != Human && strings.Contains(out.String(), "\x1b") {
				t.Error("there are escape codes")
			}
		})
	}
}

func TestPlanBefore(t *testing.T) {
	t.Parallel()
	harmless := &plan.Plan{Changes: []plan.Change{{Address: box("web"), Action: plan.Create}}, Steps: make([]plan.Step, 1)}
	for _, test := range []struct {
		name   string
		format Format
		plan   *plan.Plan
		says   string
	}{
		{"plain", Plain, harmless, "+ web  will be created"},
		{"quiet", Quiet, harmless, ""},
		{"quiet, with a loss", Quiet, somePlan(), "14 files changed inside web would be lost"},
		{"json", JSON, harmless, `{"type":"plan","format":"envy.plan"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, out, err := shown(test.format, false, 0)
			if err := v.PlanBefore(test.plan); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(err.String(), test.says) || test.says == "" && err.Len() > 0 {
				t.Errorf("want %q in %q", test.says, err)
			}
			if out.Len() > 0 {
				t.Errorf("stdout %q", out)
			}
		})
	}
}

func TestPlanSaysNothingInQuiet(t *testing.T) {
	t.Parallel()
	v, out, err := shown(Quiet, true, 0)
	if e := v.Plan(somePlan()); e != nil || out.Len()+err.Len() > 0 {
		t.Errorf("said %q %q, %v", out, err, e)
	}
}

// A plan's JSON has neither the hashes of sensitive values nor nulls for lists, and leaves the plan alone.
func TestPlanJSON(t *testing.T) {
	t.Parallel()
	p := somePlan()
	v, out, _ := shown(JSON, false, 0)
	if err := v.Plan(p); err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{"aaaa", "bbbb", "\x1b"} {
		if bytes.Contains(out.Bytes(), []byte(never)) {
			t.Errorf("%q is in %s", never, out)
		}
	}
	if p.Changes[2].Attrs[1].Old != plan.Sensitive+"k1:aaaa" {
		t.Error("the plan was changed")
	}
	v, out, _ = shown(JSON, false, 0)
	if err := v.Plan(&plan.Plan{}); err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(out.Bytes(), &fields); err != nil {
		t.Fatal(err)
	}
	for name, value := range fields {
		if value == nil {
			t.Errorf("%s is null", name)
		}
	}
}
