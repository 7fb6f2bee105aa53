package provision

import (
	"path"
	"strings"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/graph"
	"github.com/envyhq/envy/provision/resource"
)

// GraphOf is a project as a graph: boxes with their replicas as one, what they depend on, networks, volumes, and what they are
// made from. It needs no engine.
func GraphOf(p *config.Project) graph.Graph {
	g := graph.Graph{Project: p.Name, Nodes: []graph.Node{}, Edges: []graph.Edge{}}
	labels, counts := map[string]string{}, map[string]int{}
	for _, b := range p.Boxes {
		labels[b.Name] = b.Label
		if b.Counted {
			counts[b.Label]++
		}
	}
	for _, b := range p.Boxes {
		g.AddNode(graph.Node{ID: boxID(b.Label), Kind: graph.Box, Name: b.Label, Detail: baseOf(b), Count: counts[b.Label]})
	}
	for _, n := range p.Networks {
		g.AddNode(graph.Node{ID: "network." + n.Label, Kind: graph.Network, Name: n.Label, Detail: n.External})
	}
	for _, v := range p.Volumes {
		g.AddNode(graph.Node{ID: "volume." + v.Label, Kind: graph.Volume, Name: v.Label, Detail: v.External})
	}
	for _, b := range p.Boxes {
		boxEdges(&g, b, labels)
	}
	return g
}

func boxID(label string) string { return resource.Address{Kind: resource.KindBox, Box: label}.String() }

// baseOf is what a box starts from, as written.
func baseOf(b *config.Box) string {
	if b.Build != nil {
		return "build " + path.Join(b.Build.Context.Written, b.Build.Dockerfile)
	}
	return b.Image
}

func boxEdges(g *graph.Graph, b *config.Box, labels map[string]string) {
	id := boxID(b.Label)
	madeFrom(g, id, b.From)
	for _, d := range b.DependsOn {
		g.AddEdge(graph.Edge{From: id, To: boxID(labels[d.Name]), Relation: graph.DependsOn})
	}
	if b.NetworkMode.Mode == "box" {
		g.AddEdge(graph.Edge{From: id, To: boxID(labels[b.NetworkMode.Box]), Relation: graph.Shares})
	}
	for _, n := range networksOf(b) {
		g.AddNode(graph.Node{ID: "network." + n, Kind: graph.Network, Name: n})
		g.AddEdge(graph.Edge{From: id, To: "network." + n, Relation: graph.Joins})
	}
	for _, v := range b.Volumes {
		name := v.Label
		if v.Shared == nil { // of each box, and of each of its replicas
			name = b.Label + "." + v.Label
		}
		g.AddNode(graph.Node{ID: "volume." + name, Kind: graph.Volume, Name: name})
		g.AddEdge(graph.Edge{From: id, To: "volume." + name, Relation: graph.Mounts, Detail: v.Target})
	}
}

func networksOf(b *config.Box) []string {
	if b.NetworkMode.Mode != "" {
		return nil
	}
	if len(b.Networks) == 0 {
		return []string{"default"}
	}
	names := make([]string, len(b.Networks))
	for i, j := range b.Networks {
		names[i] = j.Label
	}
	return names
}

func madeFrom(g *graph.Graph, id string, from []config.Made) {
	for _, m := range from {
		part := "definition." + m.Name
		g.AddNode(graph.Node{ID: part, Kind: graph.Definition, Name: strings.TrimSpace(m.Name)})
		g.AddEdge(graph.Edge{From: id, To: part, Relation: graph.MadeFrom})
		madeFrom(g, part, m.From)
	}
}
