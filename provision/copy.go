package provision

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// BoxPath is a path in a box as somebody typed it, from its root.
type BoxPath struct {
	Path     string // clean, absolute
	Base     string // its last part as typed; "." for the root
	Folder   bool   // a slash behind it: it must be a folder
	Contents bool   // "/." behind it: what is in the folder is meant, not the folder
}

// NewBoxPath reads one.
func NewBoxPath(text string) BoxPath {
	p := BoxPath{Path: path.Clean("/" + text)}
	p.Contents = text == "." || strings.HasSuffix(text, "/.")
	p.Folder = p.Contents || strings.HasSuffix(text, "/")
	if p.Base = path.Base(p.Path); p.Base == "/" {
		p.Base = "."
	}
	return p
}

// CopyError is a path of a box that cannot be copied from or to.
type CopyError struct{ Box, Path, Text, Hint string }

func (e *CopyError) Error() string { return fmt.Sprintf("%s:%s %s", e.Box, e.Path, e.Text) }

// unseen are folders that every box has and that are not on its disk.
func unseen() []string { return []string{"/proc", "/sys", "/dev"} }

// reachable refuses what an engine cannot copy from and to: it would see, and write, what lies beneath.
func reachable(b Box, p BoxPath) error {
	for _, dir := range unseen() {
		if within(p.Path, dir) {
			return &CopyError{b.Name, p.Path, "is not on the box's disk", "envy exec " + b.Name + " cat " + p.Path}
		}
	}
	inner := resource.MountSpec{}
	for _, m := range b.Spec.Mounts {
		if within(p.Path, m.Target) && len(m.Target) > len(inner.Target) {
			inner = m
		}
	}
	if inner.Type == resource.MountTmpfs {
		return &CopyError{b.Name, p.Path, "lies in the tmpfs " + inner.Target + ", which is in the box's memory alone", "envy exec reaches it"}
	}
	return nil
}

// LookAt looks at a path of a box. A link is followed where follow says so, or a slash stands behind it; what comes back is
// where it leads, by the name that was typed. Error kinds and *CopyError, of what is no folder and should be, too.
func LookAt(ctx context.Context, env Env, b Box, p BoxPath, follow bool) (driver.PathInfo, BoxPath, error) {
	if err := reachable(b, p); err != nil {
		return driver.PathInfo{}, p, err
	}
	info, err := env.Engine.LookUp(ctx, b.ID, p.Path)
	if err == nil && info.Link != "" && (follow || p.Folder) {
		p.Path = path.Clean("/" + info.Link)
		if err = reachable(b, p); err == nil {
			info, err = env.Engine.LookUp(ctx, b.ID, p.Path)
		}
	}
	if err == nil && p.Folder && !info.Mode.IsDir() {
		err = &CopyError{b.Name, p.Path, "is no folder", ""}
	}
	return info, p, err
}

// CopyOut writes a folder or file of a box as a tar, whose members begin with prefix; "" and "." leave them relative to it.
func CopyOut(ctx context.Context, env Env, b Box, p BoxPath, prefix string, w io.Writer) error {
	if prefix == "" || prefix == "." {
		return env.Engine.CopyOut(ctx, b.ID, p.Path, w)
	}
	out := tar.NewWriter(w)
	return piped(func(into io.Writer) error { return env.Engine.CopyOut(ctx, b.ID, p.Path, into) }, func(from io.Reader) error {
		err := eachMember(from, func(h *tar.Header, content io.Reader) error {
			h.Name = path.Join(prefix, h.Name)
			if h.Typeflag == tar.TypeDir {
				h.Name += "/"
			}
			if h.Typeflag == tar.TypeLink {
				h.Linkname = path.Join(prefix, h.Linkname)
			}
			return put(out, h, content)
		})
		return errors.Join(err, out.Close())
	})
}

// Piped runs two functions, of which one reads what the other writes, and gives the error of the one that failed first.
func Piped(write func(io.Writer) error, read func(io.Reader) error) error { return piped(write, read) }

const pipeBuffer = 64 << 10

// errReader ends a writer whose reader has had enough, or has failed.
var errReader = errors.New("nobody reads on")

