package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// testImage is made by .ci/images.
const testImage = "envy-test/tiny:1"

// binDir is where the agent is built; TestMain removes it.
var binDir string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "envy-docker-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binDir = dir
	code := m.Run()
	if code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "left behind by the tests:", err)
		return 1
	}
	return 0
}

// buildAgent builds the program that runs in boxes, once.
var buildAgent = sync.OnceValues(func() ([]byte, error) {
	out := filepath.Join(binDir, "agent")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "../../../cmd/envy-agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the agent: %w: %s", err, said)
	}
	return os.ReadFile(out)
})

func testAgent(arch string) (Agent, error) {
	if arch != runtime.GOARCH {
		return Agent{}, fmt.Errorf("the tests have no agent for %s", arch)
	}
	binary, err := buildAgent()
	if err != nil {
		return Agent{}, err
	}
	sum := sha256.Sum256(binary)
	return Agent{Hash: hex.EncodeToString(sum[:8]), Binary: func() ([]byte, error) { return binary, nil }}, nil
}

// openEngine opens the engine of the environment, or skips loudly. change may alter the options.
func openEngine(t *testing.T, change ...func(*Options)) *Engine {
	t.Helper()
	o := Options{Getenv: os.Getenv, Version: "test", Agent: testAgent}
	for _, f := range change {
		f(&o)
	}
	e, err := Open(o)
	if err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = e.Ping(ctx)
	}
	if err == nil {
		_, err = e.api.ImageInspect(t.Context(), testImage)
	}
	if err != nil {
		withoutEngine(t, err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func withoutEngine(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("ENVY_REQUIRE_ENGINE") == "1" {
		t.Fatalf("an engine is required: %v", err)
	}
	fmt.Fprintf(os.Stderr, "ENGINE TEST SKIPPED: %s: %v\n", t.Name(), err)
	t.Skipf("ENGINE TEST SKIPPED: %v", err)
}
