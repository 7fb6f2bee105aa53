package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
)

// task is work that has begun and not ended.
type task struct {
	id, parent     string
	name           name
	op             operation
	pull           bool // its parts are layers, which are drawn but not told
	began          time.Time
	limit          time.Duration
	current, total int64
	bytes          bool
	phase          string // of a layer: download, extract
	last           string // line that it printed
	parts, done    int    // of what belongs to it
	reminder       time.Duration
}

func (p *Progress) find(id string) *task {
	for _, t := range p.tasks {
		if id != "" && t.id == id {
			return t
		}
	}
	return nil
}

// tell takes an event into the picture and says what is worth a line.
func (p *Progress) tell(e event.Event) {
	switch e.Kind {
	case event.Start:
		p.begin(e)
	case event.Progress:
		p.advance(e)
	case event.Done, event.Failed:
		p.end(e)
	case event.Skipped:
		p.skip(e)
	case event.Output:
		p.output(e)
	case event.Warning:
		p.line(Caution, "!", p.who(e), warning(p.out.Live(), e.Text))
	case event.Note:
		p.say(p.out.Text().Add(Line(e.Text), "\n"))
	}
}

func (p *Progress) begin(e event.Event) *task {
	t := &task{id: e.ID, parent: e.Parent, name: nameOf(e.Subject), began: p.now(), limit: e.Limit, reminder: firstReminder}
	if parent := p.find(e.Parent); parent != nil {
		parent.parts++
		t.name = parent.name
		title, _, _ := strings.Cut(e.Text, "\n")
		t.op = operation{verb: title, doing: title, did: title, aside: parent.pull}
	} else {
		t.op = operationOf(e.Text, t.name)
		t.pull = e.Text == string(plan.OpPull) || e.Text == "cache" || e.Text == "push"
	}
	p.tasks = append(p.tasks, t)
	p.start()
	if !p.out.Live() && !t.op.aside && (t.op.long || t.parent != "") {
		doing := t.op.doing
		if t.limit > 0 {
			doing += ", up to " + Duration(t.limit)
		}
		p.line(None, "", t.name.who, doing)
	}
	return t
}

// advance takes progress in; a part that nobody announced begins with it.
func (p *Progress) advance(e event.Event) {
	t := p.find(e.ID)
	if t == nil && p.find(e.Parent) != nil {
		t = p.begin(event.Event{ID: e.ID, Parent: e.Parent, Text: e.Text})
	}
	if t != nil {
		t.phase, t.current, t.total, t.bytes = e.Text, e.Current, e.Total, e.Unit == "bytes"
	}
}

func (p *Progress) end(e event.Event) {
	t := p.find(e.ID)
	if t == nil {
		return
	}
	if parent := p.find(t.parent); parent != nil {
		parent.done++
	}
	kept := p.tasks[:0]
	for _, x := range p.tasks {
		if x != t && x.parent != t.id {
			kept = append(kept, x)
		}
	}
	clear(p.tasks[len(kept):])
	p.tasks = kept
	took := e.Elapsed
	if took == 0 {
		took = p.now().Sub(t.began)
	}
	part := t.parent != ""
	switch {
	case e.Kind == event.Failed && part && t.op.aside: // its parent's failure says it
	case e.Kind == event.Failed:
		p.line(Problem, "✗", t.name.who, failed(t.op.verb, took, e.Text))
	case t.op.aside:
	case part && e.Text == "cached":
		if !p.out.Live() {
			p.line(None, "", t.name.who, t.op.did, "cached")
		}
	case part && p.out.Live():
		p.line(Good, "✓", t.name.who, cut(Line(t.op.did), maxText), Duration(took))
	case part:
		p.line(None, "", t.name.who, t.op.did, "done", Duration(took))
	case e.Text == "cached": // a step that found its work done elsewhere
		p.line(Good, "✓", t.name.who, "taken as it is", Duration(took))
	default:
		p.line(Good, "✓", t.name.who, t.op.did, Duration(took))
	}
}

