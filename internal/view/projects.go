package view

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/envyhq/envy/provision/resource"
)

// ProjectsVersion is the version of [ProjectsJSON].
const ProjectsVersion = 1

// ProjectRow is one project as status --all lists it.
type ProjectRow struct {
	Project  string       `json:"project"`
	Path     string       `json:"path"`     // of the checkout, on its machine
	Checkout string       `json:"checkout"` // whether it is there: there, gone, unknown, remote
	Why      string       `json:"why,omitempty"`
	Mine     bool         `json:"mine"` // of this machine and this user
	User     string       `json:"user"` // number, on its machine
	Host     string       `json:"host"` // id of the machine
	Boxes    []ProjectBox `json:"boxes"`
	Volumes  []string     `json:"volumes"`
	Size     *int64       `json:"size,omitempty"` // of the boxes' own layers and of the volumes
}

// ProjectBox is one box of a project.
type ProjectBox struct {
	Name   string          `json:"name"`
	State  resource.State  `json:"state"`
	Health resource.Health `json:"health"`
}

// ProjectsJSON is the document of status --all.
type ProjectsJSON struct {
	Format   string       `json:"format"` // "envy.projects"
	Version  int          `json:"version"`
	Projects []ProjectRow `json:"projects"`
}

// Projects lists projects on Out, in every format: it is the answer.
func (v *View) Projects(rows []ProjectRow, size bool) error {
	if v.Format == JSON {
		whole := append([]ProjectRow{}, rows...)
		for i := range whole {
			whole[i].Boxes, whole[i].Volumes = list(whole[i].Boxes), list(whole[i].Volumes)
		}
		return v.Out.JSON(ProjectsJSON{Format: "envy.projects", Version: ProjectsVersion, Projects: whole})
	}
	if len(rows) == 0 {
		if v.Format == Quiet {
			return nil
		}
		return v.Out.Print(v.Out.Text().Add("No projects.\n"))
	}
	return v.Out.Table(projectTable(rows, size))
}

func projectTable(rows []ProjectRow, size bool) Table {
	table := Table{Header: []string{"PROJECT", "BOXES", "STATE", "VOLUMES"}}
	if size {
		table.Header = append(table.Header, "SIZE")
	}
	table.Header = append(table.Header, "CHECKOUT")
	notes := false
	for _, r := range rows {
		notes = notes || r.note().Text != ""
	}
	if notes {
		table.Header = append(table.Header, "NOTE")
	}
	for _, r := range rows {
		cells := []Cell{{r.Project, Strong}, {Text: strconv.Itoa(len(r.Boxes))}, r.states(), {Text: strconv.Itoa(len(r.Volumes))}}
		if size {
			cells = append(cells, Cell{Text: sizeText(r.Size)})
		}
		cells = append(cells, Cell{Text: r.Path})
		if notes {
			cells = append(cells, r.note())
		}
		table.Rows = append(table.Rows, cells)
	}
	return table
}

// stateOrder is how states are told: what works first.
func stateOrder() []resource.State {
	return []resource.State{
		resource.StateRunning, resource.StatePaused, resource.StateRestarting, resource.StateCreated, resource.StateExited,
		resource.StateDead, resource.StateRemoving,
	}
}

// states counts boxes by state: "2 running (1 unhealthy), 1 exited".
func (r ProjectRow) states() Cell {
	count, sick := map[resource.State]int{}, 0
	for _, b := range r.Boxes {
		count[b.State]++
		if b.State == resource.StateRunning && b.Health == resource.HealthUnhealthy {
			sick++
		}
	}
	var parts []string
	for _, state := range stateOrder() {
		if count[state] == 0 {
			continue
		}
		part := fmt.Sprintf("%d %s", count[state], state)
		if state == resource.StateRunning && sick > 0 {
			part += fmt.Sprintf(" (%d unhealthy)", sick)
		}
		parts = append(parts, part)
	}
	style := None
	switch {
	case len(parts) == 0:
		return Cell{"-", Faint}
	case sick > 0 || count[resource.StateDead] > 0:
		style = Problem
	case count[resource.StateRunning] == len(r.Boxes):
		style = Good
	}
	return Cell{strings.Join(parts, ", "), style}
}

// note says what is out of the ordinary: whose it is, and whether its checkout is to be found.
func (r ProjectRow) note() Cell {
	switch {
	case r.Checkout == "remote":
		return Cell{"of another machine", Faint}
	case r.Checkout == "gone" && r.Mine:
		return Cell{"the checkout is gone", Caution}
	case r.Checkout == "gone":
		return Cell{"of user " + r.User + "; the checkout is gone", Caution}
	case r.Checkout == "unknown" && r.Mine:
		return Cell{"the checkout was not found: " + r.Why, Caution}
	case !r.Mine:
		return Cell{"of user " + r.User, Faint}
	}
	return Cell{}
}
