// Package examples_test holds the examples to what they promise: each is valid and plans on an engine in memory, and those
// that start from nothing but a Debian base come up on a real one.
package examples_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/envyhq/envy/internal/cli"
	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
)

// folders lists the folders below this one that hold an Envfile.
func folders(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "Envfile" {
			found = append(found, filepath.Dir(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestValidAndPlanned(t *testing.T) {
	t.Parallel()
	found := folders(t)
	if len(found) < 10 {
		t.Errorf("only %d examples: %v", len(found), found)
	}
	for _, folder := range found {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			dir := checkout(t, folder)
			if code, out := inMemory(t, dir, "validate"); code != 0 || strings.Contains(out, "Warning") {
				t.Errorf("validate exits with %d:\n%s", code, out)
			}
			if code, out := inMemory(t, dir, "plan", "--detailed-exitcode"); code != 2 || !strings.Contains(out, "to create") {
				t.Errorf("plan exits with %d, want 2 for changes:\n%s", code, out)
			}
			if code, out := inMemory(t, dir, "fmt", "--check"); code != 0 {
				t.Errorf("fmt --check exits with %d:\n%s", code, out)
			}
			if _, err := os.Stat(filepath.Join(folder, "README.md")); err != nil {
				t.Errorf("no README.md says what it shows: %v", err)
			}
		})
	}
}

// checkout copies an example, so that the original stays as it is.
func checkout(t *testing.T, folder string) string {
	t.Helper()
	parent, err := filepath.EvalSymlinks(t.TempDir()) // the path as envy will label it
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, filepath.Base(folder))
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// inMemory runs envy in this process, on an empty engine in memory, and gives its exit code and all that it wrote.
func inMemory(t *testing.T, dir string, args ...string) (int, string) {
	t.Helper()
	home := t.TempDir()
	var out bytes.Buffer
	code := cli.Main(t.Context(), cli.Machine{
		Args: args, Dir: dir, Version: "v0.1.0", Now: time.Now, PID: os.Getpid(),
		LookupEnv: func(name string) (string, bool) {
			if name == "HOME" {
				return home, true
			}
			return "", false
		},
		Streams: func(bool) *term.Streams {
			return term.Injected(term.Input{Reader: strings.NewReader("")}, term.Output{Writer: &out}, term.Output{Writer: &out})
		},
		Leave: func(code int) { t.Errorf("envy left with %d", code) },
		Open: func(cli.EngineOptions) (driver.Engine, error) {
			return fake.New(fake.Options{Images: fake.Stock()}), nil
		},
	})
	return code, out.String()
}
