package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes/bootstrap"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

func TestExitCode(t *testing.T) {
	t.Parallel()
	unreachable := &driver.Error{Kind: driver.Unreachable, Op: "ping"}
	noRegistry := &driver.Error{Kind: driver.NoRegistry, Op: "pull"}
	problems := func(refused bool) error {
		return &provision.ProblemsError{Plan: &plan.Plan{Problems: []plan.Problem{{Summary: "x", Refused: refused}}}}
	}
	cases := []struct {
		err  error
		code int
		row  string // of the table; "" where none decides
	}{
		{nil, 0, ""},
		{errors.New("anything"), 1, ""},
		{&statusError{42}, 42, ""},
		{context.Canceled, 130, "interrupted"},
		{fmt.Errorf("pull: %w", errInterrupted), 130, "interrupted"},
		{&ownError{errInterrupted}, 130, "interrupted"},
		{&ownError{unreachable}, 255, "envy's own failure"},
		{errChanges, 2, "changes"},
		{diag.List{{Summary: "x"}}.Err(), 3, "diagnostics: invalid"},
		{errors.Join(unreachable, diag.List{{Summary: "x"}}.Err()), 3, "diagnostics: invalid"},
		{&usageError{}, 3, "usage"},
		{&bootstrap.ReferenceError{}, 3, "no such base image"},
		{&bootstrap.ConfigError{}, 3, "no mirror or keyring"},
		{fmt.Errorf("prepare: %w", &bootstrap.UnverifiedError{}), 5, "not vouched for by a mirror"},
		{cli.Exit("no help topic", 3), 3, "no such help"},
		{&notBuiltError{}, 3, "not built yet"},
		{&provision.NoBoxError{}, 3, "no such box"},
		{&provision.NoSnapshotError{}, 3, "no such snapshot"},
		{fmt.Errorf("snapshot: %w", &resource.NewerSnapshotError{}), 5, "a snapshot of a newer envy"},
		{&provision.SnapshotError{}, 1, ""},
		{&provision.UnknownProvisionerError{}, 3, "no such provisioner"},
		{&provision.UnknownNameError{}, 3, "nothing of that name to prune"},
		{&provision.UnscaledError{}, 3, "a count for a box that is not meant"},
		{&hostfs.NotFoundError{}, 3, "no Envfile"},
		{&hostfs.BothError{}, 3, "two Envfiles"},
		{&hostfs.TooLargeError{}, 3, "a file that is too large"},
		{&hostfs.OutsideError{}, 3, "a link out of its folder"},
		{&fs.PathError{Err: hostfs.ErrNotRegular}, 3, "no regular file"},
		{&typedPathError{"x", fs.ErrNotExist}, 3, "a typed path that is not there"},
		{diag.List{{Class: diag.Refused, Summary: "x"}}.Err(), 5, "diagnostics: refused"},
		{diag.List{{Class: diag.Failed, Summary: "x"}}.Err(), 1, ""},
		{&hostfs.RefusedError{}, 5, "a stranger's Envfile"},
		{&provision.RefusedError{}, 5, "refused"},
		{&provision.StalePlanError{}, 5, "a stale plan"},
		{provision.ErrDeclined, 5, "declined"},
		{&apply.Failure{Err: &apply.MoreLostError{}}, 5, "more would be lost than confirmed"},
		{&resource.NewerSpecError{}, 5, "made by a newer envy"},
		{term.ErrNoTerminal, 5, "nobody to ask"},
		{problems(true), 5, "a plan with a refusal"},
		{&shownError{problems(true)}, 5, "a plan with a refusal"},
		{problems(false), 1, ""},
		{unreachable, 4, "engine not reachable"},
		{&apply.Failure{Step: plan.Step{Op: plan.OpStart}, Err: unreachable}, 4, "engine not reachable"},
		{&apply.Failure{Step: plan.Step{Op: plan.OpPull}, Err: unreachable}, 4, "engine not reachable"},
		{&apply.Failure{Step: plan.Step{Op: plan.OpPull}, Err: noRegistry}, 1, ""},
		{errors.Join(&apply.Failure{Err: noRegistry}, &apply.Failure{Err: unreachable}), 4, "engine not reachable"},
		{&provision.StateError{}, 1, ""},
		{&provision.ExitedError{}, 1, ""},
	}
	decided := map[string]bool{}
	for _, tc := range cases {
		t.Run(fmt.Sprintf("%T %v", tc.err, tc.err), func(t *testing.T) {
			if got := exitCode(tc.err); got != tc.code {
				t.Errorf("exit code %d, want %d", got, tc.code)
			}
			row := ""
			for _, r := range exitCodes {
				if tc.err != nil && r.is(tc.err) {
					row = r.name
					break
				}
			}
			if row != tc.row {
				t.Errorf("row %q decides, want %q", row, tc.row)
			}
			decided[row] = true
		})
	}
	for _, r := range exitCodes {
		if !decided[r.name] {
			t.Errorf("no case is about %q", r.name)
		}
	}
}

