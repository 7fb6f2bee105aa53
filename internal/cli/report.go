package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/apply"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// report tells of whatever ended a command: failures of steps, then all else in one form.
func (a *app) report(err error) {
	if a.session != nil {
		defer a.session.close() // the Envfile is still to be quoted
		_ = a.session.settle()
	}
	var failures []view.Failure
	var list diag.List
	for _, e := range parts(err) {
		if f, ok := a.failure(e); ok {
			failures = append(failures, f)
			continue
		}
		list = append(list, a.describe(e)...)
	}
	// A stream that is gone hears nothing of it either.
	_ = a.screen().Failures(failures)
	_ = a.screen().Diagnostics(list)
}

// parts takes joined errors apart.
func parts(err error) []error {
	if inner := (*ownError)(nil); errors.As(err, &inner) {
		err = inner.err
	}
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, parts(e)...)
	}
	return out
}

// describe makes diagnostics of an error that is no joined one.
func (a *app) describe(err error) diag.List {
	if silent(err) {
		return nil
	}
	if list, ok := diag.FromError(err); ok {
		return list
	}
	if problems := (*provision.ProblemsError)(nil); errors.As(err, &problems) {
		return a.problems(problems.Plan.Problems)
	}
	for _, describe := range []func(error) (diag.Diagnostic, bool){own, ofBootstrap, ofHost, ofSnapshots, ofUseCase, ofApply, ofEngine} {
		if d, ok := describe(err); ok {
			return diag.List{d}
		}
	}
	return diag.List{{Class: diag.Failed, Summary: err.Error()}}
}

// silent are errors that only carry an exit code.
func silent(err error) bool {
	return is[*statusError](err) || is[*shownError](err) || errors.Is(err, errChanges) || errors.Is(err, errUnformatted)
}

// own are the command line's own errors.
func own(err error) (d diag.Diagnostic, ok bool) {
	var usage *usageError
	var notBuilt *notBuiltError
	var path *typedPathError
	switch {
	case isInterrupted(err):
		return diag.Diagnostic{Class: diag.Failed, Summary: "interrupted"}, true
	case errors.As(err, &usage):
		return diag.Diagnostic{Summary: usage.text, Hint: usage.hint}, true
	case errors.As(err, &notBuilt):
		return diag.Diagnostic{Summary: notBuilt.Error(), Hint: notBuilt.instead}, true
	case errors.As(err, &path):
		return diag.Diagnostic{Summary: path.Error()}, true
	case is[cli.ExitCoder](err): // of the flag library's help
		return diag.Diagnostic{Summary: err.Error()}, true
	case errors.Is(err, term.ErrNoTerminal):
		return diag.Diagnostic{Class: diag.Refused, Summary: "there is no terminal to ask at"}, true
	}
	return d, false
}

// ofHost are errors of finding and reading the Envfile.
func ofHost(err error) (d diag.Diagnostic, ok bool) {
	var none *hostfs.NotFoundError
	var both *hostfs.BothError
	var foreign *hostfs.RefusedError
	var outside *hostfs.OutsideError
	switch {
	case errors.As(err, &none):
		return diag.Diagnostic{
			Summary: "there is no Envfile here, nor in a folder above", Detail: "looked in " + strings.Join(none.Looked, ", "),
			Hint: "envy init writes one; -C and --file say where one is",
		}, true
	case errors.As(err, &both):
		return diag.Diagnostic{Summary: both.Error(), Hint: "keep one of them, or say which with --file"}, true
	case errors.As(err, &foreign):
		return diag.Diagnostic{
			Class: diag.Refused, Summary: foreign.Error(),
			Detail: "A file above the working directory could have been put there by anybody.", Hint: "go to its folder, or name it with --file",
		}, true
	case errors.As(err, &outside):
		return diag.Diagnostic{Summary: outside.Error(), Hint: "the Envfile and the files beside it must be in their own folder"}, true
	case errors.Is(err, hostfs.ErrNotRegular):
		return diag.Diagnostic{Summary: err.Error()}, true
	case hostfs.IsFull(err):
		return diag.Diagnostic{Class: diag.Failed, Summary: err.Error(), Hint: "make room on this machine's disk; what stood in the file before stands there still"}, true
	}
	return d, false
}

