package provision

import (
	"errors"
	"fmt"
	"strings"

	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// ErrDeclined is a plan that was not confirmed (exit 5).
var ErrDeclined = errors.New("declined; nothing was changed")

// RefusedError is what envy will not do unasked (exit 5). Hint is what to type.
type RefusedError struct{ Text, Hint string }

func (e *RefusedError) Error() string { return e.Text }

// Moved refuses a path that leads elsewhere by now than when it was looked at, and was trusted or found to be inside.
func Moved(what, path, leads string) error {
	return &RefusedError{
		Text: fmt.Sprintf("%s: %s leads to %s by now; it was replaced since it was looked at", what, path, leads),
		Hint: "look at what replaced it, a box maybe; the next envy up asks about what it finds",
	}
}

// ProblemsError is a plan that cannot be applied: a taken name, a port clash, a newer label.
type ProblemsError struct{ Plan *plan.Plan }

func (e *ProblemsError) Error() string {
	var parts []string
	for _, p := range e.Plan.Problems {
		parts = append(parts, p.Summary)
	}
	return strings.Join(parts, "; ")
}

// Refused reports whether one of the problems is a refusal (exit 5) rather than a failure.
func (e *ProblemsError) Refused() bool {
	for _, p := range e.Plan.Problems {
		if p.Refused {
			return true
		}
	}
	return false
}

// NoBoxError is a name that no box has (exit 3).
type NoBoxError struct {
	Name       string
	Suggestion string
	Known      []string
}

func (e *NoBoxError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("there is no box %q: nothing is up in this checkout", e.Name)
	}
	return fmt.Sprintf("there is no box %q", e.Name)
}

// StateError is a box that is not in a state for what was asked.
type StateError struct {
	Box   string
	State resource.State
	Hint  string
}

func (e *StateError) Error() string { return fmt.Sprintf("box %q is %s", e.Box, e.State) }
