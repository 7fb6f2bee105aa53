package cli

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes/artifact"
	"github.com/envyhq/envy/boxes/git"
	"github.com/envyhq/envy/boxes/lock"
	"github.com/envyhq/envy/boxes/source"
	"github.com/envyhq/envy/internal/view"
	"github.com/envyhq/envy/provision"
	"github.com/envyhq/envy/provision/driver"
)

func (a *app) boxOutdatedCommand() *cli.Command {
	return a.command("outdated", "what the lock holds, and what it would be settled on now", "", func(ctx context.Context, c *cli.Context, s *session) error {
		if _, err := atMost(c, 0); err != nil {
			return err
		}
		return s.outdated(ctx)
	})
}

// outdatedJSON is the document of box outdated.
type outdatedJSON struct {
	Format  string         `json:"format"` // "envy.outdated"
	Version int            `json:"version"`
	Entries []outdatedLine `json:"entries"`
}

type outdatedLine struct {
	Kind    string `json:"kind"` // "box", "archive", "image"
	Name    string `json:"name"` // as the lock has it
	Locked  string `json:"locked"`
	Now     string `json:"now,omitempty"`     // absent: it could not be asked
	Problem string `json:"problem,omitempty"` // why
	Newer   bool   `json:"outdated"`
}

// outdated asks each source that is locked and that the Envfile names. Nothing is fetched or changed; what cannot be asked is
// told, and is no failure.
func (s *session) outdated(ctx context.Context) error {
	project, err := s.project(ctx) // which is trusted, or refused
	if err != nil {
		return err
	}
	if !s.lockFiles.there {
		return &provision.RefusedError{Text: "there is no " + s.lockFiles.name + " yet", Hint: "envy lock writes it; so does the first envy up"}
	}
	fetcher := git.New(s.gitConfig(s.place.caller))
	document := outdatedJSON{Format: "envy.outdated", Version: resultVersion, Entries: []outdatedLine{}}
	known := s.lockFiles.obeyed(false)
	for _, use := range project.File.Uses() {
		b, _ := s.finder.Settled(use.ID)
		if locked, ok := known.FindBox(b.Source, b.Ref, b.Version); ok {
			document.Entries = append(document.Entries, outdatedBox(ctx, fetcher, locked))
		}
	}
	used := asked{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	used.add(project, func(string) bool { return true }, s.trustedBases(project))
	for _, use := range project.File.Uses() {
		for _, a := range s.finder.SettledArchives(use.ID) {
			src, err := source.Parse(a.Source)
			if at, ok := src.(source.Registry); err == nil && ok {
				document.Entries = append(document.Entries, s.outdatedArchive(ctx, at, a))
			}
		}
	}
	for _, i := range known.Images {
		if !used.images[i.Reference] {
			continue
		}
		if err := s.openEngine(); err != nil {
			return err
		}
		line, err := outdatedImage(ctx, s.engine, i)
		if err != nil {
			return err
		}
		document.Entries = append(document.Entries, line)
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return s.showOutdated(document)
}

func outdatedBox(ctx context.Context, fetcher *git.Fetcher, b lock.Box) outdatedLine {
	line := outdatedLine{Kind: "box", Name: b.Source, Locked: shownPin(b.Reference, b.Commit)}
	text := b.Source
	switch {
	case b.Ref != "":
		text += "?ref=" + b.Ref
	case b.Version != "":
		text += "?version=" + b.Version
	}
	line.Name = text
	src, err := source.Parse(text)
	from, ok := src.(source.Git)
	if err != nil || !ok {
		line.Problem = "it is no address of a git repository"
		return line
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	now, err := fetcher.Resolve(ctx, from)
	if err != nil {
		line.Problem = strings.TrimPrefix(err.Error(), from.String()+": ")
		return line
	}
	line.Now, line.Newer = shownPin(now.Reference, now.Commit), now.Commit != b.Commit
	return line
}

// outdatedArchive asks a registry what an archive's source means now.
func (s *session) outdatedArchive(ctx context.Context, src source.Registry, a lock.Archive) outdatedLine {
	line := outdatedLine{Kind: "archive", Name: a.Source, Locked: shortDigest(a.Checksum)}
	ctx, cancel := context.WithTimeout(ctx, registryTime)
	defer cancel()
	now, err := artifact.Find(ctx, s.registry(), src)
	if err != nil {
		line.Problem = strings.TrimPrefix(definitionProblem(src, "", err).Error(), src.String()+": ")
		return line
	}
	line.Now, line.Newer = shortDigest(now.Digest), now.Digest != a.Checksum
	return line
}

// outdatedImage asks an image's registry, through the engine; only an engine that does not answer is an error.
func outdatedImage(ctx context.Context, engine driver.Images, i lock.Image) (outdatedLine, error) {
	line := outdatedLine{Kind: "image", Name: i.Reference, Locked: shortDigest(i.Digest)}
	if i.Local {
		line.Locked, line.Now = "local", "local"
		return line, nil
	}
	ctx, cancel := context.WithTimeout(ctx, registryTime)
	defer cancel()
	now, err := engine.Digest(ctx, i.Reference)
	switch {
	case driver.Is(err, driver.Unreachable):
		return line, err
	case err != nil:
		line.Problem = causeOf(err)
	default:
		line.Now, line.Newer = shortDigest(now), now != i.Digest
	}
	return line, nil
}

// registryTime is how long a registry may take to tell a digest.
const registryTime = time.Minute

func shortDigest(d string) string { return d[:min(len(d), len("sha256:")+12)] }

// shownPin is a reference and its commit in short.
func shownPin(reference, commit string) string {
	commit = commit[:min(len(commit), 8)]
	for _, prefix := range []string{"refs/tags/", "refs/heads/"} {
		if name, ok := strings.CutPrefix(reference, prefix); ok {
			return name + " (" + commit + ")"
		}
	}
	return commit
}

func (s *session) showOutdated(d outdatedJSON) error {
	if s.g.format == view.JSON {
		return s.view.JSON(d)
	}
	t := view.Table{Header: []string{"NAME", "LOCKED", "NOW"}}
	var names []string
	for _, e := range d.Entries {
		now := e.Now
		switch {
		case e.Problem != "":
			now = "unknown: " + e.Problem
		case !e.Newer:
			now = "the same"
		default:
			names = append(names, e.Name)
		}
		t.Rows = append(t.Rows, []view.Cell{{Text: e.Name}, {Text: e.Locked}, {Text: now}})
	}
	if s.g.format == view.Quiet {
		if len(names) == 0 {
			return nil
		}
		return s.view.Out.Print(s.view.Out.Text().Add(strings.Join(names, "\n"), "\n"))
	}
	if err := s.view.Out.Table(t); err != nil || len(names) == 0 {
		return err
	}
	return s.note("envy lock --upgrade takes what is new.")
}
