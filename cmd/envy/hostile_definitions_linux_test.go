package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestHostileListIsInTheDocs holds docs/security.md to the corpus.
func TestHostileListIsInTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/security.md")
	must(t, err)
	all := slices.Concat(hostileSources(), hostileDefinitions(), hostileTrees(), hostileRepositories(), hostileLocks())
	if len(all) < 40 {
		t.Errorf("there are %d", len(all))
	}
	for _, h := range all {
		if !strings.Contains(string(page), "\n- "+h.name+"\n") {
			t.Errorf("docs/security.md has no %q", h.name)
		}
	}
}

// from is a checkout whose one box is made from something.
func from(source string) map[string]string {
	return envfile(fmt.Sprintf("box \"web\" {\n  from = %q\n}\n", source))
}

// hostileSources name what is to be fetched, or read elsewhere. Nothing of it is before somebody allows it.
func hostileSources() []hostile {
	source := func(name, text string, code int, says string) hostile {
		return hostile{name: name, files: from(text), code: code, says: says}
	}
	return []hostile{
		source("definition of a stranger's server", "git::https://evil.example/boxes.git//web", 5, "is fetched, which is not locked"),
		source("definition over ssh", "git::ssh://evil.example/boxes.git", 5, "is fetched"),
		source("definition in a repository outside", "git::file://$PLACE/outside/repo", 5, "outside the project"),
		source("definition in a directory outside", "../outside/app", 5, "lies outside the project"),
		source("definition by an absolute path", "$PLACE/outside/app", 3, "path of one machine"),
		source("definition behind a link", "./away", 5, "/outside/app").plus("away", "-> ../outside/app"),
		source("definition over http", "git::http://evil.example/boxes.git", 3, "https"),
		source("definition by a program", "git::ext::sh -c touch% /tmp/x", 3, "Envfile:2"),
		source("address that is an option", "git::ssh://-oProxyCommand=touch/x.git", 3, "Envfile:2"),
		source("path that is an option", "git::https://evil.example/--upload-pack=x", 3, "Envfile:2"),
		source("ref that is an option", "git::https://evil.example/b.git?ref=--upload-pack=x", 3, "Envfile:2"),
		source("encoded newline in a ref", "git::https://evil.example/b.git?ref=a%0ab", 3, "Envfile:2"),
		source("directory that leaves the repository", "git::https://evil.example/b.git//../../x", 3, "Envfile:2"),
		source("key that nobody knows", "git::https://evil.example/b.git?sshkey=x", 3, "Envfile:2"),
		source("password in an address", "git::https://me:hunter2@evil.example/b.git", 3, "Envfile:2"),
		source("ref and version", "git::https://evil.example/b.git?ref=a&version=1", 3, "Envfile:2"),
		source("very long address", "git::https://evil.example/"+strings.Repeat("x", 100_000), 3, "longer"),
		source("archive in plain http", "http://evil.example/x.box", 3, "https"),
	}
}

