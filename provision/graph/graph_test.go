package graph_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/envyhq/envy/provision/graph"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func shop() graph.Graph {
	g := graph.Graph{Project: "shop"}
	for _, n := range []graph.Node{
		{ID: "box.web", Kind: graph.Box, Name: "web", Detail: "debian:bookworm-slim", Count: 3},
		{ID: "box.api", Kind: graph.Box, Name: "api", Detail: "build api/Dockerfile"},
		{ID: "box.db", Kind: graph.Box, Name: "db", Detail: "postgres:16"},
		{ID: "box.probe", Kind: graph.Box, Name: "probe"},
		{ID: "network.default", Kind: graph.Network, Name: "default"},
		{ID: "network.unused", Kind: graph.Network, Name: "unused"},
		{ID: "volume.db.data", Kind: graph.Volume, Name: "db.data"},
		{ID: "definition.template.app", Kind: graph.Definition, Name: "template.app"},
		{ID: "definition.go", Kind: graph.Definition, Name: "go"},
	} {
		g.AddNode(n)
		g.AddNode(n)
	}
	for _, e := range []graph.Edge{
		{From: "box.web", To: "definition.template.app", Relation: graph.MadeFrom},
		{From: "definition.template.app", To: "definition.go", Relation: graph.MadeFrom},
		{From: "box.web", To: "box.api", Relation: graph.DependsOn},
		{From: "box.web", To: "box.db", Relation: graph.DependsOn},
		{From: "box.web", To: "network.default", Relation: graph.Joins},
		{From: "box.api", To: "box.db", Relation: graph.DependsOn},
		{From: "box.api", To: "network.default", Relation: graph.Joins},
		{From: "box.db", To: "network.default", Relation: graph.Joins},
		{From: "box.db", To: "volume.db.data", Relation: graph.Mounts, Detail: "/var/lib/postgresql/data"},
		{From: "box.probe", To: "box.web", Relation: graph.Shares},
	} {
		g.AddEdge(e)
		g.AddEdge(e)
	}
	return g
}

// Each form of one graph is held to a file; `go test -update` writes them.
func TestForms(t *testing.T) {
	t.Parallel()
	for name, form := range map[string]func(graph.Graph) string{"txt": graph.Text, "dot": graph.DOT, "svg": graph.SVG} {
		got := form(shop())
		if again := form(shop()); again != got {
			t.Errorf("%s: two drawings of one graph differ", name)
		}
		file := "testdata/shop." + name
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
		}
	}
}

// Whatever a name holds, the forms stay what they are.
func FuzzForms(f *testing.F) {
	f.Add("web", `a"b\`, "</text><script>")
	f.Add("\x00", "\n", "]]>&")
	f.Fuzz(func(t *testing.T, project, name, detail string) {
		g := graph.Graph{Project: project}
		g.AddNode(graph.Node{ID: "box." + name, Kind: graph.Box, Name: name, Detail: detail, Count: 2})
		g.AddNode(graph.Node{ID: "volume", Kind: graph.Volume, Name: detail})
		for _, to := range []string{"volume", "box." + name, "nothing"} { // a circle, and what is not there
			g.AddEdge(graph.Edge{From: "box." + name, To: to, Relation: graph.Mounts, Detail: detail})
		}
		g.AddEdge(graph.Edge{From: "volume", To: "box." + name, Relation: graph.DependsOn})
		graph.Text(g)
		svg := xml.NewDecoder(strings.NewReader(graph.SVG(g)))
		depth := 0
		for {
			token, err := svg.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("no XML: %v", err)
			}
			switch e := token.(type) {
			case xml.StartElement:
				depth++
				if e.Name.Local == "script" {
					t.Error("a name became an element")
				}
			case xml.EndElement:
				depth--
			}
		}
		if depth != 0 {
			t.Errorf("%d elements are open", depth)
		}
		dot := graph.DOT(g)
		plain := strings.NewReplacer(`\\`, "", `\"`, "").Replace(dot)
		if strings.Count(plain, `"`)%2 != 0 {
			t.Errorf("quotes are open: %q", dot)
		}
	})
}
