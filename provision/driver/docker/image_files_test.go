package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// from begins the tests' Dockerfiles. The label tells what they leave behind from everybody else's.
const from = "FROM " + testImage + "\nLABEL envyimg=1\n"

// openImages is openEngine, and takes away the layers that failed and repeated builds leave.
func openImages(t *testing.T) *Engine {
	t.Helper()
	e := openEngine(t)
	t.Cleanup(func() {
		left := filters.NewArgs(filters.Arg("dangling", "true"), filters.Arg("label", "envyimg"))
		if _, err := e.api.ImagesPrune(context.WithoutCancel(t.Context()), left); err != nil {
			t.Logf("clean up: %v", err) // somebody else prunes
		}
	})
	return e
}

// builders are the two that the tests' engine may have. Every engine can do the classic one.
func builders(t *testing.T, e *Engine) map[string]bool {
	t.Helper()
	engine, err := e.ping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{"classic": false}
	if hasBuildKit(engine) {
		out["buildkit"] = true
	}
	return out
}

// imageTag is a reference of this test's own, removed at its end.
func imageTag(t *testing.T, e *Engine, name string) string {
	t.Helper()
	tag := "envyimg-" + randomHex(4) + ":" + name
	t.Cleanup(func() {
		if err := e.RemoveImage(context.WithoutCancel(t.Context()), tag); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return tag
}

// contextOf makes a build context of files; those under bin/ are executable.
func contextOf(files map[string]string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		var buf bytes.Buffer
		tw := tar.NewWriter(&buf)
		for name, text := range files {
			h := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), ModTime: time.Unix(0, 0)}
			if strings.HasPrefix(name, "bin/") {
				h.Mode = 0o755
			}
			if err := tw.WriteHeader(h); err != nil {
				return nil, err
			}
			if _, err := io.WriteString(tw, text); err != nil {
				return nil, err
			}
		}
		if err := tw.Close(); err != nil {
			return nil, err
		}
		return io.NopCloser(&buf), nil
	}
}

// probe makes a container of an image, not started, removed at the test's end.
func probe(t *testing.T, e *Engine, ref string) string {
	t.Helper()
	made, err := e.api.ContainerCreate(t.Context(), &container.Config{Image: ref, Entrypoint: []string{"/x"}}, nil, nil, nil, "envyimg-"+randomHex(4))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.removeProbe(t.Context(), made.ID) })
	return made.ID
}

// files are an image's: by name, what each is and, up to 1 MiB, holds.
type files map[string]struct{ is, text string }

// imageFiles reads all of an image but what is mounted in every container.
func imageFiles(t *testing.T, e *Engine, ref string) files {
	t.Helper()
	stream, err := e.api.ContainerExport(t.Context(), probe(t, e, ref))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	out := files{}
	for tr := tar.NewReader(stream); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		f := out[path.Clean(h.Name)]
		f.is = fmt.Sprintf("%c %o %d:%d %d %s", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Size, h.Linkname)
		text, err := io.ReadAll(io.LimitReader(tr, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		f.text = string(text)
		out[path.Clean(h.Name)] = f
	}
}

// tree lists the files with what they are, without those that are another at every run.
func (f files) tree() []string {
	var out []string
	for name, file := range f {
		switch dir, _, _ := strings.Cut(name, "/"); {
		case dir == "dev", dir == "proc", dir == "sys", dir == ".dockerenv",
			strings.HasPrefix(name, "var/log/"), strings.HasPrefix(name, "var/cache/"), strings.HasPrefix(name, "var/lib/dpkg/"):
		default:
			out = append(out, name+" "+file.is)
		}
	}
	slices.Sort(out)
	return out
}
