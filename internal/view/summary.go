package view

import (
	"fmt"

	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// UpVersion is the version of [UpJSON].
const UpVersion = 1

// UpJSON is the document that ends up.
type UpJSON struct {
	Format   string        `json:"format"` // "envy.up"
	Version  int           `json:"version"`
	Project  string        `json:"project"`
	Changed  bool          `json:"changed"` // whether anything was done
	Changes  []plan.Change `json:"changes"`
	Boxes    []BoxJSON     `json:"boxes"`
	Messages []string      `json:"messages"`
	Timings  *TimingsJSON  `json:"timings,omitempty"` // with --timings
}

// BoxJSON is a box as it is after up.
type BoxJSON struct {
	Name     string          `json:"name"`
	State    resource.State  `json:"state"`
	Health   resource.Health `json:"health"`
	WasReady bool            `json:"was_ready"`
	Ports    []PortRow       `json:"ports"`
}

// Summary says what is there after up: a line for each box with its addresses, then the messages of the Envfile. Where
// there was nothing to do it is one line. It goes to Out; Quiet shows nothing, JSON is an [UpJSON].
func (v *View) Summary(p *plan.Plan, rows []BoxRow, message []string) error {
	switch v.Format {
	case Quiet:
		return nil
	case JSON:
		j := upJSON(p, rows, message)
		j.Timings = v.timings
		return v.Out.JSON(j)
	}
	if p.Empty() {
		t := v.Out.Text().Paint(Faint, nothingToDo(len(rows))).Add("\n")
		return v.Out.Print(messages(t, message))
	}
	table := Table{}
	for _, r := range rows {
		state := stateCell(r)
		if r.Health == resource.HealthUnhealthy || r.Health == resource.HealthStarting && !r.WasReady {
			state = healthCell(r)
		}
		table.Rows = append(table.Rows, []Cell{{r.Name, Strong}, state, {Text: portsText(r.Ports)}})
	}
	if err := v.Out.Table(table); err != nil {
		return err
	}
	return v.Out.Print(messages(v.Out.Text(), message))
}

func nothingToDo(boxes int) string {
	if boxes == 1 {
		return "Nothing to do: 1 box is as the Envfile says."
	}
	return fmt.Sprintf("Nothing to do: %d boxes are as the Envfile says.", boxes)
}

func messages(t *Text, message []string) *Text {
	if len(message) > 0 {
		t.Add("\n")
	}
	for _, m := range message {
		t.Add(m, "\n")
	}
	return t
}

func upJSON(p *plan.Plan, rows []BoxRow, message []string) UpJSON {
	j := UpJSON{
		Format: "envy.up", Version: UpVersion, Project: p.Project, Changed: !p.Empty(), Changes: shownChanges(p),
		Boxes: []BoxJSON{}, Messages: list(message),
	}
	for _, r := range rows {
		j.Boxes = append(j.Boxes, BoxJSON{Name: r.Name, State: r.State, Health: r.Health, WasReady: r.WasReady, Ports: list(r.Ports)})
	}
	return j
}
