package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/envyhq/envy/internal/cli"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
)

// engineFile names the file that the scripts' engine lives in.
const engineFile = "ENVY_FAKE_ENGINE"

// quickRace keeps the race detector from waiting a second at the end of each process.
const quickRace = "atexit_sleep_ms=0"

// noProxy ends what a test would ask of the world at once.
const noProxy = "http://127.0.0.1:1"

// inRegistry is not on the engine at first, but can be pulled.
const inRegistry = "alpine:3"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"envy":   func() { os.Exit(run(openTest)) },
		"byhand": func() { os.Exit(byHand()) },
	})
}

func fakeEngine() (*fake.Engine, error) {
	images := fake.Stock()
	registry := map[string]fake.Image{inRegistry: images[inRegistry]}
	delete(images, inRegistry)
	return fake.Open(os.Getenv(engineFile), fake.Options{Images: images, Registry: registry})
}

// openTest opens the engine in a file where a test names one, else the real one.
func openTest(o cli.EngineOptions) (driver.Engine, error) {
	if os.Getenv(engineFile) == "" {
		return openDocker(o)
	}
	return openFake(o)
}

func openFake(o cli.EngineOptions) (driver.Engine, error) {
	e, err := fakeEngine()
	if err != nil || o.OnCall == nil {
		return e, err
	}
	return fake.Intercept(e, func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		begin := time.Now()
		err := next(ctx)
		o.OnCall(c.Method, c.Object, time.Since(begin), err)
		return err
	}), nil
}

// byHand is what somebody does behind envy's back; list looks at the engine.
func byHand() int {
	e, err := fakeEngine()
	if err == nil && len(os.Args) == 2 && os.Args[1] == "list" {
		var list string
		list, err = e.List()
		fmt.Print(list)
	} else if err == nil {
		err = e.ByHand(os.Args[1:]...)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestScripts runs the whole program on an engine in a file. `code N envy …` is exec with the exit code that must come
// of it, `byhand …` changes the engine behind envy's back.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			home := e.WorkDir + "/home"
			for k, v := range map[string]string{
				"HOME": home, engineFile: e.WorkDir + "/.engine.json", "XDG_STATE_HOME": "", "XDG_CONFIG_HOME": "",
				"XDG_CACHE_HOME": "", "NO_COLOR": "", "TERM": "xterm", "CI": "", "GORACE": quickRace,
				"HTTPS_PROXY": noProxy, "HTTP_PROXY": noProxy, // nobody but this machine is asked
			} {
				e.Setenv(k, v)
			}
			return os.MkdirAll(home, 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code},
	})
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
