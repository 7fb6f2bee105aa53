package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/distribution/reference"
	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes/bootstrap"
	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// boxCommand holds what is about images and definitions rather than boxes that run.
func (a *app) boxCommand() *cli.Command {
	cmd := &cli.Command{
		Name: "box", Usage: "what boxes are made from", ArgsUsage: "COMMAND", HideHelpCommand: true, OnUsageError: a.usage,
		Subcommands: []*cli.Command{
			a.boxListCommand(), a.boxShowCommand(), a.boxAddCommand(), a.boxRemoveCommand(), a.boxUpdateCommand(), a.boxOutdatedCommand(),
			a.boxPushCommand(), a.boxPruneCommand(), a.bootstrapCommand(),
		},
		Action: func(c *cli.Context) error {
			if _, err := a.begin(c); err != nil {
				return err
			}
			e := &usageError{text: "envy box takes a command: list, show, add, remove, update, outdated, push, prune or bootstrap", hint: "usage: envy box list"}
			if c.Args().Present() {
				e.text = fmt.Sprintf("there is no command \"box %s\"", c.Args().First())
			}
			return e
		},
	}
	for _, n := range notBuilt() {
		if strings.HasPrefix(n.name, "box ") {
			cmd.Subcommands = append(cmd.Subcommands, a.refusing(n.name, n.instead))
		}
	}
	return cmd
}

func (a *app) bootstrapCommand() *cli.Command {
	return a.command("bootstrap", "make a base image from a distribution's package mirror", "debian:SUITE|ubuntu:CODENAME",
		func(ctx context.Context, c *cli.Context, s *session) error {
			o, err := s.bootstrapOptions(c)
			if err != nil {
				return err
			}
			return s.bootstrap(ctx, o)
		},
		&cli.StringFlag{Name: "mirror", Usage: "the mirror's `URL`, instead of the one in this machine's apt configuration"},
		&cli.StringSliceFlag{Name: "keyring", Usage: "verify with the keys in `FILE`, instead of those that apt here trusts"},
		&cli.StringSliceFlag{Name: "tag", Usage: "call the image `REF`, instead of what was asked for and its slim name"},
		&cli.StringSliceFlag{Name: "packages", Usage: "install these too, with what they need: `NAMES` with commas"},
	)
}

