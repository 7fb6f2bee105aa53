package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/google/go-cmp/cmp"

	"github.com/envyhq/envy/provision/driver"
)

// marked lists what bears a mark.
func marked(t *testing.T, e *Engine, mark string) []string {
	t.Helper()
	args := filters.NewArgs(filters.Arg("label", "envy-import-test="+mark))
	var out []string
	boxes, err := e.api.ContainerList(t.Context(), container.ListOptions{All: true, Filters: args})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		out = append(out, "container "+b.ID)
	}
	images, err := e.api.ImageList(t.Context(), image.ListOptions{Filters: args})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range images {
		out = append(out, "image "+i.ID)
	}
	return out
}

// TestAnImportLeavesNothingButItsImage looks behind imports that succeed, fail and are given up.
func TestAnImportLeavesNothingButItsImage(t *testing.T) {
	e := openEngine(t)
	tree := func(ctx context.Context, w io.Writer) error { return exportImage(ctx, e, w) }
	for name, script := range map[string]string{"succeeds": "echo done", "fails": "exit 7", "is given up": "echo begun; sleep 1000"} {
		t.Run(name, func(t *testing.T) {
			mark := "envyimp-" + randomHex(4)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := writerFunc(func(p []byte) (int, error) {
				if bytes.Contains(p, []byte("begun")) {
					cancel()
				}
				return len(p), nil
			})
			id, err := e.ImportImage(ctx, driver.ImageImport{
				Tree: tree, Script: script, Tags: []string{mark + ":1"}, Mark: map[string]string{"envy-import-test": mark},
			}, out)
			if (err == nil) != (name == "succeeds") {
				t.Errorf("id %q, error %v", id, err)
			}
			if left := marked(t, e, mark); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
			if err == nil {
				if err := e.RemoveImage(t.Context(), mark+":1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestAnImportRemovesWhatAKilledOneLeft makes what a killed one leaves: an image without a name and a container of it.
func TestAnImportRemovesWhatAKilledOneLeft(t *testing.T) {
	e := openEngine(t)
	mark := "envyimp-" + randomHex(4)
	labels, err := changes(map[string]string{"envy-import-test": mark}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	tree := func(ctx context.Context, w io.Writer) error { return exportImage(ctx, e, w) }
	first, err := e.importTree(t.Context(), labels, tree)
	if err != nil {
		t.Fatal(err)
	}
	made, err := e.api.ContainerCreate(t.Context(), &container.Config{
		Image: first, Entrypoint: []string{"sleep", "1000"}, Labels: map[string]string{"envy-import-test": mark},
	}, nil, nil, nil, "")
	if err == nil {
		err = e.api.ContainerStart(t.Context(), made.ID, container.StartOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	if left := marked(t, e, mark); len(left) != 2 {
		t.Fatalf("there should be two things: %q", left)
	}
	id, err := e.ImportImage(t.Context(), driver.ImageImport{Tree: tree, Mark: map[string]string{"envy-import-test": mark}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if left := marked(t, e, mark); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if err := e.RemoveImage(t.Context(), id); err != nil {
		t.Error(err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestExportedFilesAreTheSystemsOwn(t *testing.T) {
	var in, out bytes.Buffer
	w := tar.NewWriter(&in)
	epoch := time.Unix(1700000000, 0)
	for name, size := range map[string]int64{
		"./": 0, ".dockerenv": 0, "etc/hostname": 0, "etc/hosts": 3, "dev/": 0, "dev/console": 0, "proc/": 0, "usr/bin/x": 3, "run/.containerenv": 0,
	} {
		h := &tar.Header{Name: name, Size: size, Mode: 0o644, ModTime: epoch.Add(time.Hour + time.Millisecond), Format: tar.FormatPAX}
		if strings.HasSuffix(name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(make([]byte, size))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ownFiles(&out, bytes.NewReader(in.Bytes()), epoch); err != nil {
		t.Fatal(err)
	}
	got := map[string]time.Time{}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[h.Name] = h.ModTime
	}
	want := map[string]time.Time{"dev/": epoch, "proc/": epoch, "etc/hosts": epoch, "usr/bin/x": epoch}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := ownFiles(io.Discard, io.LimitReader(&in, 700), epoch); err == nil {
		t.Error("a stream that ends early is whole")
	}
}

func TestChangesHoldNoLineOfTheirOwn(t *testing.T) {
	got, err := changes(map[string]string{"k": `a"b$c\d`}, []string{"A=x y"}, []string{"bash", `"`})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`LABEL "k"="a\"b\$c\\d"`, `ENV "A"="x y"`, `CMD ["bash","\""]`}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := changes(map[string]string{"k": "a\nUSER root"}, nil, nil); !driver.Is(err, driver.Invalid) {
		t.Errorf("a line break: %v", err)
	}
}
