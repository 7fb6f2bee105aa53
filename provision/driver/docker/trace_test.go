package docker

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/envyhq/envy/provision/event"
)

// pb builds a protobuf message field by field.
type pb []byte

func (b pb) str(n protowire.Number, s string) pb {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
}

func (b pb) num(n protowire.Number, v uint64) pb {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func (b pb) msg(n protowire.Number, m pb) pb { return b.str(n, string(m)) }

func (b pb) unknown() pb {
	return protowire.AppendFixed64(protowire.AppendTag(b, 99, protowire.Fixed64Type), 1)
}

func at(seconds uint64) pb { return pb{}.num(1, seconds).num(2, 5) }

func traceMessage(t *testing.T, b []byte) message {
	t.Helper()
	aux, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return message{ID: "moby.buildkit.trace", Aux: aux}
}

func TestDecodeTrace(t *testing.T) {
	in := pb{}.unknown().
		msg(1, pb{}.str(1, "sha256:a").str(2, "sha256:in").str(3, "[1/2] RUN x").num(4, 1).msg(5, at(10)).msg(6, at(12)).str(7, "boom").unknown()).
		msg(2, pb{}.str(1, "layer").str(2, "sha256:a").num(4, 3).num(5, 9)).
		msg(3, pb{}.str(1, "sha256:a").msg(2, at(11)).num(3, 2).str(4, "out\n")).
		msg(4, pb{}.str(1, "a warning"))
	got, err := decodeTrace(in)
	if err != nil {
		t.Fatal(err)
	}
	want := trace{
		vertexes: []vertex{{
			digest: "sha256:a", name: "[1/2] RUN x", err: "boom", cached: true,
			started: time.Unix(10, 5), completed: time.Unix(12, 5),
		}},
		statuses: []vertexStatus{{id: "layer", vertex: "sha256:a", current: 3, total: 9}},
		logs:     []vertexLog{{vertex: "sha256:a", stream: 2, msg: "out\n"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(trace{}, vertex{}, vertexStatus{}, vertexLog{})); diff != "" {
		t.Errorf("trace (-want +got):\n%s", diff)
	}
	for cut := 1; cut < len(in); cut++ {
		if _, err := decodeTrace(in[:cut]); err == nil && cut > 10 && cut < 60 { // within the vertex
			t.Errorf("a message cut after %d bytes is accepted", cut)
		}
	}
}

// told is what a recorder got, one line per event.
func told(r *event.Recorder) string {
	var lines []string
	for _, e := range r.Events() {
		line := e.ID + " " + string(e.Kind)
		if e.Text != "" {
			line += " " + e.Text
		}
		if e.Elapsed > 0 {
			line += " " + e.Elapsed.String()
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n") + "\n"
}

func TestTraceReport(t *testing.T) {
	run := pb{}.str(1, "sha256:run").str(3, "[build 2/3] RUN make")
	from := pb{}.str(1, "sha256:from").str(3, "[build 1/3] FROM x")
	other := pb{}.str(1, "sha256:other").str(3, "[stage-1 2/2] RUN sleep").msg(5, at(1))
	internal := pb{}.str(1, "sha256:i").str(3, "[internal] load metadata").msg(5, at(1))
	log := func(s string) pb { return pb{}.str(1, "sha256:run").str(4, s) }
	rec := &event.Recorder{}
	r := newTraceReport(rec, "p", titles{})
	for _, m := range []pb{
		pb{}.msg(1, internal).msg(1, run).msg(1, from.msg(5, at(1))),
		pb{}.msg(1, internal.msg(6, at(2))).msg(1, from.msg(5, at(1)).msg(6, at(3)).num(4, 1)),
		pb{}.msg(1, from.msg(5, at(4))), // taken up again
		pb{}.msg(1, other).msg(1, run.msg(5, at(5))).msg(3, log("one\ntw")),
		pb{}.msg(3, log("o\n10%\r20%\r\nunfinished")),
		pb{}.msg(1, other.msg(6, at(6)).str(7, "context canceled")),
		pb{}.msg(1, run.msg(5, at(5)).msg(6, at(6)).str(7, "exit code: 2")),
	} {
		if err := r.take(traceMessage(t, m)); err != nil {
			t.Fatal(err)
		}
	}
	got := r.end(true)
	want := `p/from start [build 1/3] FROM x
p/from done cached 2s
p/other start [stage-1 2/2] RUN sleep
p/run start [build 2/3] RUN make
p/run output one
p/run output two
p/run output 20%
p/run output unfinished
p/run failed exit code: 2
p/other failed cancelled
`
	if diff := cmp.Diff(want, told(rec)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got.step != "RUN make" || got.text != "exit code: 2" || strings.Join(got.lines, "|") != "one|two|20%|unfinished" {
		t.Errorf("failure %+v", got)
	}
	if line := got.line("FROM a AS other\nRUN make\nFROM x AS build\nRUN make\n"); line != 4 {
		t.Errorf("line %d, want 4: the stage decides", line)
	}
}

func TestLastLinesAreBounded(t *testing.T) {
	var o stepOutput
	for range 100 {
		o.write(1, "line\n")
	}
	o.write(1, "last\n")
	if len(o.kept) != keptLines || o.kept[keptLines-1] != "last" {
		t.Errorf("%d lines kept: %q", len(o.kept), o.kept)
	}
	if got := o.write(2, strings.Repeat("x", maxLine+1)); len(got) != 1 || len(o.partial) != 0 {
		t.Errorf("a line without end is held: %d lines, %v held", len(got), o.partial)
	}
}

func TestSplitVertex(t *testing.T) {
	tests := []struct {
		name, stage string
		n           int
		text        string
	}{
		{"[2/4] RUN x", "", 2, "RUN x"},
		{"[build 2/4] RUN x", "build", 2, "RUN x"},
		{"[linux/amd64 build 12/14] COPY a b", "build", 12, "COPY a b"},
		{"[linux/amd64 2/4] RUN x", "", 2, "RUN x"},
		{"[internal] load build context", "", 0, "load build context"},
		{"exporting to image", "", 0, "exporting to image"},
		{"[] x", "", 0, "x"},
		{"[1/2] RUN a\nb", "", 1, "RUN a\nb"},
	}
	for _, tt := range tests {
		if stage, n, text := splitVertex(tt.name); stage != tt.stage || n != tt.n || text != tt.text {
			t.Errorf("%q: %q, %d, %q", tt.name, stage, n, text)
		}
	}
}
