//go:build linux

package agent

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/envyhq/envy/internal/agent/wire"
)

// madeName is what a user or group that the agent makes may be called: nothing
// that passwd, sudoers or a path could read as anything else.
var madeName = regexp.MustCompile(`^[a-z0-9_][a-z0-9_.-]{0,62}$`)

// table is a file of lines with fields between colons. Lines that are not
// understood stay as they are.
type table []string

func parseTable(data []byte) table {
	text := strings.TrimSuffix(string(data), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func (t table) String() string {
	if len(t) == 0 {
		return ""
	}
	return strings.Join(t, "\n") + "\n"
}

// set changes one field of one line.
func (t table) set(line, field int, value string) {
	fields := strings.Split(t[line], ":")
	fields[field] = value
	t[line] = strings.Join(fields, ":")
}

type account struct {
	name        string
	uid, gid    int
	home, shell string
	line        int
}

type group struct {
	name    string
	gid     int
	members []string
	line    int
}

// database is what the box knows of users and groups. shadow is empty where
// the image has none, and then stays so.
type database struct {
	passwd, group, shadow table
}

func (d *database) accounts() []account {
	var found []account
	for i, line := range d.passwd {
		fields := strings.Split(line, ":")
		if len(fields) < 4 || fields[0] == "" {
			continue
		}
		uid, errUID := parseID(fields[2])
		gid, errGID := parseID(fields[3])
		if errUID != nil || errGID != nil {
			continue
		}
		fields = append(fields, "", "", "")
		found = append(found, account{fields[0], uid, gid, fields[5], fields[6], i})
	}
	return found
}

func (d *database) groups() []group {
	var found []group
	for i, line := range d.group {
		fields := strings.Split(line, ":")
		if len(fields) < 3 || fields[0] == "" {
			continue
		}
		gid, err := parseID(fields[2])
		if err != nil {
			continue
		}
		fields = append(fields, "")
		members := strings.FieldsFunc(fields[3], func(r rune) bool { return r == ',' || r == ' ' })
		found = append(found, group{fields[0], gid, members, i})
	}
	return found
}

func (d *database) byName(name string) (account, bool) {
	return first(d.accounts(), func(a account) bool { return a.name == name })
}

func (d *database) byUID(uid int) (account, bool) {
	return first(d.accounts(), func(a account) bool { return a.uid == uid })
}

func (d *database) groupByName(name string) (group, bool) {
	return first(d.groups(), func(g group) bool { return g.name == name })
}

func (d *database) groupByGID(gid int) (group, bool) {
	return first(d.groups(), func(g group) bool { return g.gid == gid })
}

func first[E any](all []E, is func(E) bool) (E, bool) {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	var none E
	return none, false
}

// change is what ensure did to one user.
type change struct {
	account account // as it is now
	made    bool
	adopted bool
	old     account // before it was adopted
}

// ensure sees to it that the user is there, and in the groups. What is right
// already is not touched.
func (d *database) ensure(user wire.UserBoot, shell string) (change, error) {
	if !validID(user.UID) || !validID(user.GID) {
		return change{}, fmt.Errorf("user %q: ids %d:%d are none", user.Name, user.UID, user.GID)
	}
	old, exists := d.byName(user.Name)
	done := change{old: old}
	switch {
	case !exists:
		if !madeName.MatchString(user.Name) {
			return change{}, fmt.Errorf("user %q: not a name for a user", user.Name)
		}
		d.ensureGroup(user.Name, user.GID)
		d.passwd = slices.Insert(d.passwd, 0,
			fmt.Sprintf("%s:x:%d:%d::/home/%s:%s", user.Name, user.UID, user.GID, user.Name, shell))
		d.addShadow(user.Name)
		done.made = true
	case user.Adopt && old.name != "root" && (old.uid != user.UID || old.gid != user.GID):
		d.adopt(old, user.UID, user.GID)
		done.adopted = true
	}
	done.account, _ = d.byName(user.Name)
	for _, name := range user.Groups {
		if err := d.join(done.account, name); err != nil {
			return change{}, fmt.Errorf("user %q: %w", user.Name, err)
		}
	}
	return done, nil
}

// adopt gives an account other ids. Its own group goes along where nobody
// else's is that gid.
func (d *database) adopt(old account, uid, gid int) {
	d.passwd.set(old.line, 2, strconv.Itoa(uid))
	d.passwd.set(old.line, 3, strconv.Itoa(gid))
	own, ok := d.groupByName(old.name)
	if _, taken := d.groupByGID(gid); !taken && ok && own.gid == old.gid {
		d.group.set(own.line, 2, strconv.Itoa(gid))
	}
	d.ensureGroup(old.name, gid)
	if first, _ := d.byUID(uid); first.line < old.line {
		line := d.passwd[old.line]
		d.passwd = slices.Insert(slices.Delete(d.passwd, old.line, old.line+1), 0, line)
	}
}

// ensureGroup gives gid a name: the one wanted, or where that is another
// group's, the same with the number behind it.
func (d *database) ensureGroup(name string, gid int) {
	if _, ok := d.groupByGID(gid); ok {
		return
	}
	if _, taken := d.groupByName(name); taken {
		name = fmt.Sprintf("%s-%d", name, gid)
	}
	d.group = append(d.group, fmt.Sprintf("%s:x:%d:", name, gid))
}

func (d *database) addShadow(name string) {
	if len(d.shadow) == 0 || slices.ContainsFunc(d.shadow, func(line string) bool {
		return strings.HasPrefix(line, name+":")
	}) {
		return
	}
	// No password fits "*", and no date means that none has to be changed.
	d.shadow = append(d.shadow, name+":*::0:99999:7:::")
}

// join puts a user into a group, which is made where it is missing.
func (d *database) join(user account, name string) error {
	found, err := d.named(name)
	if err != nil {
		return err
	}
	if found.gid == user.gid || slices.Contains(found.members, user.name) {
		return nil
	}
	line := d.group[found.line]
	if strings.Count(line, ":") < 3 {
		line += ":"
		d.group[found.line] = line
	}
	d.group.set(found.line, 3, strings.Join(append(found.members, user.name), ","))
	return nil
}

// named is the group of that name or number, made where it is missing.
func (d *database) named(name string) (group, error) {
	gid, err := parseID(name)
	numeric := err == nil
	found, ok := d.groupByName(name)
	switch {
	case !ok && numeric:
		d.ensureGroup("g"+name, gid)
		found, _ = d.groupByGID(gid)
	case !ok && !madeName.MatchString(name):
		return group{}, fmt.Errorf("group %q: not a name for a group", name)
	case !ok:
		gid, err = d.freeGID()
		if err != nil {
			return group{}, fmt.Errorf("group %q: %w", name, err)
		}
		d.ensureGroup(name, gid)
		found, _ = d.groupByName(name)
	}
	return found, nil
}

// freeGID looks where distributions put the groups of programs.
func (d *database) freeGID() (int, error) {
	for gid := 999; gid >= 100; gid-- {
		if _, taken := d.groupByGID(gid); !taken {
			return gid, nil
		}
	}
	return 0, fmt.Errorf("no number below 1000 is free")
}

// parseID reads a uid or gid in the range that the kernel takes; the largest
// one means "none" to it.
func parseID(text string) (int, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || !validID(int(id)) {
		return 0, fmt.Errorf("id %q is none", text)
	}
	return int(id), nil
}

func validID(id int) bool { return id >= 0 && id < 1<<32-1 }
