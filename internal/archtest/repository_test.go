package archtest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRepository holds this module to the rules.
func TestRepository(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load("github.com/envyhq/envy", os.DirFS(root), sources(t, root))
	if err != nil {
		t.Fatal(err)
	}
	for name, found := range map[string][]Finding{
		"layers":    CheckLayers(m, Layers()),
		"libraries": CheckLibraries(m, Libraries()),
		"host":      CheckAccess(m, HostAccess()),
		"init":      CheckInit(m),
		"state":     CheckState(m, Constructors(), Variables()),
		"size":      CheckSize(m),
		"docs":      CheckDocs(m),
		"top":       CheckTop(topLevel(t, root), TopLevel()),
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range found {
				t.Error(f)
			}
		})
	}
}

// sources returns the Go files that belong to the project: what git does not ignore, or, in a copy without git, all.
func sources(t *testing.T, root string) []string {
	t.Helper()
	var names []string
	if out, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output(); err == nil {
		for name := range strings.SplitSeq(string(out), "\x00") {
			if _, err := os.Stat(filepath.Join(root, name)); err == nil && counts(name) {
				names = append(names, name)
			}
		}
	} else {
		err := fs.WalkDir(os.DirFS(root), ".", func(name string, _ fs.DirEntry, err error) error {
			if err == nil && counts(name) {
				names = append(names, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(names) == 0 {
		t.Fatalf("no Go file below %s", root)
	}
	return names
}

// counts leaves out what go build leaves out by its place, and the programs of examples, which are modules of their own.
func counts(name string) bool {
	if !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, "examples/") && strings.Count(name, "/") > 1 {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "testdata" || strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_") {
			return false
		}
	}
	return true
}

func topLevel(t *testing.T, root string) []string {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
