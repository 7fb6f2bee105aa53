package cli

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/pagetest"
)

//go:generate go test -run TestReferencePage . -update

var update = flag.Bool("update", false, "write the lists of docs/commands.md")

// TestReferencePage holds the lists of docs/commands.md to the table of commands, or writes them with -update.
func TestReferencePage(t *testing.T) {
	const page = "../../docs/commands.md"
	text := pagetest.Hold(t, page, referenceLists(), *update)
	for _, row := range exitCodes {
		if !strings.Contains(text, fmt.Sprintf("\n| %d |", row.code)) && row.code != exitOwn {
			t.Errorf("%s has no row for exit code %d (%s)", page, row.code, row.name)
		}
	}
}

// referenceLists are the generated parts of the page, by their marks.
func referenceLists() map[string]string {
	var commands, absent strings.Builder
	list := func(words string, all []*cli.Command) {
		for _, c := range all {
			if c.Hidden || len(c.Subcommands) > 0 {
				continue
			}
			fmt.Fprintf(&commands, "### `%s`\n\n%s.\n\n", strings.TrimSpace(words+c.Name+" "+c.ArgsUsage), strings.ToUpper(c.Usage[:1])+c.Usage[1:])
			if len(c.Flags) > 0 {
				commands.WriteString(flagTable(c.Flags) + "\n")
			}
		}
	}
	list("envy ", (&app{}).commands())
	for _, c := range (&app{}).commands() {
		list("envy "+c.Name+" ", c.Subcommands)
	}
	absent.WriteString("| command | until then |\n|---|---|\n")
	var names []string
	all := notBuilt()
	for i, n := range all {
		names = append(names, "`"+n.name+"`")
		if i+1 < len(all) && all[i+1].instead == n.instead {
			continue
		}
		fmt.Fprintf(&absent, "| %s | %s |\n", strings.Join(names, ", "), n.instead)
		names = nil
	}
	return map[string]string{"commands": commands.String(), "flags": flagTable(globalFlags()), "not built": absent.String()}
}

func flagTable(flags []cli.Flag) string {
	var s strings.Builder
	s.WriteString("| flag | |\n|---|---|\n")
	for _, f := range flags {
		var names []string
		for _, n := range f.Names() {
			names = append(names, dashed(n))
		}
		about, value := "", ""
		if d, ok := f.(cli.DocGenerationFlag); ok {
			about = d.GetUsage()
			if d.TakesValue() {
				value = " VALUE"
			}
			// The flag library takes the value's name from backquotes in the usage.
			if _, rest, ok := strings.Cut(about, "`"); ok {
				name, _, _ := strings.Cut(rest, "`")
				value = " " + name
			}
			about = strings.ReplaceAll(about, "`", "")
			if text := d.GetDefaultText(); text != "" && d.TakesValue() {
				about += " (default: " + strings.Trim(text, `"`) + ")"
			}
		}
		fmt.Fprintf(&s, "| `%s%s` | %s |\n", strings.Join(names, "`, `"), value, about)
	}
	return s.String()
}
