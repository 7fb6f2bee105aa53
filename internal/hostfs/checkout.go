package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Checkout is the directory of an Envfile with what surrounds it. It is opened once per command; close it.
type Checkout struct {
	*Tree // the inside root: reading, walking and writing within the checkout

	dir        string
	name       string
	sub        string
	caller     Caller
	git        gitDir
	insideInfo fs.FileInfo
	commonInfo fs.FileInfo // set with git.worktree
}

// OpenCheckout opens the checkout of an Envfile. Its inside is the git work tree that holds the Envfile; without one,
// or where that would be the caller's home, a folder above it or `/`, the Envfile's directory. The
// Envfile itself is not looked at: a checkout whose Envfile is broken, or a link out of its folder (which reading
// refuses), is a checkout still.
func OpenCheckout(at Found, caller Caller) (*Checkout, error) {
	r, err := resolve(at.Dir)
	if err != nil {
		return nil, err
	}
	c := &Checkout{dir: r.real, name: at.Name, caller: caller}
	work, git := findWorkTree(r.real, caller)
	c.git = git
	inside := c.dir
	if work != "" && !holdsHome(work, caller.Home) {
		inside = work
	} else {
		c.git = gitDir{} // a home kept in git is not this project's repository
	}
	if c.Tree, err = openTree(inside, caller.owner()); err != nil {
		return nil, err
	}
	c.insideInfo = c.Tree.info
	rel, ok := r.relativeTo(c.insideInfo)
	if !ok {
		return nil, errors.Join(fmt.Errorf("open checkout %s: it moved meanwhile", c.dir), c.Close())
	}
	c.sub = rel
	c.Tree.named = c.path(c.name)
	if w := c.git.worktree; w != nil {
		c.commonInfo = w.commonInfo
	}
	return c, nil
}

// holdsHome says whether home is dir or lies below it.
func holdsHome(dir, home string) bool {
	info, err := os.Stat(dir)
	if err != nil || home == "" {
		return dir == "/"
	}
	r, err := resolve(home)
	if err != nil {
		return dir == "/"
	}
	_, holds := r.relativeTo(info)
	return holds
}

// Dir is the Envfile's directory: absolute, without links.
func (c *Checkout) Dir() string { return c.dir }

// Inside is the inside root: absolute, without links.
func (c *Checkout) Inside() string { return c.Tree.dir }

// Sub is the Envfile's directory within the inside root, with slashes; "." when they are the same.
func (c *Checkout) Sub() string { return c.sub }

// Name is the name of the Envfile in its directory.
func (c *Checkout) Name() string { return c.name }

// Caller is for whom the checkout was opened.
func (c *Checkout) Caller() Caller { return c.caller }

// Broad says whether the checkout is the caller's home, `/`, or a folder above the home that is not the caller's own, as
// /home: to share it shares everything.
func (c *Checkout) Broad() bool {
	if !holdsHome(c.dir, c.caller.Home) {
		return false
	}
	return c.dir == "/" || sameFile(c.dir, c.caller.Home) || !ownedBy(c.dir, c.caller.UID)
}

// Worktree has the facts of a linked git worktree that was verified, nil for any other checkout.
func (c *Checkout) Worktree() *Worktree {
	if c.git.worktree == nil {
		return nil
	}
	w := *c.git.worktree
	return &w
}

// path is a name in the Envfile's directory, within the inside root.
func (c *Checkout) path(name string) string {
	return filepath.ToSlash(filepath.Join(c.sub, name))
}

// Path makes a name that is relative to the Envfile's directory one within the inside root. false when it leaves that
// by its spelling alone.
func (c *Checkout) Path(name string) (string, bool) {
	p := c.path(name)
	return p, !filepath.IsAbs(name) && p != ".." && !strings.HasPrefix(p, "../")
}
