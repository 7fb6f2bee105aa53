package bootstrap

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Places in the file system of the first stage. Nothing of workDir is left in the image.
const (
	workDir = ".envy-bootstrap"
	debsDir = workDir + "/debs"
)

// ahead is how many packages are unpacked in memory before their turn to be written.
const ahead = 3

// stage writes the first stage: one stream of all that the second one needs.
type stage struct {
	out   *tar.Writer
	time  time.Time
	links []string // what of a merged /usr is a link
	seen  map[string]bool
}

// stageOptions are what differs beside the packages.
type stageOptions struct {
	wide    bool // the architecture has a lib64
	when    time.Time
	keyring []byte // for the image; may be nil
}

// writeStage writes the file system in which the second stage runs: the files of the packages in first, unpacked into a
// merged /usr, and all packages as files. blob gives a package's bytes. The stream is the same for the same packages.
func writeStage(ctx context.Context, w io.Writer, c choice, o stageOptions, blob func(context.Context, pkg) ([]byte, error)) error {
	s := &stage{out: tar.NewWriter(w), time: o.when, links: []string{"bin", "sbin", "lib"}, seen: map[string]bool{}}
	if o.wide {
		s.links = append(s.links, "lib64")
	}
	if err := s.skeleton(); err != nil {
		return err
	}
	if err := s.unpack(ctx, c.first, blob); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	if len(o.keyring) > 0 {
		if err := s.file(workDir+"/keyring.gpg", o.keyring); err != nil {
			return err
		}
	}
	for _, p := range slices.Concat(c.base, c.extra) {
		deb, err := blob(ctx, p)
		if err != nil {
			return err
		}
		if err := s.file(debsDir+"/"+p.name+".deb", deb); err != nil {
			return err
		}
	}
	return s.out.Close()
}

// skeleton makes the links before anything lies behind them.
func (s *stage) skeleton() error {
	err := s.folders("usr", "var", "var/lib", "var/lib/dpkg", "var/lib/dpkg/info", "var/lib/dpkg/updates", workDir, debsDir)
	for _, name := range s.links {
		err = errors.Join(err, s.folders("usr/"+name), s.link(name, "usr/"+name))
	}
	return errors.Join(err, s.file("var/lib/dpkg/status", nil), s.file("var/lib/dpkg/available", nil))
}

// finish adds what maintainers' scripts make otherwise, and the others of them need before.
func (s *stage) finish() error {
	var err error
	for name, target := range map[string]string{"usr/bin/awk": "mawk", "usr/bin/sh": "dash"} {
		if !s.seen[name] && s.seen["usr/bin/"+target] {
			err = errors.Join(err, s.link(name, target))
		}
	}
	return err
}

func (s *stage) header(name string, kind byte, mode int64) *tar.Header {
	return &tar.Header{Typeflag: kind, Name: name, Mode: mode, ModTime: s.time, Format: tar.FormatPAX}
}

func (s *stage) folders(names ...string) error {
	for _, n := range names {
		if s.seen[n] {
			continue
		}
		s.seen[n] = true
		if err := s.out.WriteHeader(s.header(n+"/", tar.TypeDir, 0o755)); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) link(name, target string) error {
	s.seen[name] = true
	h := s.header(name, tar.TypeSymlink, 0o777)
	h.Linkname = target
	return s.out.WriteHeader(h)
}

func (s *stage) file(name string, data []byte) error {
	s.seen[name] = true
	h := s.header(name, tar.TypeReg, 0o644)
	h.Size = int64(len(data))
	if err := s.out.WriteHeader(h); err != nil {
		return err
	}
	_, err := s.out.Write(data)
	return err
}

// unpacked is a file of a package, in memory.
type unpacked struct {
	header *tar.Header
	data   []byte
}

// unpack writes the packages' files one after another; some of them are read ahead, since decompression is what takes long.
func (s *stage) unpack(ctx context.Context, packages []pkg, blob func(context.Context, pkg) ([]byte, error)) error {
	whole := ctx
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		files []unpacked
		err   error
	}
	turns := make(chan chan result, ahead-1)
	over := make(chan struct{})
	go func() { // ends with the loop below, or with ctx
		defer close(over)
		defer close(turns)
		for _, p := range packages {
			turn := make(chan result, 1)
			select {
			case turns <- turn:
			case <-ctx.Done():
				return
			}
			go func() {
				files, err := s.read(ctx, p, blob)
				turn <- result{files, err}
			}()
		}
	}()
	var failed error
	for turn := range turns {
		r := <-turn // each is waited for, so that none outlives the call
		if failed == nil {
			failed = errors.Join(r.err, context.Cause(ctx))
		}
		for _, f := range r.files {
			if failed == nil {
				failed = s.write(f)
			}
		}
		if failed != nil {
			cancel()
		}
	}
	cancel()
	<-over
	if failed == nil {
		failed = context.Cause(whole)
	}
	return failed
}

