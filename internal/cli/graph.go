package cli

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/graph"
)

func (a *app) graphCommand() *cli.Command {
	return a.command("graph", "draw boxes and what they need; asks no engine", "", func(ctx context.Context, c *cli.Context, s *session) error {
		if _, err := atMost(c, 0); err != nil {
			return err
		}
		form := c.String("format")
		if !slices.Contains([]string{"", "text", "dot", "svg", "human", "plain", "json"}, form) {
			return &usageError{text: "format \"" + form + "\" is none of text, dot, svg and json"}
		}
		return s.graph(ctx, form)
	}, &cli.StringFlag{Name: "format", Usage: "`FORMAT` text, dot (for Graphviz), svg or json", DefaultText: "text"})
}

// graphJSON is the document of graph.
type graphJSON struct {
	Format  string `json:"format"` // "envy.graph"
	Version int    `json:"version"`
	graph.Graph
}

func (s *session) graph(ctx context.Context, form string) error {
	project, err := s.project(ctx)
	if err != nil {
		return err
	}
	g := provision.GraphOf(project.Config)
	text := graph.Text(g)
	switch {
	case form == "dot":
		text = graph.DOT(g)
	case form == "svg":
		text = graph.SVG(g)
	case s.g.format == view.JSON:
		return s.view.JSON(graphJSON{Format: "envy.graph", Version: resultVersion, Graph: g})
	}
	return s.view.Out.Print(s.view.Out.Text().Add(text))
}
