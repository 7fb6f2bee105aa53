package provision

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/resource"
)

// TestLowerProvision: less than a second is a limit, and null takes a variable away and counts as a change.
func TestLowerProvision(t *testing.T) {
	lowered := func(env ...config.EnvVar) resource.BoxWanted {
		l := &lowering{}
		var w resource.BoxWanted
		l.provisions(t.Context(), &config.Box{Provisioners: []*config.Provision{{
			Label: "p", Run: config.Text{Value: "true"}, When: "changed", Timeout: 300 * time.Millisecond, Env: env,
		}}}, &w)
		return w
	}
	w := lowered(config.EnvVar{Name: "PROXY", Unset: true})
	if w.Spec.Provisions[0].Timeout != 1 || w.Scripts[0].Timeout != 1 {
		t.Errorf("a timeout of 300ms is %d s", w.Spec.Provisions[0].Timeout)
	}
	if diff := cmp.Diff([]string{"PROXY"}, w.Scripts[0].Unset); diff != "" {
		t.Error(diff)
	}
	if w.Scripts[0].Hash == lowered().Scripts[0].Hash {
		t.Error("a variable that is taken away changes nothing")
	}
}

func TestLowerGPUs(t *testing.T) {
	for want, g := range map[string]config.GPUs{
		"all": {All: true}, "2": {Count: 2}, "device=0": {IDs: []string{"0"}}, "device=0,1": {IDs: []string{"0", "1"}},
	} {
		var s resource.BoxSpec
		if (&lowering{}).limits(&config.Box{GPUs: &g}, &s); s.GPUs != want {
			t.Errorf("%+v: %q, want %q", g, s.GPUs, want)
		}
	}
}
