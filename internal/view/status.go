package view

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/envyhq/envy/provision/resource"
)

// StatusVersion is the version of [StatusJSON].
const StatusVersion = 1

// BoxRow is one box as status lists it.
type BoxRow struct {
	Name      string          `json:"name"`
	State     resource.State  `json:"state"`
	Health    resource.Health `json:"health"`    // "" where nothing asks
	WasReady  bool            `json:"was_ready"` // once, as its name says; false where nothing asks
	ExitCode  int             `json:"exit_code"`
	Image     string          `json:"image"`
	Ports     []PortRow       `json:"ports"`
	Container string          `json:"container"` // "" of an absent one
	Drift     string          `json:"drift"`     // how it differs from the Envfile; "" when it does not or cannot be told
	Size      *int64          `json:"size,omitempty"`
}

// PortRow is one published port.
type PortRow struct {
	Name     string `json:"name"`
	Address  string `json:"address"`
	Host     int    `json:"host"`
	Guest    int    `json:"guest"`
	Protocol string `json:"protocol"`
}

// NewPortRows fills in what a port's specification leaves to be understood.
func NewPortRows(ports []resource.PortSpec) []PortRow {
	rows := make([]PortRow, len(ports))
	for i, p := range ports {
		rows[i] = PortRow{Name: p.Name, Address: p.Address, Host: p.Host, Guest: p.Guest, Protocol: p.Protocol}
		if p.Address == "" {
			rows[i].Address = "127.0.0.1"
		}
		if p.Protocol == "" {
			rows[i].Protocol = "tcp"
		}
	}
	return rows
}

// HostPort is where the port is reached: 127.0.0.1:3000.
func (p PortRow) HostPort() string { return net.JoinHostPort(p.Address, strconv.Itoa(p.Host)) }

// String is the port as a table shows it: "http 127.0.0.1:3000→80". The name stands only where it says more than the
// number.
func (p PortRow) String() string {
	s := fmt.Sprintf("%s→%d", p.HostPort(), p.Guest)
	if p.Protocol != "" && p.Protocol != "tcp" {
		s += "/" + p.Protocol
	}
	if p.Name != "" && p.Name != strconv.Itoa(p.Guest) {
		s = p.Name + " " + s
	}
	return s
}

// StatusOptions say what status lists.
type StatusOptions struct {
	Project string // for JSON
	Size    bool   // --size: show what boxes use on disk
}

// StatusJSON is the document of status.
type StatusJSON struct {
	Format  string   `json:"format"` // "envy.status"
	Version int      `json:"version"`
	Project string   `json:"project"`
	Boxes   []BoxRow `json:"boxes"`
}

// Status lists boxes on Out, in every format: it is the answer.
func (v *View) Status(rows []BoxRow, o StatusOptions) error {
	if v.Format == JSON {
		return v.Out.JSON(StatusJSON{Format: "envy.status", Version: StatusVersion, Project: o.Project, Boxes: wholeRows(rows)})
	}
	if len(rows) == 0 {
		if v.Format == Quiet {
			return nil
		}
		return v.Out.Print(v.Out.Text().Add("No boxes.\n"))
	}
	table := Table{Header: []string{"BOX", "STATE", "HEALTH", "IMAGE", "PORTS"}}
	drifts := false
	for _, r := range rows {
		drifts = drifts || r.Drift != ""
	}
	if o.Size {
		table.Header = append(table.Header, "SIZE")
	}
	if drifts {
		table.Header = append(table.Header, "DRIFT")
	}
	for _, r := range rows {
		cells := []Cell{{r.Name, Strong}, stateCell(r), healthCell(r), {Text: r.Image}, {Text: portsText(r.Ports)}}
		if o.Size {
			cells = append(cells, Cell{Text: sizeText(r.Size)})
		}
		if drifts {
			cells = append(cells, Cell{r.Drift, Caution})
		}
		table.Rows = append(table.Rows, cells)
	}
	return v.Out.Table(table)
}

func wholeRows(rows []BoxRow) []BoxRow {
	out := append([]BoxRow{}, rows...)
	for i := range out {
		out[i].Ports = list(out[i].Ports)
	}
	return out
}

func stateCell(r BoxRow) Cell {
	switch r.State {
	case resource.StateRunning:
		return Cell{string(r.State), Good}
	case resource.StatePaused, resource.StateRestarting, resource.StateCreated:
		return Cell{string(r.State), Caution}
	case resource.StateDead:
		return Cell{string(r.State), Problem}
	case resource.StateExited:
		if r.ExitCode != 0 {
			return Cell{fmt.Sprintf("exited (%d)", r.ExitCode), Problem}
		}
		return Cell{"exited (0)", None}
	}
	return Cell{string(r.State), Faint}
}

// healthCell is what the engine says, which is "starting" until its own probe told it more, although envy saw the check
// pass long before.
func healthCell(r BoxRow) Cell {
	h := string(r.Health)
	switch {
	case r.Health == resource.HealthHealthy:
		return Cell{h, Good}
	case r.Health == resource.HealthUnhealthy:
		return Cell{h, Problem}
	case r.Health == resource.HealthNone:
		return Cell{"-", Faint}
	case r.WasReady:
		return Cell{h + " (was ready)", None}
	}
	return Cell{h, Caution}
}

func sizeText(n *int64) string {
	if n == nil {
		return "-"
	}
	return Bytes(*n)
}

func portsText(ports []PortRow) string {
	texts := make([]string, len(ports))
	for i, p := range ports {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}
