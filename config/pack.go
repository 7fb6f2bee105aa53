package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// Packing says how a box becomes a definition that travels.
type Packing struct {
	// Image is what the definition has as image: the box with its packages and setups.
	Image string
	// Keep are texts that must not travel: paths of this machine, values of its environment. What holds one is left out.
	Keep []string
}

// Packed is a definition that was made of a box.
type Packed struct {
	Text []byte   // of its box.hcl
	Left []string // what of the box is not in it, and why, in words
}

// Pack writes what of an evaluated box is its own, and nobody else's: no secret, no path of the host, no number of the
// host's ports, nothing of other boxes and networks, and no file of the checkout. The same box gives the same text.
func (b *Box) Pack(o Packing) Packed {
	file := hclwrite.NewEmptyFile()
	var left []string
	w := &packer{o: o, box: b, body: file.Body().AppendNewBlock("box", nil).Body(), left: &left}
	w.body.SetAttributeValue("image", cty.StringVal(o.Image))
	w.running(b)
	w.limits(b)
	w.rights(b)
	w.mounts(b)
	w.blocks(b)
	w.outside(b)
	text := "# A box that envy package wrote.\n\n" + string(hclwrite.Format(file.Bytes()))
	slices.Sort(left)
	return Packed{Text: []byte(text), Left: left}
}

// packer writes attributes and blocks of one body.
type packer struct {
	o    Packing
	box  *Box
	body *hclwrite.Body
	at   string // before the names of attributes, as Box.Own has them: "", "provision.deps."
	said string // before what is told of them
	left *[]string
}

func (w *packer) leave(format string, args ...any) {
	*w.left = append(*w.left, w.said+fmt.Sprintf(format, args...))
}

// kept reports a text that must not travel.
func (w *packer) kept(texts ...string) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		return slices.ContainsFunc(w.o.Keep, func(k string) bool { return k != "" && strings.Contains(text, k) })
	})
}

const (
	hostWord = "it holds a path or a value of this machine"
	sizeWord = "it follows the host's size"
)

// why says why an attribute does not travel; "" is no reason.
func (w *packer) why(name string, texts ...string) string {
	switch {
	case slices.Contains(w.box.HostSized, w.at+name):
		return sizeWord
	case slices.Contains(w.box.Own, w.at+name), w.kept(texts...):
		return hostWord
	}
	return ""
}

// set writes an attribute that may travel, with the texts that it has.
func (w *packer) set(name string, v cty.Value, texts ...string) {
	if why := w.why(name, texts...); why != "" {
		w.leave("%s: %s", name, why)
		return
	}
	w.body.SetAttributeValue(name, v)
}

func (w *packer) text(name, s string) {
	if s != "" {
		w.set(name, cty.StringVal(s), s)
	}
}

func (w *packer) flag(name string, b bool) {
	if b {
		w.set(name, cty.True)
	}
}

func (w *packer) number(name string, n int64) {
	if n != 0 {
		w.set(name, cty.NumberIntVal(n))
	}
}

func (w *packer) time(name string, d time.Duration) {
	if d != 0 {
		w.set(name, cty.StringVal(d.String()))
	}
}

func (w *packer) list(name string, l []string) {
	if len(l) > 0 {
		w.set(name, listOf(l), l...)
	}
}

func listOf(l []string) cty.Value {
	if len(l) == 0 {
		return cty.EmptyTupleVal
	}
	var vals []cty.Value
	for _, s := range l {
		vals = append(vals, cty.StringVal(s))
	}
	return cty.TupleVal(vals)
}

func (w *packer) command(name string, c *Command) {
	if c != nil {
		w.set(name, listOf(c.Args), c.Args...)
	}
}

// pairs writes a map, whose entries travel one by one.
func (w *packer) pairs(name string, pairs []Pair) {
	vals := map[string]cty.Value{}
	for _, p := range pairs {
		if p.Own || w.kept(p.Key, p.Value) {
			w.leave("%s %s: %s", name, p.Key, hostWord)
			continue
		}
		vals[p.Key] = cty.StringVal(p.Value)
	}
	if len(vals) > 0 {
		w.body.SetAttributeValue(name, cty.ObjectVal(vals))
	}
}

// env leaves sensitive values out, and all that came by env_file is.
func (w *packer) env(vars []EnvVar) {
	vals := map[string]cty.Value{}
	for _, v := range vars {
		switch {
		case v.Value.Sensitive:
			w.leave("env %s: it is sensitive", v.Name)
		case v.Own, w.kept(v.Name, v.Value.Value):
			w.leave("env %s: %s", v.Name, hostWord)
		case v.Unset:
			vals[v.Name] = cty.NullVal(cty.String)
		default:
			vals[v.Name] = cty.StringVal(v.Value.Value)
		}
	}
	if len(vals) > 0 {
		w.body.SetAttributeValue("env", cty.ObjectVal(vals))
	}
}

func (w *packer) running(b *Box) {
	w.flag("service", b.Service)
	w.flag("oneshot", b.Oneshot)
	w.command("command", b.Command)
	w.command("entrypoint", b.Entrypoint)
	w.env(b.Env)
	w.list("path", b.Path)
	w.text("user", b.User)
	w.text("login", b.Login)
	w.list("groups", b.Groups)
	w.text("workdir", b.Workdir)
	w.text("shell", b.Shell)
	if name := b.Restart.Name; name != "" && name != "no" {
		if b.Restart.MaxRetries > 0 {
			name = fmt.Sprintf("%s:%d", name, b.Restart.MaxRetries)
		}
		w.text("restart", name)
	}
	w.text("stop_signal", b.StopSignal)
	if b.StopTimeout != nil {
		w.set("stop_timeout", cty.StringVal(b.StopTimeout.String()))
	}
	w.time("wait_timeout", b.WaitTimeout)
	w.pairs("labels", b.Labels)
	w.text("message", b.Message)
}

