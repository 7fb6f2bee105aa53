package hostfs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Whereabouts is what can be said of a folder that something remembers.
type Whereabouts int

// The whereabouts. A folder is only Gone where nothing suggests that it is out of sight for a while.
const (
	There   Whereabouts = iota
	Gone                // it was removed, or moved away
	Unknown             // a disk may not be mounted, or the caller may not look
)

// FindFolder tells whether a path is still there, and of one whose whereabouts are Unknown why. What is missing right below
// a place for mounts, or below an empty folder, as an unmounted disk leaves it, may come back.
func FindFolder(path string) (at Whereabouts, why string) {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return There, ""
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
		return Unknown, plain(err)
	}
	dir := filepath.Dir(path)
	for {
		info, err := os.Lstat(dir)
		switch {
		case err == nil && info.Mode()&fs.ModeSymlink != 0:
			return Unknown, dir + " is a link to something that is not there"
		case err == nil && !info.IsDir():
			return Gone, ""
		case err == nil:
			return missingBelow(dir)
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
			return Unknown, plain(err)
		case dir == filepath.Dir(dir):
			return Unknown, plain(err)
		}
		dir = filepath.Dir(dir)
	}
}

// missingBelow judges by the lowest folder that is there.
func missingBelow(dir string) (Whereabouts, string) {
	if dir == "/" || mountPlace(dir) || mountPlace(filepath.Dir(dir)) {
		return Unknown, "a disk may not be mounted below " + dir
	}
	f, err := os.Open(dir)
	if err != nil {
		return Unknown, plain(err)
	}
	defer f.Close()
	switch _, err := f.Readdirnames(1); {
	case errors.Is(err, io.EOF):
		return Unknown, dir + " is empty, as where a disk is not mounted"
	case err != nil:
		return Unknown, plain(err)
	}
	return Gone, ""
}

// mountPlace reports folders that disks of their own come and go in.
func mountPlace(dir string) bool {
	return slices.Contains([]string{"/mnt", "/media", "/run/media", "/Volumes", "/net", "/misc"}, dir)
}

// plain is an error's cause, without the call.
func plain(err error) string {
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		return of.Path + ": " + of.Err.Error()
	}
	return err.Error()
}
