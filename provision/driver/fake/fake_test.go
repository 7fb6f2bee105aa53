package fake_test

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/envyhq/envy/provision/driver/drivertest"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/resource"
)

func identity(project string) resource.Identity {
	return resource.Identity{
		Checkout: resource.Digest(project)[:16], HostID: "host", User: "1000", Path: "/home/dev/" + project, Project: project,
	}
}

func suite(e *fake.Engine) drivertest.Engine {
	return drivertest.Engine{
		Driver: e, Image: "busybox:1", ImageFile: "/etc/motd", Prefix: "suite", Identity: identity, HostFiles: true, Builds: true, Registry: "registry.example.com",
		System: func(_ context.Context, w io.Writer) error {
			out := tar.NewWriter(w)
			err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "etc/motd", Mode: 0o644, Size: 5})
			_, werr := io.WriteString(out, "tiny\n")
			return errors.Join(err, werr, out.Close())
		},
	}
}

func TestConformanceInMemory(t *testing.T) {
	drivertest.Run(t, func(*testing.T) drivertest.Engine { return suite(fake.New(fake.Options{Images: fake.Stock()})) })
}

func TestConformanceInFile(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Engine {
		e, err := fake.Open(filepath.Join(t.TempDir(), "engine.json"), fake.Options{Images: fake.Stock()})
		if err != nil {
			t.Fatal(err)
		}
		return suite(e)
	})
}
