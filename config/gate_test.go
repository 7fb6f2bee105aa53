package config_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/config"
)

// gate evaluates and returns the gate list, one text an entry.
func gate(t *testing.T, body string) []string {
	t.Helper()
	var out []string
	v := values()
	v.Files = linked{files(), map[string]string{
		"/home/u/shop/away": "/etc/app", "/home/u/shop/near": "/home/u/shop/src/deep", "/home/u/shop/sock": "/run/docker.sock",
		"/home/u/shop/odd": "/etc/x (read)\n\x1b[2J", "/home/u/shop/null": "/dev/sda", "/dev/serial/x": "/dev/ttyUSB0", "/dev/moved": "/etc/moved",
	}}
	for _, g := range load(t, v, body).Gate {
		out = append(out, fmt.Sprintf("%d %s: %s", g.Range.Start.Line, g.Kind, g.What))
	}
	return out
}

// linked is a checkout with links: where each leads, which exists.
type linked struct {
	checkout
	links map[string]string
}

func (l linked) Resolve(p string) config.Location {
	to, ok := l.links[p]
	if !ok {
		return l.checkout.Resolve(p)
	}
	loc := l.checkout.Resolve(to)
	loc.Exists, loc.Dir = true, true
	return loc
}

func TestGate(t *testing.T) {
	for name, tc := range map[string]struct {
		src  string
		want []string
	}{
		"nothing": {box("share \".\" {\ntarget = \"/w\"\n}\nport \"80\" {}\nenv = { H = env(\"HOME\"), N = env(\"UNSET\", \"x\") }"), nil},
		"share":   {box("share \"/etc/app\" {\ntarget = \"/w\"\nread_only = true\n}"), []string{`3 share: box "a" shares /etc/app, outside the project (read)`}},
		"team cache": {"cache {\nregistry = \"registry.example.com/team/x\"\n}\n" + box(""), []string{
			"2 cache: images are taken from registry.example.com/team/x, where others can put them, and pushed there on demand",
		}},
		"team cache that is off":      {"cache {\nenabled = false\nregistry = \"registry.example.com/team/x\"\n}\n" + box(""), nil},
		"share home":                  {box("share \"~/.ssh\" {\ntarget = \"/w\"\n}"), []string{`3 share: box "a" shares /home/u/.ssh, outside the project (read and write)`}},
		"share up":                    {box("share \"../x\" {\ntarget = \"/w\"\nmode = \"copy\"\n}"), []string{`3 share: box "a" shares /home/u/x, outside the project (copied once)`}},
		"socket":                      {box("share \"/var/run/docker.sock\" {\ntarget = \"/s\"\n}"), []string{`3 socket: box "a" can use the engine's socket /var/run/docker.sock: it can do anything on this machine (shares /var/run/docker.sock; read and write)`}},
		"above socket":                {box("share \"/var/run\" {\ntarget = \"/s\"\n}"), []string{`3 socket: box "a" can use the engine's socket /var/run/docker.sock: it can do anything on this machine (shares /var/run; read and write)`}},
		"root":                        {box("share \"/\" {\ntarget = \"/host\"\nread_only = true\n}"), []string{`3 socket: box "a" can use the engine's socket /var/run/docker.sock: it can do anything on this machine (shares /; read)`}},
		"copy of the socket's folder": {box("share \"/var/run\" {\ntarget = \"/s\"\nmode = \"copy\"\n}"), []string{`3 share: box "a" shares /var/run, outside the project (copied once)`}},
		"made outside":                {box("share \"/outside/../new/x\" {\ntarget = \"/w\"\ncreate = true\n}"), []string{`3 share: box "a" shares /new/x, outside the project (read and write; made where it is missing)`}},
		"dots":                        {box("share \"src/../../x\" {\ntarget = \"/w\"\n}"), []string{`3 share: box "a" shares /home/u/x, outside the project (read and write)`}},
		"dots inside":                 {box("share \"../shop/src\" {\ntarget = \"/w\"\n}"), nil},
		"link outside":                {box("share \"away\" {\ntarget = \"/w\"\n}"), []string{`3 share: box "a" shares /etc/app, outside the project (read and write)`}},
		"below a link":                {box("share \"away/../app\" {\ntarget = \"/w\"\n}"), nil}, // cleaned before links are followed
		"link within":                 {box("share \"near\" {\ntarget = \"/w\"\n}"), nil},
		"link to the socket":          {box("share \"sock\" {\ntarget = \"/w\"\n}"), []string{`3 socket: box "a" can use the engine's socket /run/docker.sock: it can do anything on this machine (shares /run/docker.sock; read and write)`}},
		"link by a source":            {box("share \"x\" {\nsource = \"away\"\ntarget = \"/w\"\n}"), []string{`4 share: box "a" shares /etc/app, outside the project (read and write)`}},
		"odd name":                    {box("share \"odd\" {\ntarget = \"/w\"\n}"), []string{`3 share: box "a" shares "/etc/x (read)\n\x1b[2J", outside the project (read and write)`}},
		"context link":                {"box \"a\" {\nbuild {\ncontext = \"away\"\n}\n}", []string{`3 context: box "a" is built from /etc/app, outside the project`}},
		"context above":               {"box \"a\" {\nbuild {\ncontext = \"..\"\n}\n}", []string{`3 context: box "a" is built from /home/u, outside the project`}},
		"device link": {box("devices = [\"/dev/serial/x\", \"/dev/moved\", \"/home/u/shop/null\"]"), []string{
			`3 device: box "a" gets the device /dev/serial/x (rwm)`, `3 device: box "a" gets the device /etc/moved (rwm)`, `3 device: box "a" gets the device /dev/sda (rwm)`,
		}},
		"link into a writable folder": {box("share \"src\" {\ntarget = \"/w\"\n}\nshare \"near\" {\ntarget = \"/d\"\n}"),
			[]string{`6 writable source: box "a" shares ./src/deep, which lies in a folder that box "a" can write`}},
		"copied from a writable folder": {box("share \".\" {\ntarget = \"/w\"\n}\nshare \"data\" {\ntarget = \"/d\"\nmode = \"copy\"\n}"),
			[]string{`6 writable source: box "a" shares ./data, which lies in a folder that box "a" can write`}},
		"writable by another": {box("share \"data\" {\ntarget = \"/d\"\n}") + "box \"b\" {\nimage = \"x\"\nshare \".\" {\ntarget = \"/w\"\n}\n}",
			[]string{`3 writable source: box "a" shares ./data, which lies in a folder that box "b" can write`}},
		"writable by one that is off": {box("share \"data\" {\ntarget = \"/d\"\n}") + "box \"b\" {\nenabled = false\nimage = \"x\"\nshare \".\" {\ntarget = \"/w\"\n}\n}", nil},
		"copies write nothing":        {box("share \".\" {\ntarget = \"/w\"\nmode = \"copy\"\n}\nshare \"data\" {\ntarget = \"/d\"\n}"), nil},
		"the same folder twice":       {box("share \".\" {\ntarget = \"/w\"\n}") + "box \"b\" {\nimage = \"x\"\nshare \".\" {\ntarget = \"/w\"\n}\n}", nil},
		"outside and writable": {box("share \"/outside\" {\ntarget = \"/w\"\n}\nshare \"/outside/x\" {\ntarget = \"/d\"\nread_only = true\n}"), []string{
			`3 share: box "a" shares /outside, outside the project (read and write)`, `6 share: box "a" shares /outside/x, outside the project (read)`,
			`6 writable source: box "a" shares /outside/x, which lies in a folder that box "a" can write`,
		}},
		"writable": {box("share \".\" {\ntarget = \"/w\"\n}\nshare \"data\" {\ntarget = \"/d\"\n}"),
			[]string{`6 writable source: box "a" shares ./data, which lies in a folder that box "a" can write`}},
		"not writable":      {box("share \".\" {\ntarget = \"/w\"\nread_only = true\n}\nshare \"data\" {\ntarget = \"/d\"\n}"), nil},
		"context":           {"box \"a\" {\nbuild {\ncontext = \"/outside/ctx\"\n}\n}", []string{`3 context: box "a" is built from /outside/ctx, outside the project`}},
		"privileged":        {box("privileged = true"), []string{`3 privileged: box "a" is privileged: all of this machine's devices and rights`}},
		"cap":               {box("cap_add = [\"cap_sys_admin\"]"), []string{`3 cap_add: box "a" gets the capability SYS_ADMIN`}},
		"device":            {box("devices = [\"/dev/fuse\"]"), []string{`3 device: box "a" gets the device /dev/fuse (rwm)`}},
		"gpu":               {box("gpus = [\"0\", \"1\"]"), []string{`3 gpu: box "a" gets graphics processors: 0, 1`}},
		"security":          {box("security_opt = [\"no-new-privileges\"]"), []string{`3 security_opt: box "a" has the security option no-new-privileges`}},
		"host network":      {box("network_mode = \"host\""), []string{`3 host network: box "a" uses this machine's own network`}},
		"public port":       {box("port \"80\" {\nhost = 80\naddress = \"0.0.0.0\"\n}"), []string{`4 public port: box "a" publishes port "80" (80/tcp) on 0.0.0.0 port 80, beyond this machine`}},
		"public port, any":  {box("port \"dns\" {\nguest = 53\nprotocol = \"udp\"\naddress = \"::\"\n}"), []string{`3 public port: box "a" publishes port "dns" (53/udp) on ::, beyond this machine`}},
		"public port, auto": {box("port \"80\" {\nhost = 80\nauto = true\naddress = \"10.0.0.1\"\n}"), []string{`4 public port: box "a" publishes port "80" (80/tcp) on 10.0.0.1, beyond this machine`}},
		"public ports of replicas": {box("count = 2\nport \"80\" {\nhost = 80\naddress = \"0.0.0.0\"\n}"), []string{
			`5 public port: box "a" publishes port "80" (80/tcp) on 0.0.0.0 port 80, beyond this machine`, `5 public port: box "a" publishes port "80" (80/tcp) on 0.0.0.0 port 81, beyond this machine`,
		}},
		"loopback port":      {box("port \"80\" {\nhost = 80\naddress = \"::1\"\n}"), nil},
		"volume":             {box("") + "volume \"v\" { external = \"x\" }", []string{`5 external volume: volume "v" uses the volume x, which is not the project's`}},
		"network":            {box("") + "network \"n\" { external = \"x\" }", []string{`5 external network: network "n" uses the network x, which is not the project's`}},
		"host's network":     {box("") + "network \"n\" { external = \"host\" }", []string{`5 host network: network "n" is this machine's own network`}},
		"env in a template":  {"locals {\nx = templatefile(\"key.tmpl\", {})\n}\n" + box(""), []string{`2 environment: reads the environment variable API_KEY`}},
		"env in a variable":  {"variable \"v\" {\ndefault = \"x\"\nvalidation {\ncondition = env(\"API_KEY\") != \"\"\nerror_message = \"no\"\n}\n}\n" + box(""), []string{`4 environment: reads the environment variable API_KEY`}},
		"env of envy":        {box("env = { A = env(\"ENVY_VAR_from_env\"), B = env(\"LC_ALL\", \"C\"), C = env(\"TERM\", \"x\") }"), nil},
		"env set to nothing": {box("env = { A = env(\"EMPTY\", \"x\") }"), []string{`3 environment: reads the environment variable EMPTY`}},
		"env":                {box("env = {\nA = env(\"API_KEY\")\n}"), []string{`4 environment: reads the environment variable API_KEY`}},
		"env in local":       {"locals {\nx = \"${env(\"API_KEY\")}\"\n}\n" + box(""), []string{`2 environment: reads the environment variable API_KEY`}},
		"env by name":        {"locals {\nn = \"API_KEY\"\nx = env(local.n)\n}\n" + box(""), []string{`3 environment: reads the environment variable API_KEY`}},
		"once":               {box("count = 3\nprivileged = true"), []string{`4 privileged: box "a" is privileged: all of this machine's devices and rights`}},
		"disabled":           {box("") + "box \"b\" {\nenabled = false\nimage = \"x\"\nprivileged = true\n}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, gate(t, tc.src)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGateBroadCheckout(t *testing.T) {
	for root, want := range map[string]string{
		"/home/u": "the project's directory /home/u is your home directory, or holds it",
		"/":       "the project's directory / is all of this machine's files",
	} {
		v := values()
		v.Broad, v.Root = true, root
		g := load(t, v, box("")).Gate
		if len(g) != 1 || g[0].Kind != "checkout" || g[0].What != want || g[0].Reaches != root || g[0].Range.Start.Line != 1 {
			t.Errorf("%s: %+v", root, g)
		}
	}
}

func TestGateSockets(t *testing.T) {
	v := values()
	asked := 0
	v.Sockets = func() []string { asked++; return []string{"/outside/run/engine.sock", "/home/u/shop/src/engine.sock"} }
	if load(t, v, box("")); asked != 0 {
		t.Error("asked though nothing is shared")
	}
	for _, share := range []string{"/outside/run", "/outside/run/engine.sock", ".", "src"} {
		g := load(t, v, box(fmt.Sprintf("share %q {\ntarget = \"/s\"\n}", share))).Gate
		if len(g) != 1 || g[0].Kind != "socket" {
			t.Errorf("%s: %+v", share, g)
		}
	}
}

// What each entry reaches, for programs.
func TestGateReaches(t *testing.T) {
	v := values()
	var got []string
	for _, g := range load(t, v, box(`
cap_add = ["SYS_PTRACE"]
devices = ["/dev/fuse:/dev/x:r"]
port "80" { address = "0.0.0.0" }
share "/etc/app" { target = "/w" }
env = { K = env("API_KEY") }
`)+`
volume "v" { external = "theirs" }
box "b" {
  image      = "debian"
  privileged = true
}`, "box \"a\" {\ngpus = 2\n}").Gate {
		got = append(got, g.Range.File+" "+string(g.Kind)+" "+g.Reaches)
	}
	want := []string{
		"Envfile cap_add SYS_PTRACE", "Envfile device /dev/fuse", "Envfile public port 0.0.0.0", "Envfile share /etc/app",
		"Envfile environment API_KEY", "Envfile external volume theirs", "Envfile privileged ", "Envfile.local gpu 2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
