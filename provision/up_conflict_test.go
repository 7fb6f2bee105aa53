package provision

import (
	"errors"
	"testing"

	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// TestConflict: which failures another look may mend, and which it would only hide for a while.
func TestConflict(t *testing.T) {
	failed := func(op plan.Op, kind driver.Kind, label string) *apply.Failure {
		return &apply.Failure{
			Step: plan.Step{Op: op, Address: resource.Address{Kind: resource.KindBox, Box: "web"}, Network: &plan.NetworkArgs{Label: label}},
			Err:  &driver.Error{Kind: kind, Op: "x"},
		}
	}
	g := &planning{desired: resource.Desired{Networks: []resource.NetworkWanted{{Label: "default"}}}}
	for name, tt := range map[string]struct {
		failures []*apply.Failure
		want     bool
	}{
		"a name was taken":                {[]*apply.Failure{failed(plan.OpCreateBox, driver.Conflict, "")}, true},
		"a box is gone":                   {[]*apply.Failure{failed(plan.OpStart, driver.NotFound, "")}, true},
		"an image is gone":                {[]*apply.Failure{failed(plan.OpCreateBox, driver.NotFound, "")}, false},
		"a second network is in use":      {[]*apply.Failure{failed(plan.OpRemoveNetwork, driver.Denied, "default")}, true},
		"that, and a start in between":    {[]*apply.Failure{failed(plan.OpRemoveNetwork, driver.Denied, "default"), failed(plan.OpStart, driver.Conflict, "")}, true},
		"a network of no use is in use":   {[]*apply.Failure{failed(plan.OpRemoveNetwork, driver.Denied, "back")}, false},
		"the engine lost count of it":     {[]*apply.Failure{failed(plan.OpRemoveNetwork, driver.Failed, "default")}, false},
		"a create is denied":              {[]*apply.Failure{failed(plan.OpCreateNetwork, driver.Denied, "default")}, false},
		"one that may go, one that won't": {[]*apply.Failure{failed(plan.OpCreateBox, driver.Conflict, ""), failed(plan.OpStart, driver.Failed, "")}, false},
		"no failure":                      {nil, false},
	} {
		out := &Outcome{Report: &apply.Report{Failures: tt.failures}}
		if got := g.conflict(out, errors.New("x"), map[string]bool{}); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
