package docker

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/docker/docker/api/types/container"
)

// CopyIn implements driver.Mutator. Names in the archive are relative to target; one called "." is target itself.
// Engines unpack only into folders that are there, so the archive goes to / with whole names, and folders that are
// missing are made.
func (e *Engine) CopyIn(ctx context.Context, id string, archive io.Reader, target string) error {
	in, err := e.inside(ctx, id)
	if err != nil {
		return err
	}
	owner, err := ownerOf(in.boot, func(file string) (accounts, error) { return e.accounts(ctx, id, file) })
	if err != nil {
		return e.classify(err, "copy into", boxObject(id))
	}
	whole, into := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		buffered := bufio.NewWriterSize(into, copyBuffer)
		err := moveArchive(buffered, archive, target, owner)
		if err == nil {
			err = buffered.Flush()
		}
		into.CloseWithError(err) // nil is EOF
		packed <- err
	}()
	err = e.api.CopyToContainer(ctx, id, "/", whole, container.CopyToContainerOptions{})
	whole.CloseWithError(errStopped)
	if failed := <-packed; failed != nil && !errors.Is(failed, errStopped) {
		err = fmt.Errorf("pack %s: %w", target, failed)
	}
	return e.classify(err, "copy into", boxObject(id))
}

// copyBuffer is how much of an archive is passed on at once: members and their padding are small pieces.
const copyBuffer = 64 << 10

// errStopped: the engine takes no more of an archive.
var errStopped = errors.New("the engine stopped reading")

// moveArchive copies an archive with its names put below target and all of it given to owner. A name that leads out of
// the archive is an error.
func moveArchive(to io.Writer, from io.Reader, target string, owner ids) error {
	in, out := tar.NewReader(from), tar.NewWriter(to)
	move := func(name string) (string, error) {
		clean := path.Clean(name)
		if path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") {
			return "", fmt.Errorf("%q leads out of the archive", name)
		}
		return strings.TrimPrefix(path.Join(target, clean), "/"), nil
	}
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil {
			return err
		}
		if h.Name, err = move(h.Name); err != nil {
			return err
		}
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		if h.Typeflag == tar.TypeLink {
			if h.Linkname, err = move(h.Linkname); err != nil {
				return err
			}
		}
		h.Uid, h.Gid, h.Uname, h.Gname = owner.uid, owner.gid, "", ""
		h.Format = tar.FormatPAX // which has room for any name
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}
