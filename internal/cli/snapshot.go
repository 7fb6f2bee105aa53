package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/internal/diag"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/resource"
)

// snapshotCommand holds what keeps boxes as they are, and brings them back.
func (a *app) snapshotCommand() *cli.Command {
	return &cli.Command{
		Name: "snapshot", Usage: "boxes and volumes, kept as they are", ArgsUsage: "COMMAND", HideHelpCommand: true, OnUsageError: a.usage,
		Subcommands: []*cli.Command{a.snapshotSaveCommand(), a.snapshotListCommand(), a.snapshotRestoreCommand(), a.snapshotDeleteCommand()},
		Action: func(c *cli.Context) error {
			if _, err := a.begin(c); err != nil {
				return err
			}
			e := &usageError{text: "envy snapshot takes a command: save, list, restore or delete", hint: "usage: envy snapshot save [BOX] NAME"}
			if c.Args().Present() {
				e.text = fmt.Sprintf("there is no command \"snapshot %s\"", c.Args().First())
			}
			return e
		},
	}
}

// snapshotOptions reads [BOX] NAME.
func snapshotOptions(c *cli.Context) (provision.SnapshotOptions, error) {
	var o provision.SnapshotOptions
	words, err := atMost(c, 2)
	switch {
	case err != nil:
		return o, err
	case len(words) == 0:
		return o, &usageError{text: "envy " + commandName(c) + " needs the name of a snapshot", hint: "usage: " + usageLine(c)}
	}
	pace, err := upOptions(c) // the same flags
	if err != nil {
		return o, err
	}
	o.Boxes, o.Name = words[:len(words)-1], words[len(words)-1]
	o.Parallel, o.Timeout = pace.Parallel, pace.Timeout
	if !provision.ValidSnapshotName(o.Name) {
		return o, &usageError{
			text: fmt.Sprintf("%q is no name for a snapshot", o.Name), hint: "up to 63 small letters, digits, dots, dashes and underscores; a letter or digit first",
		}
	}
	return o, nil
}

func (a *app) snapshotSaveCommand() *cli.Command {
	return a.command("save", "keep all boxes, or one, and their volumes as they are at one moment", "[BOX] NAME",
		func(ctx context.Context, c *cli.Context, s *session) error {
			o, err := snapshotOptions(c)
			if err != nil {
				return err
			}
			return s.saveSnapshot(ctx, o)
		},
		&cli.IntFlag{Name: "parallel", Usage: "copy at most `N` things at once", DefaultText: "4"})
}

// saveSnapshot needs no Envfile that can be read: it is about what is there.
func (s *session) saveSnapshot(ctx context.Context, o provision.SnapshotOptions) error {
	env, scene, err := s.sceneLocked(ctx, "snapshot save")
	if err != nil {
		return err
	}
	if _, err := s.pick(ctx, scene, o.Boxes); err != nil {
		return err
	}
	saved, err := provision.SaveSnapshot(ctx, env, scene, o)
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	switch s.g.format {
	case view.JSON:
		return s.view.JSON(snapshotDocument{Format: "envy.snapshot", Version: resultVersion, snapshotJSON: snapshotOf(*saved)})
	case view.Quiet:
		return nil
	}
	text := fmt.Sprintf("saved %s: %s, %s, %s\n", saved.Name, joined(saved.Boxes), view.Plural(saved.Volumes, "volume", "volumes"), view.Bytes(saved.Bytes))
	return s.view.Out.Print(s.view.Out.Text().Add(view.Line(strings.TrimSuffix(text, "\n")), "\n"))
}

// sceneLocked is what is there, for commands that change it and need no Envfile.
func (s *session) sceneLocked(ctx context.Context, command string) (provision.Env, *provision.Scene, error) {
	if _, err := s.open(); err != nil {
		return provision.Env{}, nil, err
	}
	if err := s.warnBroken(s.check(ctx)); err != nil {
		return provision.Env{}, nil, err
	}
	env, err := s.lockedEnv(ctx, command)
	if err != nil {
		return env, nil, err
	}
	scene, err := provision.Look(ctx, env, s.place.identity)
	if err != nil {
		return env, nil, err
	}
	return env, scene, s.elsewhere(ctx, env, scene)
}

func (a *app) snapshotListCommand() *cli.Command {
	return a.command("list", "the snapshots of this checkout", "", func(ctx context.Context, c *cli.Context, s *session) error {
		if _, err := atMost(c, 0); err != nil {
			return err
		}
		return s.listSnapshots(ctx)
	})
}

// snapshotJSON is one snapshot.
type snapshotJSON struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Boxes   []string  `json:"boxes"`
	Volumes int       `json:"volumes"`
	Size    int64     `json:"size"` // bytes
	Lacks   []string  `json:"lacks,omitempty"`
}

// snapshotDocument is the document of snapshot save.
type snapshotDocument struct {
	Format  string `json:"format"` // "envy.snapshot"
	Version int    `json:"version"`
	snapshotJSON
}

// snapshotsJSON is the document of snapshot list.
type snapshotsJSON struct {
	Format    string         `json:"format"` // "envy.snapshots"
	Version   int            `json:"version"`
	Snapshots []snapshotJSON `json:"snapshots"`
}

func snapshotOf(x provision.Snapshot) snapshotJSON {
	return snapshotJSON{
		Name: x.Name, Created: x.Created, Boxes: append([]string{}, x.Boxes...), Volumes: x.Volumes, Size: x.Bytes, Lacks: x.Lacks,
	}
}

