package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/view"
)

func (a *app) boxListCommand() *cli.Command {
	return a.command("list", "the boxes of the catalogue, and those that were added", "", func(ctx context.Context, c *cli.Context, s *session) error {
		if _, err := atMost(c, 0); err != nil {
			return err
		}
		return s.listBoxes(ctx)
	})
}

func (a *app) boxShowCommand() *cli.Command {
	return a.command("show", "what a definition says, and what it takes", "NAME|DIRECTORY|ADDRESS", func(ctx context.Context, c *cli.Context, s *session) error {
		names, err := atMost(c, 1)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return &usageError{text: "envy box show takes what `from` would say", hint: "envy box show go"}
		}
		return s.showBox(ctx, names[0])
	})
}

// definitionsJSON is the document of box list and box show.
type definitionsJSON struct {
	Format  string           `json:"format"` // "envy.boxes"
	Version int              `json:"version"`
	Boxes   []definitionJSON `json:"boxes"`
}

type definitionJSON struct {
	Name      string         `json:"name"`
	File      string         `json:"file"` // as messages call it
	About     string         `json:"about"`
	Versions  []string       `json:"versions"` // those that a constraint chooses from
	Variables []variableJSON `json:"variables"`
	Text      string         `json:"text,omitempty"`  // of box show: box.hcl
	Added     *addedJSON     `json:"added,omitempty"` // of one that was added
}

type variableJSON struct {
	Name        string `json:"name"`
	Type        string `json:"type,omitempty"` // absent: any
	Description string `json:"description,omitempty"`
	Default     string `json:"default,omitempty"` // as written; absent: one must be given
}

// describeBox reads what a definition says.
func describeBox(ctx context.Context, f config.Definitions, name string) (definitionJSON, []byte, error) {
	def, err := f.Definition(ctx, name, nil)
	var known *config.DefinitionError
	if errors.As(err, &known) {
		return definitionJSON{}, nil, diag.List{{Class: known.Class, Summary: known.Summary, Detail: known.Detail, Hint: known.Hint}}.Err()
	}
	if err != nil {
		return definitionJSON{}, nil, err
	}
	doc, list := config.Describe(ctx, def)
	if err := list.Err(); err != nil {
		return definitionJSON{}, nil, err
	}
	d := definitionJSON{Name: name, File: def.File, About: doc.About, Versions: append([]string{}, doc.Versions...), Variables: []variableJSON{}}
	for _, v := range doc.Variables {
		d.Variables = append(d.Variables, variableJSON(v))
	}
	return d, def.Data, nil
}

func (s *session) listBoxes(ctx context.Context) error {
	document := definitionsJSON{Format: "envy.boxes", Version: resultVersion, Boxes: []definitionJSON{}}
	t := view.Table{Header: []string{"BOX", "VERSIONS", "SIZE", ""}}
	have, err := s.stored()
	if err != nil {
		return err
	}
	added, broken := have.all()
	finder := &boxes.Finder{Archives: s.archives(have.caller)}
	names := boxes.Names()
	for _, b := range added {
		names = append(names, b.Name)
	}
	for i, name := range names {
		d, _, err := describeBox(ctx, finder, name)
		if err != nil {
			broken = errors.Join(broken, err)
			continue
		}
		about, size := shortly(d.About), ""
		if n := i - len(boxes.Names()); n >= 0 {
			d.Added = added[n].json()
			about, size = "added from "+view.Line(added[n].Source), view.Bytes(added[n].Head.Image())
		}
		document.Boxes = append(document.Boxes, d)
		t.Rows = append(t.Rows, []view.Cell{{Text: name}, {Text: strings.Join(d.Versions, ", ")}, {Text: size}, {Text: about}})
	}
	switch s.g.format {
	case view.JSON:
		err = s.view.JSON(document)
	case view.Quiet:
		err = s.view.Out.Print(s.view.Out.Text().Add(strings.Join(names, "\n"), "\n"))
	default:
		err = s.view.Out.Table(t)
	}
	return errors.Join(err, broken)
}

// shortly is the first sentence.
func shortly(about string) string {
	first, _, _ := strings.Cut(about, ". ")
	return strings.TrimSuffix(first, ".")
}

// typedFinder finds what was typed, which needs no other leave.
func (s *session) typedFinder(name string) (*boxes.Finder, error) {
	caller, err := s.callerHere()
	if err != nil {
		return nil, err
	}
	finder := &boxes.Finder{Git: s.fetchGit(caller), Registry: s.fetchBox(caller), Web: s.fetchWeb(caller), Archives: s.archives(caller)}
	if strings.HasPrefix(name, ".") { // relative to the Envfile
		p, err := s.open()
		if err != nil {
			return nil, err
		}
		finder = s.newFinder(p)
	}
	finder.Trusts = func(config.GateEntry) bool { return true }
	return finder, nil
}

func (s *session) showBox(ctx context.Context, name string) error {
	finder, err := s.typedFinder(name)
	if err != nil {
		return err
	}
	d, text, err := describeBox(ctx, finder, name)
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	switch s.g.format {
	case view.JSON:
		d.Text = string(text)
		return s.view.JSON(definitionsJSON{Format: "envy.boxes", Version: resultVersion, Boxes: []definitionJSON{d}})
	case view.Quiet:
		return s.view.Out.Print(s.view.Out.Text().Add(string(text)))
	}
	if len(d.Variables) > 0 {
		t := view.Table{Header: []string{"VARIABLE", "TYPE", "DEFAULT", ""}}
		for _, v := range d.Variables {
			t.Rows = append(t.Rows, []view.Cell{{Text: v.Name}, {Text: v.Type}, {Text: v.Default}, {Text: v.Description}})
		}
		if err := s.view.Out.Table(t); err != nil {
			return err
		}
	}
	return s.view.Out.Print(s.view.Out.Text().Add("\n", string(text)))
}
