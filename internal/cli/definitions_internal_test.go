package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
)

// TestOpenOutside: what was allowed is a directory, not what stands in its place by the time it is opened.
func TestOpenOutside(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	there, secret := filepath.Join(dir, "common"), filepath.Join(dir, "secret")
	for _, d := range []string{there, secret} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := &session{}
	tree, err := s.openOutside(there)
	if err != nil || len(s.closers) != 1 {
		t.Fatal(tree, err)
	}
	if err := errors.Join(os.Remove(there), os.Symlink(secret, there)); err != nil {
		t.Fatal(err)
	}
	tree, err = s.openOutside(there)
	var refused *config.DefinitionError
	if !errors.As(err, &refused) || refused.Class != diag.Refused {
		t.Errorf("%v %v", tree, err)
	}
	if len(s.closers) != 1 {
		t.Error("it is still open")
	}
}
