package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/envyhq/envy/internal/cli"
)

// testImage is made by .ci/images.
const testImage = "envy-test/tiny:1"

// TestEngineScripts runs the whole program on the engine at hand.
func TestEngineScripts(t *testing.T) {
	t.Parallel()
	needEngine(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/engine",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			shop := e.WorkDir + "/shop"
			for k, v := range map[string]string{
				"HOME": e.WorkDir + "/home", "GORACE": quickRace, "DOCKER_HOST": os.Getenv("DOCKER_HOST"), engineFile: "",
				"CI": "", "NO_COLOR": "1",
			} {
				e.Setenv(k, v)
			}
			e.Defer(func() { cleanUp(t, shop, e.Vars) })
			return os.MkdirAll(e.WorkDir+"/home", 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code},
	})
}

// cleanUp takes away what a script left on the engine, however it ended.
func cleanUp(t *testing.T, dir string, env []string) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "destroy", "--yes", "--volumes")
	cmd.Args[0], cmd.Dir, cmd.Env = "envy", dir, env
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("clean up: %v\n%s", err, said)
	}
}

// needEngine skips loudly, or fails where an engine is required.
func needEngine(t *testing.T) {
	t.Helper()
	err := func() error {
		e, err := openDocker(cli.EngineOptions{Getenv: os.Getenv})
		if err != nil {
			return err
		}
		defer e.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := e.Ping(ctx); err != nil {
			return err
		}
		if _, err := e.Image(ctx, testImage, ""); err != nil {
			return fmt.Errorf("%w; .ci/images makes it", err)
		}
		return err
	}()
	switch {
	case err == nil:
	case os.Getenv("ENVY_REQUIRE_ENGINE") == "1":
		t.Fatalf("an engine is required: %v", err)
	default:
		fmt.Fprintf(os.Stderr, "ENGINE TEST SKIPPED: %s: %v\n", t.Name(), err)
		t.Skipf("ENGINE TEST SKIPPED: %v", err)
	}
}
