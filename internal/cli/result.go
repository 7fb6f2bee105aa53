package cli

import (
	"context"
	"strings"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// resultVersion is the version of the JSON documents of this package. It grows when a field changes its meaning or goes.
const resultVersion = 1

func joined(names []string) string { return strings.Join(names, ", ") }

// showUp says what is there now: the addresses, the Envfile's messages, what to type next.
func (s *session) showUp(ctx context.Context, project *provision.Project, o *provision.Outcome) error {
	var rows []view.BoxRow
	for _, b := range provision.Status(o.Scene, nil) {
		rows = append(rows, rowOf(b))
	}
	var said []string
	if !o.Plan.Empty() || s.g.format == view.JSON {
		said = messages(ctx, project, o.Scene)
	}
	if err := s.view.Summary(o.Plan, rows, said); err != nil || o.Plan.Empty() {
		return err
	}
	if len(o.Scene.Boxes) == 0 {
		return nil // there is nothing to enter
	}
	return s.note("Next: envy ssh · envy status · envy halt")
}

func rowOf(b provision.BoxStatus) view.BoxRow {
	return view.BoxRow{
		Name: b.Name, State: b.State, Health: b.Health, ExitCode: b.ExitCode, Image: b.Image, Ports: view.NewPortRows(b.Ports),
		Container: b.Container, WasReady: b.WasReady, Drift: b.Drift,
	}
}

// messages are the Envfile's, evaluated with the ports that the boxes have.
func messages(ctx context.Context, p *provision.Project, scene *provision.Scene) []string {
	wanted := p.Config.Message != ""
	for _, b := range p.Config.Boxes {
		wanted = wanted || b.Message != ""
	}
	if !wanted {
		return nil
	}
	v := p.Values
	v.Name, v.KnownPorts = scene.Identity.Project, map[config.PortKey]int{}
	for _, b := range scene.Boxes {
		for _, port := range b.Ports {
			v.KnownPorts[config.PortKey{Box: b.Key.Box, Index: b.Key.Index, Port: port.Name}] = port.Host
		}
	}
	project, list := p.File.Evaluate(ctx, v)
	if list.HasErrors() || project == nil {
		return nil // it was well a moment ago; a message is not worth a failure
	}
	var out []string
	for _, b := range project.Boxes {
		if b.Message != "" {
			out = append(out, b.Message)
		}
	}
	if project.Message != "" {
		out = append(out, project.Message)
	}
	return out
}

// changesJSON is the document of what changes boxes and has nothing to tell but which.
type changesJSON struct {
	Format  string            `json:"format"` // "envy.changes"
	Version int               `json:"version"`
	Command string            `json:"command"`
	Changed []string          `json:"changed"`           // addresses: box.web
	Kept    []string          `json:"kept"`              // volumes that stay
	Timings *view.TimingsJSON `json:"timings,omitempty"` // with --timings
	// KeptSnapshots stay too.
	KeptSnapshots []string `json:"kept_snapshots,omitempty"`
}

// showDone says which boxes a command changed.
func (s *session) showDone(command, verb, nothing string, p *plan.Plan) error {
	r := changesJSON{
		Format: "envy.changes", Version: resultVersion, Command: command, Changed: []string{}, Kept: append([]string{}, p.Kept...), Timings: s.view.Times(),
		KeptSnapshots: p.KeptSnapshots,
	}
	var names []string
	for _, c := range p.Changes {
		if c.Action == plan.NoOp {
			continue
		}
		r.Changed = append(r.Changed, c.Address.String())
		if a := c.Address; a.Kind == resource.KindBox || a.Kind == resource.KindProvision || a.Kind == resource.KindSnapshot {
			_, name, _ := strings.Cut(a.String(), ".") // web, web.run-3f2a1c, web.deps
			names = append(names, name)
		}
	}
	switch {
	case s.g.format == view.JSON:
		return s.view.JSON(r)
	case s.g.format == view.Quiet:
		return nil
	case len(r.Changed) == 0:
		return s.view.Out.Print(s.view.Out.Text().Add(nothing, "\n"))
	case len(names) == 0:
		names = r.Changed
	}
	return s.view.Out.Print(s.view.Out.Text().Add(verb, " ", joined(names), "\n"))
}
