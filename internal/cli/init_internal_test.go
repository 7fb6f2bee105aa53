package cli

import (
	"testing"

	"github.com/envyhq/envy/boxes"
)

// TestReadOnce: a definition that init takes is read once, and what it is made from is not taken for it.
func TestReadOnce(t *testing.T) {
	known := &readOnce{from: &boxes.Finder{}}
	first, err := known.Definition(t.Context(), "go", nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := known.Definition(t.Context(), "go", nil); err != nil || again != first {
		t.Error("read again", err)
	}
	if other, err := known.Definition(t.Context(), "go", first); err != nil || other == first {
		t.Error(other, err)
	}
	if _, err := known.Definition(t.Context(), "nothing", nil); err == nil {
		t.Error("there is nothing")
	}
}
