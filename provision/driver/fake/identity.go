package fake

import (
	"slices"
	"strconv"
	"strings"

	"github.com/envyhq/envy/provision/resource"
)

// identify resolves "name", "uid", "uid:gid", or "" for root.
func (s *state) identify(b *box, user string) (identity, bool) {
	name, group, grouped := strings.Cut(user, ":")
	gid := -1
	if n, err := strconv.Atoi(group); grouped && err == nil {
		gid = n
	}
	id := identity{Home: "/root", Name: "root"}
	spec := b.Spec.User
	img := s.Images[b.ImageID]
	uid, number := strconv.Atoi(name)
	switch {
	case name == "" || name == "root" || number == nil && uid == 0:
	case spec != nil && spec.Name == name && number != nil:
		id = identity{UID: spec.UID, GID: spec.GID, Name: name, Home: "/home/" + name}
		if img != nil && img.Users[name] != 0 && !spec.Adopt {
			id.UID, id.GID = img.Users[name], img.Users[name]
		}
	case number == nil:
		id = identity{UID: uid, GID: 0, Home: "/"}
		if spec != nil && spec.UID == uid && !strings.Contains(spec.Name, ":") {
			id = identity{UID: uid, GID: spec.GID, Name: spec.Name, Home: "/home/" + spec.Name}
		}
	case img != nil && img.Users[name] != 0:
		id = identity{UID: img.Users[name], GID: img.Users[name], Name: name, Home: "/home/" + name}
	default:
		return id, false
	}
	if gid >= 0 {
		id.GID = gid
	}
	return id, true
}

// boxUser is what the command runs as.
func (s *state) boxUser(b *box) string {
	if b.Run != nil && b.Run.User != "" {
		return b.Run.User
	}
	if b.Spec.User != nil {
		return b.Spec.User.Name
	}
	if img := s.Images[b.ImageID]; img != nil {
		return img.Fact.User
	}
	return ""
}

// groups are the box's for its user and for the user of shells. One by name gets a number as the agent gives it.
func (s *state) groups(b *box, user string) []int {
	members := []string{s.boxUser(b)}
	if l := b.Spec.Login; l != nil {
		members = append(members, l.Name)
	}
	if !slices.Contains(members, user) {
		return nil
	}
	var groups []int
	free := 999
	for _, name := range b.Spec.Groups {
		gid, err := strconv.Atoi(name)
		if err != nil {
			gid = free
			free--
		}
		groups = append(groups, gid)
	}
	return groups
}

func (b *box) runsCommand() bool {
	s := b.Spec
	return s.Service || s.Oneshot || s.Command != nil || s.Entrypoint != nil || b.Run != nil
}

// argv is what the box runs (§2, What a box runs); none: it idles.
func (s *state) argv(b *box) []string {
	var fact resource.ImageFact
	if img := s.Images[b.ImageID]; img != nil {
		fact = img.Fact
	}
	switch spec := b.Spec; {
	case b.Run != nil:
		return b.Run.Command
	case spec.Entrypoint != nil && spec.Command != nil:
		return slices.Concat([]string(*spec.Entrypoint), []string(*spec.Command))
	case spec.Entrypoint != nil:
		return *spec.Entrypoint
	case spec.Command != nil:
		return slices.Concat(fact.Entrypoint, []string(*spec.Command))
	case spec.Service || spec.Oneshot:
		return slices.Concat(fact.Entrypoint, fact.Cmd)
	}
	return nil
}
