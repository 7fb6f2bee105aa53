package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// hostileCheckouts are all of them. An error of the file is 3, what nobody allowed 5.
func hostileCheckouts() []hostile {
	var all []hostile
	for _, some := range [][]hostile{
		hostileMounts(), hostileRights(), hostileReads(), hostileThings(), hostileText(), hostileBombs(), hostileCrowds(), hostileProjects(),
		hostileSources(), hostileDefinitions(), hostileTrees(), hostileRepositories(), hostileLocks(),
	} {
		all = append(all, some...)
	}
	return all
}

func share(source string) map[string]string {
	return inBox(fmt.Sprintf("  share %q { target = \"/w\" }", source))
}

func with(files map[string]string, more map[string]string) map[string]string {
	for name, text := range more {
		files[name] = text
	}
	return files
}

// hostileMounts reach for folders outside.
func hostileMounts() []hostile {
	return []hostile{
		{name: "share by dots", files: share("../outside"), code: 5, says: "outside the project"},
		{name: "share by an absolute path", files: inBox(`  share "x" {
    source = "/etc"
    target = "/w"
  }`), code: 5, says: "shares /etc"},
		{name: "share by a link", files: with(share("away"), map[string]string{"away": "-> ../outside"}), code: 5, says: "/outside"},
		{name: "share by two links", files: with(share("a"), map[string]string{"a": "-> b/..", "b": "-> ../outside/app"}), code: 5, says: "/outside"},
		{name: "share by a folder that is a link", files: with(share("a/app"), map[string]string{"a": "-> ../outside"}), code: 5, says: "/outside/app"},
		{name: "share through a link in a circle", files: with(share("a"), map[string]string{"a": "-> b", "b": "-> a"}), code: 3, says: "does not exist"},
		{name: "share of the root", files: share("/"), code: 5, says: "shares /"},
		{name: "share of the home", files: share("~"), code: 5, says: "/home"},
		{name: "share of a proc entry", files: share("/proc/self/root/etc"), code: 5, says: "outside the project"},
		{name: "share of the engine's socket", files: share("/var/run/docker.sock"), code: 5, says: "socket"},
		{name: "share of a folder above the socket", files: share("/run"), code: 5, says: "socket"},
		{name: "share of a folder that a box can write", files: envfile(`
box "a" {
  image = "busybox:1"
  share "." { target = "/w" }
}
box "b" {
  image = "busybox:1"
  share "data" {
    target = "/w"
    create = true
  }
}`), code: 5, says: "can write"},
		{name: "folder made outside", files: inBox(`  share "../outside/made" {
    target = "/w"
    create = true
  }`), code: 5, says: "made where it is missing"},
		{name: "copy from outside", files: inBox(`  share "../outside" {
    target = "/w"
    mode   = "copy"
  }`), code: 5, says: "/outside"},
		{name: "context outside", files: envfile("box \"a\" {\n  build { context = \"../outside/app\" }\n}\n"), code: 5, says: "/outside/app"},
		{name: "context by a link", files: with(envfile("box \"a\" {\n  build { context = \"app\" }\n}\n"), map[string]string{"app": "-> ../outside/app"}), code: 5, says: "/outside/app"},
		{name: "Dockerfile by a link", files: with(envfile("box \"a\" {\n  build {}\n}\n"), map[string]string{"Dockerfile": "-> ../outside/app/Dockerfile"}), code: 3, says: "Dockerfile"},
		{name: "Dockerfile by dots", files: envfile("box \"a\" {\n  build { dockerfile = \"../outside/app/Dockerfile\" }\n}\n"), code: 3, says: "dockerfile"},
		{name: "target over proc", files: inBox(`  share "." { target = "/proc" }`), code: 3, says: "target"},
		{name: "target over the agent", files: inBox(`  share "." { target = "/.envy" }`), code: 3, says: "/.envy"},
	}
}

