package provision

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/resource"
)

func (l *lowering) command(b *config.Box, s *resource.BoxSpec) {
	s.Service, s.Oneshot = b.Service, b.Oneshot
	s.Command, s.Entrypoint = argv(b.Command), argv(b.Entrypoint)
}

func argv(c *config.Command) *resource.Argv {
	if c == nil {
		return nil
	}
	a := resource.Argv(c.Args)
	if a == nil {
		a = resource.Argv{}
	}
	return &a
}

// env parts plain values from sensitive ones, which travel beside the spec.
func (l *lowering) env(b *config.Box, w *resource.BoxWanted) {
	s := &w.Spec
	for _, e := range b.Env {
		switch {
		case e.Unset:
			s.UnsetEnv = append(s.UnsetEnv, e.Name)
		case e.Value.Sensitive:
			s.SecretEnv = set(s.SecretEnv, e.Name, resource.Keyed(l.key, e.Value.Value))
			w.Secrets[e.Name] = e.Value.Value
		default:
			s.Env = set(s.Env, e.Name, e.Value.Value)
		}
	}
	s.Path = b.Path
}

func set(m resource.StrMap, k, v string) resource.StrMap {
	if m == nil {
		m = resource.StrMap{}
	}
	m[k] = v
	return m
}

func (l *lowering) user(b *config.Box, w *resource.BoxWanted) {
	s := &w.Spec
	s.Groups, s.Workdir, s.Shell, s.Hostname, s.Aliases = b.Groups, b.Workdir, b.Shell, b.Hostname, b.Aliases
	if s.Workdir == "" {
		for _, x := range b.Shares {
			if x.Source.Dir || x.Create {
				s.Workdir = x.Target
				break
			}
		}
	}
	s.User, s.Login = l.userSpec(b, b.User), l.userSpec(b, b.Login)
	if s.User == nil || s.User.Name == "root" || numericUser(s.User.Name) {
		return
	}
	switch {
	case b.ReadOnly || len(b.CapDrop) > 0:
		w.Notes = append(w.Notes, fmt.Sprintf("user %q is used by number (%d:%d): with a read-only root or dropped capabilities no user can be made", b.User, l.caller.UID, l.caller.GID))
	case l.caller.UID == 0 && s.User.Adopt:
		w.Notes = append(w.Notes, fmt.Sprintf("user %q has uid 0 in the box, because the checkout belongs to root", b.User))
	}
}

// userSpec is a user as written; a name gets the caller's ids, should the image lack it.
func (l *lowering) userSpec(b *config.Box, name string) *resource.UserSpec {
	switch {
	case name == "":
		return nil
	case name == "root" || numericUser(name):
		return &resource.UserSpec{Name: name}
	}
	return &resource.UserSpec{Name: name, UID: l.caller.UID, GID: l.caller.GID, Adopt: bindsWritable(b)}
}

func numericUser(name string) bool {
	uid, _, _ := strings.Cut(name, ":")
	_, err := strconv.Atoi(uid)
	return err == nil
}

func bindsWritable(b *config.Box) bool {
	for _, x := range b.Shares {
		if x.Mode == config.ShareBind && !x.ReadOnly {
			return true
		}
	}
	return false
}

func (l *lowering) ports(b *config.Box, s *resource.BoxSpec) {
	for _, p := range b.Ports {
		x := resource.PortSpec{Name: p.Label, Guest: p.Guest, Host: p.Host, Fixed: p.Source == config.PortFixed, Auto: p.Auto}
		if p.Auto {
			x.Written = p.Written
		}
		if p.Protocol != "tcp" {
			x.Protocol = p.Protocol
		}
		if p.Address != "127.0.0.1" {
			x.Address = p.Address
		}
		s.Ports = append(s.Ports, x)
	}
}

func (l *lowering) joins(b *config.Box, s *resource.BoxSpec) {
	switch m := b.NetworkMode; m.Mode {
	case "":
	case "box":
		s.NetworkMode = "box:" + m.Box
		return
	default:
		s.NetworkMode = m.Mode
		return
	}
	for _, j := range b.Networks {
		s.Networks = append(s.Networks, resource.NetworkJoin{Network: j.Label, Aliases: j.Aliases, IP: j.IP})
	}
	if len(b.Networks) == 0 {
		s.Networks = []resource.NetworkJoin{{Network: "default"}}
	}
}

