package hostfs

import (
	"errors"
	"io/fs"
)

// CacheDir is the project's own folder for caches, in the Envfile's directory.
const CacheDir = ".envy"

// Cache opens `.envy/`, made when missing and ignored by git. Whatever is read from it may be hostile. A folder that
// is a link or not the caller's is an error ([ErrNotDirectory], [ErrForeign]): go on without a cache.
func (c *Checkout) Cache() (*Tree, error) {
	home, err := c.Tree.descend(c.sub, nil)
	if err != nil {
		return nil, err
	}
	defer home.Close()
	mode := fs.FileMode(0o755)
	t, err := home.descend(CacheDir, &mode)
	if err != nil {
		return nil, err
	}
	if t, err = t.belonging(c.caller.UID); err != nil {
		return nil, err
	}
	if info, err := t.root.Lstat(".gitignore"); err == nil && info.Mode().IsRegular() {
		return t, nil
	}
	if err := t.WriteFile(".gitignore", []byte("*\n"), 0o644); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}
