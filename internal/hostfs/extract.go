package hostfs

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// Extracted is what came of an archive.
type Extracted struct {
	Files int   // links too, folders not
	Bytes int64 // of content
	// Left are the first of what was left out, each with why, and LeftOut how many there were: devices and their like, and links that
	// lead out of what was copied.
	Left    []string
	LeftOut int
}

// maxLeft is how many of what was left out are named.
const maxLeft = 5

// Extract writes an archive that comes from elsewhere as name, which is one of dir's own entries: a folder and what is below it,
// or one file. Members are named relative to it, and the first, ".", is itself, of which folder says whether it must be one.
// With name "." it is dir itself, with all that it has. dir is what the user typed, with its links followed.
//
// Whatever the archive says, nothing is written outside of name: no link is written or looked through, in whatever part of a
// path, and none is made that leads out. Files take the place of files whole; they are the caller's, with the archive's mode
// less the umask and any special bit. ctx ends it between two members. What was written before a failure stays.
func (c Caller) Extract(ctx context.Context, archive io.Reader, dir, name string, folder bool) (Extracted, error) {
	parent, err := openTree(dir, c.owner())
	if err != nil {
		return Extracted{}, err
	}
	defer parent.Close()
	x := extraction{in: tar.NewReader(archive), files: map[string]bool{}}
	if folder {
		x.top, err = parent.descend(name, mode(folderMode))
	} else {
		x.top, err = parent.descend(".", nil)
	}
	if err != nil {
		return x.done, err
	}
	defer x.close()
	if !folder {
		return x.done, x.one(name)
	}
	return x.done, x.all(ctx)
}

const folderMode fs.FileMode = 0o755

func mode(m fs.FileMode) *fs.FileMode { return &m }

type extraction struct {
	in    *tar.Reader
	top   *Tree
	at    *Tree // the folder that was written to last
	rel   string
	files map[string]bool // that were written, so that hard links lead to nothing else
	seen  int
	done  Extracted
}

func (x *extraction) close() {
	if x.at != nil {
		_ = x.at.Close() // it was read only
	}
	_ = x.top.Close()
}

// one writes an archive of one file.
func (x *extraction) one(name string) error {
	h, err := x.in.Next()
	if err != nil {
		return fmt.Errorf("read the archive: %w", err)
	}
	if path.Clean(h.Name) != "." || h.Typeflag != tar.TypeReg { // of a link it is not known where it leads
		return fmt.Errorf("the archive has %q, which is not the one file that is expected", h.Name)
	}
	if err := x.write(x.top, name, name, h); err != nil {
		return err
	}
	if _, err := x.in.Next(); !errors.Is(err, io.EOF) {
		return errors.Join(errors.New("the archive has more than one file"), err)
	}
	return nil
}

func (x *extraction) all(ctx context.Context) error {
	for {
		h, err := x.in.Next()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the archive: %w", err)
		}
		if x.seen++; x.seen > MaxEntries {
			return fmt.Errorf("copy: %w (over %d)", ErrTooMany, MaxEntries)
		}
		name, err := memberName(h.Name)
		if err != nil {
			return err
		}
		if err := x.member(name, h); err != nil {
			return err
		}
	}
}

// memberName is a member's name, clean, below the target or ".".
func memberName(name string) (string, error) {
	clean := path.Clean(name)
	if path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsRune(clean, 0) {
		return "", fmt.Errorf("the archive's %q leads out of it", name)
	}
	return clean, nil
}

func (x *extraction) member(name string, h *tar.Header) error {
	if name == "." {
		if h.Typeflag != tar.TypeDir {
			return errors.New("the archive has a file where a folder is expected")
		}
		return nil
	}
	if h.Typeflag == tar.TypeDir {
		return x.enter(name, fs.FileMode(h.Mode).Perm()|0o700)
	}
	if err := x.enter(path.Dir(name), folderMode); err != nil {
		return err
	}
	return x.write(x.at, path.Base(name), name, h)
}

// enter opens a folder of the target, made where it is missing.
func (x *extraction) enter(dir string, perm fs.FileMode) error {
	if x.at != nil && x.rel == dir {
		return nil
	}
	next, err := x.top.descend(dir, &perm)
	if err != nil {
		return err
	}
	if x.at != nil {
		_ = x.at.Close() // it was read only
	}
	x.at, x.rel = next, dir
	return nil
}

