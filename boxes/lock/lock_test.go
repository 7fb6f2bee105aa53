package lock_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/envyhq/envy/boxes/lock"
)

func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }
func commit(c string) string { return strings.Repeat(c, 40) }

func example() lock.Lock {
	return lock.Lock{
		Archives: []lock.Archive{{Source: "https://example.com/shop.box", Checksum: digest("a")}},
		Boxes: []lock.Box{
			{Source: "git::https://example.com/org/boxes.git//node", Version: "~> 1.4", Reference: "refs/tags/v1.4.2", Commit: commit("b"), Hash: digest("c")},
			{Source: "git::https://example.com/org/boxes.git//node", Ref: "main", Reference: "refs/heads/main", Commit: commit("d"), Hash: digest("e")},
			{Source: "git::example.com:org/boxes.git", Reference: "HEAD", Commit: commit("1"), Hash: digest("2")},
		},
		Images: []lock.Image{
			{Reference: "local/x:dev", Local: true},
			{Reference: "debian:bookworm", Digest: digest("3"), Platforms: map[string]string{"linux/arm64": digest("5"), "linux/amd64": digest("4")}},
		},
		Packages: []lock.Packages{{Recipe: "0a1b", Platforms: map[string]map[string]string{
			"linux/amd64": {"g++": "4:12.2.0-3", "curl": "7.88.1-10+deb12u5", "odd\"${x}\\": "1%{2}"},
			"linux/arm64": {},
		}}},
	}
}

const golden = `# Made by envy, which keeps it: commit it with the Envfile. ` + "`envy lock`" + ` renews it.

archive "https://example.com/shop.box" {
  checksum = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
}

box "git::example.com:org/boxes.git" {
  reference = "HEAD"
  commit    = "1111111111111111111111111111111111111111"
  hash      = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
}

box "git::https://example.com/org/boxes.git//node" {
  version   = "~> 1.4"
  reference = "refs/tags/v1.4.2"
  commit    = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
  hash      = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
}

box "git::https://example.com/org/boxes.git//node" {
  ref       = "main"
  reference = "refs/heads/main"
  commit    = "dddddddddddddddddddddddddddddddddddddddd"
  hash      = "sha256:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
}

image "debian:bookworm" {
  digest = "sha256:3333333333333333333333333333333333333333333333333333333333333333"
  platforms = {
    "linux/amd64" = "sha256:4444444444444444444444444444444444444444444444444444444444444444"
    "linux/arm64" = "sha256:5555555555555555555555555555555555555555555555555555555555555555"
  }
}

image "local/x:dev" {
  local = true
}

packages "0a1b" {
  platforms = {
    "linux/amd64" = {
      "curl"         = "7.88.1-10+deb12u5"
      "g++"          = "4:12.2.0-3"
      "odd\"$${x}\\" = "1%%{2}"
    }
    "linux/arm64" = {
    }
  }
}
`

