package boxes

import (
	"errors"
	"fmt"
	"path"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

// outside is a definition in a directory outside the checkout, which somebody must have allowed. It stays in that
// directory, and sees nothing of the project.
func (f *Finder) outside(ref, dir string) (*config.Definition, error) {
	asks := config.GateEntry{Kind: config.GateDefinition, Reaches: dir, What: fmt.Sprintf("the definition in %q is read, which lies outside the project", dir)}
	if f.Outside == nil {
		return nil, &config.DefinitionError{Summary: fmt.Sprintf("the definition %s lies outside the checkout", shorten(ref))}
	}
	if f.Trusts == nil || !f.Trusts(asks) {
		return nil, &config.UntrustedError{Asks: asks}
	}
	tree, err := f.Outside(dir)
	if known := (*config.DefinitionError)(nil); errors.As(err, &known) {
		return nil, known
	}
	if err != nil {
		return nil, &config.DefinitionError{Class: diag.Failed, Summary: fmt.Sprintf("%s: %v", shorten(ref), err)}
	}
	return read(tree, &config.Definition{
		ID: "directory " + dir, Tree: tree, Content: tree, Place: dir, Folder: ".", File: path.Join(ref, config.DefinitionFile), Asks: &asks,
		Unquoted: true,
	})
}
