package docker

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
	"time"
)

// trailer is how an archive ends: with two blocks of zeros.
const trailer = 2 * 512

// ownFiles copies a container's exported file system without what the engine puts into every container, and lets no file
// be younger than epoch, where there is one.
func ownFiles(to io.Writer, from io.Reader, epoch time.Time) error {
	last := &tail{}
	in, out := tar.NewReader(io.TeeReader(from, last)), tar.NewWriter(to)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			if !bytes.HasSuffix(last.kept, make([]byte, trailer)) { // the reader takes many a cut for the end
				return &brokenStreamError{io.ErrUnexpectedEOF}
			}
			return out.Close()
		}
		if err != nil {
			return err
		}
		if engines(h) {
			continue
		}
		if h.ModTime = h.ModTime.Truncate(time.Second); !epoch.IsZero() && h.ModTime.After(epoch) {
			h.ModTime = epoch.Truncate(time.Second)
		}
		h.AccessTime, h.ChangeTime, h.Format = time.Time{}, time.Time{}, tar.FormatUnknown
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}

// engines reports an entry that is the engine's: its mark, the places that it mounts something at, devices.
func engines(h *tar.Header) bool {
	switch name := path.Clean("/" + h.Name); name {
	case "/", "/.dockerenv", "/run/.containerenv":
		return true
	case "/etc/hosts", "/etc/hostname", "/etc/resolv.conf":
		return h.Size == 0 && h.Typeflag == tar.TypeReg
	default:
		return strings.HasPrefix(name, "/dev/") || strings.HasPrefix(name, "/proc/") || strings.HasPrefix(name, "/sys/")
	}
}