func TestEncode(t *testing.T) {
	out, err := example().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(golden, string(out)); diff != "" {
		t.Error(diff)
	}
	if _, diags := hclsyntax.ParseConfig(out, lock.Name, hcl.InitialPos); diags.HasErrors() {
		t.Errorf("it is not HCL: %v", diags)
	}
	if diff := cmp.Diff(string(out), string(hclwrite.Format(out))); diff != "" {
		t.Errorf("it is not as HCL's formatter has it:\n%s", diff)
	}
	again, err := lock.Decode(out)
	if err != nil {
		t.Fatal(err)
	}
	sort := cmpopts.SortSlices(func(a, b any) bool { return strings.Compare(key(a), key(b)) < 0 })
	if diff := cmp.Diff(example(), again, sort, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func key(v any) string {
	switch v := v.(type) {
	case lock.Box:
		return v.Source + " " + v.Ref + " " + v.Version
	case lock.Image:
		return v.Reference
	}
	return ""
}

func TestDecodeTolerates(t *testing.T) {
	for name, in := range map[string]string{
		"nothing":             "",
		"a byte order mark":   "\ufeff# x\n",
		"lines of Windows":    strings.ReplaceAll(golden, "\n", "\r\n"),
		"comments":            "// a\n/* b\nc */ image \"x\" { # d\n  local = true // e\n}",
		"objects in one line": "image \"x\" {\n digest = \"" + digest("a") + "\"\n platforms = { \"linux/amd64\" = \"" + digest("b") + "\", \"linux/arm/v7\" = \"" + digest("c") + "\" }\n}\n",
		"an empty object":     "packages \"x\" {\n platforms = {}\n}\n",
	} {
		if _, err := lock.Decode([]byte(in)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	box := func(body string) string { return "box \"git::https://example.com/a\" {\n" + body + "\n}\n" }
	whole := "commit = \"" + commit("a") + "\"\nhash = \"" + digest("a") + "\"\n"
	for _, c := range []struct{ in, want string }{
		{"network \"x\" {\n}\n", `:1: "network" is no block`},
		{box(whole + "url = \"x\""), `:1: box "git::https://example.com/a": the attribute "url" is unknown`},
		{box(""), "commit is not 40 hex"},
		{box(whole + "sha256 = \"x\"\nhash2 = true"), `"hash2" is unknown`},
		{box(whole + "ref = \"a\"\nversion = \"1\""), "exclude"},
		{box(whole + "ref = true"), "ref is not a text"},
		{box(whole + "ref = \"-x\""), "option"},
		{box(whole + "ref = \"\""), "ref is not a text"},
		{box(whole + "commit = \"x\""), "commit is there twice"},
		{box(whole) + box(whole), `:6: box "git::https://example.com/a": it is there twice`},
		{"image \"x\" {\n local = true\n}\n\nimage \"x\" {\n local = true\n}\n", `:5: image "x": it is there twice`},
		{"box \"git::https://u:p@example.com/a\" {\n" + whole + "}\n", "must not hold a user"},
		{"box \"a\\u0000\" {\n}\n", "backslash"},
		{"box \"a\x01\" {\n}\n", "control character"},
		{"box \"${x}\" {\n}\n", "no templates"},
		{"box \"%{x}\" {\n}\n", "no templates"},
		{"box \"x\n\" {\n}\n", "does not end"},
		{"box \"x", "does not end"},
		{"box x {\n}\n", "name of the box"},
		{"box \"x\" = {\n}\n", `expected "{"`},
		{"box \"x\" {\n} }\n", "end of the line"},
		{"box \"x\" {\n", "expected an attribute"},
		{"/* x", "comment does not end"},
		{"\xff", "UTF-8"},
		{"image \"x\" {\n local = false\n}\n", "local is not true"},
		{"image \"x\" {\n local = true\n digest = \"" + digest("a") + "\"\n}\n", "no digest"},
		{"image \"x\" {\n digest = \"sha256:a\"\n}\n", "64 hex digits"},
		{"image \"x\" {\n digest = \"" + digest("a") + "\"\n platforms = { \"linux\" = \"" + digest("a") + "\" }\n}\n", "no platform"},
		{"image \"x\" {\n platforms = { \"a\" = { \"b\" = { \"c\" = \"d\" } } }\n}\n", "expected a text"},
		{"image \"x\" {\n platforms = { \"a\" = \"b\", \"c\" = { \"d\" = \"e\" } }\n}\n", "another value"},
		{"image \"x\" {\n platforms = { \"a\" = \"b\", \"a\" = \"b\" }\n}\n", "twice"},
		{"packages \"x\" {\n platforms = { \"linux/amd64\" = { \"--root=/\" = \"1\" } }\n}\n", "option"},
		{"image \"x\" {\n local = yes()\n}\n", "expected a value"},
		{"image \"" + strings.Repeat("x", 5000) + "\" {\n local = true\n}\n", "longer than"},
		{golden + "<<<<<<< HEAD\n", "merge"},
		{strings.Repeat("{", 1<<20), "no block"},
		{"image \"x\" {\n platforms = " + strings.Repeat("{ \"a\" = ", 1<<18), "expected a text"},
		{strings.Repeat("#", lock.MaxBytes+1), "larger than"},
	} {
		_, err := lock.Decode([]byte(c.in))
		e, ok := errors.AsType[*lock.Error](err)
		if !ok || !strings.Contains(err.Error(), c.want) || !strings.Contains(e.Hint, "envy lock") {
			t.Errorf("%.60q: %v, want %q", c.in, err, c.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, l := range map[string]lock.Lock{
		"an empty name": {Images: []lock.Image{{Local: true}}},
		"no digest":     {Images: []lock.Image{{Reference: "x"}}},
		"a double":      {Images: []lock.Image{{Reference: "x", Local: true}, {Reference: "x", Local: true}}},
		"a new line":    {Images: []lock.Image{{Reference: "x\n", Local: true}}},
		"too much":      {Packages: []lock.Packages{{Recipe: "x", Platforms: map[string]map[string]string{"linux/amd64": many()}}}},
	} {
		if _, err := l.Encode(); err == nil {
			t.Errorf("%s is written", name)
		}
	}
}

func many() map[string]string {
	m := map[string]string{}
	for i := range 2000 {
		m[strings.Repeat("x", i+1)] = strings.Repeat("y", 4000)
	}
	return m
}

func TestSet(t *testing.T) {
	old := example()
	l := example()
	l.SetBox(lock.Box{Source: "git::https://example.com/org/boxes.git//node", Version: "~> 1.4", Reference: "refs/tags/v1.5.0", Commit: commit("f"), Hash: digest("f")})
	l.SetImage(lock.Image{Reference: "alpine:3", Digest: digest("6")})
	l.SetArchive(lock.Archive{Source: "https://example.com/shop.box", Checksum: digest("b")})
	l.SetPackages("0a1b", "linux/arm64", map[string]string{"curl": "8"})
	l.SetPackages("0a1b", "linux/amd64", map[string]string{"curl": "8", "g++": "4:12.2.0-3"})
	if b, ok := l.FindBox("git::https://example.com/org/boxes.git//node", "", "~> 1.4"); !ok || b.Commit != commit("f") {
		t.Errorf("%+v", b)
	}
	if _, ok := l.FindBox("git::https://example.com/org/boxes.git//node", "", "~> 1.5"); ok {
		t.Error("found what was not asked for")
	}
	want := []string{
		"~ archive https://example.com/shop.box: " + digest("a") + " -> " + digest("b"),
		"~ box git::https://example.com/org/boxes.git//node (version ~> 1.4): v1.4.2, commit " + commit("b") + ", content " + digest("c") +
			" -> v1.5.0, commit " + commit("f") + ", content " + digest("f"),
		"+ image alpine:3: " + digest("6"),
		"~ packages 0a1b on linux/amd64: curl 7.88.1-10+deb12u5 -> 8",
		"- packages 0a1b on linux/amd64: odd\"${x}\\ 1%{2}",
		"+ packages 0a1b on linux/arm64: 1 version",
	}
	if diff := cmp.Diff(want, lock.Diff(old, l)); diff != "" {
		t.Error(diff)
	}
	if got := lock.Diff(old, example()); len(got) > 0 {
		t.Errorf("equal locks differ: %q", got)
	}
	if v, ok := old.FindPackages("0a1b", "linux/arm64"); !ok || len(v) > 0 {
		t.Error("the old lock has changed")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(golden))
	f.Add([]byte("image \"x\" {\n platforms = { \"a\" = { \"b\" = { \"c\" = \"d\" } } }\n}\n"))
	f.Add([]byte("/**/packages \"x\" {\n platforms = {}\n}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := lock.Decode(data)
		if err != nil {
			if _, ok := errors.AsType[*lock.Error](err); !ok {
				t.Fatalf("%#v", err)
			}
			return
		}
		once, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := lock.Decode(once)
		if err != nil {
			t.Fatalf("%v in\n%s", err, once)
		}
		twice, err := again.Encode()
		if err != nil || string(once) != string(twice) {
			t.Fatalf("%v\n%s\n%s", err, once, twice)
		}
		if diff := lock.Diff(l, again); len(diff) > 0 {
			t.Fatal(diff)
		}
		if _, diags := hclsyntax.ParseConfig(once, lock.Name, hcl.InitialPos); diags.HasErrors() {
			t.Fatalf("not HCL: %v\n%s", diags, once)
		}
	})
}
