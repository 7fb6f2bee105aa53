package hostfs

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
)

// Archive streams a folder, or one file, as a tar that says nothing of owners. A folder's members are named
// relative to it, after a first one, "./", that has the folder's own mode; a file's one member is named ".", for it becomes the target itself.
// Links are kept as links; sockets, FIFOs and devices are left out. A file that changes its size while it is read is an
// error. source must have been resolved. Close the archive, read to its end or not; ctx ends it with its cause.
func Archive(ctx context.Context, source string) (io.ReadCloser, error) {
	r, err := resolve(source)
	switch {
	case err != nil:
		return nil, err
	case r.real != filepath.Clean(source):
		return nil, fmt.Errorf("archive %s: it is a link to %s by now", source, r.real)
	case r.info == nil:
		return nil, &fs.PathError{Op: "archive", Path: source, Err: fs.ErrNotExist}
	}
	dir, base := source, "."
	if !r.info.IsDir() {
		dir, base = filepath.Dir(source), filepath.Base(source)
	}
	t, err := OpenTree(dir)
	if err != nil {
		return nil, err
	}
	if t.dir != filepath.Clean(dir) {
		return nil, errors.Join(&fs.PathError{Op: "archive", Path: source, Err: errSwapped}, t.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	reader, writer := io.Pipe()
	a := &archive{PipeReader: reader, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		buffered := bufio.NewWriterSize(writer, archiveBuffer)
		w := archiver{tree: t, tar: tar.NewWriter(buffered)}
		err := w.write(ctx, base)
		if err == nil {
			err = buffered.Flush()
		}
		_ = writer.CloseWithError(errors.Join(err, t.Close())) // it returns no error
	}()
	return a, nil
}

// archiveBuffer is how much is written at once: members and their padding are small pieces.
const archiveBuffer = 64 << 10

// archive owns the goroutine that writes it.
type archive struct {
	*io.PipeReader
	cancel context.CancelFunc
	done   chan struct{}
}

// Close breaks the writing off, if it still goes on, and waits for its end.
func (a *archive) Close() error {
	a.cancel()
	err := a.PipeReader.Close()
	<-a.done
	return err
}

type archiver struct {
	tree *Tree
	tar  *tar.Writer
	file bool // one file, not a folder
}

func (a *archiver) write(ctx context.Context, base string) error {
	walker := walker{tree: a.tree, left: MaxEntries}
	first, err := walker.entry(base, false)
	if err != nil {
		return err
	}
	a.file = !first.Info.IsDir()
	if err := a.member(first); err != nil {
		return err
	}
	if first.Info.IsDir() {
		if err := walker.walk(ctx, base, a.member); err != nil {
			return err
		}
	}
	return a.tar.Close()
}

func (a *archiver) member(e Entry) error {
	if mode := e.Info.Mode(); !mode.IsRegular() && !mode.IsDir() && mode&fs.ModeSymlink == 0 {
		return nil
	}
	info := e.Info
	var content io.ReadCloser
	if info.Mode().IsRegular() {
		f, err := a.tree.Open(e.Name)
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err = f.Stat(); err != nil { // of the file that is read, should it have been replaced
			return err
		}
		content = f
	}
	head, err := tar.FileInfoHeader(info, e.Link)
	if err != nil {
		return fmt.Errorf("archive %s: %w", e.Name, err)
	}
	if head.Name = path.Clean(e.Name); a.file {
		head.Name = "."
	}
	if info.IsDir() {
		head.Name += "/"
	}
	head.Uid, head.Gid, head.Uname, head.Gname = 0, 0, "", ""
	if err := a.tar.WriteHeader(head); err != nil {
		return fmt.Errorf("archive %s: %w", e.Name, err)
	}
	if content == nil {
		return nil
	}
	if _, err := io.CopyN(a.tar, content, head.Size); err != nil {
		return fmt.Errorf("archive %s: it changed while it was read: %w", e.Name, err)
	}
	return nil
}
