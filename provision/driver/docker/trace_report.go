package docker

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/envyhq/envy/internal/lazyre"
	"github.com/envyhq/envy/provision/event"
)

// traceReport makes one task of each of BuildKit's steps.
type traceReport struct {
	sink   event.Sink
	parent string
	titles titles
	steps  map[string]*traceStep // by digest
	order  []*traceStep
}

type traceStep struct {
	id     string
	name   string
	quiet  bool // BuildKit's own housekeeping: only its failure is told
	begun  bool
	ended  bool
	err    string
	output stepOutput
}

func newTraceReport(sink event.Sink, parent string, names titles) *traceReport {
	return &traceReport{sink: sink, parent: parent, titles: names, steps: map[string]*traceStep{}}
}

func (r *traceReport) take(m message) error {
	if m.ID != "moby.buildkit.trace" {
		return nil
	}
	var raw []byte
	if err := json.Unmarshal(m.Aux, &raw); err != nil {
		return errTrace
	}
	t, err := decodeTrace(raw)
	if err != nil {
		return err
	}
	for _, v := range t.vertexes {
		r.vertex(v)
	}
	for _, s := range t.statuses {
		if step := r.steps[s.vertex]; step != nil && s.total > 0 {
			r.send(step, event.Event{Kind: event.Progress, Text: s.id, Current: s.current, Total: s.total, Unit: "bytes"})
		}
	}
	for _, l := range t.logs {
		if step := r.steps[l.vertex]; step != nil {
			r.print(step, step.output.write(l.stream, l.msg))
		}
	}
	return nil
}

// vertex begins and ends a step's task. BuildKit may take up a completed step again; a task has ended by then.
func (r *traceReport) vertex(v vertex) {
	step := r.steps[v.digest]
	if step == nil {
		name := v.name
		step = &traceStep{
			id: r.parent + "/" + strings.TrimPrefix(v.digest, "sha256:"), name: name,
			quiet: strings.HasPrefix(name, "[internal]") || strings.HasPrefix(name, "copy /context"),
		}
		r.steps[v.digest] = step
		r.order = append(r.order, step)
	}
	if v.err != "" {
		step.err = v.err
	}
	if !v.started.IsZero() && !step.begun {
		step.begun = true
		line, instruction := lineOf(step.name)
		r.send(step, event.Event{Kind: event.Start, Text: r.titles.of(line, step.name, instruction)})
	}
	if v.completed.IsZero() || !step.begun || step.ended || v.err != "" { // a failure is told at the end, with its cause
		return
	}
	done := event.Event{Kind: event.Done, Elapsed: max(v.completed.Sub(v.started), 0)}
	if v.cached {
		done.Text = event.Cached
	}
	r.finish(step, done)
}

func (r *traceReport) print(step *traceStep, lines []string) {
	for _, line := range lines {
		r.send(step, event.Event{Kind: event.Output, Text: line})
	}
}

func (r *traceReport) finish(step *traceStep, e event.Event) {
	r.print(step, step.output.rest())
	r.send(step, e)
	step.ended = true
}

func (r *traceReport) send(step *traceStep, e event.Event) {
	if step.quiet || step.ended {
		return
	}
	e.ID, e.Parent = step.id, r.parent
	r.sink.Send(e)
}

// end ends what is open. The step that failed is the first whose error is not that another one did.
func (r *traceReport) end(failed bool) failure {
	var guilty *traceStep
	if i := slices.IndexFunc(r.order, func(s *traceStep) bool { return s.err != "" && !strings.Contains(s.err, "context canceled") }); i >= 0 {
		guilty = r.order[i]
	}
	for _, step := range r.order {
		switch {
		case !step.begun || step.ended:
		case failed && (step == guilty || guilty == nil):
			r.finish(step, event.Event{Kind: event.Failed, Text: step.err})
		case failed:
			r.finish(step, event.Event{Kind: event.Failed, Text: "cancelled"})
		default:
			r.finish(step, event.Event{Kind: event.Done})
		}
	}
	if guilty == nil {
		return failure{}
	}
	line, text := lineOf(guilty.name)
	return failure{
		step: text, text: guilty.err, lines: guilty.output.kept, base: guilty.quiet || strings.HasPrefix(text, "FROM "),
		line: line,
	}
}

// lineOf gives a vertex's instruction and the way to find its line.
func lineOf(name string) (line func(dockerfile string) int, instruction string) {
	stage, n, text := splitVertex(name)
	return func(dockerfile string) int { return stepLine(dockerfile, stage, n, text) }, text
}

var vertexName = lazyre.New(`^\[([^\]]*)\] ((?s).*)$`)

// splitVertex reads "[linux/amd64 builder 2/3] RUN make": the stage ("" where it is not said), the number in it, and the
// instruction. Of any other name the whole is the text.
func splitVertex(name string) (stage string, n int, text string) {
	m := vertexName.FindStringSubmatch(name)
	if m == nil {
		return "", 0, name
	}
	words := strings.Fields(m[1])
	if len(words) == 0 {
		return "", 0, m[2]
	}
	number, _, counted := strings.Cut(words[len(words)-1], "/")
	n, err := strconv.Atoi(number)
	if err != nil || !counted {
		return "", 0, m[2]
	}
	if len(words) > 1 && !strings.Contains(words[len(words)-2], "/") {
		stage = words[len(words)-2]
	}
	return stage, n, m[2]
}
