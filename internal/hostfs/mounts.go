package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// MakeDir makes the directory of a place that does not exist yet, as the caller, below the deepest directory that
// does: `create = true`. Resolve the place right before.
func (c *Checkout) MakeDir(p Place, mode fs.FileMode) error {
	base, err := openTree(p.Base, c.caller.owner())
	if err != nil {
		return err
	}
	if base.dir != p.Base {
		return errors.Join(fmt.Errorf("make directory %s: %w: it was swapped for a link", p.Real, ErrNotDirectory), base.Close())
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(p.Real, p.Base), "/")
	if rel == "" {
		rel = "."
	}
	return errors.Join(base.MkdirAll(rel, mode), base.Close())
}

// MakeMountPoint makes the missing folder, or empty file, at rel within the folder that a share names, as the caller:
// left to the engine it would be root's. What is there already stays, whatever it is; nothing is made through a link.
func (c *Checkout) MakeMountPoint(share Place, rel string, folder bool) error {
	t, err := openTree(share.Real, c.caller.owner())
	if err != nil {
		return err
	}
	if t.dir != share.Real {
		err = fmt.Errorf("make mount point: %w: %s was swapped for a link", ErrNotDirectory, share.Real)
	} else {
		err = t.makeMountPoint(path.Clean(rel), folder)
	}
	return errors.Join(err, t.Close())
}

func (t *Tree) makeMountPoint(rel string, folder bool) error {
	if _, err := t.Stat(rel); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if folder {
		return t.MkdirAll(rel, 0o755)
	}
	above := fs.FileMode(0o755)
	dir, err := t.descend(path.Dir(rel), &above)
	if err != nil {
		return err
	}
	f, err := dir.root.OpenFile(path.Base(rel), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist): // made by another meanwhile, or a link to nothing
		_, err = t.Stat(rel)
	case err == nil:
		err = errors.Join(dir.owner.take(f), f.Close())
	}
	return errors.Join(err, dir.Close())
}
