package plan

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/envyhq/envy/provision/resource"
)

// class says what a difference in an attribute leads to.
type class int

const (
	replaces class = iota
	inPlace
)

// attr is one attribute of a spec, as the Envfile would write it.
type attr struct {
	path  string
	value string
	class class
}

// attrs flattens a spec into attributes in the order in which people read a box. What is never compared (Meta, volumes
// that stand for an image's VOLUME) is left out. In place are only the attributes that §5 lists.
func attrs(s resource.BoxSpec) []attr {
	l := &attrList{}
	l.image(s.Image)
	l.run(s)
	l.user(s)
	l.ports(s.Ports)
	l.mounts(s.Mounts)
	l.networks(s)
	l.inside(s)
	l.limits(s)
	l.engine(s)
	return l.list
}

type attrList struct{ list []attr }

func (l *attrList) add(c class, path, value string) {
	if value != "" {
		l.list = append(l.list, attr{path, value, c})
	}
}

func (l *attrList) flag(path string, on bool) {
	if on {
		l.add(replaces, path, "true")
	}
}

func (l *attrList) strs(c class, path string, v []string) {
	if len(v) > 0 {
		l.add(c, path, list(v))
	}
}

func (l *attrList) strMap(path string, m resource.StrMap) {
	for _, k := range keys(m) {
		l.list = append(l.list, attr{path + "." + k, quote(m[k]), replaces})
	}
}

func (l *attrList) image(i resource.ImageSpec) {
	l.add(replaces, "image", i.Reference)
	if i.Build != nil {
		l.add(replaces, "build.context", short(i.Build.Context))
		l.add(replaces, "build.dockerfile", short(i.Build.Dockerfile))
		l.add(replaces, "build.target", i.Build.Target)
		l.strMap("build.args", i.Build.Args)
		for _, name := range keys(i.Build.From) {
			l.add(replaces, fromAttr+name, i.Build.From[name])
		}
	}
	l.add(replaces, baseAttr, i.Base)
	l.add(replaces, "platform", i.Platform)
	l.strs(replaces, "packages", i.Packages)
	l.add(replaces, "packages.versions", i.Versions)
	for _, s := range i.Setups {
		p := "setup." + s.Name
		l.add(replaces, p+".run", short(s.Run))
		l.add(replaces, p+".user", s.User)
		l.strMap(p+".env", s.Env)
		for _, k := range s.Unset {
			l.add(replaces, p+".env."+k, "null")
		}
		l.add(replaces, p+".inputs", short(s.Inputs))
	}
	if len(i.Setups) > 1 { // their order is part of the recipe
		names := make([]string, len(i.Setups))
		for n, s := range i.Setups {
			names[n] = s.Name
		}
		l.strs(replaces, "setup", names)
	}
}

// fromAttr begins the paths under which the images are compared that a build starts from.
const fromAttr = "build.from."

// baseAttr is the path under which the identity of the base image is compared; it is drawn as a moved tag.
const baseAttr = "image.digest"

func (l *attrList) run(s resource.BoxSpec) {
	l.flag("service", s.Service)
	if s.Command != nil {
		l.add(replaces, "command", list(*s.Command))
	}
	if s.Entrypoint != nil {
		l.add(replaces, "entrypoint", list(*s.Entrypoint))
	}
	l.flag("oneshot", s.Oneshot)
	for _, k := range keys(s.Env) {
		l.list = append(l.list, attr{"env." + k, quote(s.Env[k]), replaces})
	}
	for _, k := range keys(s.SecretEnv) {
		l.list = append(l.list, attr{"env." + k, Sensitive + s.SecretEnv[k], replaces})
	}
	for _, k := range s.UnsetEnv {
		l.add(replaces, "env."+k, "null")
	}
	l.strs(replaces, "path", s.Path)
}

// Sensitive begins the value of an attribute that is compared by a keyed hash and never shown.
const Sensitive = "(sensitive) "

func (l *attrList) user(s resource.BoxSpec) {
	if s.User != nil {
		l.add(replaces, "user", s.User.Name)
		if s.User.UID != 0 || s.User.GID != 0 {
			l.add(replaces, "user.ids", fmt.Sprintf("%d:%d", s.User.UID, s.User.GID))
		}
		l.flag("user.adopt", s.User.Adopt)
	}
	if s.Login != nil {
		l.add(replaces, "login", s.Login.Name)
	}
	l.strs(replaces, "groups", s.Groups)
	l.add(replaces, "workdir", s.Workdir)
	l.add(replaces, "shell", s.Shell)
	l.add(replaces, "hostname", s.Hostname)
}

