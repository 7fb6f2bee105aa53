package artifact_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/envyhq/envy/boxes/archive"
	"github.com/envyhq/envy/boxes/artifact"
	"github.com/envyhq/envy/boxes/registry"
	"github.com/envyhq/envy/boxes/source"
)

// startRegistry runs a real one on this machine's loopback.
func startRegistry(t *testing.T) (host string) {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("SKIPPED: THERE IS NO docker-registry ON THIS MACHINE")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host = listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yml")
	config := "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " + dir + "}}\nhttp: {addr: '" + host + "'}\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, program, "serve", file)
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=none")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	for end := time.Now().Add(30 * time.Second); ; {
		if c, err := net.Dial("tcp", host); err == nil {
			_ = c.Close()
			return host
		}
		if time.Now().After(end) {
			t.Fatal("the registry does not start")
		}
	}
}

func TestRealRegistry(t *testing.T) {
	at := source.Registry{Host: startRegistry(t), Repository: "team/x", Tag: "1"}
	c := registry.New(registry.Config{Agent: "envy/test"})
	t.Cleanup(func() { _ = c.Close() })
	first, second := archiveOf(t, "a layer"), archiveOf(t, "another layer")
	pushed := push(t, c, at, first)
	read := func(find func() (*artifact.Box, error), want []byte) {
		t.Helper()
		box, err := find()
		if err != nil {
			t.Fatal(err)
		}
		from := box.Open(t.Context())
		got, err := io.ReadAll(from)
		if err := errors.Join(err, from.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Load(t.Context(), bytes.NewReader(got), io.Discard, archive.Expect{}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("what comes back is another archive: %v", err)
		}
	}
	tag := func() (*artifact.Box, error) { return artifact.Find(t.Context(), c, at) }
	read(tag, first)
	push(t, c, at, second)
	read(tag, second)
	read(func() (*artifact.Box, error) {
		return artifact.Find(t.Context(), c, source.Registry{Host: at.Host, Repository: at.Repository, Digest: pushed.Digest})
	}, first)
	read(func() (*artifact.Box, error) { return artifact.At(t.Context(), c, at, pushed.Head.Digest) }, first)
	if _, err := artifact.At(t.Context(), c, at, digestOf([]byte("x"))); !registry.Is(err, registry.NotFound) {
		t.Errorf("what is not there: %v", err)
	}
}
