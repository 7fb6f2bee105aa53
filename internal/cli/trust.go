package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/trust"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
)

func (a *app) trustCommand() *cli.Command {
	return a.command("trust", "look at what the Envfile reaches outside the project, and allow it", "[PATH]", func(ctx context.Context, c *cli.Context, s *session) error {
		lists, revokes := c.Bool("list"), c.Bool("revoke")
		most := 0
		if revokes {
			most = 1
		}
		names, err := atMost(c, most)
		switch accept := c.String("accept"); {
		case err != nil:
			return err
		case lists && revokes || c.IsSet("accept") && (lists || revokes):
			return &usageError{text: "--accept, --list and --revoke exclude each other"}
		case c.IsSet("accept") && !digest.MatchString(accept):
			return &usageError{text: "--accept takes the whole digest of a list, as envy prints it"}
		case lists:
			return s.listTrust()
		case revokes && len(names) == 1:
			return s.revokeTyped(ctx, names[0])
		case revokes:
			return s.revokeHere(ctx)
		default:
			return s.trustThis(ctx, accept)
		}
	},
		&cli.StringFlag{Name: "accept", Usage: "allow the list of this `DIGEST`, unasked"},
		toggle("list", "what is trusted, of all checkouts"),
		toggle("revoke", "trust nothing of this checkout any more, or of the one at a PATH that --list names"),
	)
}

var digest = regexp.MustCompile(fmt.Sprintf(`^[0-9a-f]{%d}$`, trust.DigestLength))

// trustThis is trust without --list and --revoke.
func (s *session) trustThis(ctx context.Context, accept string) error {
	taken := false // for definitions
	project, err := s.projectWith(ctx, func(ctx context.Context, g view.Gate) error {
		if accept == "" {
			return s.askOrRefuse(ctx, g)
		}
		taken = true
		return s.take(ctx, g, accept)
	})
	if err != nil {
		return err
	}
	g, err := s.gateOf(project.Config)
	if err != nil {
		return err
	}
	if taken && g.Asks() {
		return s.note("It is remembered. With these definitions the Envfile asks for more; envy trust shows it.")
	}
	if accept != "" && len(g.Entries) > 0 && digestOf(g) != accept {
		if settled, ok := s.settledGate(ctx, project); ok && digestOf(settled) == accept {
			g = settled
		}
	}
	switch {
	case !g.Asks():
		return s.showTrust(g)
	case accept != "":
		return s.acceptTyped(ctx, g, accept)
	case !s.streams.Interactive():
		if s.g.format == view.JSON {
			if err := s.showTrust(g); err != nil {
				return err
			}
		}
		return s.untrusted(ctx, g)
	}
	if err := s.askTrust(ctx, g); err != nil {
		return err
	}
	return s.showTrusted(g)
}

// acceptTyped accepts the list that a digest names, and shows it.
func (s *session) acceptTyped(ctx context.Context, g view.Gate, accept string) error {
	if err := s.take(ctx, g, accept); err != nil {
		return err
	}
	return s.showTrusted(g)
}

// take accepts the list that a digest names, if it is the one of now.
func (s *session) take(ctx context.Context, g view.Gate, accept string) error {
	if digestOf(g) != accept {
		err := s.untrusted(ctx, g)
		if refused := (*provision.RefusedError)(nil); errors.As(err, &refused) {
			refused.Text = "this is not the list that was to be accepted; " + refused.Text
		}
		return err
	}
	return s.trust.accept(ctx, g)
}

// settledGate is the list with the ports that the engine knows of, as commands that ask the engine see it; false where none
// answers.
func (s *session) settledGate(ctx context.Context, project *provision.Project) (view.Gate, bool) {
	env, err := s.reach(ctx)
	if err != nil {
		return view.Gate{}, false
	}
	settled, err := provision.Settled(ctx, env, project)
	if err != nil {
		return view.Gate{}, false
	}
	g, err := s.gateOf(settled)
	return g, err == nil && len(g.Entries) > 0
}

