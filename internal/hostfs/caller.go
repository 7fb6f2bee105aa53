package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Dirs are the caller's XDG directories for envy. They need not exist.
type Dirs struct {
	Config string // what the user writes
	Cache  string // what can be fetched or computed again
	State  string // what must survive: answers of trust, keys, locks
	Data   string // what the user took in: boxes that were added
}

// XDG gives envy's directories by the XDG base directory specification: the environment's where it names an absolute
// path (the specification says to ignore others), else the defaults under home.
func XDG(getenv func(string) string, home string) Dirs {
	dir := func(name, fallback string) string {
		if d := getenv(name); filepath.IsAbs(d) {
			return filepath.Join(d, "envy")
		}
		return filepath.Join(home, fallback, "envy")
	}
	return Dirs{
		Config: dir("XDG_CONFIG_HOME", ".config"),
		Cache:  dir("XDG_CACHE_HOME", ".cache"),
		State:  dir("XDG_STATE_HOME", ".local/state"),
		Data:   dir("XDG_DATA_HOME", ".local/share"),
	}
}

// Process is who runs envy, and its environment.
type Process struct {
	UID, GID int
	Home     string
	Getenv   func(string) string
	// HomeOf gives the home directory of a uid, false when the host does not know the uid.
	HomeOf func(uid int) (string, bool)
}

// ThisProcess reads the running process; only main should need it.
func ThisProcess() Process {
	home, _ := os.UserHomeDir() // none: every path that needs it says so
	return Process{UID: os.Geteuid(), GID: os.Getegid(), Home: home, Getenv: os.Getenv, HomeOf: homeOf}
}

func homeOf(uid int) (string, bool) {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil || !filepath.IsAbs(u.HomeDir) {
		return "", false
	}
	return u.HomeDir, true
}

// Caller is on whose behalf envy acts: the ids that boxes and files made on the host get, and where state is kept.
type Caller struct {
	UID, GID int
	Home     string // absolute and without links where it exists, "" when there is none
	Dirs     Dirs
	foreign  bool // the process is root and acts for somebody else
}

// Caller says for whom a process acts on the checkout in dir: itself, or, run as root, the owner of dir. That owner's
// XDG directories are the default ones under their home: the environment of root's process speaks of root's. For an
// owner that the host has no account for, they are root's own.
func (p Process) Caller(dir string) (Caller, error) {
	c := Caller{UID: p.UID, GID: p.GID, Home: p.Home, Dirs: XDG(p.Getenv, p.Home)}
	if p.UID == 0 {
		info, err := os.Stat(dir)
		if err != nil {
			return Caller{}, fmt.Errorf("find the owner of the checkout: %w", err)
		}
		if uid, gid := ownerOf(info); uid != 0 {
			c.UID, c.GID, c.foreign = uid, gid, true
			if home, ok := p.HomeOf(uid); ok {
				c.Home, c.Dirs = home, XDG(func(string) string { return "" }, home)
			}
		}
	}
	if r, err := resolve(c.Home); c.Home != "" && err == nil {
		c.Home = r.real
	}
	return c, nil
}

// Foreign says whether the process is root and acts for the owner of the checkout.
func (c Caller) Foreign() bool { return c.foreign }

// OpenDir makes one of the caller's Dirs where it is missing (mode 0700) and opens it. It must belong to the caller.
// Where root acts for another, nothing outside that user's home is followed or made: they can write its links.
func (c Caller) OpenDir(dir string) (*Tree, error) { return c.openDir(dir, true) }

// FindDir is OpenDir that makes nothing: a directory that is missing is [fs.ErrNotExist].
func (c Caller) FindDir(dir string) (*Tree, error) { return c.openDir(dir, false) }

func (c Caller) openDir(dir string, make bool) (*Tree, error) {
	own := c.owner()
	rel, inHome := strings.CutPrefix(dir, c.Home+"/")
	if own.set && inHome {
		return c.openInHome(filepath.ToSlash(rel), make)
	}
	if !filepath.IsAbs(dir) {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: errors.New("no home directory to keep it in")}
	}
	if make {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make directory: %w", err)
		}
	}
	t, err := openTree(dir, owner{})
	if err != nil {
		return nil, err
	}
	return t.belonging(os.Geteuid())
}

// openInHome is openDir for root that acts for another.
func (c Caller) openInHome(rel string, make bool) (*Tree, error) {
	home, err := openTree(c.Home, c.owner())
	if err != nil {
		return nil, err
	}
	defer home.Close()
	if make {
		if err := home.MkdirAll(rel, 0o700); err != nil {
			return nil, err
		}
	}
	t, err := home.Sub(rel)
	if err != nil {
		return nil, err
	}
	return t.belonging(c.UID, 0)
}

// belonging closes a tree that belongs to nobody of uids.
func (t *Tree) belonging(uids ...int) (*Tree, error) {
	if uid, _ := ownerOf(t.info); !slices.Contains(uids, uid) {
		return nil, errors.Join(&fs.PathError{Op: "open", Path: t.dir, Err: ErrForeign}, t.Close())
	}
	return t, nil
}

// owner is to whom new files are handed; the zero value leaves them with the process.
type owner struct {
	set      bool
	uid, gid int
}

func (c Caller) owner() owner {
	return owner{set: c.foreign, uid: c.UID, gid: c.GID}
}

// owns reports whether a uid is that of the caller; root may have written for them.
func (o owner) owns(uid int) bool {
	return uid == os.Geteuid() || o.set && uid == o.uid
}

// take hands over a file that this process has just made. It goes by the open file: its name may be another's by now.
func (o owner) take(f *os.File) error {
	if !o.set {
		return nil
	}
	return f.Chown(o.uid, o.gid)
}

func ownerOf(info fs.FileInfo) (uid, gid int) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1, -1
	}
	return int(st.Uid), int(st.Gid)
}

func deviceOf(info fs.FileInfo) uint64 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return uint64(st.Dev)
}
