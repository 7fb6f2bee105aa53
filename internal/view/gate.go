package view

import (
	"fmt"
	"time"
)

// TrustVersion is the version of the documents of trust.
const TrustVersion = 1

// GateEntry is one thing that reaches outside the project.
type GateEntry struct {
	Kind    string `json:"kind"`
	What    string `json:"what"`
	Reaches string `json:"reaches,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	New     bool   `json:"new,omitempty"` // never trusted before, though others of this checkout were
}

// Gate is what an Envfile reaches outside its project, and whether that is trusted.
type Gate struct {
	Entries []GateEntry
	Trusted bool
}

// Asks reports whether somebody has to be asked.
func (g Gate) Asks() bool { return len(g.Entries) > 0 && !g.Trusted }

func (g Gate) headline() string {
	switch {
	case len(g.Entries) == 0:
		return "The Envfile reaches nothing outside the project."
	case g.Trusted:
		return "The Envfile reaches outside the project, as you trusted:"
	}
	for _, e := range g.Entries {
		if e.New {
			return "The Envfile reaches further outside the project than you trusted (what is new has a +):"
		}
	}
	return "The Envfile reaches outside the project, and this is not trusted yet:"
}

// gate draws the list, each entry with its line of the Envfile.
func (p Printer) gate(t *Text, g Gate) *Text {
	t.Paint(Strong, g.headline()).Add("\n")
	if len(g.Entries) > 0 {
		t.Add("\n")
	}
	places, widest := make([]string, len(g.Entries)), 0
	for i, e := range g.Entries {
		places[i] = Line(GatePlace(e))
		widest = max(widest, columns(places[i]))
	}
	for i, e := range g.Entries {
		mark := "  "
		if e.New {
			mark = "+ "
		}
		t.Add("  ").Paint(Caution, mark).Paint(Faint, places[i]).Add(spaces(widest-columns(places[i])+2), Line(e.What), "\n")
	}
	return t
}

// GatePlace is where an entry is asked for, "" where that is no file.
func GatePlace(e GateEntry) string {
	if e.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", e.File, e.Line)
}

// PlanGate gives the plans to come what the Envfile reaches outside the project.
func (v *View) PlanGate(g Gate) { v.gate = g }

// Gate shows the list as part of an answer, on Out. Quiet shows nothing, and JSON has it in the answer's document.
func (v *View) Gate(g Gate) error {
	if v.Format == Quiet || v.Format == JSON {
		return nil
	}
	t := v.Out.gate(v.Out.Text(), g)
	if g.Asks() {
		t.Add("\n").Paint(Faint, "envy up asks before it goes on; envy trust allows it beforehand.").Add("\n")
	}
	return v.Out.Print(t)
}

// Trust shows the list as the answer of trust.
func (v *View) Trust(document TrustJSON, g Gate) error {
	if v.Format == JSON {
		return v.Out.JSON(document)
	}
	return v.Gate(g)
}

// GateBefore shows the list to somebody who is asked about it, on Err, whatever the format: nothing else may be trusted.
func (v *View) GateBefore(g Gate) error {
	t := v.Err.gate(v.Err.Text(), g).Add("\n")
	if n := len(g.Entries); n > longGate {
		t.Add(fmt.Sprintf("That is %d things; some may have scrolled away.\n", n))
	}
	return v.Err.Print(t)
}

// longGate is how many entries a terminal is sure to show at once.
const longGate = 20

// TrustJSON is the document of trust.
type TrustJSON struct {
	Format  string      `json:"format"` // "envy.trust"
	Version int         `json:"version"`
	Path    string      `json:"path"`             // of the checkout
	Digest  string      `json:"digest,omitempty"` // what --accept takes; none for an empty list
	Trusted bool        `json:"trusted"`
	Gate    []GateEntry `json:"gate"`
}

// NewTrust makes the document of trust.
func NewTrust(path, digest string, g Gate) TrustJSON {
	j := TrustJSON{Format: "envy.trust", Version: TrustVersion, Path: path, Digest: digest, Trusted: !g.Asks(), Gate: list(g.Entries)}
	if len(g.Entries) == 0 {
		j.Digest = ""
	}
	return j
}

// TrustedJSON is the document of trust --list.
type TrustedJSON struct {
	Format    string            `json:"format"` // "envy.trusted"
	Version   int               `json:"version"`
	Checkouts []TrustedCheckout `json:"checkouts"`
}

// TrustedCheckout is what is trusted of one checkout: each list was accepted at once.
type TrustedCheckout struct {
	Path  string        `json:"path"`
	Lists []TrustedList `json:"lists"`
}

// TrustedList is what was accepted at once.
type TrustedList struct {
	Digest   string      `json:"digest"`
	Accepted time.Time   `json:"accepted"`
	Entries  []GateEntry `json:"entries"`
}

// Trusted shows what is trusted of all checkouts.
func (v *View) Trusted(checkouts []TrustedCheckout) error {
	switch v.Format {
	case Quiet:
		return nil
	case JSON:
		return v.Out.JSON(TrustedJSON{Format: "envy.trusted", Version: TrustVersion, Checkouts: list(checkouts)})
	}
	t := v.Out.Text()
	if len(checkouts) == 0 {
		t.Add("Nothing is trusted.\n")
	}
	for _, c := range checkouts {
		t.Paint(Strong, c.Path).Add("\n")
		for _, l := range c.Lists {
			t.Add("  ").Paint(Faint, "accepted "+l.Accepted.Format(time.RFC3339)+", "+l.Digest).Add("\n")
			for _, e := range l.Entries {
				t.Add("    ", Line(e.What), "\n")
			}
		}
	}
	return v.Out.Print(t)
}

// RevokedJSON is the document of trust --revoke.
type RevokedJSON struct {
	Format  string   `json:"format"` // "envy.revoked"
	Version int      `json:"version"`
	Revoked []string `json:"revoked"` // paths of checkouts
}

// Revoked says of which checkouts nothing is trusted any more.
func (v *View) Revoked(paths []string) error {
	switch v.Format {
	case Quiet:
		return nil
	case JSON:
		return v.Out.JSON(RevokedJSON{Format: "envy.revoked", Version: TrustVersion, Revoked: list(paths)})
	}
	t := v.Out.Text()
	if len(paths) == 0 {
		t.Add("Nothing was trusted.\n")
	}
	for _, p := range paths {
		t.Add("no longer trusted: ", Line(p), "\n")
	}
	return v.Out.Print(t)
}
