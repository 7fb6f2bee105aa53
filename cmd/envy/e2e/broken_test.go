package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBrokenEnvfiles brings each broken file of the language's corpus up: every mistake is told in one run, with its line
// and the line's text, the exit code is 3, and no engine is asked (the one named does not exist, which would be 4).
func TestBrokenEnvfiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../config/testdata/broken_*")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d broken files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := "Envfile"
			if filepath.Ext(file) == ".json" {
				name = "Envfile.json"
			}
			p := &project{t: t, dir: t.TempDir(), env: append(os.Environ(), "DOCKER_HOST=unix:///nonexistent/docker.sock", "NO_COLOR=1")}
			p.file(name, string(text))
			r := p.want(3, "up")
			if r.stdout != "" {
				t.Errorf("stdout: %s", r.stdout)
			}
			for n, line := range strings.Split(string(text), "\n") {
				if !strings.Contains(line, "# ERROR:") {
					continue
				}
				for _, want := range []string{fmt.Sprintf("%s:%d", name, n+1), fmt.Sprintf("%d | %s", n+1, line)} {
					if !strings.Contains(r.stderr, want) {
						t.Errorf("no %q in:\n%s", want, r.stderr)
					}
				}
			}
		})
	}
}
