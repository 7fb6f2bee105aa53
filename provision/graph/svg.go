package graph

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The measures of a drawing, in its own units.
const (
	charWidth  = 7 // of the widest text that is expected, at 12 units
	nodeHeight = 40
	padding    = 12 // within a node, on each side
	columnGap  = 28
	rowGap     = 64
	margin     = 20
	sweeps     = 4 // over the rows, to bring what belongs together below one another
)

// placed is a node with its place.
type placed struct {
	Node
	layer int
	x, y  int // of its middle
	width int
	at    float64 // where its neighbours would have it
}

// SVG is a drawing of the graph in layers: what needs stands above what is needed. It refers to nothing outside of itself.
func SVG(g Graph) string {
	layers := layered(g)
	byID := map[string]*placed{}
	width, height := place(layers, byID)
	arrange(g, layers, byID)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "  <title>%s</title>\n", escape(g.Project))
	b.WriteString(`  <defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>` + "\n")
	b.WriteString(`  <rect width="100%" height="100%" fill="#fff"/>` + "\n")
	for _, e := range g.Edges {
		if from, to := byID[e.From], byID[e.To]; from != nil && to != nil && from != to {
			b.WriteString(line(e, from, to))
		}
	}
	for _, layer := range layers {
		for _, n := range layer {
			b.WriteString(n.draw())
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// layered puts each node below all that need it. Edges that close a circle, which no project has, are left out of that.
func layered(g Graph) [][]*placed {
	depth := map[string]int{}
	const under = -1
	var visit func(id string) int // how many layers are needed below it
	below := map[string]int{}
	visit = func(id string) int {
		if n, ok := below[id]; ok {
			return max(n, 0)
		}
		below[id] = under
		n := 0
		for _, e := range g.from(id) {
			if below[e.To] != under || e.To == id {
				n = max(n, visit(e.To)+1)
			}
		}
		below[id] = n
		return n
	}
	deepest := 0
	for _, n := range g.Nodes {
		deepest = max(deepest, visit(n.ID))
	}
	for _, n := range g.Nodes {
		depth[n.ID] = deepest - below[n.ID]
	}
	layers := make([][]*placed, deepest+1)
	for _, n := range g.Nodes {
		p := &placed{Node: n, layer: depth[n.ID]}
		p.width = 2*padding + charWidth*max(utf8.RuneCountInString(n.title()), utf8.RuneCountInString(n.Detail), 6)
		layers[p.layer] = append(layers[p.layer], p)
	}
	return layers
}

// place gives every node its place, and the size of all.
func place(layers [][]*placed, byID map[string]*placed) (width, height int) {
	widths := make([]int, len(layers))
	for i, layer := range layers {
		for _, n := range layer {
			byID[n.ID] = n
			widths[i] += n.width + columnGap
		}
		width = max(width, widths[i]-columnGap)
	}
	width += 2 * margin
	for i, layer := range layers {
		x := (width - widths[i] + columnGap) / 2
		for _, n := range layer {
			n.x, n.y = x+n.width/2, margin+nodeHeight/2+i*(nodeHeight+rowGap)
			x += n.width + columnGap
		}
	}
	return width, 2*margin + len(layers)*nodeHeight + max(len(layers)-1, 0)*rowGap
}

// arrange orders each layer by where its neighbours in the others stand.
func arrange(g Graph, layers [][]*placed, byID map[string]*placed) {
	for range sweeps {
		for _, layer := range layers {
			for _, n := range layer {
				sum, count := 0, 0
				for _, e := range g.Edges {
					other := ""
					switch n.ID {
					case e.From:
						other = e.To
					case e.To:
						other = e.From
					}
					if o := byID[other]; o != nil && o.layer != n.layer {
						sum, count = sum+o.x, count+1
					}
				}
				if n.at = float64(n.x); count > 0 {
					n.at = float64(sum) / float64(count)
				}
			}
			slices.SortStableFunc(layer, func(a, b *placed) int { return cmp.Compare(a.at, b.at) })
		}
		place(layers, byID)
	}
}

// line is an edge, from the lower side of one node to the upper side of another; in one layer it goes below both.
func line(e Edge, from, to *placed) string {
	style, arrow := `stroke="#555"`, ` marker-end="url(#arrow)"`
	switch e.Relation {
	case Joins:
		style, arrow = `stroke="#2a7ab0" stroke-dasharray="4 3"`, ""
	case MadeFrom:
		style, arrow = `stroke="#999" stroke-dasharray="1 3"`, ""
	case Mounts:
		style = `stroke="#8a6d1f"`
	}
	y1, y2 := from.y+nodeHeight/2, to.y-nodeHeight/2
	bend := (y2 - y1) / 2
	if from.layer == to.layer {
		y2, bend = to.y+nodeHeight/2, rowGap/2
		return fmt.Sprintf("  <path d=\"M%d %dC%d %d %d %d %d %d\" fill=\"none\" %s%s/>\n", from.x, y1, from.x, y1+bend, to.x, y2+bend, to.x, y2, style, arrow)
	}
	return fmt.Sprintf("  <path d=\"M%d %dC%d %d %d %d %d %d\" fill=\"none\" %s%s><title>%s</title></path>\n",
		from.x, y1, from.x, y1+bend, to.x, y2-bend, to.x, y2, style, arrow, escape(strings.TrimSpace(string(e.Relation)+" "+e.Detail)))
}

func (n *placed) draw() string {
	x, y := n.x-n.width/2, n.y-nodeHeight/2
	fill, round := "#eef3fb", 4
	switch n.Kind {
	case Network:
		fill, round = "#e3f1f8", nodeHeight/2
	case Volume:
		fill, round = "#faf3dd", 10
	case Definition:
		fill, round = "#f2f2f2", 0
	}
	out := fmt.Sprintf("  <g><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\" fill=\"%s\" stroke=\"#555\"/>", x, y, n.width, nodeHeight, round, fill)
	detail := n.Detail
	if n.Kind != Box {
		detail = string(n.Kind)
	}
	if detail == "" {
		return out + fmt.Sprintf("<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text></g>\n", n.x, n.y+4, escape(n.title()))
	}
	return out + fmt.Sprintf("<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" font-weight=\"bold\">%s</text><text x=\"%d\" y=\"%d\" text-anchor=\"middle\" font-size=\"10\" fill=\"#555\">%s</text></g>\n",
		n.x, n.y-3, escape(n.title()), n.x, n.y+12, escape(detail))
}

// escape makes text of an attribute's value or of an element's content; what XML has no form for is left out.
func escape(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(s)
}