func TestEveryErrorIsTold(t *testing.T) {
	t.Parallel()
	a := &app{}
	for _, err := range []error{
		&usageError{text: "x"}, &notBuiltError{what: "x"}, &provision.NoBoxError{}, &provision.NoBoxError{Name: "web", Known: []string{"db"}},
		&hostfs.NotFoundError{Looked: []string{"/x"}}, &hostfs.BothError{Dir: "/x"}, &hostfs.RefusedError{Path: "/x"},
		&hostfs.OutsideError{Path: "x", Tree: "/y"}, &provision.RefusedError{Text: "x:\nmore"}, &provision.StalePlanError{Difference: "x"},
		&provision.NoSnapshotError{Name: "a", Known: []string{"b"}}, &provision.SnapshotError{Text: "x"}, &resource.NewerSnapshotError{Version: 9},
		&provision.NotUndoneError{Err: errors.New("x")},
		&provision.StateError{Box: "web"}, &resource.NewerSpecError{Version: 9}, provision.ErrDeclined, errInterrupted, term.ErrNoTerminal,
		&driver.Error{Kind: driver.Unreachable, Text: "x"}, &apply.MoreLostError{Box: "web"}, &skippedError{[]string{"box.web"}},
		&typedPathError{"x", fs.ErrNotExist}, errors.New("x"),
	} {
		list := a.describe(err)
		if len(list) != 1 || list[0].Summary == "" {
			t.Errorf("%T: %+v", err, list)
			continue
		}
		if refused := exitCode(err) == exitRefused; refused != (list[0].Class == diag.Refused) {
			t.Errorf("%T: exit code %d and class %v say different things", err, exitCode(err), list[0].Class)
		}
	}
	for _, err := range []error{&statusError{3}, errChanges, errUnformatted, &shownError{errors.New("x")}} {
		if list := a.describe(err); len(list) != 0 {
			t.Errorf("%T is told though it only carries a code: %+v", err, list)
		}
	}
}

// A registry that refuses is one to log in at.
func TestLoginHint(t *testing.T) {
	t.Parallel()
	a := &app{}
	for _, tt := range []struct {
		op, object, want string
		kind             driver.Kind
	}{
		{"push", `image "127.0.0.1:5000/team/cache:1"`, "docker login 127.0.0.1:5000", driver.Denied},
		{"pull", `image "registry.example.com/x@sha256:0"`, "docker login registry.example.com", driver.Denied},
		{"pull", "image localhost/x", "docker login localhost", driver.Denied},
		{"look up", `image "team/x:1"`, "is its name right? Where its registry wants to know you: docker login", driver.Denied},
		{"pull", `image "debian:13"`, "is its name right? Where its registry wants to know you: docker login", driver.Denied},
		{"pull", `image "registry.example.com/x"`, "", driver.NotFound},
		{"start", `box "web"`, "", driver.Denied},
	} {
		err := fmt.Errorf("push x: %w", &driver.Error{Kind: tt.kind, Op: tt.op, Object: tt.object, Text: "no"})
		if list := a.describe(err); len(list) != 1 || list[0].Hint != tt.want {
			t.Errorf("%s %s: %+v", tt.op, tt.object, list)
		}
		f, ok := a.failure(&apply.Failure{Step: plan.Step{Op: plan.OpPull}, Err: err})
		if !ok || f.Hint != tt.want {
			t.Errorf("a step, %s %s: %+v", tt.op, tt.object, f)
		}
	}
}
