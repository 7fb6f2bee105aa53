package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/internal/diag"
	"github.com/hashicorp/hcl/v2"
)

// boxReader builds one box.
type boxReader struct {
	e    *evaluation
	pr   *Project
	plan *boxPlan
	v    values
	b    *Box
	// taken are the targets of mounts and files with what takes them.
	taken map[string]string
}

// box evaluates a box with all that is in it: round two.
func (e *evaluation) box(pr *Project, plan *boxPlan) *Box {
	e.enterBox(selfValue(plan, true))
	e.checkModules(plan.node)
	r := &boxReader{e: e, pr: pr, plan: plan, v: e.decode(plan.node), taken: map[string]string{}}
	r.b = &Box{
		Label: plan.node.label, Name: plan.name, Index: plan.index, Counted: plan.counted,
		Range: toRange(plan.node.header), Attrs: map[string]diag.Range{},
		From: plan.node.from, NetworkMode: plan.mode, Ports: plan.ports, HostSized: r.v.sized, Own: r.v.own,
	}
	for name, a := range plan.node.attrs {
		r.b.Attrs[name] = toRange(a.at())
	}
	r.base()
	r.process()
	r.limits()
	r.network()
	for _, n := range plan.node.children {
		if !plan.off[n] && n.schema.name != "port" {
			r.block(n)
		}
	}
	r.check()
	e.boxGate(r)
	return r.b
}

func (r *boxReader) base() {
	b, v := r.b, r.v
	b.Primary, b.Autostart = v.flag("primary", false), v.flag("autostart", true)
	b.Image, b.Message = v.str("image"), v.str("message")
	b.Labels, b.Packages = v.pairs("labels"), packages(v.words("packages"))
	for _, w := range v.words("depends_on") {
		b.DependsOn = append(b.DependsOn, w.Ref)
	}
}

// packages splits the version off.
func packages(words []word) []Package {
	var list []Package
	for _, w := range words {
		name, version, _ := strings.Cut(w.Name, "=")
		list = append(list, Package{Name: name, Version: version, Written: w.Name, Range: w.Range})
	}
	return list
}

func (r *boxReader) process() {
	b, v := r.b, r.v
	b.Service, b.Oneshot = v.flag("service", false), v.flag("oneshot", false)
	b.Command, _ = get[*Command](v, "command")
	b.Entrypoint, _ = get[*Command](v, "entrypoint")
	b.Env = r.env()
	b.Path, b.Groups = v.strs("path"), v.strs("groups")
	b.User, b.Login = v.str("user"), v.str("login")
	b.Workdir, b.Shell = v.str("workdir"), v.str("shell")
	b.Restart = restartOf(v.str("restart"))
	b.StopSignal = v.str("stop_signal")
	if d, ok := get[time.Duration](v, "stop_timeout"); ok {
		if b.StopTimeout = &d; d < time.Second {
			r.e.p.errorf(v.at("stop_timeout"), "`stop_timeout`: expected at least 1s").hint = `a box that need not end by itself: stop_signal = "SIGKILL"`
		}
	}
	b.WaitTimeout = v.duration("wait_timeout")
	if v.m["wait_timeout"] != nil && b.WaitTimeout == 0 {
		r.e.p.errorf(v.at("wait_timeout"), "`wait_timeout`: expected more than nothing")
	}
}

// env lays env over the files of env_file.
func (r *boxReader) env() []EnvVar {
	merged := map[string]EnvVar{}
	if r.v.module("env_file").elsewhere() && r.v.written("env_file") {
		r.e.p.errorf(r.v.at("env_file"), "`env_file` cannot stand in a definition from elsewhere").detail = "it would read the project's files; a box of the Envfile may"
		return nil
	}
	for _, w := range r.v.words("env_file") {
		entries, err := r.e.host.of(nil).dotenv(w.Name)
		if err != nil {
			r.e.p.errorf(w.at, "`env_file`: %s", tellable(err, w.quiet))
			continue
		}
		for _, entry := range entries {
			if len(entry.name)+1+len(entry.value) > maxEnvEntry {
				r.e.p.errorf(w.at, "`env_file`: line %d: a variable holds at most %d bytes, its name and = included", entry.line, maxEnvEntry)
				continue
			}
			merged[entry.name] = EnvVar{Name: entry.name, Value: Text{Value: entry.value, Sensitive: true}, Range: w.Range}
		}
	}
	written, _ := get[[]EnvVar](r.v, "env")
	for _, entry := range written {
		merged[entry.Name] = entry
	}
	var list []EnvVar
	for _, name := range keys(merged) {
		list = append(list, merged[name])
	}
	return list
}

