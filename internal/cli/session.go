package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
	"github.com/envyhq/envy/provision/timing"
)

// globals are the flags of every command.
type globals struct {
	file, dir, context        string
	yes, debug, quiet, locked bool
	format                    view.Format
	vars, varFiles            []string
}

// session is one command that runs: what it was told, and what it has opened so far.
type session struct {
	app       *app
	g         globals
	streams   *term.Streams
	view      *view.View
	place     *place
	engine    driver.Engine
	about     resource.Engine // once it was pinged
	progress  *view.Progress
	unlock    func() error  // gives the lock back early
	waited    bool          // for another envy in this checkout: what was read may be old
	boxes     []*config.Box // of the Envfile, where check could read it
	trust     *trustStore   // once the gate was asked
	loaded    *provision.Project
	packed    *boxes.Archives  // once a definition was looked for
	finder    *boxes.Finder    // once definitions were looked for
	lockFiles lockFiles        // as read with it
	renews    bool             // a lock that cannot be read counts as none: it is written anew
	pushed    []lock.Image     // to the team's cache, by the recipe's tag
	muted     bool             // what is wrong with the Envfile was told
	scale     map[string]int   // counts that were typed, by box
	times     *timing.Recorder // with --timings
	began     time.Time
	offline   bool // nothing is fetched: the command needs the Envfile for a warning only
	closers   []func() error
}

// begin reads the global flags.
func (a *app) begin(c *cli.Context) (*session, error) {
	g := globals{
		file: c.String("file"), dir: a.m.Dir, context: c.String("context"), yes: c.Bool("yes"), debug: c.Bool("debug"),
		quiet: c.Bool("quiet"), locked: c.Bool("locked"), vars: c.StringSlice("var"), varFiles: c.StringSlice("var-file"),
	}
	var err error
	if g.format, err = view.ParseFormat(formatOf(c)); err != nil {
		return nil, &usageError{text: err.Error()}
	}
	switch {
	case g.quiet && g.format != view.JSON:
		g.format = view.Quiet
	case g.debug && g.format == view.Human:
		g.format = view.Plain // calls are told line by line, which live progress would draw over
	}
	a.streams = a.m.Streams(c.Bool("no-color"))
	a.view = view.New(a.streams, g.format)
	if d := c.String("C"); d != "" {
		g.dir = inDir(a.m.Dir, d)
	}
	if g.file == "" {
		g.file = a.getenv("ENVY_FILE")
	}
	if g.file != "" {
		g.file = inDir(g.dir, g.file)
	}
	a.session = &session{app: a, g: g, streams: a.streams, view: a.view, began: a.m.Now()}
	return a.session, nil
}

// formatOf is the value of --format. A command may have a flag of that name for more than there is elsewhere; what is its own alone
// says nothing of how it speaks.
func formatOf(c *cli.Context) string {
	own := c.Command != nil && find(c.Command.Flags, "--format") != nil
	if !own {
		return c.String("format")
	}
	if _, err := view.ParseFormat(c.String("format")); err == nil && c.IsSet("format") {
		return c.String("format")
	}
	return c.Lineage()[1].String("format")
}