func (s *session) listSnapshots(ctx context.Context) error {
	env, scene, err := s.lookAndCheck(ctx)
	if err != nil {
		return err
	}
	list, err := provision.Snapshots(ctx, env, scene)
	if err != nil {
		return err
	}
	doc := snapshotsJSON{Format: "envy.snapshots", Version: resultVersion, Snapshots: []snapshotJSON{}}
	table := view.Table{Header: []string{"NAME", "CREATED", "BOXES", "VOLUMES", "SIZE", ""}}
	quiet := s.view.Out.Text()
	for _, x := range list {
		doc.Snapshots = append(doc.Snapshots, snapshotOf(x))
		quiet.Add(view.Line(x.Name), "\n")
		lacks := view.Cell{}
		if len(x.Lacks) > 0 {
			lacks = view.Cell{Text: "gone: " + joined(x.Lacks), Style: view.Problem}
		}
		table.Rows = append(table.Rows, []view.Cell{
			{Text: x.Name}, {Text: x.Created.Local().Format("2006-01-02 15:04")}, {Text: joined(x.Boxes)}, {Text: fmt.Sprint(x.Volumes)},
			{Text: view.Bytes(x.Bytes)}, lacks,
		})
	}
	switch {
	case s.g.format == view.JSON:
		return s.view.JSON(doc)
	case s.g.format == view.Quiet:
		return s.view.Out.Print(quiet)
	case len(list) == 0:
		return s.view.Out.Print(s.view.Out.Text().Add("no snapshots\n"))
	}
	return s.view.Out.Table(table)
}

func (a *app) snapshotRestoreCommand() *cli.Command {
	return a.command("restore", "put all boxes of a snapshot, or one, and their volumes back; asks first", "[BOX] NAME",
		func(ctx context.Context, c *cli.Context, s *session) error {
			o, err := snapshotOptions(c)
			if err != nil {
				return err
			}
			return s.restoreSnapshot(ctx, o)
		}, paceFlags()...)
}

func (s *session) restoreSnapshot(ctx context.Context, o provision.SnapshotOptions) error {
	project, err := s.allowed(ctx, provision.UpOptions{Boxes: o.Boxes})
	if err != nil {
		return err
	}
	env, err := s.makingEnv(ctx, "snapshot restore")
	if err != nil {
		return err
	}
	outcome, err := provision.RestoreSnapshot(ctx, env, project, o, s.confirmRestore)
	if err := errors.Join(err, s.settle()); err != nil {
		return err
	}
	return s.showUp(ctx, project, outcome)
}

// confirmRestore asks where there is something that goes.
func (s *session) confirmRestore(ctx context.Context, p *plan.Plan) error {
	if err := s.showPlan(p); err != nil {
		return err
	}
	var boxes, volumes int
	for _, c := range p.Changes {
		switch {
		case c.Action == plan.Replace && c.Address.Kind == resource.KindBox:
			boxes++
		case c.Action == plan.Replace && c.Address.Kind == resource.KindVolume:
			volumes++
		}
	}
	var parts []string
	if boxes > 0 {
		parts = append(parts, view.Plural(boxes, "box", "boxes"))
	}
	if volumes > 0 {
		parts = append(parts, view.Plural(volumes, "volume", "volumes"))
	}
	if len(parts) == 0 {
		return nil
	}
	what := "what " + strings.Join(parts, " and ") + " hold now"
	return s.confirm(ctx, "Restore, and lose "+what+"?", what+" would be lost")
}

func (a *app) snapshotDeleteCommand() *cli.Command {
	return a.command("delete", "remove a snapshot; asks first", "NAME", func(ctx context.Context, c *cli.Context, s *session) error {
		words, err := atMost(c, 1)
		if err != nil {
			return err
		}
		if len(words) == 0 {
			return &usageError{text: "envy snapshot delete needs the name of a snapshot", hint: "usage: " + usageLine(c)}
		}
		env, scene, err := s.sceneLocked(ctx, "snapshot delete")
		if err != nil {
			return err
		}
		outcome, err := provision.DeleteSnapshot(ctx, env, scene, words[0], s.confirmDestroy)
		if err := errors.Join(err, s.settle()); err != nil {
			return errors.Join(err, skipped(outcome))
		}
		return s.showDone("snapshot delete", "deleted", "nothing to delete", outcome.Plan)
	})
}

// ofSnapshots are the mistakes and failures that are about snapshots.
func ofSnapshots(err error) (d diag.Diagnostic, ok bool) {
	var none *provision.NoSnapshotError
	var stands *provision.SnapshotError
	var newer *resource.NewerSnapshotError
	var half *provision.NotUndoneError
	switch {
	case errors.As(err, &half):
		return diag.Diagnostic{
			Class: diag.Failed, Summary: half.Error(), Detail: "What boxes and volumes held is kept; nothing is lost.", Hint: "envy up goes on with it before all else",
		}, true
	case errors.As(err, &none):
		d = diag.Diagnostic{Summary: none.Error(), Hint: "envy snapshot save " + none.Name + " makes one"}
		if near := diag.Suggest(none.Name, none.Known); near != "" {
			d.Hint = "did you mean " + near + "?"
		} else if len(none.Known) > 0 {
			d.Hint = "there are: " + joined(none.Known)
		}
		return d, true
	case errors.As(err, &stands):
		return diag.Diagnostic{Class: diag.Failed, Summary: stands.Text, Hint: stands.Hint}, true
	case errors.As(err, &newer):
		return diag.Diagnostic{Class: diag.Refused, Summary: err.Error(), Hint: "use that envy, or a newer one"}, true
	}
	return d, false
}