// hostileDefinitions are box.hcl files of the checkout.
func hostileDefinitions() []hostile {
	definition := func(name, text string, code int, says string) hostile {
		return hostile{name: name, files: with(from("./d"), map[string]string{"d/box.hcl": text}), code: code, says: says}
	}
	row := from("./d1")
	for i := range 20 {
		row[fmt.Sprintf("d%d/box.hcl", i+1)] = fmt.Sprintf("box { from = \"../d%d\" }", i+2)
	}
	var locals strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&locals, "l%d = 1\n", i)
	}
	crowd := with(from("./d"), map[string]string{"d/box.hcl": "locals {\n" + locals.String() + "}\nbox { image = \"busybox:1\" }\n"})
	return []hostile{
		definition("definition that is an Envfile", "box \"a\" { image = \"busybox:1\" }", 3, "box.hcl"),
		definition("definition with two boxes", "box { image = \"busybox:1\" }\nbox { image = \"busybox:1\" }", 3, "box.hcl"),
		definition("definition with a network", "network \"n\" { external = \"host\" }\nbox { image = \"busybox:1\" }", 3, "box.hcl"),
		definition("definition that is privileged", "box {\n  image = \"busybox:1\"\n  privileged = true\n}", 5, "privileged"),
		definition("definition that shares the home", "box {\n  image = \"busybox:1\"\n  share \"~\" { target = \"/w\" }\n}", 5, "/home"),
		definition("definition that reads outside", "box {\n  image = \"busybox:1\"\n  env = { X = file(\"../../outside/secret\") }\n}", 3, "box.hcl:3"),
		definition("definition that is made from itself", "box { from = \"../d\" }", 3, "made from itself"),
		definition("definition that nests deep", "box { image = "+strings.Repeat("(", 5000)+"1"+strings.Repeat(")", 5000)+" }", 3, "nest"),
		definition("definition that is large", strings.Repeat("# x\n", 600_000), 3, "1 MiB"),
		definition("definition that is no text", "box { image = \"\xff\xfe\" }", 3, "UTF-8"),
		{name: "definition that leads out", files: with(from("./d"), map[string]string{"d/box.hcl": "-> ../../outside/app/box.hcl"}), code: 3, says: "/outside/app/box.hcl, outside"},
		{name: "definition that is a pipe", files: with(from("./d"), map[string]string{"d/x": ""}), make: fifo("d/box.hcl"), code: 3, says: "regular"},
		{name: "definitions in a long row", files: row, code: 3, says: "more than 16 definitions"},
		{name: "definition with a crowd of locals", files: crowd, code: 0, says: "will be created", args: []string{"plan"}},
	}
}

// hostileLocks are Envfile.lock as somebody sent it.
func hostileLocks() []hostile {
	lock := func(name, text, says string) hostile {
		return hostile{name: name, files: with(inBox(""), map[string]string{"Envfile.lock": text}), code: 3, says: says}
	}
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	return []hostile{
		lock("lock with a merge's marks", "<<<<<<< ours\n=======\n>>>>>>> theirs\n", "Envfile.lock"),
		lock("lock that is a program", "image \"x\" {\n  digest = file(\"../outside/secret\")\n}\n", "Envfile.lock"),
		lock("lock that nests deep", strings.Repeat("packages \"x\" {\n", 100_000), "Envfile.lock"),
		lock("lock that is large", "# "+strings.Repeat("x", 5<<20)+"\n", "larger than"),
		lock("lock with a password", "box \"git::https://me:hunter2@evil.example/b.git\" {\n  commit = \""+digest[7:47]+"\"\n  hash   = \""+digest+"\"\n}\n", "must not hold"),
		lock("lock with an option for a version", "packages \"busybox:1 + git\" {\n  platforms = {\n    \"linux/amd64\" = {\n      \"git\" = \"--purge\"\n    }\n  }\n}\n", "option"),
		lock("lock with an option for a package", "packages \"busybox:1 + git\" {\n  platforms = {\n    \"linux/amd64\" = {\n      \"-oX\" = \"1\"\n    }\n  }\n}\n", "option"),
		lock("lock with half a digest", "image \"busybox:1\" {\n  digest = \"sha256:01\"\n}\n", "64 hex digits"),
		lock("lock with the same twice", strings.Repeat("image \"busybox:1\" {\n  digest = \""+digest+"\"\n}\n", 2), "Envfile.lock"),
		lock("lock that steers the terminal", "image \"busybox:1\x1b[2J\" {\n  digest = \""+digest+"\"\n}\n", "Envfile.lock"),
		{name: "lock that leads out", files: with(inBox(""), map[string]string{"Envfile.lock": "-> ../outside/Envfile"}), code: 3, says: "Envfile.lock"},
		{name: "lock that is a pipe", files: inBox(""), make: fifo("Envfile.lock"), code: 3, says: "Envfile.lock"},
		{
			name: "lock that says a stranger's repository is known", code: 5, says: "outside the project",
			files: with(from("git::file://$PLACE/outside/repo"), map[string]string{
				"Envfile.lock": "box \"git::file://$PLACE/outside/repo\" {\n  commit = \"" + digest[7:47] + "\"\n  hash   = \"" + digest + "\"\n}\n",
			}),
		},
	}
}
