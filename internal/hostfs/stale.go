package hostfs

import (
	"errors"
	"io/fs"
	"time"
)

// Stale counts the files of a directory that nobody has used since, as Sweep would remove them. A directory that is not
// there has none.
func (t *Tree) Stale(dir string, before time.Time) (files int, bytes int64, err error) {
	entries, err := t.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().Before(before) {
			files, bytes = files+1, bytes+info.Size()
		}
	}
	return files, bytes, nil
}

// Used keeps a file of a cache from being swept for a while. Where that cannot be said it is fetched once more, one day.
func (t *Tree) Used(name string) {
	now := time.Now()
	_ = t.inside(name, func(rel string) error { return t.root.Chtimes(rel, now, now) })
}