func piped(write func(io.Writer) error, read func(io.Reader) error) error {
	from, into := io.Pipe()
	written := make(chan error, 1)
	go func() {
		buffered := bufio.NewWriterSize(into, pipeBuffer) // archives are written in small pieces
		err := write(buffered)
		if err == nil {
			err = buffered.Flush()
		}
		_ = into.CloseWithError(err) // it returns no error; nil is EOF
		written <- err
	}()
	failed := read(from)
	_ = from.CloseWithError(errReader) // as above
	if err := <-written; err != nil && !errors.Is(err, errReader) {
		return err // of which the reader's failure came
	}
	return failed
}

// put writes a member, whose name may have become longer than its old format allows.
func put(out *tar.Writer, h *tar.Header, content io.Reader) error {
	h.Format = tar.FormatPAX
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}

func eachMember(archive io.Reader, f func(*tar.Header, io.Reader) error) error {
	in := tar.NewReader(archive)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		if err := f(h, in); err != nil {
			return err
		}
	}
}

// Copied counts what was copied.
type Copied struct {
	Files int   // folders not
	Bytes int64 // of content
}

// CopyIn copies an archive into a box, running or not: its members below target, "." as target itself. They belong to the box's
// user, and have the time of copying, by which they are known to be changed; folders that are there already stay as they are.
// dirs are the archive's folders, relative, those above others first.
func CopyIn(ctx context.Context, env Env, b Box, target string, dirs []string, archive io.Reader) (Copied, error) {
	there, err := existing(ctx, env, b, target, dirs)
	if err != nil {
		return Copied{}, err
	}
	clock := env.Now
	if clock == nil {
		clock = time.Now
	}
	now := clock()
	var done Copied
	return done, piped(func(into io.Writer) error {
		out := tar.NewWriter(into)
		err := eachMember(archive, func(h *tar.Header, content io.Reader) error {
			name := path.Clean(h.Name)
			if h.Typeflag == tar.TypeDir && there[name] {
				return nil
			}
			h.ModTime, h.AccessTime, h.ChangeTime = now, time.Time{}, time.Time{}
			if h.Typeflag != tar.TypeDir {
				done.Files, done.Bytes = done.Files+1, done.Bytes+h.Size
			}
			return put(out, h, content)
		})
		return errors.Join(err, out.Close())
	}, func(from io.Reader) error { return env.Engine.CopyIn(ctx, b.ID, from, target) })
}

// existing are those of the folders that the box has below target. A folder whose parent is missing is not asked for.
func existing(ctx context.Context, env Env, b Box, target string, dirs []string) (map[string]bool, error) {
	levels, known, there := map[int][]string{}, map[string]bool{}, map[string]bool{}
	deepest := 0
	for _, d := range dirs {
		if path.IsAbs(d) || d == ".." || strings.HasPrefix(d, "../") || known[d] {
			continue // the engine's driver refuses what leads out
		}
		depth := 0
		if d != "." {
			depth = 1 + strings.Count(d, "/")
		}
		known[d], levels[depth] = true, append(levels[depth], d)
		deepest = max(deepest, depth)
	}
	for depth := range deepest + 1 {
		var ask []string
		for _, d := range levels[depth] {
			if up := path.Dir(d); d == "." || !known[up] || there[up] {
				ask = append(ask, path.Join(target, d))
			}
		}
		if len(ask) == 0 {
			continue
		}
		stats, complete, err := env.Engine.Stat(ctx, b.ID, ask)
		if err != nil {
			return nil, err
		}
		if !complete {
			return nil, fmt.Errorf("box %q: which of the folders are there already cannot be told", b.Name)
		}
		for _, d := range levels[depth] {
			there[d] = stats[path.Join(target, d)].Dir
		}
	}
	return there, nil
}

// FoldersOf are the folders of an archive, in their order.
func FoldersOf(archive io.Reader) (dirs []string, err error) {
	return dirs, eachMember(archive, func(h *tar.Header, _ io.Reader) error {
		if h.Typeflag == tar.TypeDir {
			dirs = append(dirs, path.Clean(h.Name))
		}
		return nil
	})
}
