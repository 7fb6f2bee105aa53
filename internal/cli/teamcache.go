package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/boxes/registry"
	"github.com/envyhq/envy/boxes/signature"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/resource"
)

// userConfigName is the user's own configuration, in envy's folder below XDG_CONFIG_HOME.
const userConfigName = "config.hcl"

// team adds what decides about images of the team's cache, where the Envfile has one.
func (s *session) team(env *provision.Env) error {
	if s.loaded == nil || s.loaded.Config.Cache == nil {
		return nil
	}
	user, keys, err := readUserConfig(s.place.caller)
	if err != nil {
		return err
	}
	// One client for all that is asked, made when the first is.
	client := sync.OnceValue(s.registry)
	var mu sync.Mutex
	env.Team = provision.TeamCache{
		Trusts: user.Trusts,
		Locked: func(tag string) string {
			i, _ := s.lockFiles.obeyed(s.g.locked).FindImage(tag)
			return i.Digest
		},
		Pushed: func(tag, digest string) {
			mu.Lock()
			defer mu.Unlock()
			s.pushed = append(s.pushed, lock.Image{Reference: tag, Digest: digest})
		},
		Find: func(ctx context.Context, ref string) (string, error) {
			digest, err := client().Digest(ctx, ref)
			if registry.Is(err, registry.NotFound) {
				return "", nil
			}
			return digest, err
		},
		Look: func(ctx context.Context, ref, platform string) (*resource.ImageFact, string, error) {
			image, err := client().Image(ctx, ref, platform)
			if registry.Is(err, registry.NotFound) {
				return nil, "", nil
			}
			return factOf(image.Config), image.Digest, err
		},
	}
	if len(keys.public) > 0 {
		env.Team.Signed = func(ctx context.Context, ref, digest string) error {
			return signature.Check(ctx, client(), ref, digest, keys.public)
		}
	}
	if keys.sign != nil {
		env.Team.Sign = func(ctx context.Context, ref, digest string) error {
			return signature.Sign(ctx, client(), ref, digest, *keys.sign)
		}
	}
	return nil
}

// factOf is what an engine would say of an image with that configuration.
func factOf(i registry.ImageConfig) *resource.ImageFact {
	c := i.Config
	f := &resource.ImageFact{
		OS: i.OS, Arch: i.Arch, Layers: i.RootFS.DiffIDs, User: c.User, Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, Workdir: c.Workdir,
		Volumes: slices.Sorted(maps.Keys(c.Volumes)), StopSignal: c.StopSignal, Shell: c.Shell, Labels: c.Labels,
		Recipe: c.Labels[resource.LabelRecipe],
	}
	if f.Workdir == "/" {
		f.Workdir = ""
	}
	for port := range c.ExposedPorts {
		if !strings.Contains(port, "/") {
			port += "/tcp"
		}
		f.ExposedPorts = append(f.ExposedPorts, port)
	}
	slices.Sort(f.ExposedPorts)
	if h := c.Healthcheck; h != nil && len(h.Test) > 0 && h.Test[0] != "NONE" {
		f.Healthcheck = &resource.HealthSpec{
			Command: h.Test, Interval: h.Interval.Milliseconds(), Timeout: h.Timeout.Milliseconds(), Retries: h.Retries, StartPeriod: h.StartPeriod.Milliseconds(),
		}
	}
	return f
}

// userKeys are the keys that the user's own configuration names.
type userKeys struct {
	public []signature.Key   // whose signatures count; that of sign is one of them
	sign   *signature.Signer // nil for none
}

// readUserConfig reads the user's own configuration; none says nothing. It decides what is trusted, so it and the keys beside
// it must be the user's own files that nobody else can write, and a private key one that nobody else can read.
func readUserConfig(caller hostfs.Caller) (config.User, userKeys, error) {
	user, keys, err := userConfigIn(caller)
	if errors.Is(err, fs.ErrNotExist) && len(user.Keys) == 0 && user.Sign == "" {
		return config.User{}, userKeys{}, nil
	}
	return user, keys, err
}

func userConfigIn(caller hostfs.Caller) (user config.User, keys userKeys, err error) {
	wrong := func(name string, err error) error {
		return fmt.Errorf("your configuration, %s/%s: %w", caller.Dirs.Config, name, err)
	}
	folder, err := caller.FindDir(caller.Dirs.Config)
	if err != nil {
		return user, keys, wrong(userConfigName, err)
	}
	defer folder.Close()
	data, err := folder.ReadOwn(userConfigName, config.MaxFileBytes)
	if err != nil {
		return user, keys, wrong(userConfigName, err)
	}
	user, list := config.ParseUser(config.Source{Name: caller.Dirs.Config + "/" + userConfigName, Data: data})
	if list.HasErrors() {
		return user, keys, list.Err()
	}
	for _, name := range user.Keys {
		data, err := folder.ReadOwn(name, maxKeyFile)
		if err != nil {
			return user, keys, wrong(name, err)
		}
		k, err := signature.ParsePublic(data)
		if err != nil {
			return user, keys, wrong(name, err)
		}
		keys.public = append(keys.public, k)
	}
	if user.Sign == "" {
		return user, keys, nil
	}
	if data, err = folder.ReadSecret(user.Sign, maxKeyFile); err != nil {
		return user, keys, wrong(user.Sign, err)
	}
	s, err := signature.ParsePrivate(data)
	if err != nil {
		return user, keys, wrong(user.Sign, err)
	}
	keys.sign, keys.public = &s, append(keys.public, s.Key())
	return user, keys, nil
}

// maxKeyFile is the size, in bytes, of a file with a key.
const maxKeyFile = 64 << 10
