package fake_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/resource"
)

func volume(name string) driver.NewVolume { return driver.NewVolume{Name: name} }

// volumes says which of a, b and c are there.
func volumes(t *testing.T, e driver.Engine) []string {
	t.Helper()
	names, err := e.Names(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, v := range []string{"a", "b", "c"} {
		if _, ok := names.Volumes[v]; ok {
			out = append(out, v)
		}
	}
	return out
}

// create makes volumes a, b and c and gives which calls failed.
func create(ctx context.Context, e driver.Engine) (failed []string) {
	for _, v := range []string{"a", "b", "c"} {
		if _, err := e.CreateVolume(ctx, volume(v)); err != nil {
			failed = append(failed, v)
		}
	}
	return failed
}

func TestFailures(t *testing.T) {
	injected := &driver.Error{Kind: driver.Conflict, Text: "injected"}
	for _, c := range []struct {
		name         string
		hook         fake.Hook
		failed, left []string
	}{
		{"none", fake.Fail(4, fake.Any, injected), nil, []string{"a", "b", "c"}},
		{"second", fake.Fail(2, fake.Any, injected), []string{"b"}, []string{"a", "c"}},
		{"after the effect", fake.FailAfter(2, fake.Mutations, injected), []string{"b"}, []string{"a", "b", "c"}},
		{"of a method", fake.Fail(1, fake.Method("CreateBox"), injected), nil, []string{"a", "b", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := fake.New(fake.Options{})
			if d := cmp.Diff(c.failed, create(t.Context(), fake.Intercept(e, c.hook))); d != "" {
				t.Errorf("failed (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.left, volumes(t, e)); d != "" {
				t.Errorf("volumes (-want +got):\n%s", d)
			}
		})
	}
}

func TestFailureKind(t *testing.T) {
	hooks, err := fake.ParseFaults("fail 1 StartBox port-taken", os.Exit)
	if err != nil {
		t.Fatal(err)
	}
	e := fake.Intercept(fake.New(fake.Options{}), hooks...)
	if err := e.StartBox(t.Context(), "x", ""); !driver.Is(err, driver.PortTaken) {
		t.Errorf("first start: %v", err)
	}
	if err := e.StartBox(t.Context(), "x", ""); !driver.Is(err, driver.NotFound) {
		t.Errorf("second start: %v", err)
	}
}

func TestParseFaults(t *testing.T) {
	for text, ok := range map[string]bool{
		"": true, "fail 1": true, "hang 2 StartBox, exit-after 3": true, "fail-after 1 - conflict": true, "exit-before 9 Build": true,
		"fail": false, "fail x": false, "fail 0": false, "explode 1": false, "fail 1 - sometimes": false, "fail 1 a failed b": false,
	} {
		if _, err := fake.ParseFaults(text, os.Exit); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestHang(t *testing.T) {
	e := fake.New(fake.Options{})
	hung := make(chan struct{})
	watch := func(ctx context.Context, c fake.Call, next func(context.Context) error) error {
		if c.Object == "b" {
			close(hung)
		}
		return next(ctx)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-hung; cancel() }()
	failed := create(ctx, fake.Intercept(e, watch, fake.Hang(2, fake.Any)))
	if d := cmp.Diff([]string{"b", "c"}, failed); d != "" { // c comes when ctx has ended
		t.Errorf("failed (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"a"}, volumes(t, e)); d != "" {
		t.Errorf("volumes (-want +got):\n%s", d)
	}
}

func TestCalls(t *testing.T) {
	var calls fake.Calls
	e := fake.Intercept(fake.New(fake.Options{}), calls.Hook)
	create(t.Context(), e)
	if _, err := e.Observe(t.Context(), resource.Identity{}); err != nil {
		t.Fatal(err)
	}
	want := []fake.Call{{Method: "CreateVolume", Object: "a"}, {Method: "CreateVolume", Object: "b"}, {Method: "CreateVolume", Object: "c"}, {Method: "Observe"}}
	if d := cmp.Diff(want, calls.All()); d != "" {
		t.Errorf("calls (-want +got):\n%s", d)
	}
	if got := calls.String(); got != "CreateVolume 3, Observe 1" {
		t.Errorf("counts: %s", got)
	}
	calls.Reset()
	if got := calls.All(); len(got) != 0 {
		t.Errorf("after Reset: %v", got)
	}
}

// faultsVariable makes the test's binary a process of its own that dies by its faults.
const faultsVariable = "FAKE_TEST_FAULTS"

func TestMain(m *testing.M) {
	if faults, ok := os.LookupEnv(faultsVariable); ok {
		os.Exit(createInFile(os.Getenv("FAKE_TEST_FILE"), faults))
	}
	goleak.VerifyTestMain(m)
}

func createInFile(path, faults string) int {
	hooks, err := fake.ParseFaults(faults, os.Exit)
	if err != nil {
		return 1
	}
	e, err := fake.Open(path, fake.Options{})
	if err != nil {
		return 1
	}
	create(context.Background(), fake.Intercept(e, hooks...))
	return 0
}

func TestProcessEnds(t *testing.T) {
	for faults, want := range map[string]struct {
		code int
		left []string
	}{
		"":                             {0, []string{"a", "b", "c"}},
		"exit-before 2":                {fake.ExitCode, []string{"a"}},
		"exit-after 2":                 {fake.ExitCode, []string{"a", "b"}},
		"exit-after 1 CreateVolume":    {fake.ExitCode, []string{"a"}},
		"exit-before 1 CreateBox":      {0, []string{"a", "b", "c"}},
		"fail 1, exit-after 1":         {fake.ExitCode, []string{"b"}}, // a call that failed does not get to the next hook
		"exit-before 3 CreateVolume":   {fake.ExitCode, []string{"a", "b"}},
		"fail-after 3 - not-found":     {0, []string{"a", "b", "c"}},
		"fail 3 CreateVolume conflict": {0, []string{"a", "b"}},
	} {
		t.Run(faults, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "engine.json")
			c := exec.CommandContext(t.Context(), os.Args[0])
			c.Env = append(os.Environ(), faultsVariable+"="+faults, "FAKE_TEST_FILE="+path)
			err := c.Run()
			var exit *exec.ExitError
			code := 0
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != want.code {
				t.Errorf("exit code %d, want %d", code, want.code)
			}
			e, err := fake.Open(path, fake.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want.left, volumes(t, e)); d != "" {
				t.Errorf("volumes in the file (-want +got):\n%s", d)
			}
		})
	}
}