func (l *attrList) ports(ports []resource.PortSpec) {
	for _, p := range ports {
		path := "port." + p.Name
		l.add(replaces, path+".guest", strconv.Itoa(p.Guest))
		l.add(replaces, path+".host", strconv.Itoa(p.Host))
		l.add(replaces, path+".protocol", p.Protocol)
		l.add(replaces, path+".address", p.Address)
	}
}

func (l *attrList) mounts(mounts []resource.MountSpec) {
	for _, m := range mounts {
		if m.Image {
			continue
		}
		var path string
		switch m.Type {
		case resource.MountVolume:
			path = "volume." + m.Name
		case resource.MountTmpfs:
			path = "tmpfs." + m.Target
		default:
			path = "share." + m.Name
		}
		if m.Git {
			path += ".git." + m.Target
		}
		l.add(replaces, path+".target", m.Target)
		if m.Type == resource.MountBind || m.Type == resource.MountCopy {
			l.add(replaces, path+".source", m.Source)
		}
		l.flag(path+".copy", m.Type == resource.MountCopy)
		l.flag(path+".read_only", m.ReadOnly)
		l.flag(path+".shared", m.Shared)
		l.add(replaces, path+".external", m.External)
		l.add(replaces, path+".size", sizeText(m.Size))
	}
}

func (l *attrList) networks(s resource.BoxSpec) {
	l.add(replaces, "network_mode", s.NetworkMode)
	for i, n := range s.Networks {
		c := inPlace
		if i == 0 {
			c = replaces // another first network forces replacement
			l.add(replaces, "network", n.Network)
		} else {
			l.add(inPlace, "network."+n.Network, "joined")
		}
		l.strs(inPlace, "network."+n.Network+".aliases", n.Aliases)
		l.add(c, "network."+n.Network+".ip", n.IP)
	}
	l.strs(inPlace, "aliases", s.Aliases)
}

func (l *attrList) inside(s resource.BoxSpec) {
	for _, f := range s.Files {
		p := "file." + f.Target
		l.add(inPlace, p+".content", short(f.Content))
		l.add(inPlace, p+".mode", f.Mode)
		l.add(inPlace, p+".owner", f.Owner)
	}
	for _, p := range s.Provisions {
		path := "provision." + p.Name
		l.add(inPlace, path+".run", short(p.Run))
		l.add(inPlace, path+".when", cmp.Or(p.When, "changed"))
		l.add(inPlace, path+".after", p.After)
		l.add(inPlace, path+".timeout", seconds(p.Timeout))
	}
	if h := s.Healthcheck; h != nil {
		l.strs(replaces, "healthcheck.command", h.Command)
		l.add(replaces, "healthcheck.interval", millis(h.Interval))
		l.add(replaces, "healthcheck.timeout", millis(h.Timeout))
		l.add(replaces, "healthcheck.retries", number(h.Retries))
		l.add(replaces, "healthcheck.start_period", millis(h.StartPeriod))
	}
}

func (l *attrList) limits(s resource.BoxSpec) {
	l.add(inPlace, "restart", s.Restart)
	if s.NanoCPUs != 0 {
		l.add(inPlace, "cpus", strconv.FormatFloat(float64(s.NanoCPUs)/1e9, 'g', -1, 64))
	}
	l.add(inPlace, "memory", sizeText(s.Memory))
	l.add(replaces, "shm_size", sizeText(s.ShmSize))
	l.add(replaces, "gpus", s.GPUs)
	for _, u := range s.Ulimits {
		l.add(replaces, "ulimits."+u.Name, fmt.Sprintf("%d:%d", u.Soft, u.Hard))
	}
}

func (l *attrList) engine(s resource.BoxSpec) {
	l.add(replaces, "stop_signal", s.StopSignal)
	l.add(replaces, "stop_timeout", seconds(s.StopTimeout))
	l.flag("read_only", s.ReadOnly)
	l.flag("privileged", s.Privileged)
	l.strs(replaces, "cap_add", s.CapAdd)
	l.strs(replaces, "cap_drop", s.CapDrop)
	l.strs(replaces, "devices", s.Devices)
	l.strs(replaces, "security_opt", s.SecurityOpt)
	l.strMap("sysctls", s.Sysctls)
	l.strs(replaces, "dns", s.DNS)
	l.strs(replaces, "extra_hosts", s.ExtraHosts)
	l.strMap("labels", s.Labels)
}

