package view

import (
	"strings"

	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/provision/plan"
)

// PlanVersion is the version of [PlanJSON]. It grows when a field changes its meaning or goes.
const PlanVersion = 1

// header says what a plan is for.
type header struct {
	project, engine, endpoint string
}

// PlanHeader names the project and the engine of the plans to come: "shop · docker 20.10.24 (unix:///…)" above them.
// The version may be empty.
func (v *View) PlanHeader(project, engineVersion, endpoint string) {
	v.header = header{project, engineVersion, endpoint}
}

// Plan shows a plan as a command's answer, on Out. Quiet shows nothing; JSON is a [PlanJSON].
func (v *View) Plan(p *plan.Plan) error {
	switch v.Format {
	case Quiet:
		return nil
	case JSON:
		return v.Out.JSON(v.planJSON(p))
	}
	t := v.Out.plan(v.header, p)
	v.lock(t)
	if len(v.gate.Entries) == 0 {
		return v.Out.Print(t)
	}
	if err := v.Out.Print(t.Add("\n")); err != nil {
		return err
	}
	return v.Gate(v.gate)
}

// PlanLock gives the plans to come what changes in the lock file.
func (v *View) PlanLock(name string, changes []string) { v.locked = lockChanges{name, changes} }

// lockChanges are what changes in a lock file, a line each.
type lockChanges struct {
	name    string
	changes []string
}

func (v *View) lock(t *Text) {
	if len(v.locked.changes) == 0 {
		return
	}
	t.Add("\n").Paint(Strong, Line(v.locked.name)).Add("\n")
	for _, c := range v.locked.changes {
		t.Add("  ", Line(c), "\n")
	}
}

// PlanBefore shows a plan that is about to be applied, on Err: the answer is what comes of it. Quiet shows it where
// something would be lost or destroyed, since somebody is asked about that; JSON is a [PlanJSON] with a type.
func (v *View) PlanBefore(p *plan.Plan) error {
	switch {
	case v.Format == JSON:
		j := v.planJSON(p)
		j.Type = "plan"
		return v.Err.JSON(j)
	case v.Format == Quiet && !asksFirst(p):
		return nil
	}
	return v.Err.Print(v.Err.plan(v.header, p).Add("\n"))
}

func asksFirst(p *plan.Plan) bool {
	for _, c := range p.Changes {
		if c.Loss != nil || c.Action == plan.Remove {
			return true
		}
	}
	return false
}

func (p Printer) plan(h header, pl *plan.Plan) *Text {
	t := p.Text()
	if h.project != "" {
		t.Paint(Strong, h.project)
		if h.endpoint != "" {
			t.Add(" · ", Line(strings.Join(strings.Fields("docker "+h.engine), " ")), " (", Line(h.endpoint), ")")
		}
		t.Add("\n\n")
	}
	changes := *pl
	changes.Problems = nil // drawn below, with what is known of them
	lines := plan.Text(&changes)
	for i, line := range lines {
		switch {
		case i < len(lines)-1:
			planLine(t, line)
		case len(pl.Problems) == 0 || len(pl.Steps) > 0:
			t.Paint(Strong, line.Text).Add("\n")
		}
	}
	for i, x := range pl.Problems {
		if i > 0 || len(lines) > 1 || len(pl.Steps) > 0 {
			t.Add("\n")
		}
		p.diagnostic(t, problem(x))
	}
	return t
}

// markStyles are the colours of a plan's marks.
var markStyles = map[string]Style{"+": Good, "~": Caution, "-": Problem, ">": Accent, "!": Alarm}

const forces = "  forces replacement"

// planLine paints a line's mark; of an alarm, all of it.
func planLine(t *Text, line plan.Line) {
	text := strings.TrimLeft(line.Text, " ")
	t.Add(spaces(len(line.Text) - len(text)))
	rest, marked := strings.CutPrefix(text, line.Mark)
	head, forced := strings.CutSuffix(rest, forces)
	switch {
	case line.Mark == "!":
		t.Paint(Alarm, text)
	case !marked || line.Mark == "":
		t.Add(Line(text))
	default:
		paintMark(t, line.Mark)
		t.Add(Line(head))
		if forced {
			t.Paint(Problem, forces)
		}
	}
	t.Add("\n")
}

