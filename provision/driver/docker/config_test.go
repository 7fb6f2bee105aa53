package docker

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

var update = flag.Bool("update", false, "write the golden files anew")

// creationCases are boxes whose whole configuration is pinned: what the engine is told decides what a box is.
func creationCases() map[string]driver.NewBox {
	labels := map[string]string{resource.LabelBox: "web", resource.LabelSpecHash: "h1"}
	networks := map[string]driver.NetworkRef{
		"default": {ID: "n1", Name: "shop"}, "back": {ID: "n2", Name: "shop.back"},
	}
	everything := resource.BoxSpec{
		Version: 1, Image: resource.ImageSpec{Reference: "debian", Platform: "linux/arm64/v8"},
		Command: argv("sleep", "1"), Env: resource.StrMap{"A": "1"}, User: &resource.UserSpec{Name: "dev", UID: 1000, GID: 1000},
		Workdir: "/workspace/sub", Ports: []resource.PortSpec{
			{Name: "http", Guest: 80, Host: 8080},
			{Name: "dns", Guest: 53, Host: 20053, Protocol: "udp", Address: "0.0.0.0"},
		},
		Mounts: []resource.MountSpec{
			{Type: resource.MountBind, Source: "/home/me/shop", Target: "/workspace"},
			{Type: resource.MountVolume, Source: "modules", Target: "/workspace/node_modules"},
			{Type: resource.MountVolume, External: "theirs", Target: "/ext", ReadOnly: true},
			{Type: resource.MountTmpfs, Target: "/scratch", Size: 1 << 20},
			{Type: resource.MountCopy, Source: "/home/me/seed", Target: "/seed"},
		},
		Networks: []resource.NetworkJoin{{Network: "default", IP: "172.20.0.9"}, {Network: "back", Aliases: []string{"api"}}},
		Aliases:  []string{"www"}, Healthcheck: &resource.HealthSpec{Command: []string{"CMD", "ok"}, Interval: 2000, Retries: 3},
		Restart: "always", NanoCPUs: 9e9, Memory: 1 << 30, ShmSize: 1 << 26, GPUs: "2",
		Ulimits: []resource.UlimitSpec{{Name: "nofile", Soft: 10, Hard: 20}}, StopSignal: "SIGINT", StopTimeout: 7,
		CapAdd: []string{"NET_ADMIN"}, Devices: []string{"/dev/fuse", "/dev/a:/dev/b:r"}, SecurityOpt: []string{"no-new-privileges"},
		Sysctls: resource.StrMap{"net.ipv4.ip_forward": "1"}, DNS: []string{"9.9.9.9"}, ExtraHosts: []string{"db:10.0.0.1"},
		Labels: resource.StrMap{"team": "blue"},
	}
	full := driver.NewBox{
		Name: "shop-web", Hostname: "web", Image: "debian", Spec: everything, Labels: labels, Networks: networks,
		Secrets: map[string]string{"TOKEN": "t"}, Aliases: []string{"web", "web-1"},
		Volumes: map[string]string{"/workspace/node_modules": "shop-web.modules", "/var/lib/x": "shop-web.0a1b2c"},
		Fact:    resource.ImageFact{Volumes: []string{"/var/lib/x"}, Entrypoint: []string{"/entry"}},
	}
	thrown := full
	thrown.Run = &driver.Override{Command: []string{"sh"}, TTY: true, Stdin: true}
	return map[string]driver.NewBox{
		"full": full,
		"run":  thrown,
		"idle": {Name: "shop-web", Hostname: "web", Image: "nginx", Labels: labels, Networks: networks, Fact: resource.ImageFact{Healthcheck: &resource.HealthSpec{Command: []string{"CMD", "x"}}}},
		"host": {Name: "shop-web", Hostname: "web", Image: "nginx", Labels: labels, Spec: resource.BoxSpec{NetworkMode: "host", Service: true}, Fact: resource.ImageFact{Cmd: []string{"nginx"}}},
		"none": {Name: "shop-web", Hostname: "web", Image: "nginx", Labels: labels, Spec: resource.BoxSpec{NetworkMode: "none", Privileged: true, GPUs: "all"}},
		"peer": {Name: "shop-web", Hostname: "web", Image: "nginx", Labels: labels, Spec: resource.BoxSpec{NetworkMode: "box:db", GPUs: resource.GPUDevices + "0,id2"}, Peer: "abc"},
		"bare": {Name: "shop-web", Hostname: "web", Image: "nginx", Labels: labels, Spec: resource.BoxSpec{
			ReadOnly: true, User: &resource.UserSpec{Name: "dev", UID: 1000, GID: 1000}, Groups: []string{"video", "7"},
			Healthcheck: &resource.HealthSpec{Command: []string{"CMD", "ok"}},
		}},
		"bound": {Name: "shop-web", Hostname: "web", Image: "nginx", Labels: labels, Spec: resource.BoxSpec{Workdir: "/work", Path: []string{"/opt/bin"}}},
	}
}

