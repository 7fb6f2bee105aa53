package docker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// defaultPath is what an engine gives a container whose image has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// bootOf composes what PID 1 is told. id is unlike any other container's.
func bootOf(b driver.NewBox, about engineInfo, id string) (wire.Boot, error) {
	argv, err := commandOf(b)
	if err != nil {
		return wire.Boot{}, err
	}
	boot := wire.Boot{
		ID:           id,
		Unprivileged: unprivileged(b.Spec),
		Users:        usersOf(b.Spec, about),
		User:         commandUser(b, about),
		Groups:       b.Spec.Groups,
		Argv:         argv,
		Dir:          workdirOf(b),
		Gate:         b.Gate,
		StopSignal:   cmp.Or(b.Spec.StopSignal, b.Fact.StopSignal),
		SafeDirs:     b.GitSafe,
	}
	if b.Spec.Oneshot && b.Run == nil {
		boot.Oneshot = cmp.Or(b.Labels[resource.LabelSpecHash], b.Spec.Hash())
	}
	if boot.Unprivileged {
		return boot, nil
	}
	boot.Volumes = volumeTargets(b)
	return boot, nil
}

// volumeTargets are the mount points of all volumes that can be written to.
func volumeTargets(b driver.NewBox) []string {
	targets := map[string]bool{}
	for target := range b.Volumes {
		targets[target] = true
	}
	for _, m := range b.Spec.Mounts {
		if m.Type == resource.MountVolume {
			targets[m.Target] = !m.ReadOnly
		}
	}
	maps.DeleteFunc(targets, func(_ string, writable bool) bool { return !writable })
	return slices.Sorted(maps.Keys(targets))
}

// unprivileged: PID 1 cannot make users on a read-only root, nor without its capabilities.
func unprivileged(s resource.BoxSpec) bool { return s.ReadOnly || len(s.CapDrop) > 0 }

// commandOf is what the box runs (product reference, §2): nothing for one that idles. command keeps the image's
// ENTRYPOINT, entrypoint alone drops its CMD, a service and a oneshot without either run the image's own.
func commandOf(b driver.NewBox) ([]string, error) {
	s := b.Spec
	switch {
	case b.Run != nil:
		return b.Run.Command, nil
	case s.Command != nil && s.Entrypoint != nil:
		return slices.Concat(*s.Entrypoint, *s.Command), nil
	case s.Command != nil:
		return slices.Concat(b.Fact.Entrypoint, *s.Command), nil
	case s.Entrypoint != nil:
		return *s.Entrypoint, nil
	case s.Service || s.Oneshot:
		own := slices.Concat(b.Fact.Entrypoint, b.Fact.Cmd)
		if len(own) == 0 {
			return nil, fmt.Errorf("image %s says nothing to run: it has neither ENTRYPOINT nor CMD", b.Image)
		}
		return own, nil
	}
	return nil, nil
}

// commandUser is who runs the command: the override's, the spec's, else the image's own; in an unprivileged box who all
// of it runs as.
func commandUser(b driver.NewBox, about engineInfo) string {
	switch {
	case b.Run != nil && b.Run.User != "":
		return b.Run.User
	case unprivileged(b.Spec):
		return containerUser(b, about)
	case b.Spec.User != nil && b.Spec.User.Name != "":
		return b.Spec.User.Name
	}
	return b.Fact.User
}

func workdirOf(b driver.NewBox) string {
	if b.Run != nil && b.Run.Dir != "" {
		return b.Run.Dir
	}
	return cmp.Or(b.Spec.Workdir, b.Fact.Workdir)
}

// usersOf are the users to make or adopt: the box's, and the one of shells where that is another. On a rootless engine
// the caller is root inside.
func usersOf(s resource.BoxSpec, about engineInfo) []wire.UserBoot {
	var users []wire.UserBoot
	for _, spec := range []*resource.UserSpec{s.User, s.Login} {
		if spec == nil {
			continue
		}
		name := firstPart(spec.Name)
		if !named(name) || len(users) > 0 && users[0].Name == name {
			continue
		}
		u := wire.UserBoot{Name: name, UID: spec.UID, GID: spec.GID, Adopt: spec.Adopt, Shell: s.Shell, Groups: s.Groups}
		if about.rootless {
			u.UID, u.GID = 0, 0
		}
		users = append(users, u)
	}
	return users
}

// containerUser is the user of PID 1 and of every exec: root, who drops to the box's user, but in an unprivileged box,
// which is that user from the start and so needs a number (or the image's own words).
func containerUser(b driver.NewBox, about engineInfo) string {
	const root = "0:0"
	if !unprivileged(b.Spec) {
		return root
	}
	u := b.Spec.User
	switch {
	case u == nil || u.Name == "":
		return cmp.Or(b.Fact.User, root)
	case u.Name == "root":
		return root
	case !named(firstPart(u.Name)):
		return u.Name
	case about.rootless:
		return root
	}
	return fmt.Sprintf("%d:%d", u.UID, u.GID)
}

func firstPart(user string) string {
	name, _, _ := strings.Cut(user, ":")
	return name
}

// environment is NAME=value, sorted, on top of the image's; a name alone takes the image's variable away.
func environment(b driver.NewBox) []string {
	env := map[string]string{}
	maps.Copy(env, b.Spec.Env)
	maps.Copy(env, b.Secrets)
	if b.Run != nil {
		maps.Copy(env, b.Run.Env)
	}
	if len(b.Spec.Path) > 0 {
		rest, written := env["PATH"]
		if !written {
			rest = imagePath(b.Fact.Env)
		}
		env["PATH"] = strings.Join(append(slices.Clone(b.Spec.Path), rest), ":")
	}
	out := pairs(env)
	for _, name := range b.Spec.UnsetEnv {
		if _, set := env[name]; !set {
			out = append(out, name)
		}
	}
	return out
}

func imagePath(env []string) string {
	for _, entry := range env {
		if path, ok := strings.CutPrefix(entry, "PATH="); ok {
			return path
		}
	}
	return defaultPath
}

func pairs(env map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out = append(out, name+"="+env[name])
	}
	return out
}
