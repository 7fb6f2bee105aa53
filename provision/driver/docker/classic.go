package docker

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/envyhq/envy/internal/lazyre"
	"github.com/envyhq/envy/provision/event"
)

// classicReport reads the classic builder's text: a "Step 2/5 : RUN …" begins each step.
type classicReport struct {
	sink   event.Sink
	parent string
	titles titles
	step   string // its instruction; "" before the first
	n      int
	output stepOutput
}

func newClassicReport(sink event.Sink, parent string, names titles) *classicReport {
	return &classicReport{sink: sink, parent: parent, titles: names}
}

var (
	classicStep = lazyre.New(`^Step (\d+)/(\d+) : ((?s).*)$`)
	classicOwn  = lazyre.New(`^( ---> |Removing intermediate container |Successfully (built|tagged) )`)
)

// The builder paints what comes from a step's standard error.
const (
	paintOn  = "\x1b[91m"
	paintOff = "\x1b[0m"
)

func (r *classicReport) take(m message) error {
	text, stream := m.Stream, int64(1)
	if painted, ok := strings.CutPrefix(text, paintOn); ok {
		text, stream = strings.TrimSuffix(painted, paintOff), 2
	}
	if s := classicStep.FindStringSubmatch(text); s != nil {
		r.finish(event.Done, "")
		n, err := strconv.Atoi(s[1])
		if err != nil { // more digits than steps can have
			return fmt.Errorf("the engine's build output is not readable: %q", text)
		}
		r.n, r.step = n, strings.TrimSpace(s[3])
		r.send(event.Start, r.titles.of(r.line(n), "["+s[1]+"/"+s[2]+"] "+r.step, r.step))
		return nil
	}
	if text == "" || r.step == "" || text == "\n" && len(r.output.partial) == 0 || classicOwn.MatchString(text) {
		return nil
	}
	r.print(r.output.write(stream, text))
	return nil
}

func (r *classicReport) print(lines []string) {
	for _, line := range lines {
		r.send(event.Output, line)
	}
}

// finish ends the task of the step at hand.
func (r *classicReport) finish(kind event.Kind, text string) {
	if r.step == "" {
		return
	}
	r.print(r.output.rest())
	r.send(kind, text)
	if kind == event.Done {
		r.step, r.output = "", stepOutput{}
	}
}

func (r *classicReport) send(kind event.Kind, text string) {
	r.sink.Send(event.Event{
		ID: r.parent + "/step-" + strconv.Itoa(r.n), Parent: r.parent, Kind: kind, Text: text,
	})
}

func (r *classicReport) end(failed bool) failure {
	if !failed {
		r.finish(event.Done, "")
		return failure{}
	}
	r.finish(event.Failed, "")
	if r.step == "" {
		return failure{}
	}
	return failure{
		step: r.step, lines: r.output.kept, base: strings.HasPrefix(strings.ToUpper(r.step), "FROM "),
		line: r.line(r.n),
	}
}

// line gives the way to find the line of the nth step.
func (r *classicReport) line(n int) func(dockerfile string) int {
	return func(dockerfile string) int { return nthLine(dockerfile, n) }
}
