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
	w := &packer{o: o, body: file.Body().AppendNewBlock("box", nil).Body(), sized: b.HostSized}
	w.text("image", o.Image)
	w.running(b)
	w.limits(b)
	w.rights(b)
	w.mounts(b)
	w.blocks(b)
	w.outside(b)
	text := "# A box that envy package wrote.\n\n" + string(hclwrite.Format(file.Bytes()))
	return Packed{Text: []byte(text), Left: w.left}
}

// packer writes attributes and blocks of one body.
type packer struct {
	o     Packing
	body  *hclwrite.Body
	sized []string
	left  []string
}

func (w *packer) leave(format string, args ...any) {
	w.left = append(w.left, fmt.Sprintf(format, args...))
}

// kept reports a text that must not travel.
func (w *packer) kept(texts ...string) bool {
	for _, text := range texts {
		for _, k := range w.o.Keep {
			if k != "" && strings.Contains(text, k) {
				return true
			}
		}
	}
	return false
}

const hostWord = "it holds a path or a value of this machine"

func (w *packer) set(name string, v cty.Value) { w.body.SetAttributeValue(name, v) }

func (w *packer) text(name, s string) {
	switch {
	case s == "":
	case w.kept(s):
		w.leave("%s: %s", name, hostWord)
	default:
		w.set(name, cty.StringVal(s))
	}
}

func (w *packer) flag(name string, b bool) {
	if b {
		w.set(name, cty.True)
	}
}

func (w *packer) number(name string, n int64) {
	switch {
	case n == 0:
	case slices.Contains(w.sized, name):
		w.leave("%s: it follows the host's size", name)
	default:
		w.set(name, cty.NumberIntVal(n))
	}
}

func (w *packer) time(name string, d time.Duration) {
	if d != 0 {
		w.set(name, cty.StringVal(d.String()))
	}
}

func (w *packer) list(name string, l []string) {
	switch {
	case len(l) == 0:
	case w.kept(l...):
		w.leave("%s: %s", name, hostWord)
	default:
		w.set(name, listOf(l))
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
	switch {
	case c == nil:
	case w.kept(c.Args...):
		w.leave("%s: %s", name, hostWord)
	default:
		w.set(name, listOf(c.Args))
	}
}

func (w *packer) pairs(name string, pairs []Pair) {
	vals := map[string]cty.Value{}
	for _, p := range pairs {
		if w.kept(p.Value) {
			w.leave("%s %s: %s", name, p.Key, hostWord)
			continue
		}
		vals[p.Key] = cty.StringVal(p.Value)
	}
	if len(vals) > 0 {
		w.set(name, cty.ObjectVal(vals))
	}
}

// env leaves sensitive values out, and all that came by env_file is.
func (w *packer) env(of string, vars []EnvVar) {
	vals := map[string]cty.Value{}
	for _, v := range vars {
		switch {
		case v.Unset:
			vals[v.Name] = cty.NullVal(cty.String)
		case v.Value.Sensitive:
			w.leave("%senv %s: it is sensitive", of, v.Name)
		case w.kept(v.Value.Value):
			w.leave("%senv %s: %s", of, v.Name, hostWord)
		default:
			vals[v.Name] = cty.StringVal(v.Value.Value)
		}
	}
	if len(vals) > 0 {
		w.set("env", cty.ObjectVal(vals))
	}
}

func (w *packer) running(b *Box) {
	w.flag("service", b.Service)
	w.flag("oneshot", b.Oneshot)
	w.command("command", b.Command)
	w.command("entrypoint", b.Entrypoint)
	w.env("", b.Env)
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
	switch {
	case b.CPUs == 0:
	case slices.Contains(w.sized, "cpus"):
		w.leave("cpus: it follows the host's size")
	default:
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

// block writes a block with its label.
func (w *packer) block(name string, label ...string) *packer {
	return &packer{o: w.o, body: w.body.AppendNewBlock(name, label).Body()}
}

func (w *packer) mounts(b *Box) {
	for _, v := range b.Volumes {
		x := w.block("volume", v.Label)
		x.text("target", v.Target)
		x.flag("read_only", v.ReadOnly)
	}
	for _, t := range b.Tmpfs {
		w.block("tmpfs", t.Target).number("size", t.Size)
	}
}

func (w *packer) blocks(b *Box) {
	for _, p := range b.Ports {
		x := w.block("port", p.Label)
		x.number("guest", int64(p.Guest))
		x.flag("auto", p.Auto)
		if p.Protocol != "tcp" {
			x.text("protocol", p.Protocol)
		}
	}
	for _, f := range b.Files {
		switch {
		case f.Content.Sensitive:
			w.leave("file %q: it is sensitive", f.Target)
		case w.kept(f.Content.Value):
			w.leave("file %q: %s", f.Target, hostWord)
		default:
			x := w.block("file", f.Target)
			x.set("content", cty.StringVal(f.Content.Value))
			x.text("mode", fmt.Sprintf("%04o", f.Mode))
			x.text("owner", f.Owner)
		}
	}
	for _, p := range b.Provisioners {
		w.provision(p)
	}
	if h := b.Healthcheck; h != nil {
		x := w.block("healthcheck")
		x.set("command", listOf(h.Command))
		x.time("interval", h.Interval)
		x.time("timeout", h.Timeout)
		x.number("retries", int64(h.Retries))
		x.time("start_period", h.StartPeriod)
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
	case w.kept(p.Run.Value):
		w.leave("provision %q: %s", p.Label, hostWord)
		return
	}
	x := w.block("provision", p.Label)
	x.set("run", cty.StringVal(p.Run.Value))
	if p.When != "changed" {
		x.text("when", p.When)
	}
	x.text("user", p.User)
	x.env(fmt.Sprintf("provision %q: ", p.Label), p.Env)
	x.time("timeout", p.Timeout)
	if p.AfterHealthy {
		x.text("after", "healthy")
	}
	w.left = append(w.left, x.left...)
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
	slices.Sort(w.left)
}