func (s *session) showTrust(g view.Gate) error {
	return s.view.Trust(view.NewTrust(s.placeName(), digestOf(g), g), g)
}

// showTrusted is the answer where something was accepted.
func (s *session) showTrusted(g view.Gate) error {
	g.Trusted = true
	for i := range g.Entries {
		g.Entries[i].New = false
	}
	if err := s.showTrust(g); err != nil {
		return err
	}
	return s.note("It is remembered for you and " + view.Line(s.placeName()) + "; envy trust --revoke takes it back.")
}

func (s *session) placeName() string { return placeName(s.place) }

// listTrust shows all that is trusted. It needs no Envfile.
func (s *session) listTrust() error {
	caller, err := s.callerHere()
	if err != nil {
		return err
	}
	state, err := caller.FindDir(caller.Dirs.State)
	if errors.Is(err, fs.ErrNotExist) {
		return s.view.Trusted(nil)
	}
	if err != nil {
		return err
	}
	defer state.Close()
	records, broken, err := trustRecords(state)
	if err != nil {
		return err
	}
	if err := s.view.Diagnostics(broken); err != nil {
		return err
	}
	var shown []view.TrustedCheckout
	for _, r := range records {
		shown = append(shown, trustedCheckout(r.Record))
	}
	return s.view.Trusted(shown)
}

func trustedCheckout(r trust.Record) view.TrustedCheckout {
	c := view.TrustedCheckout{Path: r.Path, Lists: []view.TrustedList{}}
	for _, l := range r.Lists {
		list := view.TrustedList{Digest: l.Digest, Accepted: l.Accepted, Entries: []view.GateEntry{}}
		for _, e := range l.Entries {
			list.Entries = append(list.Entries, view.GateEntry{Kind: e.Kind, What: e.What})
		}
		c.Lists = append(c.Lists, list)
	}
	return c
}

// callerHere is for whom envy acts where there need not be an Envfile.
func (s *session) callerHere() (hostfs.Caller, error) {
	caller, err := s.process().Caller(s.g.dir)
	if err != nil {
		return caller, &typedPathError{s.g.dir, err}
	}
	return caller, nil
}

// revokeHere forgets what is trusted of this checkout, a record that cannot be read too.
func (s *session) revokeHere(ctx context.Context) error {
	p, err := s.open()
	if err != nil {
		return err
	}
	name := recordName(p)
	found := false
	err = s.revoke(ctx, p.caller, func(state *hostfs.Tree) error {
		_, err := state.Lstat(name)
		found = err == nil
		return state.Remove(name)
	})
	if err != nil || !found {
		return errors.Join(err, s.view.Revoked(nil))
	}
	return s.view.Revoked([]string{s.placeName()})
}

// revokeTyped forgets what is trusted of a checkout elsewhere, which may be gone.
func (s *session) revokeTyped(ctx context.Context, typed string) error {
	caller, err := s.callerHere()
	if err != nil {
		return err
	}
	path := filepath.Clean(inDir(s.g.dir, typed))
	var paths []string
	err = s.revoke(ctx, caller, func(state *hostfs.Tree) error {
		records, _, err := trustRecords(state)
		for _, r := range records {
			if r.Path != path {
				continue
			}
			paths = append(paths, r.Path)
			err = errors.Join(err, state.Remove(r.name))
		}
		return err
	})
	if err == nil && len(paths) == 0 {
		return &usageError{text: "nothing is trusted of " + path, hint: "envy trust --list names the checkouts"}
	}
	return errors.Join(err, s.view.Revoked(slices.Compact(paths)))
}

// revoke changes the records where there are any.
func (s *session) revoke(ctx context.Context, caller hostfs.Caller, do func(*hostfs.Tree) error) error {
	state, err := caller.FindDir(caller.Dirs.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := state.Close(); err != nil {
		return err
	}
	return changeTrust(ctx, caller, do)
}
