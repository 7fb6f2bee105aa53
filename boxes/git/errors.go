package git

import (
	"context"
	"errors"
	"fmt"
)

// Kind says what kind of failure an error is.
type Kind int

// The kinds. The zero value is none of them.
const (
	NotFound    Kind = iota + 1 // repository, reference, version or directory
	Unreachable                 // nobody answers, or not to its end
	Denied                      // who asks may not, or the host is not who it should be
	Changed                     // it is no longer what was locked
	TooLarge                    // it is above a limit
	Invalid                     // it is no repository, or one that is refused
)

// Error is a failure of a fetch. Its texts may quote the other side, as it is.
type Error struct {
	Kind    Kind
	Source  string   // without user info
	Summary string   // what is wrong, without the source
	Hint    string   // what to do, "" where nothing is known
	Nearest []string // of NotFound: references or versions that are there, best first
	Err     error    // the cause, if there is one
}

func (e *Error) Error() string {
	s := e.Source + ": " + e.Summary
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

func fail(k Kind, err error, format string, args ...any) *Error {
	return &Error{Kind: k, Summary: fmt.Sprintf(format, args...), Err: err}
}

func (e *Error) hint(s string) *Error {
	e.Hint = s
	return e
}

// classed makes any error one of this package's: of an end of ctx, that; else that nobody answered.
func classed(ctx context.Context, err error, what string) *Error {
	e, ours := errors.AsType[*Error](err)
	cause := context.Cause(ctx)
	switch {
	case ours && (cause == nil || e.Kind != Unreachable):
		return e
	case errors.Is(cause, context.DeadlineExceeded):
		return fail(Unreachable, cause, "it did not answer in time")
	case cause != nil:
		return fail(Unreachable, cause, "broken off")
	}
	return fail(Unreachable, err, "%s", what)
}
