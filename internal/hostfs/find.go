package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The names that envy looks for. None of them may be a link out of its folder.
const (
	Envfile      = "Envfile"
	EnvfileJSON  = "Envfile.json"
	EnvfileLocal = "Envfile.local"
	EnvfileLock  = "Envfile.lock"
	BoxFile      = "box.hcl"
)

// Found is an Envfile.
type Found struct {
	Dir  string // its directory, absolute, without links
	Name string // its name there
}

// Find looks for an Envfile or Envfile.json in start and the directories above it, up to the file system's edge or
// the process's home directory (looked into last). None is a [NotFoundError], two forms side by side a [BothError],
// and one above start that somebody else put there a [RefusedError]. When there is one of the caller's that cannot be
// read (two forms, no regular file, a link out of its folder), Found says where it is beside the error, for what can be
// done without reading it.
func (p Process) Find(start string) (Found, error) {
	r, err := startOf(start)
	if err != nil {
		return Found{}, err
	}
	home := resolved{}
	if p.Home != "" {
		home, _ = resolve(p.Home) // a home that cannot be read is not on the way either
	}
	looked := []string{}
	for dir, info := r.real, r.info; ; {
		looked = append(looked, dir)
		name, unreadable := envfileIn(dir)
		if name != "" {
			if dir != r.real {
				if err := p.mayRead(dir, r.info); err != nil {
					return Found{}, err
				}
			}
			return Found{Dir: dir, Name: name}, errors.Join(unreadable, checkLink(dir, name))
		}
		if unreadable != nil {
			return Found{}, unreadable
		}
		above := filepath.Dir(dir)
		up, err := os.Stat(above)
		if err != nil {
			return Found{}, fmt.Errorf("look for an Envfile: %w", err)
		}
		if above == dir || deviceOf(up) != deviceOf(info) || home.info != nil && os.SameFile(info, home.info) {
			return Found{}, &NotFoundError{Looked: looked}
		}
		dir, info = above, up
	}
}

func startOf(start string) (resolved, error) {
	abs, err := filepath.Abs(start)
	if err != nil {
		return resolved{}, fmt.Errorf("look for an Envfile: %w", err)
	}
	r, err := resolve(abs)
	switch {
	case err != nil:
		return r, err
	case r.info == nil:
		return r, &fs.PathError{Op: "look for an Envfile", Path: start, Err: fs.ErrNotExist}
	case !r.info.IsDir():
		return r, &fs.PathError{Op: "look for an Envfile", Path: start, Err: ErrNotDirectory}
	}
	return r, nil
}

// envfileIn names the Envfile of a directory, "" when it has none. A directory called Envfile is none; anything else
// of that name is one, and is complained about when it cannot be read.
func envfileIn(dir string) (string, error) {
	found := ""
	for _, name := range []string{Envfile, EnvfileJSON} {
		info, err := os.Lstat(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission):
			continue
		case err != nil:
			return "", fmt.Errorf("look for an Envfile: %w", err)
		case info.IsDir():
			continue
		case found != "":
			return found, &BothError{Dir: dir}
		}
		found = name
	}
	return found, nil
}

// mayRead refuses files above the working directory that somebody else could have put there, in /tmp for one. What
// stands beside the Envfile is read with it, so it counts too.
func (p Process) mayRead(dir string, start fs.FileInfo) error {
	for _, n := range []string{Envfile, EnvfileJSON, EnvfileLocal, EnvfileLock} {
		file := filepath.Join(dir, n)
		for _, stat := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} {
			info, err := stat(file)
			if err != nil {
				continue // absent, or a broken link that reading will complain about
			}
			uid, _ := ownerOf(info)
			startUID, _ := ownerOf(start)
			if uid != p.UID && uid != 0 && (p.UID != 0 || uid != startUID) {
				return &RefusedError{Path: file, UID: uid}
			}
		}
	}
	return nil
}

// Named is the Envfile at a path that the user typed.
func Named(path string) (Found, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Found{}, fmt.Errorf("find %s: %w", path, err)
	}
	r, err := resolve(filepath.Dir(abs))
	if err != nil {
		return Found{}, err
	}
	f := Found{Dir: r.real, Name: filepath.Base(abs)}
	if r.info == nil {
		return Found{}, &fs.PathError{Op: "find", Path: path, Err: fs.ErrNotExist}
	}
	return f, checkLink(f.Dir, f.Name)
}

// checkLink makes sure that a file is a regular one of this folder.
func checkLink(dir, name string) error {
	folder, err := OpenTree(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	f, err := folder.Open(name)
	if _, entry := os.Lstat(filepath.Join(dir, name)); errors.Is(err, fs.ErrNotExist) && entry == nil {
		return fmt.Errorf("%s is a link that leads nowhere: %w", name, ErrNotRegular)
	}
	if err != nil {
		return err
	}
	return f.Close()
}