// inDir makes a typed path absolute.
func inDir(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// close gives back what was opened, the last first.
func (s *session) close() {
	for _, f := range slices.Backward(s.closers) {
		_ = f() // nothing is lost by it: what was written was synced, what was asked was answered
	}
	s.closers = nil
}

func (s *session) onClose(f func() error) { s.closers = append(s.closers, f) }

func (s *session) process() hostfs.Process {
	p := hostfs.ThisProcess()
	p.Getenv = s.app.getenv
	return p
}

// place is a checkout that was found. broken says why its Envfile cannot be read, where that is so: commands that live
// on the engine's labels go on without it.
type place struct {
	checkout *hostfs.Checkout
	caller   hostfs.Caller
	machine  hostfs.Host
	identity resource.Identity
	broken   error
}

// open finds the checkout.
func (s *session) open() (*place, error) {
	if s.place != nil {
		return s.place, nil
	}
	found, broken := s.find()
	if found.Dir == "" {
		return nil, broken
	}
	p := &place{broken: broken}
	var err error
	if p.caller, err = s.process().Caller(found.Dir); err != nil {
		return nil, err
	}
	if p.checkout, err = hostfs.OpenCheckout(found, p.caller); err != nil {
		return nil, err
	}
	s.onClose(p.checkout.Close)
	if p.machine, err = hostfs.ThisHost(); err != nil {
		return nil, err
	}
	p.identity = provision.NewIdentity(p.machine.ID, p.caller.UID, p.checkout.Dir(), p.checkout.Name())
	s.place = p
	return p, nil
}

func (s *session) find() (hostfs.Found, error) {
	if s.g.file != "" {
		found, err := hostfs.Named(s.g.file)
		if err != nil && (found.Dir == "" || errors.Is(err, fs.ErrNotExist)) {
			return hostfs.Found{}, &typedPathError{s.g.file, err}
		}
		return found, err
	}
	found, err := s.process().Find(s.g.dir)
	if errors.Is(err, fs.ErrNotExist) && found.Dir == "" {
		return found, &typedPathError{s.g.dir, err}
	}
	return found, err
}

// layers reads the Envfile and what is personal beside it.
func (p *place) layers() ([]config.Source, error) {
	if p.broken != nil {
		return nil, p.broken
	}
	name := p.checkout.Name()
	data, err := p.read(name)
	if err != nil {
		return nil, err
	}
	sources := []config.Source{{Name: name, Data: data}}
	local, err := p.read(hostfs.EnvfileLocal)
	if errors.Is(err, fs.ErrNotExist) {
		return sources, nil
	}
	if err != nil {
		return nil, err
	}
	tracked, err := p.checkout.Tracked(hostfs.EnvfileLocal)
	if err != nil && !errors.Is(err, hostfs.ErrUnknown) {
		return nil, err
	}
	if tracked {
		return nil, diag.List{{
			Summary: "Envfile.local is tracked by git", Range: diag.Range{File: hostfs.EnvfileLocal},
			Detail: "It is for what is yours alone, answers to sensitive variables among it.",
			Hint:   "git rm --cached Envfile.local, and add it to .gitignore",
		}}.Err()
	}
	return append(sources, config.Source{Name: hostfs.EnvfileLocal, Data: local}), nil
}

func (p *place) read(name string) ([]byte, error) {
	path, _ := p.checkout.Path(name)
	data, err := p.checkout.ReadFile(path, 0)
	if tooLarge := (*hostfs.TooLargeError)(nil); errors.As(err, &tooLarge) {
		return nil, diag.List{{
			Summary: fmt.Sprintf("%s is larger than %d bytes", name, tooLarge.Limit), Range: diag.Range{File: name},
		}}.Err()
	}
	return data, err
}

func (s *session) warnBroken(err error) error {
	if err == nil || s.muted {
		return nil
	}
	list := s.app.describe(parts(err)[0])
	first := list[0]
	where := ""
	if first.Range.File != "" {
		where = " (" + first.Range.String() + ")"
		if first.Range.Start.Line == 0 {
			where = " (" + first.Range.File + ")"
		}
	}
	return s.view.Diagnostics(diag.List{{
		Severity: diag.Warning, Summary: "the Envfile cannot be used; going on with what the engine knows",
		Detail: first.Summary + where, Hint: "envy validate shows all that is wrong with it",
	}})
}

// look opens the engine and finds what is there. It needs no Envfile.
func (s *session) look(ctx context.Context) (provision.Env, *provision.Scene, error) {
	env, err := s.env()
	if err != nil {
		return env, nil, err
	}
	scene, err := provision.Look(ctx, env, s.place.identity)
	return env, scene, err
}

// elsewhere refuses to speak of nothing where the checkout has nothing because it was moved: what it made is told by the path
// where it lay, and left alone.
func (s *session) elsewhere(ctx context.Context, env provision.Env, scene *provision.Scene) error {
	return provision.Elsewhere(ctx, env, scene, func() string {
		values, _ := s.values(s.place) // what is wrong with a flag was told before
		if layers, err := s.place.layers(); err == nil {
			if file, _ := config.Parse(layers...); file != nil {
				return file.Name(ctx, values)
			}
		}
		return values.DefaultName
	})
}

// lookAndCheck is look with a warning where the Envfile is broken; the engine is asked while the file is read.
func (s *session) lookAndCheck(ctx context.Context) (provision.Env, *provision.Scene, error) {
	env, err := s.env()
	if err != nil {
		return env, nil, err
	}
	var scene *provision.Scene
	var owner sync.WaitGroup
	owner.Go(func() { scene, err = provision.Look(ctx, env, s.place.identity) })
	broken := s.check(ctx)
	owner.Wait()
	if err != nil {
		return env, nil, err
	}
	return env, scene, errors.Join(s.warnBroken(broken), s.elsewhere(ctx, env, scene))
}

func since(now, then time.Time) string {
	if then.IsZero() {
		return ""
	}
	return ", for " + view.Duration(now.Sub(then))
}
