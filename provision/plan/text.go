package plan

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/envyhq/envy/provision/resource"
)

// Line is one line of a plan's text. Views colour it by its mark.
type Line struct {
	Mark string // "+", "~", "-/+", "-", ">", "!", or ""
	Text string // with its indent
}

// Text draws a plan as people read it (§5), without colours. The same plan gives the same text; tests compare it.
func Text(p *Plan) []Line {
	var out []Line
	width := 0
	for _, c := range p.Changes {
		width = max(width, utf8.RuneCountInString(changeName(c)))
	}
	for _, c := range p.Changes {
		out = append(out, changeLines(c, width)...)
	}
	if len(p.Changes) > 0 {
		out = append(out, Line{})
	}
	for _, k := range p.Kept {
		out = append(out, Line{Text: "Kept: volume " + k + " (envy destroy --volumes removes it)"})
	}
	for _, k := range p.KeptSnapshots {
		out = append(out, Line{Text: "Kept: snapshot " + k + " (envy destroy --volumes removes it, envy snapshot delete too)"})
	}
	for _, n := range p.Notes {
		out = append(out, Line{Mark: "!", Text: "Note: " + n})
	}
	for _, x := range p.Problems {
		out = append(out, Line{Mark: "!", Text: "Problem: " + x.Summary})
	}
	return append(out, Line{Text: Totals(p)})
}

// Totals is the last line: what will be done, in numbers.
func Totals(p *Plan) string {
	counts := map[Action]int{}
	for _, c := range p.Changes {
		counts[c.Action]++
	}
	var parts []string
	for _, x := range []struct {
		action Action
		verb   string
	}{
		{Create, "create"}, {Update, "update"}, {Replace, "replace"}, {Start, "start"}, {Restart, "restart"}, {Unpause, "resume"},
		{Stop, "stop"}, {Pause, "suspend"}, {Remove, "destroy"},
	} {
		if counts[x.action] > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", counts[x.action], x.verb))
		}
	}
	if len(parts) == 0 {
		if len(p.Steps) > 0 {
			return "Plan: only bookkeeping."
		}
		return "No changes: everything is as the Envfile says."
	}
	return "Plan: " + strings.Join(parts, ", ") + "."
}

// changeName is what stands in the first column: a box by its name alone, other kinds with theirs.
func changeName(c Change) string {
	a := c.Address
	switch {
	case a.Kind == resource.KindBox && a.Name == "":
		return a.Box
	case a.Kind == resource.KindImage:
		return "image " + shortTag(a.Name)
	case a.Box == "":
		return string(a.Kind) + " " + a.Name
	}
	return string(a.Kind) + " " + a.Box + "." + a.Name
}

// shortTag cuts the digits of envy's own tags to what a person can tell apart.
func shortTag(name string) string {
	at := strings.LastIndex(name, ":")
	if !strings.HasPrefix(name, "envy.local/") || at < 0 {
		return name
	}
	return name[:at+1] + short(name[at+1:])
}

func changeLines(c Change, width int) []Line {
	mark, phrase := phraseOf(c)
	name := changeName(c)
	pad := strings.Repeat(" ", width-utf8.RuneCountInString(name))
	head := fmt.Sprintf("%4s %s%s  %s", mark, name, pad, phrase)
	if tail := tailOf(c); tail != "" {
		head = fmt.Sprintf("%s%s  %s", head, strings.Repeat(" ", max(0, 24-utf8.RuneCountInString(phrase))), tail)
	}
	out := []Line{{mark, strings.TrimRight(head, " ")}}
	attrWidth := 0
	for _, a := range c.Attrs {
		attrWidth = max(attrWidth, len(a.Path))
	}
	if len(c.Provisions) > 0 {
		attrWidth = max(attrWidth, len(resource.KindProvision))
	}
	for _, a := range c.Attrs {
		out = append(out, attrLine(a, attrWidth))
	}
	if len(c.Provisions) > 0 {
		out = append(out, Line{"", fmt.Sprintf("         %-*s  %s", attrWidth, resource.KindProvision, strings.Join(c.Provisions, ", "))})
	}
	if l := c.Loss; l != nil {
		out = append(out, Line{"!", "       ! " + LossText(*l, name) + keepHint(c)})
	}
	for _, n := range c.Notes {
		out = append(out, Line{"", "         " + n})
	}
	return out
}

func phraseOf(c Change) (mark, phrase string) {
	switch c.Action {
	case Create:
		return "+", "will be created"
	case Update:
		if c.Address.Kind == resource.KindProvision {
			return "~", "will run"
		}
		return "~", "will be updated in place"
	case Replace:
		return "-/+", "must be replaced"
	case Start:
		return ">", "will be started"
	case Restart:
		return ">", "will be restarted"
	case Unpause:
		return ">", "will be resumed"
	case Stop:
		return "-", "will be stopped"
	case Pause:
		return "-", "will be suspended"
	case Remove:
		return "-", "will be destroyed"
	}
	return "", "stays as it is"
}

func tailOf(c Change) string {
	switch {
	case c.Address.Kind == resource.KindProvision:
		return c.Reason
	case c.Reason != "" && c.Summary != "" && c.Action != Remove:
		return c.Summary + " (" + c.Reason + ")"
	}
	return cmp.Or(c.Reason, c.Summary)
}

func attrLine(a AttrChange, width int) Line {
	mark, text := "~", Shown(a.Old)+" → "+Shown(a.New)
	switch {
	case a.Old == "":
		mark, text = "+", Shown(a.New)
	case a.New == "":
		mark, text = "-", Shown(a.Old)
	case a.Path == baseAttr:
		text = Shown(a.Old) + " → " + Shown(a.New) + " (the tag moved)"
		if strings.HasPrefix(a.New, "sha256:") {
			text = shortDigest(a.Old) + " → " + shortDigest(a.New) + " (locked)"
		}
	}
	if strings.HasPrefix(a.Path, fromAttr) {
		text = shortDigest(a.Old) + " → " + shortDigest(a.New)
	}
	if strings.HasPrefix(a.Old, Sensitive) && strings.HasPrefix(a.New, Sensitive) {
		text = "(sensitive) changed"
	}
	if a.Forces {
		text += "  forces replacement"
	}
	return Line{mark, fmt.Sprintf("       %s %-*s  %s", mark, width, a.Path, text)}
}

// shortDigest is enough of a registry's digest to tell it from others.
func shortDigest(d string) string { return d[:min(len(d), len("sha256:")+12)] }

// Shown is a value as it is drawn: hashes and long values shortened, sensitive ones not at all.
func Shown(v string) string {
	if strings.HasPrefix(v, Sensitive) {
		return strings.TrimSpace(Sensitive)
	}
	const longest = 80
	if r := []rune(v); len(r) > longest {
		return string(r[:longest-1]) + "…"
	}
	return v
}

// LossText says what would be lost.
func LossText(l resource.Loss, name string) string {
	if l.Unknown {
		return "what changed inside " + name + " could not be looked at, and would be lost"
	}
	files := "files"
	if l.Count == 1 {
		files = "file"
	}
	s := fmt.Sprintf("%d %s changed inside %s would be lost", l.Count, files, name)
	if l.AtLeast {
		s = "at least " + s
	}
	if l.Bytes > 0 {
		s += ", " + sizeAbout(l.Bytes)
	}
	if len(l.Largest) > 0 {
		s += ": " + strings.Join(l.Largest, ", ")
		if l.Count > len(l.Largest) {
			s += ", …"
		}
	}
	return s
}

func sizeAbout(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
