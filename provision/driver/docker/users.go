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
	in, err := e.inside(ctx, id)
	return in.user(user), err
}

// insideBox is how things run in one box.
type insideBox struct {
	boot wire.Boot
	own  string // the container's user
}

func (e *Engine) inside(ctx context.Context, id string) (insideBox, error) {
	now, err := e.inspect(ctx, id, "inspect")
	if err != nil {
		return insideBox{}, err
	}
	return insideBox{bootOfContainer(now.Config), now.Config.User}, nil
}

// user is what userIn says.
func (in insideBox) user(user string) string {
	switch {
	case in.boot.Unprivileged && (user == "" || user == in.boot.User):
		return in.own
	case user == "":
		return in.boot.User
	}
	return user
}

// groups are those that /etc/group does not give the box's own user.
func (in insideBox) groups(user string) []string {
	if user == "" || user == in.boot.User {
		return in.boot.Groups
	}
	return nil
}