// write writes what is no folder into one. name is the member's, relative to the target.
func (x *extraction) write(to *Tree, base, name string, h *tar.Header) error {
	switch h.Typeflag {
	case tar.TypeReg:
		n, err := to.takeFile(base, x.in, fs.FileMode(h.Mode).Perm(), h.ModTime)
		if err != nil {
			return err
		}
		x.files[name] = true
		x.done.Bytes += n
	case tar.TypeLink:
		from, err := memberName(h.Linkname)
		if err != nil || !x.files[from] {
			return fmt.Errorf("the archive's %q is a link to %q, which is no file of it so far", h.Name, h.Linkname)
		}
		if err := x.again(to, base, from, h.ModTime); err != nil {
			return err
		}
		x.files[name] = true
	case tar.TypeSymlink:
		if !staysInside(name, h.Linkname) {
			x.leave(name, "a link to "+h.Linkname)
			return nil
		}
		if err := to.takeLink(base, h.Linkname); err != nil {
			return err
		}
		delete(x.files, name)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		x.leave(name, "no file")
		return nil
	default:
		return fmt.Errorf("the archive's %q is of the unknown kind %q", h.Name, h.Typeflag)
	}
	x.done.Files++
	return nil
}

func (x *extraction) leave(name, why string) {
	if x.done.LeftOut++; len(x.done.Left) < maxLeft {
		x.done.Left = append(x.done.Left, name+": "+why)
	}
}

// staysInside reports whether a link can lead to nothing but what lies below the target: it climbs no higher than that, and only
// at its beginning, where what it climbs are folders and no links.
func staysInside(name, to string) bool {
	if to == "" || path.IsAbs(to) {
		return false
	}
	up, left := strings.Count(name, "/"), false
	for part := range strings.SplitSeq(to, "/") {
		switch {
		case part == ".." && left:
			return false
		case part == "..":
			if up--; up < 0 {
				return false
			}
		case part != "" && part != ".":
			left = true
		}
	}
	return true
}

// again writes a file that was written before under one more name. It is read, not linked: the two are then apart, as copies are.
func (x *extraction) again(to *Tree, base, from string, at time.Time) error {
	folder, err := x.top.descend(path.Dir(from), nil)
	if err != nil {
		return err
	}
	defer folder.Close()
	info, err := folder.root.Lstat(path.Base(from))
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "copy", Path: from, Err: ErrNotRegular}
	}
	f, err := folder.Open(path.Base(from))
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := to.takeFile(base, f, info.Mode().Perm(), at)
	x.done.Bytes += n
	return err
}

// takeFile writes one of many files: as [Tree.WriteFile], but not synced, for a copy that a machine's crash cut short is copied
// again.
func (t *Tree) takeFile(base string, from io.Reader, mode fs.FileMode, at time.Time) (int64, error) {
	p := &Pending{folder: t, name: base}
	if err := p.open(mode); err != nil {
		return 0, err
	}
	n, err := io.Copy(p, from)
	if err == nil && !at.IsZero() {
		err = t.root.Chtimes(p.temp, at, at)
	}
	if err = errors.Join(err, p.File.Close()); err == nil {
		err = p.replaceable()
	}
	if err == nil {
		err = t.root.Rename(p.temp, base)
	}
	if err != nil {
		err = errors.Join(err, t.root.Remove(p.temp))
	}
	return n, err
}

// takeLink makes a link in the place of nothing, a file or a link.
func (t *Tree) takeLink(base, to string) error {
	switch info, err := t.root.Lstat(base); {
	case err == nil && !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0:
		return &fs.PathError{Op: "write", Path: path.Join(t.dir, base), Err: ErrNotRegular}
	case err == nil:
		if err := t.root.Remove(base); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := t.root.Symlink(to, base); err != nil || !t.owner.set {
		return err
	}
	return t.root.Lchown(base, t.owner.uid, t.owner.gid)
}

// TypedPath is a path that the user typed, as copying needs to know it. Links on its way are followed.
type TypedPath struct {
	Exists bool
	Dir    bool
	Link   bool   // it is a link itself, which the rest of this does not follow
	Real   string // absolute, behind all links
}

// LookAtPath looks at a path that the user typed.
func LookAtPath(name string) (TypedPath, error) {
	r, err := resolve(name)
	if err != nil {
		return TypedPath{}, err
	}
	p := TypedPath{Exists: r.info != nil, Dir: r.info != nil && r.info.IsDir(), Real: r.real}
	if info, err := os.Lstat(strings.TrimRight(name, "/")); err == nil {
		p.Link = info.Mode()&fs.ModeSymlink != 0
	}
	return p, nil
}

// ArchiveLink is [Archive] for a link that the user typed, as the link that it is.
func ArchiveLink(name string) (io.ReadCloser, error) {
	to, err := os.Readlink(name)
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	go func() {
		out := tar.NewWriter(writer)
		err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: ".", Linkname: to, Mode: 0o777, ModTime: time.Now()})
		_ = writer.CloseWithError(errors.Join(err, out.Close())) // it returns no error
	}()
	return reader, nil
}
