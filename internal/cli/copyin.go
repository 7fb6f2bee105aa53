package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
)

// copySource is what is copied into a box.
type copySource struct {
	base     string
	folder   bool
	contents bool // what is in the folder is meant, not the folder
	dirs     []string
	archive  io.ReadCloser
}

// in copies into the box.
func (x *copying) in(ctx context.Context) error {
	dest := provision.NewBoxPath(x.to.path)
	info, dest, err := provision.LookAt(ctx, x.env, x.box, dest, true)
	missing := driver.Is(err, driver.NotFound)
	if err != nil && !missing {
		return err
	}
	src, err := x.source(ctx)
	if err != nil {
		return err
	}
	defer src.archive.Close()
	target := dest.Path
	switch {
	case missing:
		err = x.mayBeMade(ctx, src, dest)
	case info.Mode.IsDir() && !src.contents:
		target = path.Join(target, src.base)
	case !info.Mode.IsDir() && (src.folder || x.from.stdio()):
		err = &provision.CopyError{Box: x.box.Name, Path: dest.Path, Text: "is no folder, and " + x.from.text + " is one"}
	}
	if err != nil {
		return err
	}
	done, err := provision.CopyIn(ctx, x.env, x.box, target, src.dirs, x.counted(src.archive))
	x.done.Files, x.done.Bytes = done.Files, done.Bytes
	return err
}

// mayBeMade refuses a target that is not there where one must be, or in a folder that is not.
func (x *copying) mayBeMade(ctx context.Context, src copySource, dest provision.BoxPath) error {
	if x.from.stdio() || dest.Folder && !src.folder {
		return x.explain(&driver.Error{Kind: driver.NotFound}, dest)
	}
	up := provision.BoxPath{Path: path.Dir(dest.Path), Folder: true}
	_, _, err := provision.LookAt(ctx, x.env, x.box, up, true)
	return x.explain(err, up)
}

func (x *copying) source(ctx context.Context) (copySource, error) {
	if x.from.stdio() {
		return x.streamed(ctx)
	}
	typed := inDir(x.s.g.dir, x.from.path)
	at, err := hostfs.LookAtPath(typed)
	if err == nil && !at.Exists && !at.Link {
		err = &fs.PathError{Op: "copy", Path: x.from.text, Err: fs.ErrNotExist}
	}
	slash := strings.HasSuffix(x.from.path, "/")
	if err == nil && slash && !at.Dir {
		err = &fs.PathError{Op: "copy", Path: x.from.text, Err: hostfs.ErrNotDirectory}
	}
	if err != nil {
		return copySource{}, &typedPathError{x.from.text, err}
	}
	src := copySource{base: filepath.Base(typed), folder: at.Dir, contents: path.Base(x.from.path) == "." || strings.HasSuffix(x.from.path, "/.")}
	if last := path.Base(x.from.path); src.contents || last == ".." || last == "/" {
		src.base = filepath.Base(at.Real)
	}
	if at.Link && !x.follow && !slash && !src.contents {
		src.folder = false
		src.archive, err = hostfs.ArchiveLink(typed)
		return src, err
	}
	if src.folder {
		if src.dirs, err = foldersOf(ctx, at.Real); err != nil {
			return src, err
		}
	}
	src.archive, err = hostfs.Archive(ctx, at.Real)
	return src, err
}

// foldersOf are a folder's, itself as ".".
func foldersOf(ctx context.Context, dir string) ([]string, error) {
	t, err := hostfs.OpenTree(dir)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	dirs := []string{"."}
	return dirs, t.Walk(ctx, ".", func(e hostfs.Entry) error {
		if e.Info.IsDir() {
			dirs = append(dirs, path.Clean(e.Name))
		}
		return nil
	})
}

// streamed takes an archive from stdin. It is kept in a file without a name first: which of its folders the box has must be known
// before the engine takes the first of them.
func (x *copying) streamed(ctx context.Context) (copySource, error) {
	if x.s.streams.In.Terminal {
		return copySource{}, &usageError{text: "stdin is a terminal, where an archive is expected", hint: "tar -c DIR | envy cp - " + x.to.text}
	}
	cache, err := openCache(x.s.place.caller)
	if err != nil {
		return copySource{}, err
	}
	defer cache.Close()
	spool, err := cache.Spool()
	if err != nil {
		return copySource{}, err
	}
	src := copySource{folder: true, contents: true, archive: spool}
	if _, err = io.Copy(spool, x.s.streams.In.Until(ctx)); err == nil {
		_, err = spool.Seek(0, io.SeekStart)
	}
	if err == nil {
		if src.dirs, err = provision.FoldersOf(spool); err != nil {
			err = &usageError{text: "what came by stdin is no tar archive: " + err.Error()}
		}
	}
	if err == nil {
		_, err = spool.Seek(0, io.SeekStart)
	}
	if err != nil {
		return src, errors.Join(err, spool.Close())
	}
	return src, nil
}
