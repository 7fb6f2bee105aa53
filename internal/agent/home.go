//go:build linux

package agent

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"syscall"
)

// maxHome is how many entries of a home are handed over one by one.
const maxHome = 10_000

// home makes a new user's home, or hands an adopted user's over.
func (s *setup) home(c change) {
	if !c.made && !c.adopted {
		return
	}
	dir := c.account.home
	if dir == "" || dir == "/" || !path.IsAbs(dir) || path.Clean(dir) != dir {
		return
	}
	if s.mounts.foreign(dir, s.boot.Volumes) {
		s.note("the home %s of user %q lies in a share and is left as it is", dir, c.account.name)
		return
	}
	var err error
	if c.made {
		err = s.makeHome(c.account)
	} else {
		err = s.adoptHome(c)
	}
	if err != nil {
		s.note("home %s of user %q: %v", dir, c.account.name, err)
	}
}

// makeHome makes the home and copies the skeleton, over nothing that is there.
// A home that exists and is root's was made by the engine, for a mount below it.
func (s *setup) makeHome(user account) error {
	if err := makeParents(s.at(user.home)); err != nil {
		return err
	}
	err := os.Mkdir(s.at(user.home), 0o755)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	home, err := os.OpenRoot(s.at(user.home))
	if err != nil {
		return err
	}
	defer home.Close()
	info, err := home.Lstat(".")
	if err != nil {
		return err
	}
	owner, wanted := ownerOf(info), ids{user.uid, user.gid}
	if owner.uid == 0 && owner != wanted {
		if err := home.Chown(".", wanted.uid, wanted.gid); err != nil {
			return err
		}
	}
	if owner.uid != 0 && owner.uid != wanted.uid {
		s.note("the home %s of user %q is uid %d's", user.home, user.name, owner.uid)
		return nil
	}
	s.own = append(s.own, user.home)
	return s.copySkeleton(home, user)
}

// copySkeleton goes through an os.Root, so that a link in a home that a volume
// brought leads nowhere else.
func (s *setup) copySkeleton(home *os.Root, user account) error {
	skeleton, err := os.OpenRoot(s.at("/etc/skel"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer skeleton.Close()
	return fs.WalkDir(skeleton.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		made, err := copyEntry(skeleton, home, name, entry)
		if err != nil || !made {
			return err
		}
		s.own = append(s.own, path.Join(user.home, name))
		return home.Lchown(name, user.uid, user.gid)
	})
}

// copyEntry copies one file, folder or link and reports whether it was not
// there before.
func copyEntry(from, to *os.Root, name string, entry fs.DirEntry) (made bool, err error) {
	info, err := entry.Info()
	if err != nil {
		return false, err
	}
	switch {
	case entry.IsDir():
		err = to.Mkdir(name, info.Mode().Perm())
	case entry.Type() == fs.ModeSymlink:
		var target string
		if target, err = from.Readlink(name); err == nil {
			err = to.Symlink(target, name)
		}
	case entry.Type().IsRegular():
		err = copyFile(from, to, name, info.Mode().Perm())
	default:
		return false, nil
	}
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}

func copyFile(from, to *os.Root, name string, mode fs.FileMode) error {
	in, err := from.Open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// errTooMany ends a walk that found more than maxHome entries.
var errTooMany = errors.New("too many entries")

// adoptHome hands over the home and what in it the old ids own, on the home's
// own file system.
func (s *setup) adoptHome(c change) error {
	home, err := os.OpenRoot(s.at(c.account.home))
	if errors.Is(err, fs.ErrNotExist) {
		return s.makeHome(c.account)
	}
	if err != nil {
		return err
	}
	defer home.Close()
	found, err := s.ownedBy(home, c)
	if errors.Is(err, errTooMany) {
		s.note("the home %s of user %q has more than %d entries; only the home itself was given to uid %d",
			c.account.home, c.account.name, maxHome, c.account.uid)
		found = []handover{}
		if info, err := home.Lstat("."); err == nil && ownerOf(info).uid == c.old.uid {
			found = append(found, handover{".", ids{c.account.uid, c.account.gid}})
		}
		err = nil
	}
	if err != nil {
		return err
	}
	for _, h := range found {
		if err := home.Lchown(h.name, h.to.uid, h.to.gid); err != nil {
			return err
		}
		s.own = append(s.own, path.Join(c.account.home, h.name))
	}
	return nil
}

type handover struct {
	name string
	to   ids
}

func (s *setup) ownedBy(home *os.Root, c change) ([]handover, error) {
	var found []handover
	count := 0
	err := fs.WalkDir(home.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && s.mounts[path.Join(c.account.home, name)] {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if count++; count > maxHome {
			return errTooMany
		}
		info, err := home.Lstat(name)
		if err != nil {
			return err
		}
		owner := ownerOf(info)
		if owner.uid == c.old.uid {
			owner.uid = c.account.uid
		}
		if owner.gid == c.old.gid {
			owner.gid = c.account.gid
		}
		if owner != ownerOf(info) {
			found = append(found, handover{name, owner})
		}
		return nil
	})
	return found, err
}

// mountPoints gives the user the folders between the home and what is mounted
// below it: the engine made them, as root, and nobody could write in them.
func (s *setup) mountPoints(database *database) {
	for _, user := range s.boot.Users {
		who, ok := database.byName(user.Name)
		if !ok || who.uid == 0 || who.home == "/" {
			continue
		}
		for _, point := range slices.Sorted(maps.Keys(s.mounts)) {
			for _, dir := range between(who.home, point) {
				if s.mounts.foreign(dir, s.boot.Volumes) {
					break
				}
				if err := s.giveFolder(dir, ids{who.uid, who.gid}); err != nil {
					s.note("give %s to user %q: %v", dir, who.name, err)
				}
			}
		}
	}
}

// giveFolder gives a folder away that is root's and holds nothing but mount
// points and folders on the way to one.
func (s *setup) giveFolder(name string, to ids) error {
	dir, err := os.OpenFile(s.at(name), os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil // gone, or a link by now
	}
	defer dir.Close()
	info, err := dir.Stat()
	if err != nil || ownerOf(info).uid != 0 {
		return err
	}
	names, err := dir.Readdirnames(len(s.mounts) + 1)
	if err != nil {
		return err
	}
	for _, child := range names {
		if !s.mounts.leadTo(path.Join(name, child)) {
			return nil
		}
	}
	if err := dir.Chown(to.uid, to.gid); err != nil {
		return err
	}
	s.own = append(s.own, name)
	return nil
}