// read unpacks a package into memory, without what a small image leaves out.
func (s *stage) read(ctx context.Context, p pkg, blob func(context.Context, pkg) ([]byte, error)) ([]unpacked, error) {
	deb, err := blob(ctx, p)
	if err != nil {
		return nil, err
	}
	var files []unpacked
	total := int64(0)
	err = eachFile(deb, func(h *tar.Header, r io.Reader) error {
		if h.Name == "." || left(h.Name) {
			return nil
		}
		f := unpacked{header: s.placed(h)}
		if total += h.Size; total > maxUnpacked {
			return errTooLarge
		}
		if h.Typeflag == tar.TypeReg {
			if f.data, err = io.ReadAll(io.LimitReader(r, h.Size)); err != nil {
				return fmt.Errorf("read its file %s: %w", h.Name, err)
			}
		}
		files = append(files, f)
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("package %s: %w", p.name, err)
	}
	return files, nil
}

// excluded are the folders whose content a small image lacks.
func excluded() []string {
	return []string{"usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man"}
}

// left reports a name below one of them.
func left(name string) bool {
	return slices.ContainsFunc(excluded(), func(dir string) bool { return strings.HasPrefix(name, dir+"/") })
}

// placed is an entry as it goes into the stream: with numbers for owners, and below /usr where that is merged.
func (s *stage) placed(h *tar.Header) *tar.Header {
	out := s.header(s.merged(h.Name), h.Typeflag, h.Mode&0o7777)
	out.Uid, out.Gid, out.ModTime, out.Linkname = h.Uid, h.Gid, h.ModTime.Truncate(time.Second), h.Linkname
	switch h.Typeflag {
	case tar.TypeReg:
		out.Size = h.Size
	case tar.TypeLink:
		out.Linkname = s.merged(h.Linkname)
	}
	for k, v := range h.PAXRecords {
		if k == "SCHILY.xattr.security.capability" {
			out.PAXRecords = map[string]string{k: v}
		}
	}
	return out
}

func (s *stage) merged(name string) string {
	top, _, _ := strings.Cut(name, "/")
	if slices.Contains(s.links, top) {
		return "usr/" + name
	}
	return name
}

// write adds an entry. A folder that is there stays what it is, as with dpkg; a link that stands for a merged folder is
// one of ours already.
func (s *stage) write(f unpacked) error {
	h := f.header
	if h.Typeflag == tar.TypeDir && s.seen[h.Name] {
		return nil
	}
	if h.Typeflag == tar.TypeSymlink && s.seen[h.Name] && slices.ContainsFunc(s.links, func(l string) bool { return h.Name == "usr/"+l }) {
		return nil // base-files that has the links itself
	}
	s.seen[h.Name] = true
	if h.Typeflag == tar.TypeDir {
		h.Name += "/"
	}
	if err := s.out.WriteHeader(h); err != nil {
		return err
	}
	_, err := s.out.Write(f.data)
	return err
}
