package docker

import (
	"context"

	"github.com/docker/docker/api/types/container"

	"github.com/envyhq/envy/internal/agent/wire"
)

// bootOfContainer is what a container's PID 1 was told; the zero value for a container that is none of envy's.
func bootOfContainer(c *container.Config) wire.Boot {
	if c == nil || len(c.Cmd) != 2 || c.Cmd[0] != wire.VerbInit {
		return wire.Boot{}
	}
	boot, err := wire.Decode[wire.Boot]([]byte(c.Cmd[1]))
	if err != nil {
		return wire.Boot{}
	}
	return boot
}

// userIn is who the agent is to run something as: the box's own user where none is given, and in an unprivileged box,
// where nobody has a name, the number that all of it runs as. A number or root needs no look at the box.
func (e *Engine) userIn(ctx context.Context, id, user string) (string, error) {
	if user != "" && !named(firstPart(user)) {
		return user, nil
	}
	now, err := e.api.ContainerInspect(ctx, id)
	if err != nil {
		return "", e.classify(err, "inspect", boxObject(id))
	}
	boot := bootOfContainer(now.Config)
	switch {
	case boot.Unprivileged && (user == "" || user == boot.User):
		return now.Config.User, nil
	case user == "":
		return boot.User, nil
	}
	return user, nil
}
