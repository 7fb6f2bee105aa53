package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var accepts = regexp.MustCompile(`envy trust --accept ([0-9a-f]{40})`)

// accept trusts what up asks for, however often: what a definition asks for is known once it may be read.
func (h hostile) accept(ctx context.Context, t *testing.T, place string) {
	t.Helper()
	for range h.trusts {
		out, _ := envyIn(ctx, t, place, "up").CombinedOutput()
		digest := accepts.FindSubmatch(out)
		if digest == nil {
			t.Fatalf("asks for nothing:\n%.2000s", out)
		}
		// An error, where there is more to ask for.
		_ = envyIn(ctx, t, place, "trust", "--accept", string(digest[1])).Run()
	}
}

// common is a checkout whose one box is made from a directory beside it, which the user allowed, with those files.
func common(box string, files map[string]string) map[string]string {
	all := from("../common")
	all["../common/box.hcl"] = "box {\n" + box + "\n}\n"
	for name, text := range files {
		all["../common/"+name] = text
	}
	return all
}

// hostileTrees are definitions that somebody allowed, and whose files are not what they look like.
func hostileTrees() []hostile {
	const dockerfile = "FROM busybox:1\nCOPY . /from\n"
	built := func(name string, code int, says string, files map[string]string) hostile {
		all := maps.Clone(files)
		if all["ctx/Dockerfile"] == "" {
			all["ctx/Dockerfile"] = dockerfile
		}
		return hostile{name: name, files: common(`  build { context = "ctx" }`, all), code: code, says: says, trusts: 2}
	}
	missing := func(name string, files map[string]string) hostile {
		return hostile{name: name, files: common(`  build { context = "ctx" }`, files), code: 3, says: "no file Dockerfile in the context ctx", trusts: 1}
	}
	taken := func(name, inputs string, says string, files map[string]string) hostile {
		box := fmt.Sprintf("  image = \"busybox:1\"\n  setup \"s\" {\n    run = \"true\"\n    inputs = [%s]\n  }", inputs)
		return hostile{name: name, files: common(box, files), code: 3, says: says, trusts: 1}
	}
	context := func(name, where, says string) hostile {
		return hostile{name: name, files: common(fmt.Sprintf("  build { context = %q }", where), nil), code: 3, says: says, trusts: 1}
	}
	long := strings.Repeat("deep/", 60)
	return []hostile{
		context("context that leaves the definition", "../outside/app", "sees only its own files"),
		context("context by an absolute path", "/etc", "sees only its own files"),
		{name: "context that is a link out", files: common(`  build { context = "ctx" }`, map[string]string{"ctx": "-> ../outside/app"}), code: 3, says: "outside", trusts: 1},
		missing("Dockerfile that is a link to passwords", map[string]string{"ctx/Dockerfile": "-> /etc/passwd"}),
		missing("Dockerfile that leads out", map[string]string{"ctx/Dockerfile": "-> ../../outside/app/Dockerfile"}),
		built("Dockerfile out of its context", 3, "Dockerfile", map[string]string{"ctx/Dockerfile": "-> ../other", "other": dockerfile}),
		missing("Dockerfile that is a folder", map[string]string{"ctx/Dockerfile/x": ""}),
		built("Dockerfile that is large", 3, "over the limit", map[string]string{"ctx/Dockerfile": strings.Repeat("# x\n", 600_000)}),
		missing("Dockerfile that is a pipe", map[string]string{"ctx/a": ""}).making(fifo("../common/ctx/Dockerfile")),
		built("ignore file that leads out", 3, "outside", map[string]string{"ctx/.dockerignore": "-> ../../outside/secret"}),
		built("ignore file that is a pipe", 3, "regular", map[string]string{"ctx/a": ""}).making(fifo("../common/ctx/.dockerignore")),
		built("ignore file that is large", 3, "over the limit", map[string]string{"ctx/.dockerignore": strings.Repeat("x\n", 600_000)}),
		built("ignore file that is a bomb", 3, "too many patterns", map[string]string{"ctx/.dockerignore": strings.Repeat("**/x*y/**/*b*/**/*c*\n", 40_000)}),
		built("ignore file of one long line", 3, ".dockerignore", map[string]string{"ctx/.dockerignore": strings.Repeat("**/a*", 200_000)}),
		built("context with links that lead out", 0, "running", map[string]string{"ctx/passwd": "-> /etc/passwd", "ctx/folder": "-> ../../outside", "ctx/loop": "-> loop"}),
		built("context with a pipe", 0, "running", map[string]string{"ctx/a": ""}).making(fifo("../common/ctx/pipe")),
		built("context with a device", 0, "running", map[string]string{"ctx/a": ""}).making(device("../common/ctx/zero")),
		built("context with names that steer the terminal", 0, "running", map[string]string{"ctx/\x1b[2J\u202e": "", "ctx/" + long + "x": ""}),
		taken("input that leaves the definition", `"../outside/secret"`, "sees only its own files", nil),
		taken("input that is a link out", `"in/*"`, "cannot be read", map[string]string{"in/a": "-> ../../outside/secret"}),
		taken("input by its name that is a link out", `"in/a"`, "outside", map[string]string{"in/a": "-> ../../outside/secret"}),
		taken("folder of inputs that is a link out", `"in/*"`, "outside", map[string]string{"in": "-> ../outside"}),
		taken("input that is a pipe", `"in/*"`, "regular", map[string]string{"in/a": ""}).making(fifo("../common/in/b")),
		taken("input that is a device", `"in/*"`, "regular", map[string]string{"in/a": ""}).making(device("../common/in/b")),
		taken("input of a tebibyte", `"in/*"`, "over 64 MiB", map[string]string{"in/a": ""}).making(sparse(1<<40, "in/b")),
		taken("inputs that fill the memory", `"in/*"`, "more than 256 MiB", map[string]string{"in/a": ""}).making(sparse(60<<20, "in/b", "in/c", "in/d", "in/e", "in/f", "in/g")),
	}
}

// device is a device that reads without end, for who may make one; else a socket stands there.
func device(name string) func(*testing.T, string) {
	return func(t *testing.T, place string) {
		path := filepath.Join(place, "shop", name)
		if unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) != nil {
			must(t, unix.Mknod(path, unix.S_IFSOCK|0o666, 0))
		}
	}
}

// sparse are files of a size that take no room, of the directory beside the checkout.
func sparse(size int64, names ...string) func(*testing.T, string) {
	return func(t *testing.T, place string) {
		for _, name := range names {
			path := filepath.Join(place, "common", name)
			must(t, os.WriteFile(path, nil, 0o644))
			must(t, os.Truncate(path, size))
		}
	}
}

func (h hostile) making(make func(*testing.T, string)) hostile {
	h.make = make
	return h
}
