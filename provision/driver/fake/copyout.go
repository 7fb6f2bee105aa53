package fake

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/driver"
)

// LookUp implements driver.Files. There are no links in these boxes.
func (e *Engine) LookUp(ctx context.Context, id, file string) (driver.PathInfo, error) {
	var r driver.PathInfo
	err := e.do(ctx, "look into", func(s *state, _ time.Time) error {
		_, f, err := s.fileOf(id, file)
		if err == nil {
			r = driver.PathInfo{Mode: f.mode(), Size: int64(len(f.Content)), MTime: f.MTime}
		}
		return err
	})
	return r, err
}

func (s *state) fileOf(id, file string) (*box, *file, error) {
	b, err := s.find("look into", id)
	if err != nil {
		return nil, nil, err
	}
	f, err := s.lookUp(b, path.Clean(file))
	if err != nil || strings.HasSuffix(file, "/") && !f.Dir {
		return nil, nil, fail(driver.NotFound, "look into", object(b), "Could not find the file "+file+" in container "+b.ID)
	}
	return b, f, nil
}

// mode is the file's, as far as it was ever set.
func (f *file) mode() fs.FileMode {
	mode := fs.FileMode(f.Mode & 0o777)
	switch {
	case f.Dir && mode == 0:
		mode = 0o755
	case mode == 0:
		mode = 0o644
	}
	if f.Dir {
		mode |= fs.ModeDir
	}
	return mode
}

// CopyOut implements driver.Files.
func (e *Engine) CopyOut(ctx context.Context, id, file string, w io.Writer) error {
	var packed bytes.Buffer
	if err := e.do(ctx, "copy from", func(s *state, now time.Time) error {
		b, f, err := s.fileOf(id, file)
		if err != nil {
			return err
		}
		out := tar.NewWriter(&packed)
		if err := s.pack(out, &machine{s: s, b: b, now: now}, path.Clean(file), ".", f); err != nil {
			return err
		}
		return out.Close()
	}); err != nil {
		return err
	}
	_, err := w.Write(packed.Bytes())
	return err
}

func (s *state) pack(out *tar.Writer, m *machine, p, name string, f *file) error {
	h := tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(f.mode().Perm()), Size: int64(len(f.Content)), ModTime: f.MTime}
	uid, gid, _ := strings.Cut(f.Owner, ":")
	h.Uid, _ = strconv.Atoi(uid)
	h.Gid, _ = strconv.Atoi(gid)
	if f.Dir {
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	}
	if err := out.WriteHeader(&h); err != nil {
		return err
	}
	if _, err := out.Write(f.Content); err != nil || !f.Dir {
		return err
	}
	for _, line := range m.list(p, f) {
		base := strings.TrimSuffix(line, "\n")
		inner, err := s.lookUp(m.b, path.Join(p, base))
		if err != nil {
			continue
		}
		if err := s.pack(out, m, path.Join(p, base), path.Join(name, base), inner); err != nil {
			return err
		}
	}
	return nil
}