func paintMark(t *Text, mark string) {
	if mark == "-/+" {
		t.Paint(Problem, "-").Add("/").Paint(Good, "+")
		return
	}
	t.Paint(markStyles[mark], mark)
}

// problem is a plan's problem as people read diagnostics.
func problem(x plan.Problem) diag.Diagnostic {
	d := diag.Diagnostic{Class: diag.Failed, Summary: x.Summary, Detail: x.Detail, Hint: x.Hint}
	if x.Refused {
		d.Class = diag.Refused
	}
	if x.Origin.File != "" {
		d.Range = diag.Range{File: x.Origin.File, Start: diag.Pos{Line: x.Origin.Line}, End: diag.Pos{Line: x.Origin.Line}}
	}
	return d
}

// PlanJSON is the document of a plan.
type PlanJSON struct {
	Type       string         `json:"type,omitempty"` // "plan" on stderr, where other lines stand beside it
	Format     string         `json:"format"`         // "envy.plan"
	Version    int            `json:"version"`
	Project    string         `json:"project"`
	Engine     *EngineJSON    `json:"engine,omitempty"`
	Changed    bool           `json:"changed"` // whether there is anything to do
	Summary    string         `json:"summary"` // the totals, as people read them
	Changes    []plan.Change  `json:"changes"`
	Steps      []plan.Step    `json:"steps"`
	Notes      []string       `json:"notes"`
	Kept       []string       `json:"kept"`
	Snapshots  []string       `json:"kept_snapshots,omitempty"`
	Problems   []plan.Problem `json:"problems"`
	Unresolved bool           `json:"unresolved"` // more is known after the images were pulled or built
	Gate       []GateEntry    `json:"gate"`       // what the Envfile reaches outside the project
	Trusted    bool           `json:"trusted"`    // whether all of that is trusted
	Lock       []string       `json:"lock"`       // what changes in Envfile.lock, a line each
}

// EngineJSON is the engine that a document speaks of.
type EngineJSON struct {
	Version  string `json:"version,omitempty"`
	Endpoint string `json:"endpoint"`
}

func (v *View) planJSON(p *plan.Plan) PlanJSON {
	j := PlanJSON{
		Format: "envy.plan", Version: PlanVersion, Project: p.Project, Changed: !p.Empty(), Summary: totals(p),
		Changes: shownChanges(p), Steps: list(p.Steps), Notes: list(p.Notes), Kept: list(p.Kept), Snapshots: p.KeptSnapshots, Problems: list(p.Problems),
		Unresolved: p.Unresolved, Gate: list(v.gate.Entries), Trusted: !v.gate.Asks(), Lock: list(v.locked.changes),
	}
	if v.header.endpoint != "" {
		j.Engine = &EngineJSON{v.header.engine, v.header.endpoint}
	}
	return j
}

// totals never calls a plan with problems one without changes: nobody knows.
func totals(p *plan.Plan) string {
	if len(p.Problems) > 0 && p.Empty() {
		return "Plan: cannot be applied."
	}
	return plan.Totals(p)
}

// shownChanges are a plan's changes without the hashes that stand for sensitive values.
func shownChanges(p *plan.Plan) []plan.Change {
	out := append([]plan.Change{}, p.Changes...)
	for i := range out {
		attrs := append([]plan.AttrChange(nil), out[i].Attrs...)
		for j := range attrs {
			attrs[j].Old, attrs[j].New = masked(attrs[j].Old), masked(attrs[j].New)
		}
		out[i].Attrs = attrs
	}
	return out
}

func masked(v string) string {
	if strings.HasPrefix(v, plan.Sensitive) {
		return strings.TrimSpace(plan.Sensitive)
	}
	return v
}

// list is never null in JSON.
func list[T any](in []T) []T {
	if in == nil {
		return []T{}
	}
	return in
}
