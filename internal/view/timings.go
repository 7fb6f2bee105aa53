package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/timing"
)

// TimingsVersion is the version of [TimingsJSON].
const TimingsVersion = 1

// TimingsJSON is where a command's time went: part of its document, or, where it failed, a line on stderr. Times are in
// nanoseconds, those of beginning since the command began.
type TimingsJSON struct {
	Type    string          `json:"type,omitempty"` // "timings", on stderr
	Version int             `json:"version"`
	Total   time.Duration   `json:"total_ns"`
	Phases  []PhaseJSON     `json:"phases"`
	Steps   []StepTimeJSON  `json:"steps"`
	Hits    []TimedHitsJSON `json:"hits"` // images that were there already
}

// PhaseJSON is a part of the command.
type PhaseJSON struct {
	Name    string        `json:"name"`
	Began   time.Duration `json:"began_ns"`
	Elapsed time.Duration `json:"elapsed_ns"`
}

// StepTimeJSON is one piece of work.
type StepTimeJSON struct {
	Subject  string         `json:"subject,omitempty"`
	Op       string         `json:"op"`
	Began    time.Duration  `json:"began_ns"`
	Elapsed  time.Duration  `json:"elapsed_ns"`
	Waited   time.Duration  `json:"waited_ns"`
	Result   string         `json:"result"`
	Critical bool           `json:"critical"`
	Cache    string         `json:"cache,omitempty"` // "hit", "miss"
	Why      string         `json:"why,omitempty"`
	Parts    []StepTimeJSON `json:"parts,omitempty"`
}

// TimedHitsJSON is an image that was there already.
type TimedHitsJSON struct {
	Subject string `json:"subject"`
	Why     string `json:"why"`
}

// Timed keeps the times for the document that is still to come.
func (v *View) Timed(r timing.Report) {
	j := timingsJSON(r)
	v.timings = &j
}

// Times are what Timed kept, nil for nothing.
func (v *View) Times() *TimingsJSON { return v.timings }

// Timings shows, on Err, where the time went: the chain of steps that nothing but a quicker one of them could have
// shortened, then what went on beside it.
func (v *View) Timings(r timing.Report) error {
	if v.Format == JSON {
		j := timingsJSON(r)
		j.Type = "timings"
		return v.Err.JSON(j)
	}
	var phases []string
	for _, p := range r.Phases {
		if p.Took >= time.Millisecond {
			phases = append(phases, p.Name+" "+Duration(p.Took))
		}
	}
	t := v.Err.Text().Add("\n").Paint(Strong, "Where the time went: "+Duration(r.Total)).Add("\n  ", strings.Join(phases, " · "), "\n")
	if err := v.Err.Print(t); err != nil {
		return err
	}
	chain, beside := parted(r.Steps)
	if err := v.steps("The longest chain", chain, len(chain)); err != nil {
		return err
	}
	slices.SortStableFunc(beside, func(a, b timing.Step) int { return cmp.Compare(b.Took, a.Took) })
	if err := v.steps("Beside it", beside, maxBeside); err != nil || len(r.Hits) == 0 {
		return err
	}
	if err := v.Err.Print(v.Err.Text().Add("\n").Paint(Strong, "There already").Add("\n")); err != nil {
		return err
	}
	table := Table{}
	for _, h := range r.Hits {
		table.Rows = append(table.Rows, []Cell{{Text: "  " + shortTag(nameOf(h.Subject).who)}, {h.Why, Faint}})
	}
	return v.Err.Table(table)
}

// maxBeside is how many steps beside the chain are shown, those that took longest; JSON has them all.
const maxBeside = 12

func parted(steps []timing.Step) (chain, beside []timing.Step) {
	for _, s := range steps {
		switch {
		case s.Critical:
			chain = append(chain, s)
		case s.Result != timing.Skipped:
			beside = append(beside, s)
		}
	}
	return chain, beside
}

func (v *View) steps(heading string, steps []timing.Step, limit int) error {
	if len(steps) == 0 {
		return nil
	}
	if err := v.Err.Print(v.Err.Text().Add("\n").Paint(Strong, heading).Add("\n")); err != nil {
		return err
	}
	table := Table{}
	for _, s := range steps[:min(limit, len(steps))] {
		n := nameOf(s.Subject)
		op := operationOf(s.Op, n)
		table.Rows = append(table.Rows, stepCells("", shortTag(n.who), cmp.Or(op.did, op.doing), s))
		for _, p := range s.Parts {
			table.Rows = append(table.Rows, stepCells("  ", "", p.Op, p))
		}
	}
	if err := v.Err.Table(table); err != nil || len(steps) <= limit {
		return err
	}
	var rest time.Duration
	for _, s := range steps[limit:] {
		rest += s.Took
	}
	return v.Err.Print(v.Err.Text().Add(fmt.Sprintf("  and %d more, %s in all\n", len(steps)-limit, Duration(rest))))
}

// stepCells are: when it began, how long it took, of what, what was done, what is to be said of that.
func stepCells(indent, who, did string, s timing.Step) []Cell {
	style, took := None, Duration(s.Took)
	if s.Result == timing.Failed {
		style, did = Problem, did+" failed"
	}
	remark := string(s.Cache)
	if s.Why != "" {
		remark += ": " + s.Why
	}
	if s.Waited >= worthTelling {
		waited := "waited " + Duration(s.Waited) + " for its turn"
		if remark != "" {
			waited = ", " + waited
		}
		remark += waited
	}
	return []Cell{{"  +" + Duration(s.Began), Faint}, {took, Strong}, {Text: who}, {indent + did, style}, {remark, Faint}}
}

// shortTag cuts the hash of a recipe's image as plans do.
func shortTag(who string) string {
	if i := strings.LastIndexByte(who, ':'); i >= 0 && len(who)-i > tagDigits+1 && strings.Contains(who, "/recipe:") {
		return who[:i+1+tagDigits]
	}
	return who
}

const tagDigits = 12

// worthTelling is how long a step must have waited for others to be told.
const worthTelling = 20 * time.Millisecond

func timingsJSON(r timing.Report) TimingsJSON {
	j := TimingsJSON{
		Version: TimingsVersion, Total: r.Total, Phases: []PhaseJSON{}, Steps: stepTimes(r.Steps), Hits: []TimedHitsJSON{},
	}
	for _, p := range r.Phases {
		j.Phases = append(j.Phases, PhaseJSON{Name: p.Name, Began: p.Began, Elapsed: p.Took})
	}
	for _, h := range r.Hits {
		j.Hits = append(j.Hits, TimedHitsJSON(h))
	}
	return j
}

func stepTimes(steps []timing.Step) []StepTimeJSON {
	out := make([]StepTimeJSON, 0, len(steps))
	for _, s := range steps {
		j := StepTimeJSON{
			Subject: s.Subject, Op: s.Op, Began: s.Began, Elapsed: s.Took, Waited: s.Waited, Result: string(s.Result),
			Critical: s.Critical, Cache: string(s.Cache), Why: s.Why,
		}
		if len(s.Parts) > 0 {
			j.Parts = stepTimes(s.Parts)
		}
		out = append(out, j)
	}
	return out
}