// compare lists the attributes that differ between what a box is and what it should be, in the order of the wanted
// spec, removed ones last. A limit that is taken away forces replacement, because engines cannot remove one (§5).
func compare(have, want resource.BoxSpec) []AttrChange {
	if want.Image.Base == "" { // not resolved: the written reference and recipe decide (§3)
		have.Image.Base = ""
	}
	if have.Image.Versions == "" || want.Image.Versions == "" {
		have.Image.Versions, want.Image.Versions = "", ""
	}
	have.Image.Build, want.Image.Build = bothFrom(have.Image.Build, want.Image.Build)
	was, now := have.Image.Digest, want.Image.Digest
	unresolved, other := want.Image.Base == "", have.Image.Base != want.Image.Base && was != ""
	if now != "" && was != now && (unresolved || other) { // another one is locked than it was made from
		have.Image.Base, want.Image.Base = was, now
	}
	haveAttrs, wantAttrs := attrs(have), attrs(want)
	old := make(map[string]attr, len(haveAttrs))
	for _, a := range haveAttrs {
		old[a.path] = a
	}
	var out []AttrChange
	seen := make(map[string]bool, len(wantAttrs))
	for _, a := range wantAttrs {
		seen[a.path] = true
		if was := old[a.path].value; was != a.value && !cannotCompare(was, a.value) {
			out = append(out, AttrChange{Path: a.path, Old: was, New: a.value, Forces: a.class == replaces})
		}
	}
	for _, a := range haveAttrs {
		if !seen[a.path] {
			out = append(out, AttrChange{Path: a.path, Old: a.value, Forces: a.class == replaces || irremovable(a.path)})
		}
	}
	return foldImage(out)
}

// foldImage drops the base's identity where the written reference or the build changed anyway: one cause, one line.
func foldImage(changes []AttrChange) []AttrChange {
	written := slices.ContainsFunc(changes, func(c AttrChange) bool {
		return c.Path == "image" || strings.HasPrefix(c.Path, "build.") || c.Path == "platform"
	})
	if !written {
		return changes
	}
	return slices.DeleteFunc(changes, func(c AttrChange) bool { return c.Path == baseAttr })
}

func irremovable(path string) bool { return path == "memory" || path == "cpus" }

// cannotCompare: sensitive values are compared by hashes with a key of this machine (resource.Keyed); where the key is
// another one, or none, nothing can be said, and nothing is forced (§2).
func cannotCompare(old, now string) bool {
	o, oldKeyed := strings.CutPrefix(old, Sensitive)
	n, nowKeyed := strings.CutPrefix(now, Sensitive)
	return oldKeyed && nowKeyed && !resource.SameKey(o, n)
}

// inPlaceID is the eight hex digits that a box's name carries for its in-place values (§5).
func inPlaceID(s resource.BoxSpec) string {
	var b strings.Builder
	for _, a := range attrs(s) {
		if a.class == inPlace {
			fmt.Fprintf(&b, "%s=%s\n", a.path, a.value)
		}
	}
	return resource.Digest(b.String())[:8]
}

// forces reports whether any of the changes needs a replacement.
func forces(changes []AttrChange) bool {
	return slices.ContainsFunc(changes, func(c AttrChange) bool { return c.Forces })
}

func keys(m resource.StrMap) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func list(v []string) string {
	parts := make([]string, len(v))
	for i, s := range v {
		parts[i] = quote(s)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func quote(s string) string { return strconv.Quote(s) }

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func seconds(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n) + "s"
}

func millis(n int64) string {
	switch {
	case n == 0:
		return ""
	case n%1000 == 0:
		return strconv.FormatInt(n/1000, 10) + "s"
	}
	return strconv.FormatInt(n, 10) + "ms"
}

// sizeText writes bytes as the Envfile does: 2g, 512m, 64k, else plain.
func sizeText(n int64) string {
	if n == 0 {
		return ""
	}
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 40, "t"}, {1 << 30, "g"}, {1 << 20, "m"}, {1 << 10, "k"}} {
		if n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}