func (l *lowering) limits(b *config.Box, s *resource.BoxSpec) {
	switch b.Restart.Name {
	case "", "no":
	case "on-failure":
		s.Restart = b.Restart.Name
		if b.Restart.MaxRetries > 0 {
			s.Restart += ":" + strconv.Itoa(b.Restart.MaxRetries)
		}
	default:
		s.Restart = b.Restart.Name
	}
	s.NanoCPUs, s.Memory, s.ShmSize = int64(b.CPUs*1e9+0.5), b.Memory, b.ShmSize
	if g := b.GPUs; g != nil {
		switch {
		case g.All:
			s.GPUs = "all"
		case g.Count > 0:
			s.GPUs = strconv.Itoa(g.Count)
		default:
			s.GPUs = resource.GPUDevices + strings.Join(g.IDs, ",")
		}
	}
	for _, u := range b.Ulimits {
		s.Ulimits = append(s.Ulimits, resource.UlimitSpec{Name: u.Name, Soft: u.Soft, Hard: u.Hard})
	}
}

func (l *lowering) engine(b *config.Box, s *resource.BoxSpec) {
	s.StopSignal, s.ReadOnly, s.Privileged, s.CapAdd, s.CapDrop = b.StopSignal, b.ReadOnly, b.Privileged, b.CapAdd, b.CapDrop
	if b.StopTimeout != nil {
		s.StopTimeout = wholeSeconds(*b.StopTimeout)
	}
	for _, d := range b.Devices {
		s.Devices = append(s.Devices, d.Host+":"+d.Target+":"+d.Permissions)
	}
	s.SecurityOpt, s.Sysctls, s.DNS, s.Labels = b.SecurityOpt, pairs(b.Sysctls), b.DNS, pairs(b.Labels)
	for _, h := range b.ExtraHosts {
		s.ExtraHosts = append(s.ExtraHosts, h.Key+":"+h.Value)
	}
}

func (l *lowering) files(b *config.Box, w *resource.BoxWanted) {
	for _, f := range b.Files {
		owner := f.Owner
		if owner == "" {
			owner = b.User
		}
		mode := strconv.FormatUint(uint64(f.Mode), 8)
		hash := resource.Digest(f.Content.Value)
		if f.Content.Sensitive {
			hash = resource.Keyed(l.key, f.Content.Value)
		}
		// Mode and owner are part of what the record compares.
		whole := hash + ":" + mode + ":" + owner
		if !f.Content.Sensitive {
			whole = resource.Digest(whole)
		}
		w.Spec.Files = append(w.Spec.Files, resource.FileSpec{Target: f.Target, Content: whole, Mode: mode, Owner: owner})
		w.Files = append(w.Files, resource.FileContent{Target: f.Target, Mode: mode, Owner: owner, Hash: whole, Content: []byte(f.Content.Value)})
	}
}

func (l *lowering) provisions(ctx context.Context, b *config.Box, w *resource.BoxWanted) {
	for _, p := range b.Provisioners {
		x := resource.ProvisionSpec{Name: p.Label, Timeout: wholeSeconds(p.Timeout)}
		if p.When != "changed" {
			x.When = p.When
		}
		if p.AfterHealthy {
			x.After = "healthy"
		}
		user := cmp.Or(p.User, b.Login, b.User)
		script := resource.ProvisionScript{
			Name: p.Label, Script: p.Run.Value, User: user, Dir: w.Spec.Workdir, Timeout: x.Timeout, Env: resource.StrMap{},
		}
		sensitive := p.Run.Sensitive
		var text strings.Builder
		fmt.Fprintf(&text, "%q %q\n", p.Run.Value, p.User)
		for _, e := range p.Env {
			if e.Unset {
				script.Unset = append(script.Unset, e.Name)
				fmt.Fprintf(&text, "%q\n", e.Name)
				continue
			}
			script.Env[e.Name] = e.Value.Value
			if e.Value.Sensitive {
				sensitive = true
				script.Secrets = append(script.Secrets, e.Value.Value)
			}
			fmt.Fprintf(&text, "%q=%q\n", e.Name, e.Value.Value)
		}
		if x.When == "" { // only "changed" looks at it
			text.WriteString(l.hashInputs(ctx, p.Inputs))
			x.Run = resource.Digest(text.String())
			if sensitive {
				x.Run = resource.Keyed(l.key, text.String())
			}
		}
		script.Hash = x.Run
		w.Spec.Provisions = append(w.Spec.Provisions, x)
		w.Scripts = append(w.Scripts, script)
	}
}

