package docker

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/docker/docker/api/types/container"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/resource"
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

// insideBox is how things run in one box.
type insideBox struct {
	boot wire.Boot
	// members are whom the box's groups go to, as written: its user, and the user of shells where that is another.
	members []string
}

func (e *Engine) inside(ctx context.Context, id string) (insideBox, error) {
	now, err := e.inspect(ctx, id, "inspect")
	if err != nil {
		return insideBox{}, err
	}
	in := insideBox{boot: bootOfContainer(now.Config)}
	if spec, err := resource.DecodeSpec(now.Config.Labels[resource.LabelSpec]); err == nil {
		in.members = membersOf(*spec)
	}
	return in, nil
}

func membersOf(s resource.BoxSpec) []string {
	var names []string
	for _, u := range []*resource.UserSpec{s.User, s.Login} {
		if u != nil {
			names = append(names, u.Name)
		}
	}
	return names
}

// user is who the agent is to run something as: the box's own user where none is given, and in an unprivileged box,
// where nobody has a name, the number that a user would have been made with.
func (in insideBox) user(user string) string {
	if user == "" {
		return in.boot.User
	}
	if i := slices.IndexFunc(in.boot.Users, func(u wire.UserBoot) bool { return u.Name == user }); in.boot.Unprivileged && i >= 0 {
		return fmt.Sprintf("%d:%d", in.boot.Users[i].UID, in.boot.Users[i].GID)
	}
	return user
}

// groups are the box's for its own user and for the one of shells, whom /etc/group may not know.
func (in insideBox) groups(user string) []string {
	if user == "" || user == in.boot.User || slices.Contains(in.members, user) {
		return in.boot.Groups
	}
	return nil
}

// named reports whether a user is one that may have to be made: neither root nor a number.
func named(user string) bool { return user != "" && user != "root" && !isNumber(user) }

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}
