package docker

import "testing"

const sampleDockerfile = `# syntax=docker/dockerfile:1

ARG V=1
FROM x:$V AS Build
# a comment
RUN one \
    # within
    && two

RUN three
RUN <<EOF
FROM looks like one
EOF
WORKDIR /w
FROM y
COPY --from=build /a /b
run three
ENV A=b
RUN four
`

func TestStepLine(t *testing.T) {
	tests := []struct {
		name, stage string
		n           int
		text        string
		want        int
	}{
		{"continued", "build", 2, "RUN one     && two", 6},
		{"same text in two stages, first", "build", 3, "RUN three", 10},
		{"same text in two stages, second", "stage-1", 3, "RUN three", 17},
		{"here-document", "build", 4, "RUN <<EOF (FROM looks...)", 11},
		{"workdir", "build", 5, "WORKDIR /w", 14},
		{"not every instruction counts", "stage-1", 4, "RUN four", 19},
		{"without a number", "", 0, "RUN four", 19},
		{"number of something else", "stage-1", 2, "RUN four", 19},
		{"unknown", "", 0, "RUN other", 0},
		{"base", "build", 1, "FROM docker.io/library/x:1@sha256:00", 4},
	}
	for _, tt := range tests {
		if got := stepLine(sampleDockerfile, tt.stage, tt.n, tt.text); got != tt.want {
			t.Errorf("%s: line %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestNthLine(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 3, 2: 4, 3: 6, 4: 10, 5: 11, 6: 14, 7: 15, 10: 18, 11: 19, 12: 0} {
		if got := nthLine(sampleDockerfile, n); got != want {
			t.Errorf("step %d is on line %d, want %d", n, got, want)
		}
	}
	if got := nthLine("# escape=`\nFROM x\nRUN a `\n b\nRUN c:\\\nRUN d\n", 4); got != 6 {
		t.Errorf("with another escape character: line %d, want 6", got)
	}
}

func FuzzInstructions(f *testing.F) {
	f.Add(sampleDockerfile)
	f.Add("FROM x\\")
	f.Add("RUN <<A <<B\nA\n")
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		for _, in := range instructions(text) {
			if in.line <= last {
				t.Fatalf("%q: an instruction on line %d after one on line %d", text, in.line, last)
			}
			last = in.line
		}
	})
}