// hostileRights ask for more of the machine.
func hostileRights() []hostile {
	rights := func(name, line, says string) hostile {
		return hostile{name: name, files: inBox("  " + line), code: 5, says: says}
	}
	return []hostile{
		rights("privileged", `privileged = true`, "privileged"),
		rights("privileged by a local layer", "", "privileged").plus("Envfile.local", "box \"web\" {\n  privileged = true\n}\n"),
		rights("privileged by a template", "from = template.t\n}\ntemplate \"t\" {\n  privileged = true", "privileged"),
		rights("privileged by an expression", `privileged = length("x") == 1`, "privileged"),
		rights("capability", `cap_add = ["SYS_ADMIN"]`, "SYS_ADMIN"),
		rights("device", `devices = ["/dev/mem"]`, "/dev/mem"),
		rights("seccomp off", `security_opt = ["seccomp=unconfined"]`, "seccomp"),
		rights("gpus", `gpus = "all"`, "graphics processors"),
		rights("host network", `network_mode = "host"`, "network"),
		rights("port on all addresses", "port \"a\" {\n    guest   = 1\n    address = \"0.0.0.0\"\n  }", "0.0.0.0"),
		rights("another's volume", "volume \"v\" { target = \"/v\" }\n}\nvolume \"v\" {\n  external = \"theirs\"", "theirs"),
		rights("another's network", "network \"n\" {}\n}\nnetwork \"n\" {\n  external = \"theirs\"", "theirs"),
		rights("secret of the environment", `env = { T = env("SECRET_TOKEN") }`, "SECRET_TOKEN"),
		rights("secret in a label", `labels = { T = base64encode(env("SECRET_TOKEN")) }`, "SECRET_TOKEN"),
	}
}

// plus adds a file.
func (h hostile) plus(name, text string) hostile {
	h.files[name] = text
	return h
}

// hostileReads want a file's content.
func hostileReads() []hostile {
	read := func(name, expression string) hostile {
		return hostile{name: name, files: inBox("  env = { X = " + expression + " }"), code: 3, says: "Envfile:3"}
	}
	return []hostile{
		read("file outside", `file("../outside/secret")`),
		read("file by an absolute path", `file("$PLACE/outside/secret")`),
		read("file by a link", `file("s")`).plus("s", "-> ../outside/secret"),
		read("file by a folder's link", `file("d/secret")`).plus("d", "-> ../outside"),
		read("file of the home", `file("~/.netrc")`),
		read("file of the process", `file("/proc/self/environ")`),
		read("a pipe outside", `file("p")`).plus("p", "-> ../outside/pipe"),
		read("a template outside", `templatefile("../outside/secret", {})`),
		read("dotenv outside", `dotenv("../outside/.env").TOKEN`),
		read("is there a file outside", `fileexists("../outside/secret")`),
		{name: "env_file outside", files: inBox(`  env_file = "../outside/.env"`), code: 3, says: "env_file"},
		{name: "env_file by a link", files: with(inBox(`  env_file = ".env"`), map[string]string{".env": "-> ../outside/.env"}), code: 3, says: "env_file"},
		{name: "file source by a link", files: with(inBox("  file \"/x\" { source = \"s\" }"), map[string]string{"s": "-> ../outside/secret"}), code: 3, says: "source"},
		{name: "inputs outside", files: inBox("  provision \"x\" {\n    run    = \"true\"\n    inputs = [\"../outside/**\"]\n  }"), code: 3, says: "inputs"},
	}
}

func fifo(name string) func(*testing.T, string) {
	return func(t *testing.T, place string) { must(t, unix.Mkfifo(filepath.Join(place, "shop", name), 0o644)) }
}