func failed(verb string, took time.Duration, text string) string {
	s := verb + " failed after " + Duration(took)
	if why, _, _ := strings.Cut(strings.TrimSpace(text), "\n"); why != "" {
		s += ": " + cut(Line(why), maxExcerptColumns)
	}
	return s
}

// warning says that it is one where no mark does.
func warning(marked bool, text string) string {
	if marked {
		return text
	}
	return "warning: " + text
}

// skip is told once for each subject, however many steps it had left.
func (p *Progress) skip(e event.Event) {
	n := nameOf(e.Subject)
	if operationOf(e.Text, n).aside || p.skipped[n.who] {
		return
	}
	p.skipped[n.who] = true
	p.line(Faint, "-", n.who, "skipped")
}

// output is told as it comes; on a terminal a build's is only hinted at, since what matters of it comes with its failure.
func (p *Progress) output(e event.Event) {
	if t := p.find(e.ID); t != nil && p.out.Live() && t.parent != "" {
		t.last = e.Text
		return
	}
	t := p.out.Text()
	printed(t, p.who(e), e.Text)
	p.say(t)
}

// printed adds a line of a program under its name.
func printed(t *Text, who, line string) {
	if who != "" {
		t.Paint(Faint, who+" |").Add(" ")
	}
	t.Add(oneLine(line), "\n")
}

// who is whom an event is about: its subject, or that of the task that it belongs to.
func (p *Progress) who(e event.Event) string {
	if e.Subject != "" {
		return nameOf(e.Subject).who
	}
	for _, id := range []string{e.ID, e.Parent} {
		if t := p.find(id); t != nil {
			return t.name.who
		}
	}
	return ""
}

// line tells something of somebody: "✓ web  created  0.1s" where it can be drawn, "web: created 0.1s" elsewhere.
func (p *Progress) line(style Style, mark, who string, what ...string) {
	t := p.out.Text()
	var said []string
	for _, w := range what {
		if w != "" {
			said = append(said, Line(w))
		}
	}
	if !p.out.Live() {
		if who != "" {
			t.Paint(Strong, who).Add(": ")
		}
		p.say(t.Add(strings.Join(said, " "), "\n"))
		return
	}
	t.Paint(style, mark).Add(" ")
	if who != "" {
		t.Paint(Strong, who).Add("  ")
	}
	p.say(t.Add(strings.Join(said, "  "), "\n"))
}

// say writes lines now, or above the block when that is drawn next.
func (p *Progress) say(t *Text) {
	if p.out.Live() {
		p.screen.queue.WriteString(t.String())
		return
	}
	p.keep(p.out.Print(t))
}

// Reminders of what takes long come at growing intervals.
const (
	firstReminder = 5 * time.Second
	lastReminder  = time.Minute
)

// remind tells of tasks that have been going on for long, where nothing is drawn.
func (p *Progress) remind() {
	for _, t := range p.tasks {
		gone := p.now().Sub(t.began)
		if t.parent != "" || gone < t.reminder {
			continue
		}
		t.reminder = gone + min(max(gone, firstReminder), lastReminder)
		still := t.op.doing + ", " + t.clock(gone)
		if a := p.amount(t); a != "" {
			still += ", " + a
		}
		p.line(None, "", t.name.who, still)
	}
}

// clock is how long a task has taken, and how long it may.
func (t *task) clock(gone time.Duration) string {
	if t.limit > 0 {
		return Duration(gone) + " of " + Duration(t.limit)
	}
	return Duration(gone)
}

// amount is how much of a task is done, as far as that is known; of a pull, what its layers have.
func (p *Progress) amount(t *task) string {
	if t.bytes && t.total > 0 {
		return Bytes(t.current) + "/" + Bytes(t.total)
	}
	if t.parts == 0 {
		return ""
	}
	word := "steps"
	if t.pull {
		word = "layers"
	}
	return fmt.Sprintf("%d/%d %s", t.done, t.parts, word)
}
