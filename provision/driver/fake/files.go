package fake

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/resource"
)

// What a box sees of files: its own layer over its image's, and mounts over both.

// errno is an error in the words of a box's C library.
type errno string

func (e errno) Error() string { return string(e) }

const (
	errNoFile   errno = "No such file or directory"
	errExists   errno = "File exists"
	errReadOnly errno = "Read-only file system"
	errIsDir    errno = "Is a directory"
	errNoDir    errno = "Not a directory"
)

// place is where a path of a box lies.
type place struct {
	lower, upper map[string]*file // upper is written to; nil for a folder of the host
	path         string           // within them
	host         string           // path on the host
	readOnly     bool
}

// standard are directories that every image has.
func standard(p string) bool {
	switch p {
	case "/", "/bin", "/dev", "/etc", "/home", "/opt", "/proc", "/root", "/run", "/srv", "/sys", "/tmp", "/usr", "/usr/bin",
		"/usr/local", "/usr/local/bin", "/var", "/var/lib", "/var/log", "/var/cache", "/var/tmp":
		return true
	}
	return false
}

// under reports whether p is dir or below it, and the rest with a leading slash ("/" for dir itself).
func under(p, dir string) (string, bool) {
	if p == dir {
		return "/", true
	}
	if dir == "/" {
		return p, true
	}
	if rest, ok := strings.CutPrefix(p, dir+"/"); ok {
		return "/" + rest, true
	}
	return "", false
}

// locate finds the deepest mount above p.
func (s *state) locate(b *box, p string) place {
	best, at := place{upper: b.Layer, path: p, readOnly: b.Spec.ReadOnly}, ""
	if i := s.Images[b.ImageID]; i != nil {
		best.lower = i.Files
	}
	for _, m := range b.Spec.Mounts {
		rest, ok := under(p, m.Target)
		if !ok || len(m.Target) < len(at) || m.Type == resource.MountCopy {
			continue
		}
		at = m.Target
		switch m.Type {
		case resource.MountBind:
			best = place{host: filepath.Join(m.Source, filepath.FromSlash(rest)), readOnly: m.ReadOnly}
		case resource.MountTmpfs:
			best = place{upper: b.tmpfs(m.Target), path: rest}
		case resource.MountVolume:
			best = place{upper: s.volumeFiles(b.Volumes[m.Target]), path: rest, readOnly: m.ReadOnly}
		}
	}
	for target, name := range b.Volumes { // those of no mount are of the image's VOLUME paths
		if rest, ok := under(p, target); ok && len(target) > len(at) {
			at = target
			best = place{upper: s.volumeFiles(name), path: rest}
		}
	}
	return best
}

func (b *box) tmpfs(target string) map[string]*file {
	if b.Tmpfs == nil {
		b.Tmpfs = map[string]map[string]*file{}
	}
	if b.Tmpfs[target] == nil {
		b.Tmpfs[target] = map[string]*file{}
	}
	return b.Tmpfs[target]
}

func (s *state) volumeFiles(name string) map[string]*file {
	v := s.Volumes[name]
	if v == nil {
		return map[string]*file{}
	}
	if v.Files == nil {
		v.Files = map[string]*file{}
	}
	return v.Files
}

// get finds a file or directory; directories may exist by what lies below them.
func (l place) get() (*file, error) {
	if l.upper == nil {
		return l.fromHost()
	}
	if f, ok := l.upper[l.path]; ok {
		if f.Gone {
			return nil, errNoFile
		}
		return f, nil
	}
	if f, ok := l.lower[l.path]; ok {
		return f, nil
	}
	if l.path == "/" || l.lower != nil && standard(l.path) || below(l.upper, l.path) || below(l.lower, l.path) {
		return &file{Dir: true, Mode: 0o755}, nil
	}
	return nil, errNoFile
}

func below(files map[string]*file, dir string) bool {
	for p, f := range files {
		if !f.Gone && strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}

func (l place) fromHost() (*file, error) {
	info, err := os.Stat(l.host)
	if err != nil {
		return nil, reason(err)
	}
	f := &file{Dir: info.IsDir(), MTime: info.ModTime(), Mode: uint32(info.Mode().Perm())}
	if !f.Dir {
		f.Content, err = os.ReadFile(l.host)
	}
	return f, reason(err)
}

// reason puts an error of the host's files the way a shell prints it.
func reason(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errNoFile
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// put writes a file; the directory above it must be there.
func (s *state) put(b *box, p string, f *file) error {
	if p == "/dev/null" {
		return nil
	}
	if up, err := s.locate(b, path.Dir(p)).get(); err != nil {
		return err
	} else if !up.Dir {
		return errNoDir
	}
	l := s.locate(b, p)
	if old, err := l.get(); err == nil && old.Dir && !f.Dir {
		return errIsDir
	} else if err == nil && f.Mode == 0 {
		f.Mode, f.Owner = old.Mode, old.Owner
	}
	if l.readOnly {
		return errReadOnly
	}
	if l.upper == nil {
		if f.Dir {
			return reason(os.MkdirAll(l.host, 0o755))
		}
		return reason(os.WriteFile(l.host, f.Content, 0o644))
	}
	l.upper[l.path] = f
	return nil
}

// putAll is put that makes missing directories.
func (s *state) putAll(b *box, p string, f *file) error {
	if err := s.mkdirs(b, path.Dir(p), f.MTime); err != nil {
		return err
	}
	return s.put(b, p, f)
}

func (s *state) mkdirs(b *box, dir string, now time.Time) error {
	f, err := s.locate(b, dir).get()
	if err == nil {
		if !f.Dir {
			return errNoDir
		}
		return nil
	}
	if err := s.mkdirs(b, path.Dir(dir), now); err != nil {
		return err
	}
	return s.put(b, dir, &file{Dir: true, MTime: now, Mode: 0o755})
}

// drop removes a path and what is below it.
func (s *state) drop(b *box, p string) error {
	l := s.locate(b, p)
	if _, err := l.get(); err != nil {
		return err
	}
	if l.readOnly {
		return errReadOnly
	}
	if l.upper == nil {
		return reason(os.RemoveAll(l.host))
	}
	for q := range l.upper {
		if _, ok := under(q, l.path); ok {
			delete(l.upper, q)
		}
	}
	for q := range l.lower {
		if _, ok := under(q, l.path); ok {
			l.upper[q] = &file{Gone: true}
		}
	}
	return nil
}

// clean makes an absolute path out of what a program in directory dir was given.
func clean(dir, p string) string {
	if !strings.HasPrefix(p, "/") {
		p = dir + "/" + p
	}
	return path.Clean(p)
}

// lookUp finds a path of a box.
func (s *state) lookUp(b *box, p string) (*file, error) {
	if p == "/dev/null" {
		return &file{}, nil
	}
	f, err := s.locate(b, p).get()
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (s *state) read(b *box, p string) ([]byte, error) {
	f, err := s.lookUp(b, p)
	if err != nil {
		return nil, fmt.Errorf("can't open '%s': %w", p, err)
	}
	if f.Dir {
		return nil, fmt.Errorf("read error: %w", errIsDir)
	}
	return f.Content, nil
}
