package driver

import (
	"errors"
	"fmt"
	"strconv"
)

// Kind classifies what an engine answered. Nobody above the driver sees an engine's own error types or texts.
type Kind int

// The kinds of error.
const (
	Failed      Kind = iota // the engine tried and could not
	NotFound                // no such object, or one that is on its way out
	Conflict                // somebody else was first, or the name is taken
	Unreachable             // no answer from the engine
	NoRegistry              // the engine gets no answer from a registry
	Denied                  // not allowed
	Invalid                 // the engine refuses the configuration
	NotRunning              // the box does not run
	PortTaken               // a host port is in use
	Unsupported             // this engine cannot do it
	NoSpace                 // the engine's disk is full
)

// Error is an engine's failure: Op and Object say what was tried ("start", `box "web"`), Text the engine's own words.
type Error struct {
	Kind   Kind
	Op     string
	Object string
	Text   string
	Err    error
}

func (e *Error) Error() string {
	switch {
	case e.Object == "" && e.Op == "":
		return e.Text
	case e.Object == "":
		return fmt.Sprintf("%s: %s", e.Op, e.Text)
	}
	return fmt.Sprintf("%s %s: %s", e.Op, e.Object, e.Text)
}

// Unwrap gives the cause, which may be a context's error.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether err is an engine error of that kind.
func Is(err error, k Kind) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == k
}

func itoa(n int) string { return strconv.Itoa(n) }
