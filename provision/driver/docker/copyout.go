package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/envyhq/envy/provision/driver"
)

// LookUp implements driver.Files.
func (e *Engine) LookUp(ctx context.Context, id, file string) (driver.PathInfo, error) {
	got, err := e.api.ContainerStatPath(ctx, id, file)
	if err != nil {
		return driver.PathInfo{}, e.reached(ctx, id, err)
	}
	return driver.PathInfo{Mode: got.Mode, Size: got.Size, MTime: got.Mtime, Link: got.LinkTarget}, nil
}

// reached tells a path that is not there from a box whose files cannot be reached: an engine calls both not found.
func (e *Engine) reached(ctx context.Context, id string, err error) error {
	err = e.classify(err, "look into", boxObject(id))
	if !driver.Is(err, driver.NotFound) || !e.exists(ctx, id) {
		return err
	}
	if _, top := e.api.ContainerStatPath(ctx, id, "/"); top != nil {
		return &driver.Error{
			Kind: driver.Failed, Op: "look into", Object: boxObject(id), Err: err,
			Text: "its files cannot be reached: a folder that it mounts is gone (" + err.Error() + ")",
		}
	}
	return err
}

// unhurried marks a call whose answer takes as long as there is something to tell.
type unhurried struct{}

// CopyOut implements driver.Files. Engines name members by the last part of the path that was asked for.
func (e *Engine) CopyOut(ctx context.Context, id, file string, w io.Writer) error {
	archive, _, err := e.api.CopyFromContainer(context.WithValue(ctx, unhurried{}, true), id, file)
	if err != nil {
		return e.reached(ctx, id, err)
	}
	defer archive.Close()
	to := &sink{to: w}
	err = relative(to, archive, path.Base(path.Clean(file)))
	switch {
	case to.failed != nil:
		return to.failed
	case err != nil && ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return e.classify(err, "copy from", boxObject(id))
}

// relative copies an archive with its names made relative to base, which must be where all of them begin; "/" is where all do.
func relative(to io.Writer, from io.Reader, base string) error {
	in, out := tar.NewReader(from), tar.NewWriter(to)
	for first := true; ; first = false {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			if first {
				return errors.New("the engine's archive is empty")
			}
			return out.Close()
		}
		if err != nil {
			return fmt.Errorf("read an archive: %w", err)
		}
		if h.Name, err = below(base, h.Name); err != nil {
			return err
		}
		if first != (h.Name == ".") {
			return errors.New("the engine's archive does not begin with what was asked for")
		}
		if h.Typeflag == tar.TypeDir {
			h.Name += "/"
		}
		if h.Typeflag == tar.TypeLink {
			if h.Linkname, err = below(base, h.Linkname); err != nil {
				return err
			}
		}
		h.Format = tar.FormatPAX // which has room for any name
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}

// below makes a member's name relative to base.
func below(base, name string) (string, error) {
	clean := strings.TrimPrefix(path.Clean(name), "/")
	rest := clean
	if base != "/" {
		var ok bool
		if rest, ok = strings.CutPrefix(clean+"/", base+"/"); !ok {
			return "", fmt.Errorf("the engine's archive has %q, which was not asked for", name)
		}
		rest = strings.TrimSuffix(rest, "/")
	}
	if rest == ".." || strings.HasPrefix(rest, "../") {
		return "", fmt.Errorf("%q leads out of the archive", name)
	}
	if rest == "" {
		rest = "."
	}
	return rest, nil
}
