// Package graph draws what a project is made of: boxes, what they need, and what they are made from. A graph is a value, and
// each of its forms (text, DOT, SVG) a pure function of it: the same graph gives the same bytes. It knows neither the Envfile
// nor an engine.
package graph

import (
	"slices"
	"strings"
)

// Kind is what a node stands for.
type Kind string

// The kinds.
const (
	Box        Kind = "box"
	Network    Kind = "network"
	Volume     Kind = "volume"
	Definition Kind = "definition"
)

// Relation is what an edge says of its two nodes.
type Relation string

// The relations.
const (
	DependsOn Relation = "depends on"
	Shares    Relation = "shares the network of" // network_mode box:NAME
	Joins     Relation = "joins"
	Mounts    Relation = "mounts"
	MadeFrom  Relation = "from"
)

// Node is one thing. ID is unique in a graph.
type Node struct {
	ID     string `json:"id"` // "box.web", "volume.db.data"
	Kind   Kind   `json:"kind"`
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"` // of a box its base
	Count  int    `json:"count,omitempty"`  // of a box, where it is written
}

// Edge leads from what needs to what is needed.
type Edge struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	Relation Relation `json:"relation"`
	Detail   string   `json:"detail,omitempty"` // of a volume where it is mounted
}

// Graph is a project. Nodes and edges are in the order in which they are written.
type Graph struct {
	Project string `json:"project"`
	Nodes   []Node `json:"nodes"`
	Edges   []Edge `json:"edges"`
}

// AddNode adds a node unless it is there.
func (g *Graph) AddNode(n Node) {
	if !slices.ContainsFunc(g.Nodes, func(o Node) bool { return o.ID == n.ID }) {
		g.Nodes = append(g.Nodes, n)
	}
}

// AddEdge adds an edge unless it is there.
func (g *Graph) AddEdge(e Edge) {
	if !slices.Contains(g.Edges, e) {
		g.Edges = append(g.Edges, e)
	}
}

func (g Graph) node(id string) Node {
	for _, n := range g.Nodes {
		if n.ID == id {
			return n
		}
	}
	return Node{ID: id, Name: id}
}

func (g Graph) from(id string) []Edge {
	var out []Edge
	for _, e := range g.Edges {
		if e.From == id {
			out = append(out, e)
		}
	}
	return out
}

// title is a node's name as people read it: "web ×3".
func (n Node) title() string {
	if n.Count > 0 {
		return n.Name + " ×" + itoa(n.Count)
	}
	return n.Name
}

// Text is a tree: at its top the boxes that no box needs, below each what it needs. What a box needs is told once.
func Text(g Graph) string {
	var b strings.Builder
	b.WriteString(g.Project + "\n")
	t := tree{g: g, b: &b, told: map[string]bool{}}
	var tops []Edge
	for _, n := range g.Nodes {
		needed := slices.ContainsFunc(g.Edges, func(e Edge) bool { return e.To == n.ID && e.From != n.ID })
		if !needed {
			tops = append(tops, Edge{To: n.ID})
		}
	}
	t.children(tops, "")
	return b.String()
}

type tree struct {
	g    Graph
	b    *strings.Builder
	told map[string]bool
}

func (t *tree) children(edges []Edge, indent string) {
	for i, e := range edges {
		branch, below := "├── ", "│   "
		if i == len(edges)-1 {
			branch, below = "└── ", "    "
		}
		t.b.WriteString(indent + branch + t.line(e) + "\n")
		if t.g.node(e.To).Kind == Box || t.g.node(e.To).Kind == Definition {
			if inner := t.g.from(e.To); !t.told[e.To] {
				t.told[e.To] = true
				t.children(inner, indent+below)
			}
		}
	}
}

// line is one node as what an edge leads to.
func (t *tree) line(e Edge) string {
	n := t.g.node(e.To)
	switch {
	case e.Relation == MadeFrom:
		return "from " + n.title()
	case n.Kind != Box && e.Detail != "":
		return string(n.Kind) + " " + n.title() + " at " + e.Detail
	case n.Kind != Box:
		return string(n.Kind) + " " + n.title()
	}
	text := n.title()
	if e.Relation == Shares {
		text = "network of " + text
	}
	if n.Detail != "" {
		text += "  " + n.Detail
	}
	if t.told[n.ID] && len(t.g.from(n.ID)) > 0 {
		text += "  (see above)"
	}
	return text
}