// hostileThings are no files where files are looked for.
func hostileThings() []hostile {
	return []hostile{
		{name: "Envfile is a pipe", make: fifo("Envfile"), code: 3, says: "Envfile"},
		{name: "Envfile is a folder", files: map[string]string{"Envfile/x": ""}, code: 3, says: "Envfile"},
		{name: "Envfile leads out", files: map[string]string{"Envfile": "-> ../outside/Envfile"}, code: 3, says: "Envfile"},
		{name: "Envfile leads to a device", files: map[string]string{"Envfile": "-> /dev/zero"}, code: 3, says: "Envfile"},
		{name: "Envfile is a socket", make: func(t *testing.T, place string) {
			must(t, unix.Mknod(filepath.Join(place, "shop/Envfile"), unix.S_IFSOCK|0o644, 0))
		}, code: 3, says: "Envfile"},
		{name: "Envfile leads nowhere", files: map[string]string{"Envfile": "-> nowhere"}, code: 3, says: "Envfile"},
		{name: "Envfile.local is a pipe", files: inBox(""), make: fifo("Envfile.local"), code: 3, says: "Envfile.local"},
		{name: "Envfile.local leads out", files: with(inBox(""), map[string]string{"Envfile.local": "-> ../outside/Envfile"}), code: 3, says: "Envfile.local"},
		{name: "env_file is a pipe", files: inBox(`  env_file = ".env"`), make: fifo(".env"), code: 3, says: "env_file"},
		{name: "env_file leads to a device", files: with(inBox(`  env_file = ".env"`), map[string]string{".env": "-> /dev/zero"}), code: 3, says: "env_file"},
		{name: "Envfile is large", files: envfile(strings.Repeat("# x\n", 600_000)), code: 3, says: "larger than 1048576 bytes"},
		{name: "env_file is large", files: with(inBox(`  env_file = ".env"`), map[string]string{".env": strings.Repeat("A=1\n", 600_000)}), code: 3, says: "1 MiB"},
		{name: ".envy leads out", files: with(inBox(""), map[string]string{".envy": "-> ../outside"}), args: []string{"plan"}, says: "will be created"},
		{name: ".envy is a pipe", files: inBox(""), make: fifo(".envy"), args: []string{"plan"}, says: "will be created"},
		{name: "both forms", files: map[string]string{"Envfile": "", "Envfile.json": "{}"}, code: 3, says: "Envfile.json"},
	}
}

// hostileText is written to steer a terminal or a reader.
func hostileText() []hostile {
	return []hostile{
		{name: "escape in a string", files: inBox("  env = { X = \"\x1b]0;owned\x07\" }"), code: 3, says: "control"},
		{name: "escaped escape in a name", files: inBox(`  hostname = "\u001b[2Jx"`), code: 3, says: "hostname"},
		{name: "direction in a string", files: inBox("  env = { X = \"\u202edetsurt\" }"), code: 3, says: "direction"},
		{name: "zero width in a name", files: envfile("box \"we\u200bb\" { image = \"busybox:1\" }\n"), code: 3, says: "box"},
		{name: "broken UTF-8", files: envfile("box \"a\" { image = \"\xff\xfe\" }\n"), code: 3, says: "UTF-8"},
		{name: "NUL", files: inBox(`  env = { X = "a\u0000b" }`), code: 3, says: "U+0000"},
		{name: "name with dots", files: envfile("box \"../../x\" { image = \"busybox:1\" }\n"), code: 3, says: "box"},
		{name: "name like a flag", files: envfile("box \"--privileged\" { image = \"busybox:1\" }\n"), code: 3, says: "box"},
		{name: "image like a flag", files: envfile("box \"a\" { image = \"--privileged\" }\n"), code: 3, says: "image"},
		{name: "package like a flag", files: inBox(`  packages = ["-oDpkg::Pre-Invoke=sh"]`), code: 3, says: "packages"},
		{name: "package of an address", files: inBox(`  packages = ["https://example.test/x.deb"]`), code: 3, says: "packages"},
		{name: "project named by dots", files: envfile("envy { name = \"../x\" }\nbox \"a\" { image = \"busybox:1\" }\n"), code: 3, says: "name"},
		{name: "labels of envy", files: inBox(`  labels = { "io.envy.project" = "other" }`), code: 3, says: "io.envy"},
		{name: "a thousand mistakes", files: envfile(strings.Repeat("box \"\x1b[31m\" {}\nboxx {}\n", 500)), code: 3, says: "more"},
	}
}

