package docker

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/envyhq/envy/internal/agent/wire"
)

type ids struct{ uid, gid int }

// ownerOf gives the ids that the box's own user has there, before the agent ran or after: those it gives to a name, else
// what the image says, read as the agent reads it. Files of the box are asked for only where nothing else tells.
func ownerOf(boot wire.Boot, read func(file string) (accounts, error)) (who ids, err error) {
	name, group, grouped := strings.Cut(boot.User, ":")
	if name == "" || name == "root" {
		name = "0"
	}
	uid, noNumber := strconv.Atoi(name)
	i := slices.IndexFunc(boot.Users, func(u wire.UserBoot) bool { return u.Name == name })
	switch {
	case noNumber == nil && (grouped || uid == 0):
		who.uid = uid
	case i >= 0 && boot.Users[i].Adopt:
		who = ids{boot.Users[i].UID, boot.Users[i].GID}
	default:
		users, err := read("/etc/passwd")
		if err != nil {
			return who, err
		}
		line := users.find(name)
		switch {
		case line != nil:
			who = ids{line.number(2), line.number(3)}
		case i >= 0:
			who = ids{boot.Users[i].UID, boot.Users[i].GID}
		case noNumber == nil:
			who.uid = uid
		default:
			return who, fmt.Errorf("the box has no user %q", name)
		}
	}
	if !grouped {
		return who, nil
	}
	if who.gid, err = strconv.Atoi(group); err == nil {
		return who, nil
	}
	groups, err := read("/etc/group")
	if err != nil {
		return who, err
	}
	line := groups.find(group)
	if line == nil {
		return who, fmt.Errorf("the box has no group %q", group)
	}
	who.gid = line.number(2)
	return who, nil
}