func (s *session) bootstrapOptions(c *cli.Context) (o provision.BootstrapOptions, err error) {
	names, err := atMost(c, 1)
	if err != nil {
		return o, err
	}
	if len(names) == 0 {
		return o, &usageError{text: "envy box bootstrap takes the image to make", hint: "envy box bootstrap debian:bookworm"}
	}
	if o.Target, err = bootstrap.ParseReference(names[0]); err != nil {
		return o, err
	}
	o.Mirror, o.Tags = c.String("mirror"), c.StringSlice("tag")
	for _, tag := range o.Tags { // before anything is fetched
		named, err := reference.ParseNormalizedNamed(tag)
		if _, digested := named.(reference.Digested); err != nil || digested {
			return o, &usageError{text: fmt.Sprintf("%q is no name for an image", tag), hint: "--tag NAME:TAG, in lower case and without a digest"}
		}
	}
	for _, list := range c.StringSlice("packages") {
		o.Packages = append(o.Packages, strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	for _, name := range c.StringSlice("keyring") {
		data, err := hostfs.ReadPath(inDir(s.g.dir, name), bootstrap.MaxKeyring)
		if err != nil {
			return o, &typedPathError{name, err}
		}
		o.Keyrings = append(o.Keyrings, bootstrap.File{Path: name, Data: data})
	}
	return o, nil
}

// oldFetched is how long packages that nobody uses are kept.
const oldFetched = 60 * 24 * time.Hour

func (s *session) bootstrap(ctx context.Context, o provision.BootstrapOptions) error {
	caller, err := s.callerHere()
	if err != nil {
		return err
	}
	if err := s.openEngine(); err != nil {
		return err
	}
	made, err := s.makeBase(ctx, caller, o)
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	return s.showBootstrapped(made)
}

// bootstrapBase makes a base image for up, which could not pull it.
func (s *session) bootstrapBase(ctx context.Context, ref string) error {
	target, err := bootstrap.ParseReference(ref)
	if err != nil {
		return err
	}
	_, err = s.makeBase(ctx, s.place.caller, provision.BootstrapOptions{Target: target})
	return err
}

// makeBase makes an image on the engine, which is open; one at a time for a user.
func (s *session) makeBase(ctx context.Context, caller hostfs.Caller, o provision.BootstrapOptions) (*provision.Bootstrapped, error) {
	engine, err := s.engine.Ping(ctx)
	if err != nil {
		return nil, err
	}
	state, err := caller.OpenDir(caller.Dirs.State)
	if err != nil {
		return nil, fmt.Errorf("envy's folder for its state: %w", err)
	}
	s.onClose(state.Close)
	name := "bootstrap-" + resource.Digest(engine.Endpoint)[:32]
	me := hostfs.Holder{PID: s.app.m.PID, Command: "envy box bootstrap", Since: s.app.m.Now()}
	unlock, err := state.Lock(ctx, locks, name, me, s.waiting("another bootstrap"))
	if err != nil {
		return nil, err
	}
	s.onClose(unlock)
	fetched, closeFetched, err := openFetched(caller)
	if err != nil {
		return nil, err
	}
	s.onClose(closeFetched)
	mark, err := bootstrapMark(caller, state.Dir())
	if err != nil {
		return nil, err
	}
	made, err := provision.Bootstrap(ctx, provision.BootstrapEnv{
		Engine: s.engine, Sink: s.sink(), Mark: mark,
		Packages: bootstrap.Bootstrapper{
			Host: aptHost{}, Store: fetchedPackages{fetched}, Memory: seenReleases{state}, Client: mirrorClient(s), Now: s.app.m.Now,
			Version: s.app.m.Version,
		},
	}, o)
	if err != nil {
		return nil, err
	}
	_ = fetched.Sweep(s.app.m.Now().Add(-oldFetched)) // what stays is swept the next time
	return made, nil
}

// mirrorClient asks apt's configuration for proxies, then the environment.
func mirrorClient(s *session) func(func(*url.URL) (*url.URL, bool)) bootstrap.Doer {
	return func(known func(*url.URL) (*url.URL, bool)) bootstrap.Doer {
		client := bootstrap.NewClient(func(u *url.URL) (*url.URL, error) {
			if proxy, ok := known(u); ok {
				return proxy, nil
			}
			return http.ProxyFromEnvironment(&http.Request{URL: u})
		})
		s.onClose(func() error { client.CloseIdleConnections(); return nil })
		return client
	}
}

// labelBootstrap marks what stands on the engine while an image is made.
const labelBootstrap = "io.envy.bootstrap"

// bootstrapMark is this user's on this machine, with this folder for state: what holds the lock.
func bootstrapMark(caller hostfs.Caller, state string) (map[string]string, error) {
	machine, err := hostfs.ThisHost()
	if err != nil {
		return nil, err
	}
	return map[string]string{
		labelBootstrap: "unfinished", resource.LabelHost: machine.ID, resource.LabelUser: fmt.Sprint(caller.UID), resource.LabelPath: state,
	}, nil
}

// bootstrapJSON is the document of box bootstrap.
type bootstrapJSON struct {
	Format   string    `json:"format"` // "envy.bootstrap"
	Version  int       `json:"version"`
	Image    string    `json:"image"` // id on the engine
	Tags     []string  `json:"tags"`
	Suite    string    `json:"suite"`
	Mirror   string    `json:"mirror"`
	Snapshot time.Time `json:"snapshot"` // date of the signed release file, UTC
	Packages []string  `json:"packages"` // name=version
}

func (s *session) showBootstrapped(b *provision.Bootstrapped) error {
	switch s.g.format {
	case view.JSON:
		return s.view.JSON(bootstrapJSON{
			Format: "envy.bootstrap", Version: resultVersion, Image: b.ID, Tags: b.Tags, Suite: b.Suite, Mirror: b.Mirror,
			Snapshot: b.Snapshot.UTC(), Packages: b.Packages,
		})
	case view.Quiet:
		return nil
	}
	t := s.view.Out.Text().Add("made ", view.Line(joined(b.Tags)), fmt.Sprintf(": %d packages of %s as of %s, from ",
		len(b.Packages), b.Suite, b.Snapshot.UTC().Format("2006-01-02 15:04 UTC")), view.Line(b.Mirror), "\n")
	return s.view.Out.Print(t)
}

// ofBootstrap are errors of mirrors, and of what was asked of them.
func ofBootstrap(err error) (d diag.Diagnostic, ok bool) {
	var ref *bootstrap.ReferenceError
	var missing *bootstrap.ConfigError
	var unverified *bootstrap.UnverifiedError
	var script *driver.ScriptError
	switch {
	case errors.As(err, &ref):
		return diag.Diagnostic{Summary: err.Error(), Hint: "envy box bootstrap debian:bookworm, or another suite's name"}, true
	case errors.As(err, &missing):
		return diag.Diagnostic{Summary: err.Error(), Hint: missing.Hint}, true
	case errors.As(err, &unverified):
		return diag.Diagnostic{Class: diag.Refused, Summary: unverified.Error(), Hint: unverified.Hint}, true
	case errors.As(err, &script):
		return diag.Diagnostic{
			Class: diag.Failed, Summary: "the packages could not be installed: " + script.Error(), Detail: script.Output,
			Hint: "nothing is left of it on the engine; what was fetched is",
		}, true
	}
	return d, false
}
