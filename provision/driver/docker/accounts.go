package docker

import (
	"archive/tar"
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"

	"github.com/envyhq/envy/provision/driver"
)

// accounts are the lines of /etc/passwd or /etc/group.
type accounts []accountLine

// accountLine begins with name, password, number and, of a user, the group's number.
type accountLine []string

// parseAccounts leaves out what it does not understand.
func parseAccounts(text string) accounts {
	var lines accounts
	for line := range strings.Lines(text) {
		if l := strings.Split(strings.TrimSpace(line), ":"); len(l) >= 3 && isNumber(l[2]) {
			lines = append(lines, l)
		}
	}
	return lines
}

// find gives the line of a name, else of a number; nil for none.
func (a accounts) find(who string) accountLine {
	for _, field := range []int{0, 2} {
		if i := slices.IndexFunc(a, func(l accountLine) bool { return l[field] == who }); i >= 0 {
			return a[i]
		}
	}
	return nil
}

// number is a field; one that is none is root's.
func (l accountLine) number(field int) int {
	if field >= len(l) {
		return 0
	}
	n, _ := strconv.Atoi(l[field])
	return n
}

// maxAccounts bounds /etc/passwd and /etc/group, in bytes.
const maxAccounts = 16 << 20

// accounts reads such a file of a container, running or not; one that is not there is empty.
func (e *Engine) accounts(ctx context.Context, id, file string) (accounts, error) {
	archive, stat, err := e.api.CopyFromContainer(ctx, id, file)
	if err == nil && stat.Mode&fs.ModeSymlink != 0 {
		_ = archive.Close() // it has nothing but the link
		archive, _, err = e.api.CopyFromContainer(ctx, id, stat.LinkTarget)
	}
	if err = e.classify(err, "look into", boxObject(id)); err != nil {
		return nil, unless(err, driver.NotFound)
	}
	defer archive.Close()
	members := tar.NewReader(archive)
	if _, err := members.Next(); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	text, err := io.ReadAll(io.LimitReader(members, maxAccounts))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return parseAccounts(string(text)), nil
}

// groupsThere sees to it that the image has the groups of an unprivileged box: the engine looks for them at every start,
// and nobody can make them.
func (e *Engine) groupsThere(ctx context.Context, id, name string, h *container.HostConfig) error {
	if !slices.ContainsFunc(h.GroupAdd, func(name string) bool { return !isNumber(name) }) {
		return nil
	}
	there, err := e.accounts(ctx, id, "/etc/group")
	if err != nil {
		return err
	}
	for _, group := range h.GroupAdd {
		if !isNumber(group) && there.find(group) == nil {
			text := fmt.Sprintf("the image has no group %q, and with a read-only root or dropped capabilities none can be made; "+
				"write a number in groups", group)
			return &driver.Error{Kind: driver.Invalid, Op: "create", Object: quoted("box", name), Text: text}
		}
	}
	return nil
}
