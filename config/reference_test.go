package config

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/envyhq/envy/internal/pagetest"
)

//go:generate go test -run TestReferencePage . -update

var update = flag.Bool("update", false, "write the tables of docs/envfile.md")

// TestReferencePage holds the tables of docs/envfile.md to the schema, or writes them with -update.
func TestReferencePage(t *testing.T) {
	pagetest.Hold(t, "../docs/envfile.md", referenceTables(), *update)
}

// referenceTables are the generated parts of the page, by their marks.
func referenceTables() map[string]string {
	var blocks strings.Builder
	var later []string
	for _, b := range Reference() {
		if b.NotBuilt {
			later = append(later, b.Name)
			continue
		}
		blocks.WriteString(blockTables(b, ""))
	}
	fmt.Fprintf(&blocks, "Blocks of the top level that are not built yet are refused by name: `%s`.\n", strings.Join(later, "`, `"))
	return map[string]string{"blocks": blocks.String(), "functions": wrapWords(FunctionNames(), 120)}
}

// blockTables is the section of a block, with one for each block inside it.
func blockTables(b BlockDoc, inside string) string {
	var s strings.Builder
	title := b.Name
	if b.Label != "" {
		title += ` "` + strings.ToUpper(b.Label) + `"`
	}
	if inside != "" {
		fmt.Fprintf(&s, "#### `%s` in `%s`\n\n", title, inside)
	} else {
		fmt.Fprintf(&s, "### `%s`\n\n", title)
	}
	if b.NotBuilt {
		s.WriteString("Not built yet; refused by name.\n\n")
		return s.String()
	}
	s.WriteString(sentence(b.Doc) + "\n\n")
	if len(b.Attributes) > 0 {
		s.WriteString("| attribute | type | default | |\n|---|---|---|---|\n")
	}
	for _, a := range b.Attributes {
		about := a.Doc
		switch {
		case a.NotBuilt:
			about += " (not built yet; refused by name)"
		case a.Required:
			about += " (required)"
		}
		fmt.Fprintf(&s, "| `%s` | %s | %s | %s |\n", a.Name, a.Type, a.Default, about)
	}
	if len(b.Attributes) > 0 {
		s.WriteString("\n")
	}
	for _, c := range b.Blocks {
		s.WriteString(blockTables(c, b.Name))
	}
	return s.String()
}

func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// wrapWords sets words as code in lines of some width.
func wrapWords(words []string, width int) string {
	var s strings.Builder
	line := ""
	for _, w := range words {
		w = "`" + w + "`"
		if line != "" && len(line)+1+len(w) > width {
			s.WriteString(line + "\n")
			line = ""
		}
		line = strings.TrimSpace(line + " " + w)
	}
	return s.String() + line + "\n"
}
