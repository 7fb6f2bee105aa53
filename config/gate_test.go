package config_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gate evaluates and returns the gate list, one text an entry.
func gate(t *testing.T, body string) []string {
	t.Helper()
	var out []string
	for _, g := range load(t, values(), body).Gate {
		out = append(out, fmt.Sprintf("%d %s: %s", g.Range.Start.Line, g.Kind, g.What))
	}
	return out
}

func TestGate(t *testing.T) {
	for name, tc := range map[string]struct {
		src  string
		want []string
	}{
		"nothing":      {box("share \".\" {\ntarget = \"/w\"\n}\nport \"80\" {}\nenv = { H = env(\"HOME\"), N = env(\"UNSET\", \"x\") }"), nil},
		"share":        {box("share \"/etc/app\" {\ntarget = \"/w\"\nread_only = true\n}"), []string{`3 share: box "a" shares /etc/app, outside the project (read)`}},
		"share home":   {box("share \"~/.ssh\" {\ntarget = \"/w\"\n}"), []string{`3 share: box "a" shares /home/u/.ssh, outside the project (read and write)`}},
		"share up":     {box("share \"../x\" {\ntarget = \"/w\"\nmode = \"copy\"\n}"), []string{`3 share: box "a" shares /home/u/x, outside the project (a copy of)`}},
		"socket":       {box("share \"/var/run/docker.sock\" {\ntarget = \"/s\"\n}"), []string{`3 socket: box "a" can use the engine's socket /var/run/docker.sock: it can do anything on this machine (shares /var/run/docker.sock)`}},
		"above socket": {box("share \"/var/run\" {\ntarget = \"/s\"\n}"), []string{`3 socket: box "a" can use the engine's socket /var/run/docker.sock: it can do anything on this machine (shares /var/run)`}},
		"writable": {box("share \".\" {\ntarget = \"/w\"\n}\nshare \"data\" {\ntarget = \"/d\"\n}"),
			[]string{`6 writable source: box "a" shares /home/u/shop/data, which lies in a folder that box "a" can write`}},
		"not writable":  {box("share \".\" {\ntarget = \"/w\"\nread_only = true\n}\nshare \"data\" {\ntarget = \"/d\"\n}"), nil},
		"context":       {"box \"a\" {\nbuild {\ncontext = \"/outside/ctx\"\n}\n}", []string{`3 context: box "a" is built from /outside/ctx, outside the project`}},
		"privileged":    {box("privileged = true"), []string{`3 privileged: box "a" is privileged: all of this machine's devices and rights`}},
		"cap":           {box("cap_add = [\"cap_sys_admin\"]"), []string{`3 cap_add: box "a" gets the capability SYS_ADMIN`}},
		"device":        {box("devices = [\"/dev/fuse\"]"), []string{`3 device: box "a" gets the device /dev/fuse (rwm)`}},
		"gpu":           {box("gpus = [\"0\", \"1\"]"), []string{`3 gpu: box "a" gets graphics processors: 0, 1`}},
		"security":      {box("security_opt = [\"no-new-privileges\"]"), []string{`3 security_opt: box "a" has the security option no-new-privileges`}},
		"host network":  {box("network_mode = \"host\""), []string{`3 host network: box "a" uses this machine's own network`}},
		"public port":   {box("port \"80\" {\nhost = 80\naddress = \"0.0.0.0\"\n}"), []string{`4 public port: box "a" publishes port "80" on 0.0.0.0, beyond this machine`}},
		"loopback port": {box("port \"80\" {\nhost = 80\naddress = \"::1\"\n}"), nil},
		"volume":        {box("") + "volume \"v\" { external = \"x\" }", []string{`5 external volume: volume "v" uses the volume x, which is not the project's`}},
		"network":       {box("") + "network \"n\" { external = \"x\" }", []string{`5 external network: network "n" uses the network x, which is not the project's`}},
		"env":           {box("env = {\nA = env(\"API_KEY\")\n}"), []string{`4 environment: reads the environment variable API_KEY`}},
		"env in local":  {"locals {\nx = \"${env(\"API_KEY\")}\"\n}\n" + box(""), []string{`2 environment: reads the environment variable API_KEY`}},
		"env by name":   {"locals {\nn = \"API_KEY\"\nx = env(local.n)\n}\n" + box(""), []string{`3 environment: reads the environment variable API_KEY`}},
		"once":          {box("count = 3\nprivileged = true"), []string{`4 privileged: box "a" is privileged: all of this machine's devices and rights`}},
		"disabled":      {box("") + "box \"b\" {\nenabled = false\nimage = \"x\"\nprivileged = true\n}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, gate(t, tc.src)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGateCheckoutIsHome(t *testing.T) {
	v := values()
	v.Home = checkoutDir
	g := load(t, v, box("")).Gate
	if len(g) != 1 || g[0].Kind != "checkout" {
		t.Errorf("%+v", g)
	}
}

func TestGateSockets(t *testing.T) {
	v := values()
	v.Sockets = []string{"/outside/run/engine.sock"}
	g := load(t, v, box("share \"/outside/run\" {\ntarget = \"/s\"\n}")).Gate
	if len(g) != 1 || g[0].Kind != "socket" {
		t.Errorf("%+v", g)
	}
}
