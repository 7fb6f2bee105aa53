package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
)

// Machine is all that the command line has of the process that runs it. Main makes the real one.
type Machine struct {
	Args      []string // without the program's name
	Dir       string   // working directory
	LookupEnv func(string) (string, bool)
	// Streams describes the standard streams; noColor is --no-color.
	Streams func(noColor bool) *term.Streams
	// Signals are interrupts: the first ends the work, the second leaves at once. Nil: none come.
	Signals <-chan os.Signal
	// Leave ends the process at once.
	Leave func(code int)
	// Open prepares a connection to an engine; nothing may be sent before its first method is called.
	Open func(EngineOptions) (driver.Engine, error)
	// Socket is the path of the socket that Open would use for a docker context ("" is as the environment says), "" where
	// it is none on this machine. Nil knows of none.
	Socket func(context string) string
	// Credentials asks the user's git for those of an https server; nil knows of none.
	Credentials func(ctx context.Context, host string) (user, password string, ok bool)
	// RegistryCredentials are what the user has for a registry, by its host as references name it: a user with a secret, or
	// an identity token. All empty: there are none. Nil knows of none.
	RegistryCredentials func(ctx context.Context, host string) (user, secret, identity string, err error)
	// RegistryHost is the host that speaks for the one that references name; nil: it is that one.
	RegistryHost func(domain string) string
	Version      string
	Now          func() time.Time
	PID          int
}

// EngineOptions say which engine is meant and who wants to hear of it.
type EngineOptions struct {
	Context string // --context; "" is as the environment says
	Getenv  func(string) string
	Version string
	Events  event.Sink
	// OnCall hears of each call with its time, from any goroutine; nil without --debug.
	OnCall func(method, path string, took time.Duration, err error)
}

// Main runs one command line and gives the exit code. A panic becomes exit code 1 and a short report: Go's own 2 would
// mean "changes".
func Main(ctx context.Context, m Machine) (code int) {
	a := &app{m: m}
	defer func() {
		if r := recover(); r != nil {
			code = exitFailed
			a.report(diag.List{{
				Class: diag.Failed, Summary: fmt.Sprintf("envy has a bug: %v", r), Detail: panicPlace(debug.Stack()),
				Hint: "please report it with the command that you typed; --debug shows what the engine was asked",
			}}.Err())
		}
	}()
	ctx, stop := a.watch(ctx)
	defer stop()
	root := a.root()
	err := root.RunContext(ctx, append([]string{"envy"}, arrange(m.Args, root.Flags, root.Commands)...))
	a.report(err)
	if err != nil && errors.Is(context.Cause(ctx), errInterrupted) {
		return exitInterrupted
	}
	return exitCode(err)
}

// panicPlace is the innermost places of envy's own code in a stack.
func panicPlace(stack []byte) string {
	var places []string
	lines := strings.Split(string(stack), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "github.com/envyhq/envy/") && i+1 < len(lines) && !strings.Contains(l, "cli.Main") {
			places = append(places, strings.TrimSpace(lines[i+1]))
		}
	}
	return strings.Join(places[:min(len(places), 6)], "\n")
}

// app is one run of the command line.
type app struct {
	m       Machine
	streams *term.Streams
	view    *view.View
	signals interrupts
	session *session // of the command that runs; nil before
}

func (a *app) getenv(name string) string {
	v, _ := a.m.LookupEnv(name)
	return v
}

// screen is the view; before the flags were read, or when they were wrong, the default one.
func (a *app) screen() *view.View {
	if a.view == nil {
		a.streams = a.m.Streams(false)
		a.view = view.New(a.streams, view.Human)
	}
	return a.view
}

// root is the whole command line. Nothing but flags is looked at before a command runs.
func (a *app) root() *cli.App {
	app := cli.NewApp()
	app.Name, app.Usage = "envy", "development environments from one file in the checkout"
	app.UsageText = "envy [flags] COMMAND [flags] [operands]"
	app.HideVersion = true
	app.DisableSliceFlagSeparator = true
	app.ExitErrHandler = func(*cli.Context, error) {} // exit codes are Main's
	app.OnUsageError = a.usage
	app.Flags = globalFlags()
	app.Commands = a.commands()
	out := lazyWriter{func() term.Output { a.screen(); return a.streams.Out }}
	app.Writer, app.ErrWriter = out, out
	app.Action = func(c *cli.Context) error {
		if c.Bool("version") {
			return a.printVersion(c)
		}
		if c.Args().Present() {
			if _, err := a.begin(c); err != nil {
				return err
			}
			return a.unknown(c.Args().First())
		}
		return cli.ShowAppHelp(c)
	}
	return app
}

// lazyWriter asks for its stream when there is something to write.
type lazyWriter struct{ open func() term.Output }

func (w lazyWriter) Write(p []byte) (int, error) { return w.open().Write(p) }

// usage makes a diagnostic of what the flag parser says.
func (a *app) usage(c *cli.Context, err error, _ bool) error {
	_, _ = a.begin(c) // for the view that the flags before asked for; what else is wrong with them can wait
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: "); ok {
		var known []string
		for _, l := range c.Lineage() {
			if l.Command == nil {
				continue
			}
			for _, f := range append(globalFlags(), l.Command.Flags...) {
				known = append(known, f.Names()...)
			}
		}
		e := &usageError{text: "there is no flag " + dashed(strings.TrimLeft(name, "-"))}
		if near := diag.Suggest(strings.TrimLeft(name, "-"), known); near != "" {
			e.hint = "did you mean " + dashed(near) + "?"
		}
		return e
	}
	return &usageError{text: text}
}

func dashed(flag string) string {
	if len(flag) == 1 {
		return "-" + flag
	}
	return "--" + flag
}

// unknown is the error of a command that does not exist.
func (a *app) unknown(name string) error {
	if verb, ok := otherVerbs[name]; ok {
		return &usageError{text: fmt.Sprintf("there is no command %q", name), hint: verb}
	}
	var names []string
	for _, c := range a.commands() {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	e := &usageError{text: fmt.Sprintf("there is no command %q", name), hint: "envy help lists the commands"}
	if near := diag.Suggest(name, names); near != "" {
		e.hint = fmt.Sprintf("did you mean envy %s?", near)
	}
	return e
}

// otherVerbs are what other tools call what envy does.
var otherVerbs = map[string]string{
	"down":  "envy halt stops the boxes; envy destroy removes them",
	"stop":  "envy halt stops boxes",
	"start": "envy up starts boxes, and makes what is missing",
	"ps":    "envy status lists the boxes",
	"apply": "envy up applies the Envfile; envy plan shows what it would do",
	"shell": "envy ssh opens a shell in a box",
	"rm":    "envy destroy removes boxes",
	"pause": "envy suspend pauses boxes",
}