// hostileBombs stand for more than they say.
func hostileBombs() []hostile {
	rep := strings.Repeat
	grow := func(name, expression, says string) hostile {
		return hostile{name: name, files: inBox("  env = { X = " + expression + " }"), code: 3, says: says}
	}
	var doubling strings.Builder
	doubling.WriteString("locals {\n  a0 = \"xxxxxxxxxx\"\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&doubling, "  a%d = \"${local.a%d}${local.a%d}\"\n", i, i-1, i-1)
	}
	doubling.WriteString("}\nbox \"a\" { image = local.a59 }\n")
	var ports strings.Builder
	for i := range 900 {
		fmt.Fprintf(&ports, "  port \"p%d\" { guest = %d }\n", i, i+1)
	}
	return []hostile{
		{name: "brackets", files: inBox("  x = " + rep("[", 400_000)), code: 3, says: "nested"},
		{name: "templates in templates", files: inBox("  x = " + rep(`"${`, 200_000)), code: 3, says: "nested"},
		{name: "minus", files: inBox("  x = " + rep("-", 400_000) + "1"), code: 3, says: "nested"},
		{name: "conditions", files: inBox("  x = " + rep("a ? b : ", 80_000) + "c"), code: 3, says: "nested"},
		{name: "blocks in blocks", files: envfile(rep("box \"a\" {\n", 60_000)), code: 3, says: "nested"},
		{name: "brackets in JSON", files: map[string]string{"Envfile.json": `{"box":` + rep("[", 500_000)}, code: 3, says: "nested"},
		{name: "doubling locals", files: envfile(doubling.String()), code: 3, says: "1 MiB"},
		grow("format", `format("%1000000000d", 1)`, "format"),
		grow("range", `length(range(1000000000))`, "range"),
		grow("product", `length(setproduct(range(9999), range(9999), range(9999)))`, "setproduct"),
		grow("replace", `replace("`+rep("a", 1000)+`", "a", "`+rep("b", 10_000)+`")`, "replace"),
		grow("loops in loops", `length([for a in range(9999) : [for b in range(9999) : [for c in range(9999) : c]]])`, "Envfile:3"),
		grow("number", `"${1e999999999}"`, "number"),
		grow("regular expression", `length(regexall("(a{1000}){1000}", "x"))`, "Envfile:3"),
		grow("division by nothing", `"${1 / 0}"`, "Envfile:3"),
		{name: "boxes", files: inBox("  count = 2000000000"), code: 3, says: "count"},
		{name: "ports of boxes", files: inBox("  count = 9000\n" + ports.String()), code: 3, says: "more than"},
		{name: "a circle of locals", files: envfile("locals {\n a = local.b\n b = local.a\n}\nbox \"a\" { image = local.a }\n"), code: 3, says: "depends on itself"},
		{name: "a circle of boxes", files: envfile("box \"a\" {\n image = \"busybox:1\"\n depends_on = [\"b\"]\n}\nbox \"b\" {\n image = \"busybox:1\"\n depends_on = [\"a\"]\n}\n"), code: 3, says: "wait for each other"},
		{name: "a circle of templates", files: envfile("template \"a\" { from = template.b }\ntemplate \"b\" { from = template.a }\nbox \"a\" { from = template.a }\n"), code: 3, says: "made from itself"},
		{name: "memory beyond numbers", files: inBox("  memory = \"99999999999999999999g\""), code: 3, says: "memory"},
	}
}

