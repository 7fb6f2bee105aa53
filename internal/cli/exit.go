package cli

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes/bootstrap"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// The exit codes (§4).
const (
	exitDone        = 0
	exitFailed      = 1
	exitChanges     = 2 // only with --detailed-exitcode
	exitInvalid     = 3 // Envfile or usage; not built yet
	exitUnreachable = 4
	exitRefused     = 5
	exitInterrupted = 130
	exitOwn         = 255 // of envy itself, where the other codes are the command's
)

var (
	errInterrupted = errors.New("interrupted")
	errChanges     = errors.New("there are changes")
	// errUnformatted ends fmt --check: the answer names the files.
	errUnformatted = errors.New("not in canonical style")
)

// usageError is a command line that cannot be understood.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

// notBuiltError is what envy will do one day.
type notBuiltError struct{ what, instead string }

func (e *notBuiltError) Error() string { return e.what + " is not built yet" }

// statusError is the exit code of a command that ran in a box; it says nothing by itself.
type statusError struct{ code int }

func (e *statusError) Error() string { return "" }

// ownError is a failure of envy where the exit code is a command's.
type ownError struct{ err error }

func (e *ownError) Error() string { return e.err.Error() }
func (e *ownError) Unwrap() error { return e.err }

// shownError is a problem that the command's answer has told already.
type shownError struct{ err error }

func (e *shownError) Error() string { return e.err.Error() }
func (e *shownError) Unwrap() error { return e.err }

// skippedError names what was not begun because something else failed; it stands beside that failure.
type skippedError struct{ names []string }

func (e *skippedError) Error() string { return "not begun: " + joined(e.names) }

// exitCodes is the one table from errors to exit codes; the first row that holds decides. Errors in the file come
// before refusals, and these before an engine that is not there (§9).
var exitCodes = []struct {
	name string
	is   func(error) bool
	code int
}{
	{"interrupted", isInterrupted, exitInterrupted},
	{"envy's own failure", is[*ownError], exitOwn},
	{"changes", func(err error) bool { return errors.Is(err, errChanges) }, exitChanges},
	{"diagnostics: invalid", hasClass(diag.Invalid), exitInvalid},
	{"usage", is[*usageError], exitInvalid},
	{"no such base image", is[*bootstrap.ReferenceError], exitInvalid},
	{"no mirror or keyring", is[*bootstrap.ConfigError], exitInvalid},
	{"no such help", is[cli.ExitCoder], exitInvalid},
	{"not built yet", is[*notBuiltError], exitInvalid},
	{"no such box", is[*provision.NoBoxError], exitInvalid},
	{"no such snapshot", is[*provision.NoSnapshotError], exitInvalid},
	{"no such provisioner", is[*provision.UnknownProvisionerError], exitInvalid},
	{"nothing of that name to prune", is[*provision.UnknownNameError], exitInvalid},
	{"a count for a box that is not meant", is[*provision.UnscaledError], exitInvalid},
	{"no Envfile", is[*hostfs.NotFoundError], exitInvalid},
	{"two Envfiles", is[*hostfs.BothError], exitInvalid},
	{"a file that is too large", is[*hostfs.TooLargeError], exitInvalid},
	{"a link out of its folder", is[*hostfs.OutsideError], exitInvalid},
	{"no regular file", func(err error) bool { return errors.Is(err, hostfs.ErrNotRegular) }, exitInvalid},
	{"a typed path that is not there", is[*typedPathError], exitInvalid},
	{"diagnostics: refused", hasClass(diag.Refused), exitRefused},
	{"a stranger's Envfile", is[*hostfs.RefusedError], exitRefused},
	{"refused", is[*provision.RefusedError], exitRefused},
	{"a stale plan", is[*provision.StalePlanError], exitRefused},
	{"declined", func(err error) bool { return errors.Is(err, provision.ErrDeclined) }, exitRefused},
	{"more would be lost than confirmed", is[*apply.MoreLostError], exitRefused},
	{"made by a newer envy", is[*resource.NewerSpecError], exitRefused},
	{"a snapshot of a newer envy", is[*resource.NewerSnapshotError], exitRefused},
	{"nobody to ask", func(err error) bool { return errors.Is(err, term.ErrNoTerminal) }, exitRefused},
	{"a plan with a refusal", func(err error) bool {
		var p *provision.ProblemsError
		return errors.As(err, &p) && p.Refused()
	}, exitRefused},
	{"not vouched for by a mirror", is[*bootstrap.UnverifiedError], exitRefused},
	{"engine not reachable", isUnreachable, exitUnreachable},
}

func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	var status *statusError
	if errors.As(err, &status) {
		return status.code
	}
	for _, row := range exitCodes {
		if row.is(err) {
			return row.code
		}
	}
	return exitFailed
}

func is[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

func hasClass(c diag.Class) func(error) bool {
	return func(err error) bool {
		list, ok := diag.FromError(err)
		return ok && list.Class() == c
	}
}

func isInterrupted(err error) bool {
	return errors.Is(err, errInterrupted) || errors.Is(err, context.Canceled)
}

// isUnreachable: one of several failures is enough, since which of them came first is chance.
func isUnreachable(err error) bool {
	return slices.ContainsFunc(parts(err), func(err error) bool { return driver.Is(err, driver.Unreachable) })
}

// typedPathError is a file or folder named on the command line that cannot be used.
type typedPathError struct {
	path string
	err  error
}

func (e *typedPathError) Error() string {
	var p *fs.PathError
	if errors.As(e.err, &p) {
		return e.path + ": " + p.Err.Error()
	}
	return e.err.Error()
}

func (e *typedPathError) Unwrap() error { return e.err }