// ofUseCase are refusals and mistakes that the use cases find.
func ofUseCase(err error) (d diag.Diagnostic, ok bool) {
	var refused *provision.RefusedError
	var noBox *provision.NoBoxError
	var unscaled *provision.UnscaledError
	var noProvisioner *provision.UnknownProvisionerError
	var unknown *provision.UnknownNameError
	var state *provision.StateError
	var stale *provision.StalePlanError
	var copied *provision.CopyError
	var newer *resource.NewerSpecError
	switch {
	case errors.As(err, &refused):
		summary, detail, _ := strings.Cut(refused.Text, "\n")
		return diag.Diagnostic{Class: diag.Refused, Summary: strings.TrimSuffix(summary, ":"), Detail: detail, Hint: refused.Hint}, true
	case errors.As(err, &noBox):
		return noSuchBox(noBox), true
	case errors.As(err, &unscaled):
		return diag.Diagnostic{Summary: err.Error(), Hint: "name it too: envy up --scale " + fmt.Sprintf("%s=%d %s", unscaled.Box, unscaled.Count, unscaled.Box)}, true
	case errors.As(err, &noProvisioner):
		return diag.Diagnostic{Summary: err.Error(), Hint: "--only takes the labels of provision blocks of the boxes that are meant"}, true
	case errors.As(err, &unknown):
		return diag.Diagnostic{Summary: unknown.Text, Hint: unknown.Hint}, true
	case errors.As(err, &state):
		return diag.Diagnostic{Class: diag.Failed, Summary: state.Error(), Hint: state.Hint}, true
	case errors.As(err, &copied):
		return diag.Diagnostic{Class: diag.Failed, Summary: copied.Error(), Hint: copied.Hint}, true
	case errors.As(err, &stale):
		return diag.Diagnostic{Class: diag.Refused, Summary: stale.Error(), Detail: "Nothing was changed.", Hint: "look at a new one: envy plan --out FILE; up takes the same boxes and flags as plan did"}, true
	case errors.Is(err, provision.ErrDeclined):
		return diag.Diagnostic{Class: diag.Refused, Summary: err.Error()}, true
	case errors.As(err, &newer):
		return diag.Diagnostic{Class: diag.Refused, Summary: err.Error(), Hint: "use that envy, or a newer one"}, true
	}
	return d, false
}

func noSuchBox(e *provision.NoBoxError) diag.Diagnostic {
	d := diag.Diagnostic{Summary: e.Error(), Hint: "envy up makes the boxes of the Envfile"}
	switch {
	case e.Name == "":
		d.Summary = "no box is up in this checkout"
	case e.Suggestion != "":
		d.Hint = fmt.Sprintf("did you mean %s?", e.Suggestion)
	case len(e.Known) > 0:
		d.Hint = "there are: " + strings.Join(e.Known, ", ")
	}
	return d
}

// ofApply is what a plan's execution says beside the failures of steps.
func ofApply(err error) (d diag.Diagnostic, ok bool) {
	var more *apply.MoreLostError
	var left *skippedError
	switch {
	case errors.As(err, &more):
		return diag.Diagnostic{
			Class: diag.Refused, Summary: more.Error(), Detail: "The box was started again; nothing is lost.", Hint: "look at what changed, then try again",
		}, true
	case errors.As(err, &left):
		const most = 10
		names, rest := left.names, ""
		if n := len(names) - most; n > 0 {
			names, rest = names[:most], fmt.Sprintf(" and %d more", n)
		}
		return diag.Diagnostic{
			Severity: diag.Warning, Summary: "not begun: " + joined(names) + rest,
			Hint: "what was done stays; the next envy up goes on from there",
		}, true
	}
	return d, false
}

// failure is a step that failed: it points at the line that asked for it, and shows what the box printed last. false for
// other errors, and for those that are refusals rather than failures.
func (a *app) failure(err error) (f view.Failure, ok bool) {
	var step *apply.Failure
	var exited *provision.ExitedError
	var unlocked *provision.UnlockedError
	var origin resource.Origin
	switch {
	case is[*apply.MoreLostError](err) || isInterrupted(err):
		return f, false
	case errors.As(err, &step):
		f = view.Failure{Text: fmt.Sprintf("%s: %s", stepName(step.Step), causeOf(step.Err)), Lines: failureLines(step)}
		if refused := (*provision.RefusedError)(nil); errors.As(step.Err, &refused) {
			f.Hint = refused.Hint
		}
		if base := (*provision.BaseError)(nil); errors.As(step.Err, &base) {
			f.Hint = fmt.Sprintf("envy box bootstrap %s makes it from packages; envy up --bootstrap does where it cannot be pulled", base.Reference)
		}
		origin = step.Step.Origin
		switch {
		case isUnreachable(step):
			f.Hint = "see to the engine; once it answers, the same command goes on from there"
		case driver.Is(step, driver.NoSpace):
			f.Hint = roomHint
		case loginHint(step) != "":
			f.Hint = loginHint(step)
		case step.Step.Op == plan.OpPull && a.lockedImage(step.Step.Address.Name) != "":
			f.Hint = "the lock holds it to that digest; envy lock --upgrade " + a.lockedImage(step.Step.Address.Name) + " takes what there is now"
		case lockedPackages(step):
			f.Hint = "the lock holds packages to their versions; where the mirror has one no more: envy lock --upgrade " + step.Step.Image.Spec.Reference
		}
	case errors.As(err, &unlocked):
		f = view.Failure{
			Text: fmt.Sprintf("image %s is not locked: %s", unlocked.Reference, causeOf(unlocked.Err)),
			Hint: "once its registry can be asked: envy lock",
		}
		origin = unlocked.Origin
	case errors.As(err, &exited):
		f = view.Failure{Text: exited.Error(), Lines: exited.Logs, Hint: "all that it printed: envy logs " + exited.Box}
		origin = exited.Origin
	default:
		return f, false
	}
	var at diag.Diagnostic
	a.pointAt(&at, origin)
	f.Place, f.Excerpt = origin.String(), at.Excerpt
	return f, true
}

