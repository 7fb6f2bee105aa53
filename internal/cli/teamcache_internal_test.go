package cli

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/boxes/registry"
	"github.com/envyhq/envy/provision/resource"
)

// What a registry says of an image is written down as an engine's driver writes it: TestTeamCache of cmd/envy/e2e holds the
// two against each other.
func TestFactOf(t *testing.T) {
	for text, want := range map[string]resource.ImageFact{
		`{}`: {},
		`{"os":"linux","architecture":"arm64","rootfs":{"diff_ids":["a","b"]},"config":{"WorkingDir":"/","Healthcheck":{"Test":["NONE"]}}}`: {
			OS: "linux", Arch: "arm64", Layers: []string{"a", "b"},
		},
		`{"config":{"User":"u","Env":["A=b"],"Entrypoint":["e"],"Cmd":["c"],"WorkingDir":"/w","Volumes":{"/b":{},"/a":{}},
		  "ExposedPorts":{"80":{},"53/udp":{}},"StopSignal":"INT","Shell":["s"],"Labels":{"io.envy.recipe":"r"},
		  "Healthcheck":{"Test":["CMD","x"],"Interval":2000000000,"Timeout":1000000,"StartPeriod":0,"Retries":3}}}`: {
			User: "u", Env: []string{"A=b"}, Entrypoint: []string{"e"}, Cmd: []string{"c"}, Workdir: "/w", Volumes: []string{"/a", "/b"},
			ExposedPorts: []string{"53/udp", "80/tcp"}, StopSignal: "INT", Shell: []string{"s"}, Recipe: "r",
			Labels:      map[string]string{"io.envy.recipe": "r"},
			Healthcheck: &resource.HealthSpec{Command: []string{"CMD", "x"}, Interval: 2000, Timeout: 1, Retries: 3},
		},
	} {
		var c registry.ImageConfig
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&want, factOf(c)); diff != "" {
			t.Error(diff)
		}
	}
}
