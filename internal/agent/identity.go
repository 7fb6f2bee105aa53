//go:build linux

package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// identity is who a process runs as.
type identity struct {
	uid, gid    int
	groups      []int // supplementary, sorted, gid among them
	name        string
	home, shell string
	rootHome    string // what the engine puts into HOME of root's processes
}

// maxAccounts bounds /etc/passwd and its like.
const maxAccounts = 16 << 20

// database reads the box's users and groups; files that are not there are empty.
func (a *Agent) database() (*database, error) {
	var d database
	for path, into := range map[string]*table{"/etc/passwd": &d.passwd, "/etc/group": &d.group, "/etc/shadow": &d.shadow} {
		data, err := readBounded(a.at(path), maxAccounts)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, fs.ErrPermission) && path == "/etc/shadow":
		case err != nil:
			return nil, err
		}
		*into = parseTable(data)
	}
	return &d, nil
}

// identify finds who `user` is: nothing (root), a name or a uid, with :group or
// without, read as the engine reads an image's USER. groups are supplementary
// ones besides those that the box has for the user.
func (d *database) identify(user string, groups []string) (identity, error) {
	name, groupName, hasGroup := strings.Cut(user, ":")
	if name == "" {
		name = "0"
	}
	who, err := d.lookUp(name)
	if err != nil {
		return identity{}, err
	}
	if hasGroup {
		if who.gid, err = d.gidOf(groupName); err != nil {
			return identity{}, fmt.Errorf("user %q: %w", user, err)
		}
	}
	root, _ := d.byUID(0)
	who.rootHome = root.home
	who.groups = []int{who.gid}
	for _, g := range d.groups() {
		if who.name != "" && slices.Contains(g.members, who.name) {
			who.groups = append(who.groups, g.gid)
		}
	}
	for _, name := range groups {
		gid, err := d.gidOf(name)
		if err != nil {
			return identity{}, fmt.Errorf("user %q: %w", user, err)
		}
		who.groups = append(who.groups, gid)
	}
	slices.Sort(who.groups)
	who.groups = slices.Compact(who.groups)
	return who, nil
}

func (d *database) lookUp(name string) (identity, error) {
	found, ok := d.byName(name)
	if !ok {
		uid, err := parseID(name)
		if err != nil {
			return identity{}, fmt.Errorf("the box has no user %q", name)
		}
		if found, ok = d.byUID(uid); !ok {
			return identity{uid: uid, home: "/"}, nil
		}
	}
	if found.home == "" {
		found.home = "/"
	}
	return identity{uid: found.uid, gid: found.gid, name: found.name, home: found.home, shell: found.shell}, nil
}

func (d *database) gidOf(name string) (int, error) {
	if found, ok := d.groupByName(name); ok {
		return found.gid, nil
	}
	gid, err := parseID(name)
	if err != nil {
		return 0, fmt.Errorf("the box has no group %q", name)
	}
	return gid, nil
}

// identify is database and identify in one.
func (a *Agent) identify(user string, groups []string) (identity, error) {
	d, err := a.database()
	if err != nil {
		return identity{}, err
	}
	who, err := d.identify(user, groups)
	if err != nil {
		return identity{}, err
	}
	if euid := os.Geteuid(); euid != 0 && who.uid != euid {
		return identity{}, fmt.Errorf("this box runs as uid %d without root; nothing in it can run as user %q", euid, user)
	}
	return who, nil
}

// environment is env as the user's processes get it. The engine sets HOME to
// root's home in every process that it starts as root, so that value counts as
// not given.
func (who identity) environment(env []string) []string {
	if slices.Contains([]string{"", "/", "/root", who.rootHome}, getenv(env, "HOME")) {
		env = setenv(env, "HOME", who.home)
	}
	for _, name := range []string{"USER", "LOGNAME"} {
		if who.name != "" && getenv(env, name) == "" {
			env = setenv(env, name, who.name)
		}
	}
	return env
}

// loginShell is the first shell that the image has of those wanted, "" for none.
func (a *Agent) loginShell(wanted ...string) string {
	wanted = append(wanted, "/bin/bash", "/usr/bin/bash", "/bin/sh", "/usr/bin/sh")
	for _, shell := range wanted {
		if shell != "" && a.executable(shell) == nil {
			return shell
		}
	}
	return ""
}
