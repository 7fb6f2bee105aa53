package dockerfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, text, target string
		args               map[string]string
		want               string // references
		problem            string
	}{
		{name: "one", text: "FROM debian:12\nRUN true\n", want: "debian:12"},
		{name: "none", text: "FROM scratch\nCOPY a /\n"},
		{name: "no newline, CRLF, lower case, a comment, a byte order mark", text: "\ufeff# c\r\n\r\n  from debian:12 as x\r\nFROM x", want: "debian:12"},
		{name: "a digest", text: "FROM debian@sha256:1\n", want: "debian@sha256:1"},
		{name: "a port", text: "FROM localhost:5000/a/b\n", want: "localhost:5000/a/b"},
		{name: "nothing", text: ""},
		{name: "no FROM", text: "RUN true\n"},

		{name: "stages", text: "FROM golang:1 AS build\nFROM alpine:3\nCOPY --from=build /a /\n", want: "golang:1 alpine:3"},
		{name: "a stage that nobody needs", text: "FROM golang:1 AS build\nFROM alpine:3\n", want: "alpine:3"},
		{name: "of a target", text: "FROM golang:1 AS build\nFROM alpine:3\nCOPY --from=build /a /\n", target: "BUILD", want: "golang:1"},
		{name: "of a target by number", text: "FROM golang:1\nFROM alpine:3\n", target: "0", want: "golang:1"},
		{name: "of no target", text: "FROM golang:1\n", target: "nope"},
		{name: "of a number that is none", text: "FROM golang:1\n", target: "7"},
		{name: "a stage by number", text: "FROM golang:1\nFROM alpine:3\nCOPY --from=0 /a /\n", want: "golang:1 alpine:3"},
		{name: "a stage in another case", text: "FROM golang:1 AS Build\nFROM alpine:3\nCOPY --chown=1 --from=bUILD /a /\n", want: "golang:1 alpine:3"},
		{name: "a stage named as its image", text: "FROM debian AS debian\nFROM debian\n", want: "debian"},
		{name: "a stage of a later name is none", text: "FROM b\nFROM c AS b\nCOPY --from=0 /a /\n", want: "b c"},
		{name: "the last stage of a name", text: "FROM one AS a\nFROM two AS a\nFROM a\n", want: "two"},
		{name: "an image to copy from", text: "FROM a\nCOPY --from=busybox:1 /a /\nRUN --mount=type=bind,from=tools:2,target=/t --network=none true\n", want: "a busybox:1 tools:2"},
		{name: "each once", text: "FROM a\nCOPY --from=a /a /\n", want: "a"},
		{name: "nothing to copy from", text: "FROM a\nCOPY --from=scratch / /\n", want: "a"},
		{name: "a stage that needs itself", text: "FROM a AS x\nCOPY --from=x /a /\n", want: "a"},
		{name: "a later stage is a stage", text: "FROM a\nCOPY --from=x /a /\nFROM b AS x\n", target: "0", want: "a b"},
		{name: "a word that is no flag", text: "FROM a\nCOPY x --from=b /\nRUN echo --mount=from=c\n", want: "a"},
		{name: "what only happens later", text: "FROM a\nONBUILD COPY --from=b /a /\n", want: "a"},
		{name: "a platform", text: "FROM --platform=$BUILDPLATFORM a AS x\nFROM b\nCOPY --from=x / /\n", want: "a b"},

		{name: "an argument's default", text: "ARG V=12\nFROM debian:$V\n", want: "debian:12"},
		{name: "an argument", text: "ARG V=12\nFROM debian:${V}\n", args: map[string]string{"V": "13"}, want: "debian:13"},
		{name: "arguments of arguments", text: "ARG A=deb B=12\nARG C=\"${A}ian:$B\" D='x'\nFROM $C-$D\n", want: "debian:12-x"},
		{name: "an argument without a value", text: "ARG V\nFROM debian:${V:-12}${V:+x}\n", want: "debian:12"},
		{name: "an argument that has one", text: "ARG V=1\nFROM debian:${V:-12}${V:+-x}\n", want: "debian:1-x"},
		{name: "an empty name", text: "ARG V\nFROM debian:$V\n", problem: `line 2: "debian:" is no image's name`},
		{name: "nobody knows the value", text: "FROM debian:$V\n", args: map[string]string{"V": "1"}, problem: "line 1: debian:$V: the value of V is not known"},
		{name: "the builder's", text: "ARG TARGETARCH=x\nFROM debian:$TARGETARCH\n", problem: "the value of TARGETARCH is not known"},
		{name: "declared behind FROM", text: "FROM a\nARG V=1\nFROM b:$V\n", problem: "the value of V is not known", want: "a"},
		{name: "declared twice", text: "ARG V=1\nARG V\nFROM b:$V\n", problem: "the value of V is not known"},
		{name: "an escape in an argument", text: "ARG A=x\\ B=y\nFROM a:$B\n", problem: "the value of B is not known"},
		{name: "another form", text: "ARG V=1\nFROM a:${V#1}\n", problem: "an expression"},
		{name: "an argument that names a stage", text: "FROM golang AS amd64\nFROM x AS arm64\nFROM $TARGETARCH\n", want: "golang x", problem: "TARGETARCH"},
		{name: "too long a name", text: "ARG A=" + strings.Repeat("a", 3000) + "\nFROM $A$A\n", problem: "too long"},
		{name: "an expression to copy from", text: "ARG V=1\nFROM a\nCOPY --from=b:$V / /\n", want: "a", problem: "b:$V: it has an expression"},
		{name: "quotes", text: "FROM \"a\"\n", problem: "quotes"},
		{name: "quotes in flags", text: "FROM a\nRUN --mount=\"type=bind,from=b\" true\n", want: "a", problem: "quotes"},
		{name: "quotes in flags that take nothing", text: "FROM a\nRUN --mount=\"type=tmpfs,target=/a\" true\n", want: "a"},

		{name: "continued lines", text: "FROM \\\n  # here\n\n  a:1 \\\n AS x\nFROM x\n", want: "a:1"},
		{name: "a continued name", text: "FROM a\\\n:1\n", problem: "line 1: a:1 goes over more than one line"},
		{name: "a continued name and a whole one", text: "FROM a\\\n:1 AS x\nFROM a:1\nCOPY --from=x / /\n", problem: "more than one line"},
		{name: "what is continued is no FROM", text: "FROM a\nRUN true \\\nFROM b\n", want: "a"},
		{name: "an escape that is escaped", text: "FROM a\nRUN true \\\\\nFROM b\n", want: "b"},
		{name: "another escape", text: "# escape=`\nFROM a\nRUN true `\nFROM b\n", want: "a"},
		{name: "another escape, too late", text: "# x\n# escape=`\nFROM a\nRUN true `\nFROM b\n", want: "b"},
		{name: "a here-document", text: "FROM a\nRUN <<EOF\nFROM b\nEOF\n", want: "a"},
		{name: "here-documents", text: "FROM a\nCOPY <<-'A' <<\"B\" /\nFROM b\n\tA\nFROM c\nB\nCOPY --from=d / /\n", want: "a d"},
		{name: "none in quotes", text: "FROM a\nRUN echo \"<<EOF\"\nFROM b\n", want: "b"},
		{name: "none in exec form", text: "FROM a\nRUN [\"echo\", \" <<EOF \"]\nFROM b\n", want: "b"},
		{name: "later", text: "FROM a\nONBUILD RUN <<EOF\nFROM b\nEOF\n", want: "a"},
		{name: "one without an end", text: "FROM a\nRUN <<EOF\nFROM b\n", problem: "line 2: a here-document does not end"},
		{name: "one of a strange name", text: "FROM a\nRUN <<$X\nFROM b\n$X\n", problem: "not plain"},
		{name: "no instruction", text: "FROM a\n\u00a0FROM b\n", problem: "line 2: there is no instruction"},
		{name: "strange white space", text: "FROM a\nRUN\u00a0<<EOF true <<EOF\nEOF\n", problem: "line 2: there is no instruction"},
		{name: "strange white space in front of a here-document", text: "FROM a\nRUN true\u00a0<<EOF\nFROM b\nEOF\n", problem: "strange white space"},
		{name: "strange flags", text: "FROM a\nRUN --mount=from=b\u0085,x true\n", want: "a", problem: "letters"},
		{name: "no FROM with one image", text: "FROM a b\n", problem: "line 1: FROM: it is no FROM with one image"},
		{name: "a frontend", text: "# syntax=docker/dockerfile:1\nFROM a\n", want: "a"},
		{name: "a frontend at a mirror", text: "#syntax = r.example.com:5000/docker/dockerfile:1@sha256:0\nFROM a\n", want: "a"},
		{name: "another frontend", text: "# syntax=example/other:1\nFROM a\n", problem: "the frontend example/other:1"},
		{name: "another frontend's file", text: "// syntax=example/other:1\nFROM a\n", problem: "frontend"},
		{name: "another frontend by argument", text: "FROM a\n", args: map[string]string{"BUILDKIT_SYNTAX": "x/y"}, problem: "frontend x/y"},
		{name: "many problems", text: "FROM a\n" + strings.Repeat("COPY --from=$V / /\n", 12), want: "a", problem: "and 2 more"},
		{name: "a long problem", text: "FROM $" + strings.Repeat("V", 200) + "\n", problem: "line 1: $" + strings.Repeat("V", 99) + "…: the value of VVV"},
		{name: "too many", text: strings.Repeat("FROM a\n", maxStages+1), problem: "too many"},
		{name: "too many places", text: "FROM a\n" + strings.Repeat("COPY --from=b / /\n", maxUses+1), problem: "too many"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := Read(tt.text, tt.target, tt.args)
			var got []string
			for _, i := range b.Images {
				got = append(got, i.Reference)
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
			text := ""
			for _, p := range b.Problems {
				text += p.String() + "\n"
			}
			if tt.problem == "" && text != "" || !strings.Contains(text, tt.problem) {
				t.Errorf("want problem %q, got %s", tt.problem, text)
			}
		})
	}
}

