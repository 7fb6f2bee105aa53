package graph

import (
	"fmt"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// DOT is the graph in Graphviz's language.
func DOT(g Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir=TB;\n  node [fontname=\"sans-serif\", fontsize=11];\n  edge [fontname=\"sans-serif\", fontsize=9];\n", quote(g.Project))
	shapes := map[Kind]string{Box: "box", Network: "ellipse", Volume: "cylinder", Definition: "note"}
	for _, n := range g.Nodes {
		label := quoted(n.title())
		if n.Detail != "" {
			label += `\n` + quoted(n.Detail)
		}
		fmt.Fprintf(&b, "  %s [shape=%s, label=\"%s\"];\n", quote(n.ID), shapes[n.Kind], label)
	}
	for _, e := range g.Edges {
		style := ""
		switch {
		case e.Relation == Joins:
			style = " [dir=none, style=dashed]"
		case e.Relation == MadeFrom:
			style = " [style=dotted, arrowhead=empty]"
		case e.Detail != "":
			style = " [label=" + quote(e.Detail) + "]"
		case e.Relation == Shares:
			style = " [label=" + quote("network") + "]"
		}
		fmt.Fprintf(&b, "  %s -> %s%s;\n", quote(e.From), quote(e.To), style)
	}
	b.WriteString("}\n")
	return b.String()
}

func quote(s string) string { return `"` + quoted(s) + `"` }

// quoted is text within quotes. A backslash begins an escape of labels, so it is doubled.
func quoted(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