// lockedImage is the reference under which a pinned image stands in the lock; "" for one that does not.
func (a *app) lockedImage(pinned string) string {
	reference, digest, _ := strings.Cut(pinned, "@")
	if a.session == nil || digest == "" {
		return ""
	}
	if i, ok := a.session.lockFiles.obeyed(false).FindImage(reference); !ok || i.Digest != digest {
		return ""
	}
	return reference
}

// lockedPackages reports a package step that was held to versions.
func lockedPackages(f *apply.Failure) bool {
	var build *driver.BuildError
	return f.Step.Op == plan.OpBuildLayers && f.Step.Image != nil && len(f.Step.Image.Versions) > 0 && errors.As(f.Err, &build) && build.Part == "packages"
}

// roomHint names no command that would take stopped boxes or volumes away.
const roomHint = "docker system df tells what takes it up; docker builder prune and docker image prune give back what nobody uses; the same command then goes on from there"

// stepName is what was tried, as people say it.
func stepName(s plan.Step) string {
	what := fmt.Sprintf("%s %q", s.Address.Kind, strings.TrimPrefix(s.Address.Box+"."+s.Address.Name, "."))
	if s.Address.Name == "" {
		what = fmt.Sprintf("%s %q", s.Address.Kind, s.Address.Box)
	}
	switch s.Op {
	case plan.OpCreateBox, plan.OpCreateNetwork, plan.OpCreateVolume:
		return "create " + what
	case plan.OpRemoveNetwork, plan.OpRemoveVolume:
		return "remove " + what
	case plan.OpBuild:
		return "build the image of " + what
	case plan.OpBuildLayers:
		return "add packages and setups for " + what
	case plan.OpClaim:
		return "claim the project's name"
	case plan.OpProvision:
		return what
	case plan.OpWaitHealthy, plan.OpWaitExit:
		return "wait for " + what
	}
	return strings.ReplaceAll(string(s.Op), "-", " ") + " " + what
}

// causeOf is an error without what the step's name says already.
func causeOf(err error) string {
	var e *driver.Error
	if errors.As(err, &e) && e.Text != "" {
		return e.Text
	}
	return err.Error()
}

// failureLines are the last lines that help to understand a failure.
func failureLines(f *apply.Failure) []string {
	var build *driver.BuildError
	var script *driver.ScriptError
	switch {
	case errors.As(f.Err, &build) && len(build.Lines) > 0:
		return append([]string{build.Step}, build.Lines...)
	case errors.As(f.Err, &script) && len(f.Logs) == 0 && script.Output != "":
		return strings.Split(strings.TrimRight(script.Output, "\n"), "\n")
	}
	return f.Logs
}

// ofEngine are an engine's errors outside any step.
func ofEngine(err error) (d diag.Diagnostic, ok bool) {
	var e *driver.Error
	if !errors.As(err, &e) {
		return d, false
	}
	d = diag.Diagnostic{Class: diag.Failed, Summary: err.Error()}
	switch e.Kind {
	case driver.Unreachable:
		d.Hint = "DOCKER_HOST, DOCKER_CONTEXT and --context say which engine is meant"
	case driver.NoSpace:
		d.Hint = roomHint
	case driver.Denied:
		d.Hint = loginHint(err)
	}
	return d, true
}

// problems are what stops a plan before anything is done.
func (a *app) problems(problems []plan.Problem) diag.List {
	var list diag.List
	for _, p := range problems {
		d := diag.Diagnostic{Class: diag.Failed, Summary: p.Summary, Detail: p.Detail, Hint: p.Hint}
		if p.Refused {
			d.Class = diag.Refused
		}
		a.pointAt(&d, p.Origin)
		list = append(list, d)
	}
	return list
}

// pointAt gives a diagnostic the line that asked for what failed, with its text.
func (a *app) pointAt(d *diag.Diagnostic, o resource.Origin) {
	if o.File == "" {
		return
	}
	at := diag.Pos{Line: max(o.Line, 1), Column: 1}
	d.Range = diag.Range{File: o.File, Start: at, End: at}
	if a.session == nil || a.session.place == nil || o.File != a.session.place.checkout.Name() && o.File != hostfs.EnvfileLocal {
		return
	}
	data, err := a.session.place.read(o.File)
	if err != nil {
		return // it went meanwhile: the line's number has to do
	}
	rows := strings.Split(string(data), "\n")
	if at.Line > len(rows) {
		return
	}
	row := strings.TrimRight(rows[at.Line-1], "\r")
	d.Excerpt = row
	d.Range.Start.Column = 1 + len(row) - len(strings.TrimLeft(row, " \t"))
	d.Range.End.Column = 1 + len([]rune(row))
}