func (r *boxReader) limits() {
	b, v := r.b, r.v
	b.CPUs, _ = get[float64](v, "cpus")
	if v.m["cpus"] != nil && (b.CPUs < 0.01 || b.CPUs > 100_000) {
		r.e.p.errorf(v.at("cpus"), "`cpus`: expected a number of at least 0.01")
	}
	b.Memory, b.ShmSize = v.integer("memory"), v.integer("shm_size")
	if v.m["memory"] != nil && b.Memory < 6<<20 {
		r.e.p.errorf(v.at("memory"), "`memory`: expected at least 6m, the engine's minimum")
	}
	if v.m["shm_size"] != nil && b.ShmSize <= 0 {
		r.e.p.errorf(v.at("shm_size"), "`shm_size`: expected more than nothing")
	}
	b.GPUs, _ = get[*GPUs](v, "gpus")
	b.Ulimits, _ = get[[]Ulimit](v, "ulimits")
	b.Platform = v.str("platform")
	b.ReadOnly, b.Privileged = v.flag("read_only", false), v.flag("privileged", false)
	b.CapAdd, b.CapDrop = capabilities(v.strs("cap_add")), capabilities(v.strs("cap_drop"))
	for _, w := range v.words("devices") {
		d := deviceOf(w)
		r.take(d.Target, "device", w.quiet, w.at)
		d.Place = r.e.resolve(d.Host)
		b.Devices = append(b.Devices, d)
	}
	b.SecurityOpt, b.Sysctls = v.strs("security_opt"), v.pairs("sysctls")
}

func deviceOf(w word) Device {
	parts := strings.Split(w.Name, ":")
	d := Device{Host: parts[0], Target: parts[0], Permissions: "rwm", Range: w.Range}
	if len(parts) > 1 {
		d.Target = parts[1]
	}
	if len(parts) > 2 {
		d.Permissions = parts[2]
	}
	return d
}

func capabilities(names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
	}
	return list
}

func restartOf(s string) Restart {
	name, retries, _ := strings.Cut(s, ":")
	if name == "" {
		name = "no"
	}
	n, err := strconv.Atoi(retries)
	if err != nil {
		n = 0 // none is written: the rule has seen to the rest
	}
	return Restart{Name: name, MaxRetries: n}
}

func networkModeOf(s string) NetworkMode {
	if name, ok := strings.CutPrefix(s, "box:"); ok {
		return NetworkMode{Mode: "box", Box: name}
	}
	if s == "bridge" {
		s = ""
	}
	return NetworkMode{Mode: s}
}

func (r *boxReader) network() {
	b, v := r.b, r.v
	b.Hostname, b.Aliases = v.str("hostname"), v.strs("aliases")
	b.DNS, b.ExtraHosts = v.strs("dns"), v.pairs("extra_hosts")
}

// block builds one block inside the box.
func (r *boxReader) block(n *node) {
	v := r.e.decode(n)
	for _, name := range v.sized {
		r.b.HostSized = append(r.b.HostSized, blockPath(n)+"."+name)
	}
	for _, name := range v.own {
		r.b.Own = append(r.b.Own, blockPath(n)+"."+name)
	}
	at := toRange(n.header)
	switch n.schema.name {
	case "build":
		r.build(v, at)
	case "share":
		r.share(v, at)
	case "volume":
		r.volume(v, at)
	case "tmpfs":
		r.b.Tmpfs = append(r.b.Tmpfs, &Tmpfs{Target: n.label, Size: v.integer("size"), Range: at})
		if v.m["size"] != nil && v.integer("size") == 0 {
			r.e.p.errorf(v.at("size"), "`size`: expected more than nothing")
		}
		r.take(n.label, "tmpfs", false, n.header)
	case "network":
		r.join(v, at)
	case "file":
		r.file(v, at)
	case "setup":
		r.setup(v, at)
	case "provision":
		r.provision(v, at)
	case "healthcheck":
		r.healthcheck(v, at)
	}
}

// blockPath names a block inside a box: "healthcheck", "provision.deps".
func blockPath(n *node) string {
	if n.label == "" {
		return n.schema.name
	}
	return n.schema.name + "." + n.label
}