// hostileCrowds are a mebibyte of the same: what is small for each must not be looked at once for each other.
func hostileCrowds() []hostile {
	const one = "box \"a\" {\n image = \"busybox:1\"\n"
	crowd := func(name, head, each, tail, says string) hostile {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len()+len(each)+len(tail)+20 < 1<<20; i++ {
			b.WriteString(strings.ReplaceAll(each, "#", strconv.Itoa(i)))
		}
		b.WriteString(tail)
		return hostile{name: "a crowd of " + name, files: envfile(b.String()), code: 3, says: says}
	}
	definition := crowd("boxes of one definition", "", "box \"b#\" { from = \"./d\" }\n", "", "more than")
	definition.files["d/box.hcl"] = crowd("variables", "", "variable \"v#\" { default = 1 }\n", "box { image = \"x\" }\n", "").files["Envfile"]
	loops := "[for a in [1,2,3,4,5,6,7,8,9,0] : 1]"
	for range 9 {
		loops = "[for a in [1,2,3,4,5,6,7,8,9,0] : " + loops + "]"
	}
	early := func(where, text string) hostile {
		return hostile{name: "loops in loops in " + where, files: envfile(strings.ReplaceAll(text, "LOOPS", loops)), code: 3, says: "Envfile:"}
	}
	return []hostile{
		early("from", "box \"a\" { from = LOOPS }\n"),
		early("with", "box \"a\" {\n from = \"go\"\n with = { (LOOPS) = 1 }\n}\n"),
		early("enabled", "box \"a\" {\n image = \"busybox:1\"\n share \"x\" {\n enabled = LOOPS\n }\n}\n"),
		early("an image over a template", "template \"t\" { image = \"x\" }\nbox \"a\" {\n from = template.t\n image = LOOPS\n}\n"),
		early("env", "box \"a\" {\n image = env(LOOPS)\n}\n"),
		crowd("boxes", "", "box \"b#\"{}\n", "", "no base"),
		crowd("names that are not there", one+"}\nlocals {\n", "l# = local.x#\n", "}\n", "no local"),
		crowd("locals", "box \"a\" {}\nlocals {\n", "l# = local.l0\n", "}\n", "no base"),
		crowd("templates that are not there", "", "template \"b#\" { from = template.c# }\n", "", "no template"),
		crowd("boxes that are not there", "", "box \"b#\" { image = box.c#.name }\n", "", "no box"),
		crowd("shares", one, "share \"./#\" { target = \"/t#\" }\n", "}\n", "does not exist"),
		crowd("networks", "", "network \"n#\" {}\nbox \"b#\" {\n network \"n#\" {}\n}\n", "", "no base"),
		crowd("unknown attributes", one, "x# = 1\n", "}\n", "no attribute"),
		crowd("boxes of the catalogue", "", "box \"b#\" { from = \"postgres\" }\n", "", "more than"),
		crowd("definitions in a list", "box \"a\" { from = [", "\"go\", ", "] }\n", "named twice"),
		definition,
	}
}

// hostileProjects lie about where they are.
func hostileProjects() []hostile {
	git := func(text string) func(*testing.T, string) {
		return func(t *testing.T, place string) {
			must(t, os.RemoveAll(filepath.Join(place, "shop/.git")))
			put(t, filepath.Join(place, "shop/.git"), strings.ReplaceAll(text, "$PLACE", place))
		}
	}
	secret := inBox(`  env = { X = file("../outside/secret") }`)
	return []hostile{
		{name: "a worktree of another", files: secret, make: git("gitdir: $PLACE/outside/.git/worktrees/x\n"), code: 3, says: "outside"},
		{name: "a worktree with a long pointer", files: secret, make: git("gitdir: " + strings.Repeat("/x", 100_000)), code: 3, says: "outside"},
		{name: "the checkout is a link", files: secret, make: func(t *testing.T, place string) {
			must(t, os.Rename(filepath.Join(place, "shop"), filepath.Join(place, "real")))
			must(t, os.Symlink("real", filepath.Join(place, "shop")))
		}, code: 3, says: "outside"},
		{name: "a file that is named", files: inBox(""), make: fifo("p"), args: []string{"--file", "p", "up"}, code: 3, says: "not a regular file"},
		{name: "a saved plan that is a pipe", files: inBox(""), make: fifo("p"), args: []string{"up", "--plan", "p"}, code: 3, says: "not a regular file"},
		{name: "another user's Envfile above", files: map[string]string{"sub/x": "", "Envfile": "box \"a\" { image = \"busybox:1\" }\n"}, make: func(t *testing.T, place string) {
			if os.Getuid() != 0 {
				t.Skip("only root can give a file away")
			}
			must(t, os.Chown(filepath.Join(place, "shop/Envfile"), 4242, 4242))
		}, args: []string{"-C", "sub", "up"}, code: 5, says: "belongs to"},
	}
}
