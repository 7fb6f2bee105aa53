package driver

import (
	"context"
	"io"
	"io/fs"
	"time"
)

// Files reaches the files of boxes, running or not. What lies in a tmpfs, or in /proc and its like, is not seen there.
type Files interface {
	// LookUp describes a path of a box; a link at its end is followed only where a slash stands behind it. Error kinds: NotFound
	// (the box, or the path), Failed where a mount of the box keeps all of its files from being reached.
	LookUp(ctx context.Context, id, path string) (PathInfo, error)
	// CopyOut writes a folder or a file of a box as a tar, whose members are named relative to it; "." is itself, and comes first.
	// A link at the end of path is as with LookUp. What the tar says is the box's: nothing in it can be relied on but that no
	// name is absolute or leads out. w's own error comes back as it is. Error kinds: as LookUp.
	CopyOut(ctx context.Context, id, path string, w io.Writer) error
}

// PathInfo is a path of a box.
type PathInfo struct {
	Mode  fs.FileMode // with its type
	Size  int64       // bytes
	MTime time.Time
	Link  string // where a link leads, absolute, as the box sees it
}
