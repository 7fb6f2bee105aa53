package view

import (
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/provision/plan"
)

func someGate() Gate {
	return Gate{Entries: []GateEntry{
		{Kind: "checkout", What: "the project's directory / is all of this machine's files", Reaches: "/"},
		{Kind: "share", What: `box "web" shares /etc, outside the project (read)`, Reaches: "/etc", File: "Envfile", Line: 4},
		{Kind: "environment", What: "reads the environment variable \x1b[2J\u202eKEY\n  Envfile:9  all is well", File: "Envfile.local", Line: 12, New: true},
	}}
}

func TestGate(t *testing.T) {
	t.Parallel()
	trusted := someGate()
	trusted.Trusted, trusted.Entries[2].New = true, false
	first := someGate()
	first.Entries = first.Entries[:2]
	for _, test := range []struct {
		golden string
		format Format
		color  bool
		show   func(*View) error
	}{
		{"gate.plain", Plain, false, func(v *View) error { return v.Gate(someGate()) }},
		{"gate.color", Human, true, func(v *View) error { return v.Gate(someGate()) }},
		{"gate.first", Human, false, func(v *View) error { return v.Gate(first) }},
		{"gate.trusted", Human, false, func(v *View) error { return v.Gate(trusted) }},
		{"gate.nothing", Human, false, func(v *View) error { return v.Gate(Gate{}) }},
		{"gate.quiet", Quiet, false, func(v *View) error { return v.Gate(someGate()) }},
		{"gate.json", JSON, false, func(v *View) error { return v.Trust(NewTrust("/home/u/shop", "3f2a", someGate()), someGate()) }},
		{"gate.nothing.json", JSON, false, func(v *View) error { return v.Trust(NewTrust("/home/u/shop", "3f2a", Gate{}), Gate{}) }},
		{"gate.plan", Human, false, func(v *View) error {
			v.PlanGate(first)
			return v.Plan(&plan.Plan{Project: "shop"})
		}},
		{"gate.plan.json", JSON, false, func(v *View) error {
			v.PlanGate(first)
			return v.Plan(&plan.Plan{Project: "shop"})
		}},
	} {
		t.Run(test.golden, func(t *testing.T) {
			v, out, err := shown(test.format, test.color, 40)
			if err := test.show(v); err != nil {
				t.Fatal(err)
			}
			golden(t, test.golden, out.String())
			if err.Len() > 0 {
				t.Errorf("stderr %q", err)
			}
		})
	}
}

// Whoever is asked sees the list, in every format, and nothing in it draws over it.
func TestGateBefore(t *testing.T) {
	t.Parallel()
	for _, format := range []Format{Human, Plain, JSON, Quiet} {
		v, out, err := shown(format, false, 40)
		if err := v.GateBefore(someGate()); err != nil {
			t.Fatal(err)
		}
		text := err.String()
		if strings.Count(text, "\n") != 6 || !strings.Contains(text, `box "web" shares /etc, outside the project (read)`) || strings.ContainsAny(text, "\x1b\u202e") || out.Len() > 0 {
			t.Errorf("%q and %q", text, out)
		}
	}
}

func TestLongGate(t *testing.T) {
	t.Parallel()
	v, _, err := shown(Human, false, 0)
	if err := v.GateBefore(Gate{Entries: make([]GateEntry, 213)}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(err.String(), "That is 213 things") {
		t.Errorf("%s", err)
	}
}

func TestTrusted(t *testing.T) {
	t.Parallel()
	checkouts := []TrustedCheckout{{Path: "/home/u/shop\x1b[2J", Lists: []TrustedList{
		{Digest: "3f2a", Accepted: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Entries: []GateEntry{{Kind: "gpu", What: "evil\x1b[2J\ntext"}}},
	}}}
	for name, test := range map[string]struct {
		format Format
		show   func(*View) error
	}{
		"trusted.plain":        {Plain, func(v *View) error { return v.Trusted(checkouts) }},
		"trusted.json":         {JSON, func(v *View) error { return v.Trusted(checkouts) }},
		"trusted.nothing":      {Human, func(v *View) error { return v.Trusted(nil) }},
		"trusted.nothing.json": {JSON, func(v *View) error { return v.Trusted(nil) }},
		"trusted.quiet":        {Quiet, func(v *View) error { return v.Trusted(checkouts) }},
		"revoked.plain":        {Plain, func(v *View) error { return v.Revoked([]string{"/a\x1b[2J", "/b"}) }},
		"revoked.json":         {JSON, func(v *View) error { return v.Revoked([]string{"/a"}) }},
		"revoked.nothing":      {Human, func(v *View) error { return v.Revoked(nil) }},
		"revoked.nothing.json": {JSON, func(v *View) error { return v.Revoked(nil) }},
		"revoked.quiet":        {Quiet, func(v *View) error { return v.Revoked([]string{"/a"}) }},
	} {
		t.Run(name, func(t *testing.T) {
			v, out, err := shown(test.format, false, 0)
			if err := test.show(v); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.String())
			if err.Len() > 0 {
				t.Errorf("stderr %q", err)
			}
		})
	}
}
