package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/recipe"
)

// host gives the use cases what they need of the caller's machine. Paths are resolved anew at each call: what was
// checked before may lead elsewhere by now.
type host struct {
	checkout *hostfs.Checkout
}

var _ provision.Host = (*host)(nil)

// resolve resolves a path of the plan, which had no links when the plan was made, and refuses one that has some now.
func (h *host) resolve(path string) (hostfs.Place, error) {
	place, err := h.checkout.Resolve(path)
	if err == nil && place.Real != path {
		err = provision.Moved("the Envfile", path, place.Real)
	}
	return place, err
}

// Match implements provision.Host.
func (h *host) Match(ctx context.Context, tree config.Tree, patterns []string) ([]provision.HostFile, []string, error) {
	var entries []hostfs.Entry
	var unmatched []string
	var err error
	if tree == nil {
		entries, unmatched, err = h.checkout.Match(ctx, ".", patterns)
	} else {
		entries, unmatched, err = hostfs.Match(ctx, tree, ".", patterns)
	}
	if err != nil {
		return nil, nil, err
	}
	files := make([]provision.HostFile, len(entries))
	for i, e := range entries {
		files[i] = provision.HostFile{Name: e.Name, Mode: e.Info.Mode(), Link: e.Link}
	}
	return files, unmatched, nil
}

// Open implements provision.Host.
func (h *host) Open(name string) (io.ReadCloser, error) { return h.checkout.Open(name) }

// Tree implements provision.Host. A folder inside the checkout is reached through it, so that no link leads out.
func (h *host) Tree(path string) (recipe.Source, error) {
	place, err := h.resolve(path)
	if err != nil {
		return nil, err
	}
	var tree *hostfs.Tree
	if place.Zone == hostfs.Inside {
		tree, err = h.checkout.Tree.Sub(place.Rel)
	} else {
		tree, err = hostfs.OpenTree(place.Real)
	}
	if err == nil && tree.Dir() != path {
		err = errors.Join(provision.Moved("the Envfile", path, tree.Dir()), tree.Close())
	}
	if err != nil {
		return nil, err
	}
	return contextTree{FS: tree.FS(), tree: tree}, nil
}

// contextTree is a build context: its files are streamed, whatever their size.
type contextTree struct {
	hostfs.FS
	tree *hostfs.Tree
}

// Open opens a file or directory.
func (c contextTree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	info, err := c.tree.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return c.FS.Open(name)
	}
	return c.tree.Open(name)
}

// Archive implements provision.Host.
func (h *host) Archive(path string) (io.ReadCloser, error) {
	place, err := h.resolve(path)
	if err != nil {
		return nil, err
	}
	return hostfs.Archive(context.Background(), place.Real) // whoever reads it closes it
}

// Worktree implements provision.Host.
func (h *host) Worktree() *provision.Worktree {
	w := h.checkout.Worktree()
	if w == nil {
		return nil
	}
	return &provision.Worktree{Common: w.Common, Entry: w.Entry, Named: w.Named, Back: w.Back, Root: h.checkout.Inside()}
}

// MakeMountPoint implements provision.Host.
func (h *host) MakeMountPoint(share, rel string, dir bool) error {
	place, err := h.resolve(share)
	if err != nil {
		return err
	}
	return h.checkout.MakeMountPoint(place, rel, dir)
}

// MakeSource implements provision.Host.
func (h *host) MakeSource(path string) error {
	place, err := h.resolve(path)
	if err != nil {
		return err
	}
	return h.checkout.MakeDir(place, 0o755)
}

// Leads implements provision.Host.
func (h *host) Leads(path string) (string, error) {
	place, err := h.checkout.Resolve(path)
	return place.Real, err
}

// Exists implements provision.Host.
func (h *host) Exists(path string) (exists, dir bool) {
	place, err := h.checkout.Resolve(path)
	return err == nil && place.Exists, err == nil && place.Exists && place.Mode.IsDir()
}

// Listeners implements provision.Host. Who listens is looked up where there is a clash to tell of: it is slow.
func (h *host) Listeners() []plan.PortTaken {
	ports, err := hostfs.OpenPorts()
	if err != nil {
		return nil
	}
	var taken []plan.PortTaken
	for _, l := range ports.Listeners() {
		taken = append(taken, plan.PortTaken{Port: int(l.Port), Protocol: string(l.Protocol), Address: l.Addr.String()})
	}
	return taken
}

// Program implements provision.Host.
func (h *host) Program(l plan.PortTaken) string {
	ports, err := hostfs.OpenPorts()
	if err != nil {
		return ""
	}
	for _, x := range ports.Listeners() {
		if int(x.Port) != l.Port || string(x.Protocol) != l.Protocol || x.Addr.String() != l.Address {
			continue
		}
		if p, ok := ports.Holder(x); ok {
			return fmt.Sprintf("%s (process %d)", p.Name, p.PID)
		}
	}
	return ""
}

// files gives the language its files.
type files struct {
	hostfs.FS
	checkout *hostfs.Checkout
}

var _ config.Files = files{}

// Resolve implements config.Files.
func (f files) Resolve(path string) config.Location {
	place, err := f.checkout.Resolve(path)
	if err != nil {
		return config.Location{Path: path}
	}
	return config.Location{
		Path: place.Real, Inside: place.Zone == hostfs.Inside, Rel: place.Rel, Exists: place.Exists, Dir: place.Mode.IsDir(),
	}
}
