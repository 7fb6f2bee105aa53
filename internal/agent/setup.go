//go:build linux

package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/envyhq/envy/internal/agent/wire"
)

// setup is PID 1's work before anything of the user's runs. It is done at
// every start; what is right already is not written. What cannot be done is a
// note: a box that lacks sudo rights can still be entered and repaired.
type setup struct {
	*Agent
	boot   wire.Boot
	mounts mounts
	own    []string // what was made, written or handed over this time
	notes  []string
}

func (a *Agent) newSetup(boot wire.Boot) *setup {
	s := &setup{Agent: a, boot: boot}
	var err error
	if s.mounts, err = a.readMounts(); err != nil {
		s.note("read the mounts: %v", err)
	}
	return s
}

func (s *setup) note(format string, args ...any) {
	s.notes = append(s.notes, fmt.Sprintf(format, args...))
}

func (s *setup) run() {
	if s.boot.Unprivileged {
		return
	}
	database, err := s.database()
	if err != nil {
		s.note("%v", err)
		return
	}
	changes := s.users(database)
	for _, name := range s.boot.Groups {
		if _, err := database.named(name); err != nil {
			s.note("%v", err)
		}
	}
	owners := s.owners(database)
	for _, target := range s.boot.Volumes {
		s.volume(target, owners[0], changes)
	}
	for _, c := range changes {
		s.home(c)
	}
	s.writeUsers(database, changes)
	s.mountPoints(database)
	s.sudo()
	s.profile()
	s.safeDirs(owners)
}

// users decides what becomes of each user; nothing is written yet.
func (s *setup) users(database *database) []change {
	var changes []change
	for _, user := range s.boot.Users {
		shell := s.loginShell(user.Shell)
		if shell == "" {
			shell = wire.Path
		}
		if user.Shell != "" && shell != user.Shell {
			s.note("user %q: the image has no %s; the shell is %s", user.Name, user.Shell, shell)
		}
		done, err := database.ensure(user, shell)
		if err != nil {
			s.note("%v", err)
			continue
		}
		changes = append(changes, done)
	}
	return changes
}

// writeUsers comes after the homes: should the box be killed between them, the
// next start finds the ids as they were and does the rest of the homes.
func (s *setup) writeUsers(database *database, changes []change) {
	if len(changes)+len(s.boot.Groups) == 0 {
		return
	}
	s.write("/etc/group", database.group.String(), 0o644)
	if len(database.shadow) > 0 {
		s.write("/etc/shadow", database.shadow.String(), 0o640)
	}
	s.write("/etc/passwd", database.passwd.String(), 0o644)
}

// owners are who a share may belong to, the command's user first.
func (s *setup) owners(database *database) []identity {
	who, err := database.identify(s.boot.User, s.boot.Groups)
	if err != nil {
		s.note("%v", err)
	}
	owners := []identity{who}
	for _, user := range s.boot.Users {
		if who, err := database.identify(user.Name, nil); err == nil {
			owners = append(owners, who)
		}
	}
	return owners
}

// write makes a file have this content; mode counts where it is new.
func (s *setup) write(name, content string, mode fs.FileMode) {
	attr := attributes{mode: mode, uid: os.Geteuid(), gid: os.Getegid()}
	info, err := os.Stat(s.at(name))
	if err == nil {
		attr.mode, attr.uid, attr.gid = info.Mode().Perm(), ownerOf(info).uid, ownerOf(info).gid
		if old, err := os.ReadFile(s.at(name)); err == nil && string(old) == content {
			return
		}
	}
	if s.mounts.foreign(name, s.boot.Volumes) {
		s.note("%s lies in a share and is left as it is", name)
		return
	}
	if err := makeParents(s.at(name)); err != nil {
		s.note("%v", err)
		return
	}
	if err := replace(s.at(name), []byte(content), attr); err != nil {
		s.note("write %s: %v", name, err)
		return
	}
	s.own = append(s.own, name)
}