// wholeSeconds rounds up, so that less than a second never becomes none at all.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

func (l *lowering) health(b *config.Box, s *resource.BoxSpec) {
	h := b.Healthcheck
	if h == nil {
		return
	}
	command := append([]string{"CMD"}, h.Command...)
	if len(h.Command) == 3 && h.Command[0] == "sh" && h.Command[1] == "-c" {
		command = []string{"CMD-SHELL", h.Command[2]}
	}
	s.Healthcheck = &resource.HealthSpec{
		Command: command, Interval: h.Interval.Milliseconds(), Timeout: h.Timeout.Milliseconds(), Retries: h.Retries,
		StartPeriod: h.StartPeriod.Milliseconds(),
	}
}

// contextNote: a box that can write into its own build context changes its image by doing so.
func contextNote(b *config.Box) []string {
	if b.Build == nil || b.Build.Context.Path == "" {
		return nil
	}
	for _, x := range b.Shares {
		if x.Mode == config.ShareBind && (within(x.Source.Path, b.Build.Context.Path) || within(b.Build.Context.Path, x.Source.Path)) {
			return []string{fmt.Sprintf("the build context %q is shared with the box: every change in it makes another image; name what the build does not need in .dockerignore", b.Build.Context.Written)}
		}
	}
	return nil
}

// mounts lowers shares, volumes and tmpfs, and adds what git needs in a linked worktree.
func (l *lowering) mounts(b *config.Box, s *resource.BoxSpec) {
	for _, x := range b.Shares {
		m := resource.MountSpec{Type: resource.MountBind, Name: x.Label, Source: x.Source.Path, Target: x.Target, ReadOnly: x.ReadOnly, Create: x.Create}
		if x.Mode == config.ShareCopy {
			m.Type = resource.MountCopy
		}
		s.Mounts = append(s.Mounts, m)
		if m.Type == resource.MountBind {
			s.Mounts = append(s.Mounts, l.worktree(m)...)
		}
	}
	for _, v := range b.Volumes {
		m := resource.MountSpec{Type: resource.MountVolume, Name: v.Label, Target: v.Target, ReadOnly: v.ReadOnly}
		if v.Shared != nil {
			m.Shared, m.External = true, v.Shared.External
		}
		s.Mounts = append(s.Mounts, m)
	}
	for _, t := range b.Tmpfs {
		s.Mounts = append(s.Mounts, resource.MountSpec{Type: resource.MountTmpfs, Target: t.Target, Size: t.Size})
	}
}

// worktree are the mounts that make git work in a box that sees a linked worktree: the common directory where `.git`
// says it is, its worktrees/ read-only over it, this worktree's entry writable over that, and the checkout once more
// where that entry says it is (§2, Mounts).
func (l *lowering) worktree(share resource.MountSpec) []resource.MountSpec {
	wt := l.host.Worktree()
	if wt == nil || !within(wt.Root, share.Source) {
		return nil
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(wt.Root, share.Source), "/")
	root := path.Join(share.Target, rel)
	entry := wt.Named
	if !path.IsAbs(entry) {
		entry = path.Join(root, entry)
	}
	common := path.Dir(path.Dir(entry))
	git := func(source, target string, readOnly bool) resource.MountSpec {
		return resource.MountSpec{Type: resource.MountBind, Name: share.Name, Source: source, Target: target, ReadOnly: readOnly, Git: true}
	}
	out := []resource.MountSpec{
		git(wt.Common, common, share.ReadOnly),
		git(path.Join(wt.Common, "worktrees"), path.Join(common, "worktrees"), true),
		git(wt.Entry, entry, share.ReadOnly),
	}
	if back := path.Dir(wt.Back); path.IsAbs(wt.Back) && back != root {
		out = append(out, git(wt.Root, back, share.ReadOnly))
	}
	return out
}

// within reports whether p is dir or lies below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}