// check reports what does not go together in one box.
func (r *boxReader) check() {
	b, v, p := r.b, r.v, r.e.p
	if b.Build != nil && b.Image != "" {
		p.errorf(v.at("image"), "box %q has an image and a build; one of them is its base", b.Label)
	}
	refused := v.node.refused
	if b.Build == nil && !v.written("image") && !r.hadBuild() && !refused["image"] && !refused["build"] && !refused["from"] {
		p.errorf(v.node.header, "box %q has no base", b.Label).hint = `write image = "…" or a build block`
	}
	if b.Service && b.Command != nil {
		p.errorf(v.at("command"), "box %q has `service` and `command`", b.Label).hint = "service = true runs the image's own command; leave one of them out"
	}
	if b.Service && b.Entrypoint != nil {
		p.errorf(v.at("entrypoint"), "box %q has `service` and `entrypoint`", b.Label).hint = "service = true runs the image's own entrypoint; leave one of them out"
	}
	if b.Service && b.Oneshot {
		p.errorf(v.at("oneshot"), "box %q has `service` and `oneshot`: one runs on, the other ends", b.Label)
	}
	if b.Entrypoint != nil && len(b.Entrypoint.Args) == 0 && b.Command == nil {
		p.errorf(v.at("entrypoint"), "box %q runs nothing: an empty entrypoint drops the image's command too", b.Label).hint = "write command beside it; to idle, leave both out"
	}
	if b.Oneshot && b.Restart.Name != "no" {
		p.errorf(v.at("restart"), "box %q is a oneshot, which the engine must not restart", b.Label)
	}
	if b.Oneshot && b.Healthcheck != nil {
		p.errorf(v.at("oneshot"), "box %q is a oneshot and has a healthcheck; it is ready when it has ended", b.Label)
	}
	r.checkRights()
	r.checkNetworkMode()
	r.checkAfterHealthy()
}

// hadBuild: a build block is written, but failed or is off.
func (r *boxReader) hadBuild() bool {
	n := r.plan.node.find("build", "")
	return n != nil && !r.plan.off[n]
}

// checkRights: what the engine would refuse to do, or would do nothing about.
func (r *boxReader) checkRights() {
	b, v, p := r.b, r.v, r.e.p
	if b.Privileged && len(b.CapDrop) > 0 {
		p.errorf(v.at("cap_drop"), "`cap_drop` does not go with `privileged`, which gives every capability")
	}
	for _, s := range b.Shares {
		if b.ReadOnly && s.Mode == ShareCopy {
			p.errorf(v.at("read_only"), "box %q has a read-only root file system, into which share %q cannot be copied", b.Label, clip(s.Label))
		}
	}
	for _, s := range b.Sysctls {
		if b.NetworkMode.Mode == "host" && strings.HasPrefix(dotted(s.Key), "net.") {
			p.errorf(v.at("sysctls"), "`sysctls`: %s does not go with network_mode = \"host\"", v.shown("sysctls", s.Key))
		}
	}
}

// checkNetworkMode: with another network than the project's, what belongs to that network is an error here.
func (r *boxReader) checkNetworkMode() {
	mode := r.b.NetworkMode.Mode
	if mode == "" {
		return
	}
	written := "network_mode = \"" + mode + "\""
	refused := []string{"aliases"}
	switch mode {
	case "box":
		refused = []string{"aliases", "hostname", "dns", "extra_hosts"}
		written = `network_mode = "box:NAME"`
	case "none":
		refused = []string{"aliases", "dns", "extra_hosts"}
	}
	for _, name := range refused {
		if r.v.written(name) {
			r.e.p.errorf(r.v.at(name), "`%s` does not go with %s", name, written)
		}
	}
	for _, n := range r.plan.node.children {
		if (n.schema.name == "port" || n.schema.name == "network") && !r.plan.off[n] {
			r.e.p.errorf(n.header, "%s does not go with %s", n.describe(), written)
		}
	}
}

// checkAfterHealthy: an idle box never gets healthy without a check of its own; an image's counts where a command runs.
func (r *boxReader) checkAfterHealthy() {
	if r.b.Healthcheck != nil || !r.b.Idles() {
		return
	}
	for _, p := range r.b.Provisioners {
		if p.AfterHealthy {
			n := r.plan.node.find("provision", p.Label)
			r.e.p.errorf(n.attrs["after"].at(), "provision %q waits for health, but box %q idles and has no healthcheck", p.Label, r.b.Label)
		}
	}
}

// take claims a path in the box.
func (r *boxReader) take(target, what string, quiet bool, at hcl.Range) {
	if prior, ok := r.taken[target]; ok {
		r.e.p.errorf(at, "%s is the target of a %s and of a %s in box %q", shown(target, quiet), prior, what, r.b.Label)
		return
	}
	r.taken[target] = what
}

// sortedBoxes lists the names of boxes for suggestions.
func sortedBoxes(boxes []*Box) []string {
	var names []string
	for _, b := range boxes {
		names = append(names, b.Name)
		if b.Counted && b.Index == 1 {
			names = append(names, b.Label)
		}
	}
	slices.Sort(names)
	return names
}
