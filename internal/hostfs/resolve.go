package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxLinks is how many links one path may lead through, as in Linux's own path walk.
const maxLinks = 40

// resolved is where a path leads.
type resolved struct {
	real  string      // absolute, no links in its existing part
	info  fs.FileInfo // nil when nothing is there
	base  string      // the deepest existing part of real, a directory unless info is set
	links []string    // the links that were followed, each by its own real path
}

// resolve follows every link of an absolute path by itself, so that it can say which links it passed and what of the
// path does not exist yet. What does not exist is taken as written; a ".." behind it is an error, as it is to the
// kernel.
func resolve(path string) (resolved, error) {
	r := resolved{real: "/"}
	todo := components(path)
	missing := false
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		switch {
		case name == ".." && missing:
			return r, &fs.PathError{Op: "resolve", Path: path, Err: fs.ErrNotExist}
		case name == "..":
			r.real = filepath.Dir(r.real)
			continue
		}
		next := filepath.Join(r.real, name)
		if missing {
			r.real = next
			continue
		}
		info, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing, r.base, r.real = true, r.real, next
		case err != nil:
			return r, fmt.Errorf("resolve %s: %w", path, err)
		case info.Mode()&fs.ModeSymlink != 0:
			todo, err = r.follow(path, next, todo)
			if err != nil {
				return r, err
			}
		case !info.IsDir() && len(todo) > 0:
			return r, &fs.PathError{Op: "resolve", Path: path, Err: syscall.ENOTDIR}
		default:
			r.real = next
		}
	}
	if missing {
		return r, nil
	}
	info, err := os.Lstat(r.real)
	if err != nil {
		return r, fmt.Errorf("resolve %s: %w", path, err)
	}
	r.info, r.base = info, r.real
	return r, nil
}

// follow goes on at the target of the link at next.
func (r *resolved) follow(path, next string, todo []string) ([]string, error) {
	if len(r.links) >= maxLinks {
		return nil, &fs.PathError{Op: "resolve", Path: path, Err: syscall.ELOOP}
	}
	target, err := os.Readlink(next)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", path, err)
	}
	r.links = append(r.links, next)
	if filepath.IsAbs(target) {
		r.real = "/"
	}
	return slices.Concat(components(target), todo), nil
}

// components splits a path, without empty parts and dots.
func components(path string) []string {
	parts := strings.Split(path, "/")
	return slices.DeleteFunc(parts, func(p string) bool { return p == "" || p == "." })
}

// relativeTo says where the resolved path lies within dir, by file identity rather than by spelling, so that a file
// system that ignores case cannot hide it. false when it lies elsewhere.
func (r resolved) relativeTo(dir fs.FileInfo) (string, bool) {
	below := []string{}
	for at := r.real; ; at = filepath.Dir(at) {
		if info, err := os.Lstat(at); err == nil && os.SameFile(info, dir) {
			slices.Reverse(below)
			return filepath.ToSlash(filepath.Join(append([]string{"."}, below...)...)), true
		}
		if at == "/" {
			return "", false
		}
		below = append(below, filepath.Base(at))
	}
}

// Zone is where a place lies, seen from a checkout.
type Zone int

// The zones. Reading is allowed only inside; sharing the other ones asks for trust, but for the common git directory.
const (
	Outside   Zone = iota
	Inside         // the inside root of the checkout
	CommonGit      // the common git directory of a linked worktree that was verified
)

// Place is where a path leads after every link.
type Place struct {
	Path   string      // absolute, as asked for, `~/` expanded
	Real   string      // after links; what does not exist yet is as written
	Zone   Zone        // where Real lies
	Rel    string      // within the inside root, with slashes, "." for the root itself; set when Zone is Inside
	Exists bool        // whether anything is at Real
	Mode   fs.FileMode // its type and permissions, when it exists
	Base   string      // the deepest directory that exists on the way to Real, or Real itself
	Links  []string    // the links that led here, by their own real paths: who can write one of their folders can swap it
}

// Same reports whether a path that was resolved again still leads where it led.
func (p Place) Same(q Place) bool {
	return p.Real == q.Real && p.Exists == q.Exists && p.Mode.Type() == q.Mode.Type() && slices.Equal(p.Links, q.Links)
}

// Resolve says where path leads. A relative one starts at the Envfile's directory, `~` and `~/` at the caller's home.
// It answers for what exists now: resolve again before the call that uses the path.
func (c *Checkout) Resolve(path string) (Place, error) {
	abs, err := c.absolute(path)
	if err != nil {
		return Place{}, err
	}
	r, err := resolve(abs)
	if err != nil {
		return Place{}, err
	}
	p := Place{Path: abs, Real: r.real, Exists: r.info != nil, Base: r.base, Links: r.links}
	if r.info != nil {
		p.Mode = r.info.Mode()
	}
	if rel, ok := r.relativeTo(c.insideInfo); ok {
		p.Zone, p.Rel = Inside, rel
	} else if c.commonInfo != nil {
		if _, ok := r.relativeTo(c.commonInfo); ok {
			p.Zone = CommonGit
		}
	}
	return p, nil
}

// absolute keeps ".." as written: what it means is known only after the links before it.
func (c *Checkout) absolute(path string) (string, error) {
	switch {
	case path == "~" || strings.HasPrefix(path, "~/"):
		if c.caller.Home == "" {
			return "", fmt.Errorf("resolve %s: the caller has no home directory", path)
		}
		return c.caller.Home + path[1:], nil
	case filepath.IsAbs(path):
		return path, nil
	default:
		return c.dir + "/" + path, nil
	}
}
