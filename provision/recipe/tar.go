package recipe

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"
)

// entry is one member of a context. For a file open gives its bytes and how many they are.
type entry struct {
	name string // slash-separated, relative
	mode fs.FileMode
	link string
	open func() (io.ReadCloser, int64, error)
}

func directory(name string) entry { return entry{name: name, mode: fs.ModeDir | 0o755} }

func file(name string, mode fs.FileMode, content string) entry {
	return entry{name: name, mode: mode, open: func() (io.ReadCloser, int64, error) {
		return io.NopCloser(strings.NewReader(content)), int64(len(content)), nil
	}}
}

// header carries nothing that differs between two hosts or two days: no owner, no time.
func (e entry) header(size int64) *tar.Header {
	h := &tar.Header{Name: e.name, Mode: tarMode(e.mode), ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg, Size: size}
	switch {
	case e.mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, e.name+"/"
	case e.mode&fs.ModeSymlink != 0:
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
	}
	return h
}

func tarMode(m fs.FileMode) int64 {
	out := int64(m.Perm())
	if m&fs.ModeSetuid != 0 {
		out |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		out |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		out |= 0o1000
	}
	return out
}

// stream is a tar of entries made while it is read: no goroutine, at most one open file, 64 KiB in memory.
type stream struct {
	entries []entry
	buf     bytes.Buffer
	out     *tar.Writer
	content io.ReadCloser // of the file being copied
	name    string
	chunk   []byte
	ended   bool
}

func newStream(entries []entry) *stream {
	s := &stream{entries: entries, chunk: make([]byte, 64<<10)}
	s.out = tar.NewWriter(&s.buf)
	return s
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	for s.buf.Len() == 0 {
		if s.ended {
			return 0, io.EOF
		}
		if err := s.advance(); err != nil {
			return 0, err
		}
	}
	return s.buf.Read(p)
}

// advance puts the next bytes into buf: a header, a piece of a file, or the trailer.
func (s *stream) advance() error {
	switch {
	case s.content != nil:
		return s.copy()
	case len(s.entries) == 0:
		s.ended = true
		return s.out.Close()
	}
	e := s.entries[0]
	s.entries = s.entries[1:]
	var size int64
	if e.open != nil {
		content, n, err := e.open()
		if err != nil {
			return fmt.Errorf("build context: %w", err)
		}
		s.content, s.name, size = content, e.name, n
	}
	if err := s.out.WriteHeader(e.header(size)); err != nil {
		return fmt.Errorf("build context: %s: %w", e.name, err)
	}
	return nil
}

func (s *stream) copy() error {
	n, err := s.content.Read(s.chunk)
	if n > 0 {
		if _, werr := s.out.Write(s.chunk[:n]); werr != nil {
			return s.changed(werr)
		}
	}
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("build context: read %s: %w", s.name, err)
	}
	err = s.content.Close()
	s.content = nil
	if err != nil {
		return fmt.Errorf("build context: read %s: %w", s.name, err)
	}
	if err := s.out.Flush(); err != nil { // fewer bytes than the header said
		return s.changed(err)
	}
	return nil
}

func (s *stream) changed(err error) error {
	return fmt.Errorf("build context: %s changed while it was read: %w", s.name, err)
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.ended, s.entries = true, nil
	if s.content == nil {
		return nil
	}
	err := s.content.Close()
	s.content = nil
	return err
}
