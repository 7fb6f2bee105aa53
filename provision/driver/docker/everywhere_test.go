package docker

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

func TestLayersOf(t *testing.T) {
	t.Parallel()
	unknown := []driver.LayerUse{{ID: "a", Size: -1}, {ID: "b", Size: -1}}
	for name, test := range map[string]struct {
		ids   []string
		steps []int64
		want  []driver.LayerUse
	}{
		"a step each":                         {[]string{"a", "b"}, []int64{5, 7}, []driver.LayerUse{{ID: "a", Size: 5}, {ID: "b", Size: 7}}},
		"a layer without files":               {[]string{"a", "b"}, []int64{5, 0}, []driver.LayerUse{{ID: "a", Size: 5}, {ID: "b", Size: 0}}},
		"steps without a layer":               {[]string{"a", "b"}, []int64{5, 0, 0, 7, 0}, []driver.LayerUse{{ID: "a", Size: 5}, {ID: "b", Size: 7}}},
		"which of the empty steps has one":    {[]string{"a", "b"}, []int64{5, 0, 0}, unknown},
		"fewer steps than layers":             {[]string{"a", "b"}, []int64{5}, unknown},
		"no history":                          {[]string{"a", "b"}, nil, unknown},
		"no layers, as some engines tell one": {nil, []int64{5}, []driver.LayerUse{}},
	} {
		if diff := cmp.Diff(test.want, layersOf(test.ids, test.steps)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A volume is an agent's by its label and its name together, and belongs to nobody.
func TestAgentsOf(t *testing.T) {
	t.Parallel()
	volume := func(name, hash, checkout string) listedVolume {
		labels := resource.Identity{Checkout: checkout}.Labels(resource.Owner{})
		labels[resource.LabelAgent] = hash
		return listedVolume{Name: name, CreatedAt: "2026-01-02T03:04:05Z", Labels: labels}
	}
	l := listings{volumes: listedVolumes{Volumes: []listedVolume{
		volume("envy-agent-b", "b", ""), volume("envy-agent-a", "a", ""), volume("envy-agent-c", "d", ""), volume("data", "e", ""),
		volume("envy-agent-f", "f", "c1"), volume("envy-agent-g", "", ""),
	}}}
	got := agentsOf(l, map[string][]string{"envy-agent-b": {"1", "2"}})
	at := engineTime("2026-01-02T03:04:05Z")
	want := []resource.AgentVolume{{Name: "envy-agent-a", Created: at}, {Name: "envy-agent-b", Created: at, Users: []string{"1", "2"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("agents (-want +got):\n%s", diff)
	}
}

// FuzzEverywhere: whoever's checkouts three lists tell of, each has what bears its labels and nothing else, and none is empty.
func FuzzEverywhere(f *testing.F) {
	f.Add([]byte(`[{"Id":"x","Names":["/shop-web"],"State":"running","Mounts":[{"Type":"volume","Name":"envy-agent-a"},null],
		"Labels":{"io.envy.checkout":"c1","io.envy.user":"1000","io.envy.box":"web","io.envy.index":"1","io.envy.project":"shop"}},{"Labels":{"io.envy.checkout":""}}]`),
		[]byte(`[{"Id":"n","Name":"shop","Labels":{"io.envy.checkout":"c2","io.envy.user":"1001","io.envy.network":"default","io.envy.project":"shop"}}]`),
		[]byte(`{"Volumes":[{"Name":"envy-agent-a","CreatedAt":"2026-01-02T03:04:05Z","Labels":{"io.envy.checkout":"","io.envy.agent":"a"}},null]}`))
	f.Fuzz(func(t *testing.T, containers, networks, volumes []byte) {
		e := openEcho(t, echo{status: http.StatusOK, texts: map[string][]byte{"/json": containers, "/networks": networks, "/volumes": volumes}})
		ownEverywhere(t, e)
	})
}

func ownEverywhere(t *testing.T, e *Engine) {
	t.Helper()
	all, err := e.Everywhere(t.Context())
	if err != nil {
		if !driver.Is(err, driver.Failed) {
			t.Errorf("error %v", err)
		}
		return
	}
	seen := map[resource.CheckoutKey]bool{}
	for _, c := range all.Checkouts {
		owners := c.Owners()
		if key := c.Identity.Key(); key.Checkout == "" || seen[key] || len(owners) == 0 {
			t.Errorf("checkout %+v", c.Identity)
		}
		seen[c.Identity.Key()] = true
		for _, o := range owners {
			if !c.Identity.Owns(o) {
				t.Errorf("%+v has an object of %+v", c.Identity, o)
			}
		}
	}
}