func TestCreationGolden(t *testing.T) {
	for name, box := range creationCases() {
		t.Run(name, func(t *testing.T) {
			c, err := newCreation(box, engineInfo{cpus: 4}, "envy-agent-x", "the-id")
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(map[string]any{
				"config": nonzero(t, c.config), "host": nonzero(t, c.host), "network": nonzero(t, c.network), "platform": nonzero(t, c.platform),
				"further": furtherText(c.further),
			}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "create-"+name+".json")
			if *update {
				if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func furtherText(further []joined) (out []string) {
	for _, f := range further {
		out = append(out, f.id+": "+strings.Join(f.join.Aliases, " ")+" "+f.join.IP)
	}
	return out
}

// nonzero drops what is empty from a value's JSON, so that the golden files show what envy says.
func nonzero(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := json.Unmarshal(raw, &plain); err != nil {
		t.Fatal(err)
	}
	return pruned(plain)
}

func pruned(v any) any {
	fields, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, one := range fields {
		switch one := pruned(one).(type) {
		case nil:
		case map[string]any:
			if len(one) > 0 || strings.Contains(k, "/") { // a port
				out[k] = one
			}
		case []any:
			if len(one) > 0 && k != "ConsoleSize" {
				out[k] = one
			}
		default:
			if one != "" && one != 0.0 && one != false || k == "Init" {
				out[k] = one
			}
		}
	}
	return out
}

func TestRefusedConfigurations(t *testing.T) {
	bind := resource.MountSpec{Type: resource.MountBind, Source: "/s", Target: "/t"}
	for _, c := range []struct {
		name  string
		box   driver.NewBox
		about engineInfo
		want  string
	}{
		{name: "image volume without a name", box: driver.NewBox{Fact: resource.ImageFact{Volumes: []string{"/data/"}}}, want: "/data"},
		{name: "volume without a name", box: driver.NewBox{Spec: resource.BoxSpec{Mounts: []resource.MountSpec{{Type: resource.MountVolume, Target: "/v"}}}}, want: "/v"},
		{name: "share under userns-remap", box: driver.NewBox{Spec: resource.BoxSpec{Mounts: []resource.MountSpec{bind}}}, about: engineInfo{remapped: true}, want: "userns-remap"},
		{name: "missing network", box: driver.NewBox{Spec: resource.BoxSpec{Networks: []resource.NetworkJoin{{Network: "back"}}}}, want: `"back"`},
		{name: "missing peer", box: driver.NewBox{Spec: resource.BoxSpec{NetworkMode: "box:db"}}, want: "box:db"},
		{name: "unknown mode", box: driver.NewBox{Spec: resource.BoxSpec{NetworkMode: "weave"}}, want: "weave"},
		{name: "ports of the host's network", box: driver.NewBox{Spec: resource.BoxSpec{NetworkMode: "host", Ports: []resource.PortSpec{{Guest: 1, Host: 2}}}}, want: "ports"},
		{name: "device", box: driver.NewBox{Spec: resource.BoxSpec{Devices: []string{":/dev/x"}}}, want: ":/dev/x"},
		{name: "sync share", box: driver.NewBox{Spec: resource.BoxSpec{Mounts: []resource.MountSpec{{Type: "sync", Target: "/t"}}}}, want: "sync"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := newCreation(c.box, c.about, "v", "id")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v does not name %s", err, c.want)
			}
		})
	}
}

// The image's volumes are covered by whatever stands at their place.
// TestSystemPaths: engines take this option from nobody; their clients send empty lists instead of it.
func TestSystemPaths(t *testing.T) {
	for _, open := range []bool{false, true} {
		options := []string{"no-new-privileges"}
		if open {
			options = append(options, "systempaths=unconfined")
		}
		h, err := hostConfig(driver.NewBox{Spec: resource.BoxSpec{SecurityOpt: options}}, engineInfo{}, "agent")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"no-new-privileges"}, h.SecurityOpt); diff != "" {
			t.Error(diff)
		}
		for _, paths := range [][]string{h.MaskedPaths, h.ReadonlyPaths} {
			if (paths != nil) != open || len(paths) > 0 {
				t.Errorf("open %v: %#v; nil is the engine's own, empty is none", open, paths)
			}
		}
	}
}

func TestImageVolumesAreCovered(t *testing.T) {
	box := driver.NewBox{
		Spec: resource.BoxSpec{Mounts: []resource.MountSpec{{Type: resource.MountTmpfs, Target: "/cache"}}},
		Fact: resource.ImageFact{Volumes: []string{"/cache/", "/data"}}, Volumes: map[string]string{"/data": "v"},
	}
	if _, err := mountsOf(box, engineInfo{}, "agent"); err != nil {
		t.Error(err)
	}
}

func TestRestart(t *testing.T) {
	for text, want := range map[string]container.RestartPolicy{
		"":               {Name: "no"},
		"no":             {Name: "no"},
		"always":         {Name: "always"},
		"unless-stopped": {Name: "unless-stopped"},
		"on-failure":     {Name: "on-failure"},
		"on-failure:3":   {Name: "on-failure", MaximumRetryCount: 3},
	} {
		got, err := restartOf(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if back := restartText(got); text != "" && back != text {
			t.Errorf("%q comes back as %q", text, back)
		}
	}
	for _, text := range []string{"sometimes", "always:3", "on-failure:x", "on-failure:-1"} {
		if got, err := restartOf(text); err == nil {
			t.Errorf("%q is taken as %+v", text, got)
		}
	}
}

func TestChangesOf(t *testing.T) {
	diff := []container.FilesystemChange{
		{Path: "/etc", Kind: container.ChangeModify}, {Path: "/etc/a", Kind: container.ChangeModify},
		{Path: "/etc.d", Kind: container.ChangeAdd}, {Path: "/data", Kind: container.ChangeAdd},
		{Path: "/old", Kind: container.ChangeDelete}, {Path: "/.envy", Kind: container.ChangeAdd},
		{Path: "/var", Kind: container.ChangeModify}, {Path: "/var/lib", Kind: container.ChangeModify},
		{Path: "/var/lib/envy", Kind: container.ChangeAdd}, {Path: "/var/lib/envy/record.json", Kind: container.ChangeAdd},
		{Path: "/var/lib/envy2", Kind: container.ChangeAdd},
	}
	want := []driver.Change{
		{Path: "/etc.d", Kind: driver.Added}, {Path: "/etc/a", Kind: driver.Modified},
		{Path: "/old", Kind: driver.Removed, Deleted: true}, {Path: "/var/lib/envy2", Kind: driver.Added},
	}
	if diff := cmp.Diff(want, changesOf(diff, map[string]bool{"/data": true})); diff != "" {
		t.Error(diff)
	}
}