func (w *packer) limits(b *Box) {
	if b.CPUs != 0 {
		w.set("cpus", cty.NumberFloatVal(b.CPUs))
	}
	w.number("memory", b.Memory)
	w.number("shm_size", b.ShmSize)
	if limits := map[string]cty.Value{}; len(b.Ulimits) > 0 {
		for _, u := range b.Ulimits {
			limits[u.Name] = cty.ObjectVal(map[string]cty.Value{"soft": cty.NumberIntVal(u.Soft), "hard": cty.NumberIntVal(u.Hard)})
		}
		w.set("ulimits", cty.ObjectVal(limits))
	}
	w.text("platform", b.Platform)
}

// rights are asked about where the box is used, as everywhere.
func (w *packer) rights(b *Box) {
	w.flag("read_only", b.ReadOnly)
	w.flag("privileged", b.Privileged)
	w.list("cap_add", b.CapAdd)
	w.list("cap_drop", b.CapDrop)
	w.list("security_opt", b.SecurityOpt)
	w.pairs("sysctls", b.Sysctls)
	switch g := b.GPUs; {
	case g == nil:
	case g.All:
		w.text("gpus", "all")
	case len(g.IDs) > 0:
		w.leave("gpus: they are this machine's")
	default:
		w.number("gpus", int64(g.Count))
	}
	switch b.NetworkMode.Mode {
	case "host", "none":
		w.text("network_mode", b.NetworkMode.Mode)
	case "box":
		w.leave("network_mode: it names another box")
	}
}

// part is what a block needs: an attribute and its texts.
type part struct {
	name  string
	texts []string
}

// block writes a block, unless something that it needs must not travel.
func (w *packer) block(kind, label string, needs []part, fill func(x *packer)) {
	x := &packer{o: w.o, box: w.box, at: kind + ".", said: kind + ": ", left: w.left}
	var labels []string
	if label != "" {
		x.at, x.said, labels = kind+"."+label+".", fmt.Sprintf("%s %q: ", kind, label), []string{label}
	}
	for _, n := range append(needs, part{"", labels}) {
		if why := x.why(n.name, n.texts...); why != "" {
			x.leave("%s", why)
			return
		}
	}
	x.body = w.body.AppendNewBlock(kind, labels).Body()
	fill(x)
}

func needs(name string, texts ...string) []part { return []part{{name, texts}} }

func (w *packer) mounts(b *Box) {
	for _, v := range b.Volumes {
		w.block("volume", v.Label, needs("target", v.Target), func(x *packer) {
			x.text("target", v.Target)
			x.flag("read_only", v.ReadOnly)
		})
	}
	for _, t := range b.Tmpfs {
		w.block("tmpfs", t.Target, nil, func(x *packer) { x.number("size", t.Size) })
	}
}

func (w *packer) blocks(b *Box) {
	for _, p := range b.Ports {
		w.block("port", p.Label, nil, func(x *packer) {
			x.number("guest", int64(p.Guest))
			x.flag("auto", p.Auto)
			if p.Protocol != "tcp" {
				x.text("protocol", p.Protocol)
			}
		})
	}
	for _, f := range b.Files {
		if f.Content.Sensitive {
			w.leave("file %q: it is sensitive", f.Target)
			continue
		}
		w.block("file", f.Target, append(needs("content", f.Content.Value), part{name: "source"}), func(x *packer) {
			x.set("content", cty.StringVal(f.Content.Value))
			x.text("mode", fmt.Sprintf("%04o", f.Mode))
			x.text("owner", f.Owner)
		})
	}
	for _, p := range b.Provisioners {
		w.provision(p)
	}
	if h := b.Healthcheck; h != nil {
		w.block("healthcheck", "", needs("command", h.Command...), func(x *packer) {
			x.set("command", listOf(h.Command))
			x.time("interval", h.Interval)
			x.time("timeout", h.Timeout)
			x.number("retries", int64(h.Retries))
			x.time("start_period", h.StartPeriod)
		})
	}
}

func (w *packer) provision(p *Provision) {
	switch {
	case len(p.Inputs) > 0:
		w.leave("provision %q: its inputs are files of the checkout", p.Label)
		return
	case p.Run.Sensitive:
		w.leave("provision %q: it is sensitive", p.Label)
		return
	}
	w.block("provision", p.Label, needs("run", p.Run.Value), func(x *packer) {
		x.set("run", cty.StringVal(p.Run.Value))
		if p.When != "changed" {
			x.text("when", p.When)
		}
		x.text("user", p.User)
		x.env(p.Env)
		x.time("timeout", p.Timeout)
		if p.AfterHealthy {
			x.text("after", "healthy")
		}
	})
}

// outside tells of what belongs to the project or the machine.
func (w *packer) outside(b *Box) {
	for _, s := range b.Shares {
		w.leave("share %q: it is a path of this machine", cmp.Or(s.Label, s.Target))
	}
	for _, d := range b.DependsOn {
		w.leave("depends_on %q: it is another box", d.Name)
	}
	for _, n := range b.Networks {
		w.leave("network %q: it is the project's", n.Label)
	}
	for name, there := range map[string]bool{
		"hostname": b.Hostname != "", "aliases": len(b.Aliases) > 0, "dns": len(b.DNS) > 0, "extra_hosts": len(b.ExtraHosts) > 0,
	} {
		if there {
			w.leave("%s: it is of the project's networks", name)
		}
	}
	for _, d := range b.Devices {
		w.leave("device %q: it is this machine's", d.Target)
	}
}
