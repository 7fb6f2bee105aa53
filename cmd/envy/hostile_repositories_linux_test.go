package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hostileRepositories are definitions in repositories that somebody allowed, whose trees are not what they look like.
func hostileRepositories() []hostile {
	const built = "box {\n  build { context = \"ctx\" }\n}\n"
	taken := "box {\n  image = \"busybox:1\"\n  setup \"s\" {\n    run = \"true\"\n    inputs = [\"in/**\"]\n  }\n}\n"
	repository := func(name, box, says string, tree map[string]string) hostile {
		all := maps.Clone(tree)
		all["web/box.hcl"] = box
		return hostile{name: name, files: from("git::file://$PLACE/repo//web"), make: commit(all), code: 3, says: says, trusts: 1}
	}
	crowd := map[string]string{"web/ctx/Dockerfile": "FROM busybox:1\n"}
	for i := range 10_001 {
		crowd[fmt.Sprintf("web/ctx/%d", i)] = ""
	}
	deep := map[string]string{"web/ctx/Dockerfile": "FROM busybox:1\n", "web/ctx/" + strings.Repeat("d/", 70) + "x": ""}
	return []hostile{
		repository("repository whose Dockerfile leads to passwords", built, "leaves the tree", map[string]string{"web/ctx/Dockerfile": "-> /etc/passwd"}),
		repository("repository whose Dockerfile leads out by dots", built, "leaves the tree", map[string]string{"web/ctx/Dockerfile": "-> ../../../outside/app/Dockerfile"}),
		repository("repository whose Dockerfile lies out of its context", built, "the link leaves the tree", map[string]string{"web/ctx/Dockerfile": "-> ../Dockerfile", "web/Dockerfile": "FROM busybox:1\n"}),
		repository("repository whose context is a submodule", built, "no such directory: ctx", map[string]string{"web/ctx": "commit"}),
		repository("repository whose context leads out", built, "leaves the tree", map[string]string{"web/ctx": "-> ../../outside/app"}),
		repository("repository with a name that steers the terminal", built, "control character", map[string]string{"web/ctx/Dockerfile": "FROM busybox:1\n", "web/ctx/\x1b[2J": ""}),
		repository("repository with a crowd of files", built, "more than 10000 files", crowd),
		repository("repository with a deep folder", built, "in each other", deep),
		repository("repository whose ignore file is a bomb", built, "too many patterns", map[string]string{"web/ctx/Dockerfile": "FROM busybox:1\n", "web/ctx/.dockerignore": strings.Repeat("**/x*y/**/*b*/**/*c*\n", 40_000)}),
		repository("repository whose ignore file leads out", built, "leaves the tree", map[string]string{"web/ctx/Dockerfile": "FROM busybox:1\n", "web/ctx/.dockerignore": "-> ../../other", "other": "x"}),
		repository("repository whose inputs lead out", taken, "leaves the tree", map[string]string{"web/in/a": "-> ../../../outside/secret"}),
		repository("repository whose inputs go round", taken, "cannot be read", map[string]string{"web/in/a": "-> b", "web/in/b": "-> a"}),
	}
}

// commit makes a repository beside the checkout of nothing but objects, so that it may hold what git would not check in: a link as
// "-> x", a submodule as "commit".
func commit(files map[string]string) func(*testing.T, string) {
	return func(t *testing.T, place string) {
		if _, err := exec.LookPath("git"); err != nil {
			t.Skip("there is no git")
		}
		git := func(in string, args ...string) string {
			t.Helper()
			c := exec.Command("git", args...)
			c.Dir, c.Stdin = filepath.Join(place, "repo"), strings.NewReader(in)
			c.Env = []string{
				"HOME=" + place + "/nobody", "PATH=" + os.Getenv("PATH"), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a",
				"GIT_COMMITTER_EMAIL=a@example.com",
			}
			out, err := c.Output()
			if err != nil {
				t.Fatalf("git %v: %v", args, err)
			}
			return strings.TrimSpace(string(out))
		}
		must(t, os.Mkdir(filepath.Join(place, "repo"), 0o755))
		git("", "init", "-q", "--bare", "-b", "main")
		blobs := map[string]string{}
		var index bytes.Buffer
		for _, name := range slices.Sorted(maps.Keys(files)) {
			text, mode := files[name], "100644"
			if to, link := strings.CutPrefix(text, "-> "); link {
				text, mode = to, "120000"
			}
			if blobs[text] == "" {
				blobs[text] = git(text, "hash-object", "-w", "--stdin")
			}
			id := blobs[text]
			if text == "commit" {
				mode, id = "160000", strings.Repeat("1", 40)
			}
			fmt.Fprintf(&index, "%s %s\t%s\x00", mode, id, name)
		}
		git(index.String(), "update-index", "-z", "--index-info")
		git("", "update-ref", "refs/heads/main", git("", "commit-tree", "-m", "x", git("", "write-tree", "--missing-ok")))
	}
}