// volume gives the root of a new volume to the user: only a directory that is
// empty, and only itself. It is root's, or bears the ids that a user had in the
// image, which the engine copies.
func (s *setup) volume(target string, who identity, changes []change) {
	if who.uid == 0 {
		return
	}
	dir, err := os.OpenFile(s.at(target), os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		if !errors.Is(err, syscall.ENOTDIR) {
			s.note("volume at %s: %v", target, err)
		}
		return
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil {
		return
	}
	left := slices.ContainsFunc(changes, func(c change) bool { return c.adopted && c.old.uid == ownerOf(info).uid })
	if ownerOf(info).uid != 0 && !left {
		return
	}
	if names, _ := dir.Readdirnames(1); len(names) > 0 {
		return
	}
	if err := dir.Chown(who.uid, who.gid); err != nil {
		s.note("give the volume at %s to its user: %v", target, err)
	}
}

// sudo lets the users become root without a password, where sudo is installed.
func (s *setup) sudo() {
	installed := slices.ContainsFunc([]string{"/usr/bin/sudo", "/bin/sudo", "/usr/local/bin/sudo"}, func(p string) bool {
		return s.executable(p) == nil
	})
	if !installed || len(s.boot.Users) == 0 {
		return
	}
	if rules, err := readBounded(s.at("/etc/sudoers"), 1<<20); err != nil || !bytes.Contains(rules, []byte("includedir /etc/sudoers.d")) {
		s.note("sudo is installed and does not read /etc/sudoers.d; it will ask for a password")
	}
	for _, user := range s.boot.Users {
		if !madeName.MatchString(user.Name) || user.Name == "root" {
			continue
		}
		// sudo skips files with a dot in their name.
		name := "/etc/sudoers.d/90-envy-" + strings.ReplaceAll(user.Name, ".", "_")
		s.write(name, user.Name+" ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
	}
}

// profile keeps the box's PATH in login shells, whose /etc/profile would
// otherwise replace it.
func (s *setup) profile() {
	const name = "/etc/profile.d/00-envy.sh"
	wanted := getenv(s.Environ, "PATH")
	if _, err := os.Stat(s.at(name)); wanted == "" || (wanted == defaultPath && err != nil) {
		return
	}
	if !s.isDir("/etc/profile.d") {
		profile, err := readBounded(s.at("/etc/profile"), 1<<20)
		if err != nil || !bytes.Contains(profile, []byte("/etc/profile.d")) {
			return
		}
	}
	// Read before the others in the folder, which may then put theirs in front.
	s.write(name, profileScript(wanted), 0o644)
}

// profileScript sets PATH to the wanted one, followed by what else the profile
// has put there.
func profileScript(wanted string) string {
	quoted := "'" + strings.ReplaceAll(wanted, "'", `'\''`) + "'"
	return `# Written by envy: a login shell keeps the PATH that the box was given.
_envy_path=` + quoted + `
_envy_ifs=$IFS
IFS=:
for _envy_dir in $PATH; do
  case ":$_envy_path:" in
    *":$_envy_dir:"*) ;;
    *) _envy_path=$_envy_path:$_envy_dir ;;
  esac
done
IFS=$_envy_ifs
PATH=$_envy_path
export PATH
unset _envy_path _envy_ifs _envy_dir
`
}

// safeDirs tells git to trust shared checkouts that a user of the box does not own.
func (s *setup) safeDirs(owners []identity) {
	var foreign []string
	for _, target := range s.boot.SafeDirs {
		info, err := os.Stat(s.at(target))
		if err != nil {
			s.note("share at %s: %v", target, err)
			continue
		}
		if slices.ContainsFunc(owners, func(who identity) bool { return who.uid != ownerOf(info).uid }) {
			foreign = append(foreign, path.Clean(target))
		}
	}
	if len(foreign) == 0 {
		return
	}
	old, err := readBounded(s.at("/etc/gitconfig"), 1<<20)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.note("git's safe.directory: %v", err)
		return
	}
	s.write("/etc/gitconfig", addSafeDirectories(string(old), foreign), 0o644)
}