// TestPin: what a builder is given names the digests, each line is where it was, and nothing else is touched.
func TestPin(t *testing.T) {
	const text = "# syntax=docker/dockerfile:1\r\nARG V=12\nFROM --platform=$BUILDPLATFORM debian:${V} AS build\n" +
		"RUN --mount=from=tools:1,target=/t,type=bind echo debian:12 tools:1\nFROM \\\n  # debian:12\n  debian:12\nCOPY --from=tools:1 --from=build /a /\nCOPY --from=local /b /\n"
	const want = "# syntax=docker/dockerfile:1\r\nARG V=12\nFROM --platform=$BUILDPLATFORM debian:12@sha256:d AS build\n" +
		"RUN --mount=from=tools:1@sha256:t,target=/t,type=bind echo debian:12 tools:1\nFROM \\\n  # debian:12\n  debian:12@sha256:d\nCOPY --from=tools:1@sha256:t --from=build /a /\nCOPY --from=local /b /\n"
	b := Read(text, "", nil)
	got := b.Pin(func(reference string) string {
		return map[string]string{"debian:12": "sha256:d", "tools:1": "sha256:t"}[reference]
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"$BUILDPLATFORM", ""}, b.Images[0].Platforms); diff != "" {
		t.Error(diff)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("FROM debian:12\n", "", "V", "1")
	f.Add("# escape=`\nARG V=1\nFROM a:${V:-2} AS x `\n\nFROM x\nCOPY --from=b / /\n", "x", "V", "1")
	f.Add("FROM a\nRUN --mount=type=bind,from=b,target=/ <<EOF\nFROM c\nEOF\nFROM \\\n d\n", "0", "", "")
	f.Add("ARG A=\"x y\" B='$A'\\\n C\nFROM $A$B\n", "", "A", "é")
	f.Fuzz(func(t *testing.T, text, target, name, value string) {
		args := map[string]string{name: value}
		b := Read(text, target, args)
		if same := b.Pin(func(string) string { return "" }); same != text {
			t.Fatalf("nothing was pinned, and there is %q", same)
		}
		const digest = "sha256:0123456789abcdef"
		pinned := b.Pin(func(string) string { return digest })
		if strings.Count(pinned, "\n") != strings.Count(text, "\n") {
			t.Fatalf("lines moved:\n%s", pinned)
		}
		again := Read(pinned, target, args)
		want := map[string]bool{}
		for _, i := range b.Images {
			want[i.Reference+"@"+digest] = true
		}
		for _, i := range again.Images {
			if !want[i.Reference] {
				t.Fatalf("%q is none of %v:\n%s", i.Reference, want, pinned)
			}
			delete(want, i.Reference)
		}
		if len(want) > 0 {
			t.Fatalf("%v are not read again:\n%s", want, pinned)
		}
	})
}
