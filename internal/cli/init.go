package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/envyhq/envy/boxes"
	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/internal/hostfs"
	"github.com/envyhq/envy/internal/view"
)

const defaultImage = "debian:bookworm-slim"

func (a *app) initCommand() *cli.Command {
	return a.command("init", "write an Envfile to start from, on an image or a definition", "[NAME]", func(ctx context.Context, c *cli.Context, s *session) error {
		names, err := atMost(c, 1)
		if err != nil {
			return err
		}
		known := &readOnce{from: &boxes.Finder{}}
		start := config.Start{Image: c.String("image")}
		if len(names) == 1 {
			have, err := s.stored()
			if err != nil {
				return err
			}
			known.from.Archives = s.archives(have.caller)
			if start, err = startFrom(ctx, known, names[0], start); err != nil {
				return err
			}
		}
		if start.From != "" && c.IsSet("image") {
			return &usageError{text: "a definition and --image are two bases; give one of them"}
		}
		return s.init(ctx, known, start, c.String("output"), c.Bool("force"))
	},
		&cli.StringFlag{Name: "image", Usage: "the box's base `IMAGE`", Value: defaultImage},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`; - is stdout", DefaultText: "Envfile"},
		toggle("force", "replace a file that is there"),
	)
}

// foreignFiles are what init will read one day.
func foreignFiles() []string {
	return []string{
		".devcontainer/devcontainer.json", ".devcontainer.json", "compose.yaml", "compose.yml", "docker-compose.yml",
		"docker-compose.yaml", "Dockerfile", "Vagrantfile",
	}
}

// readOnce finds a definition once, however often it is named.
type readOnce struct {
	from *boxes.Finder
	have map[string]*config.Definition
}

// Definition implements config.Definitions.
func (r *readOnce) Definition(ctx context.Context, ref string, by *config.Definition) (*config.Definition, error) {
	if by != nil {
		return r.from.Definition(ctx, ref, by)
	}
	if r.have[ref] == nil {
		def, err := r.from.Definition(ctx, ref, nil)
		if err != nil {
			return nil, err
		}
		r.have = map[string]*config.Definition{ref: def}
	}
	return r.have[ref], nil
}

// startFrom takes a definition of the catalogue, or one that was added: what runs a command stands beside the box to work in, what idles is made
// that box. Other tools' files are refused by name.
func startFrom(ctx context.Context, known config.Definitions, name string, start config.Start) (config.Start, error) {
	for _, f := range foreignFiles() {
		if filepath.Base(f) == filepath.Base(name) {
			return start, &notBuiltError{"importing a " + filepath.Base(f), "envy init without operands writes an Envfile to fill in by hand"}
		}
	}
	if _, _, err := describeBox(ctx, known, name); err != nil {
		return start, err
	}
	trial := fmt.Sprintf("box \"trial\" { from = %s }", quote(name))
	project, list := config.Load(ctx, config.Values{
		Files: anywhere{}, DefaultName: "trial", Definitions: known,
	}, config.Source{Name: "the catalogue", Data: []byte(trial)})
	if err := list.Err(); err != nil {
		return start, err
	}
	if project.Boxes[0].Idles() {
		start.From = name
	} else {
		start.Service = name
	}
	return start, nil
}

func (s *session) init(ctx context.Context, known config.Definitions, start config.Start, output string, force bool) error {
	path := s.g.file
	if path == "" {
		path = filepath.Join(s.g.dir, hostfs.Envfile)
	}
	if output != "" && output != "-" {
		path = inDir(s.g.dir, output)
	}
	dir := filepath.Dir(path)
	start.Project = projectName(dir)
	text := config.Template(start)
	if _, list := config.Load(ctx, config.Values{Files: anywhere{}, Dir: dir, Root: dir, Definitions: known}, config.Source{Name: hostfs.Envfile, Data: text}); list.HasErrors() {
		return &usageError{text: fmt.Sprintf("--image %q is no reference of an image", start.Image)}
	}
	if output == "-" {
		return s.view.Out.Print(s.view.Out.Text().Add(string(text)))
	}
	folder, err := hostfs.OpenTree(dir)
	if err != nil {
		return &typedPathError{dir, err}
	}
	defer folder.Close()
	if err := mayWrite(folder, filepath.Base(path), force); err != nil {
		return err
	}
	caller, err := s.process().Caller(dir)
	if err != nil {
		return err
	}
	if err := caller.WritePath(path, text, 0o644); err != nil {
		return err
	}
	ignored, err := ignoreLocal(folder, caller, dir)
	if err != nil {
		return err
	}
	return s.showInit(folder, path, ignored)
}

// anywhere stands for a checkout of which nothing is known: every folder is there, and no file.
type anywhere struct{}

// Open implements fs.FS.
func (anywhere) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Resolve implements config.Files.
func (anywhere) Resolve(path string) config.Location {
	return config.Location{Path: path, Inside: true, Rel: ".", Exists: true, Dir: true}
}

// mayWrite refuses to replace a file, or to put one form of the Envfile beside the other.
func mayWrite(folder *hostfs.Tree, name string, force bool) error {
	if _, err := folder.Lstat(name); err == nil && !force {
		return fmt.Errorf("%s is there already; --force replaces it", name)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	other := map[string]string{hostfs.Envfile: hostfs.EnvfileJSON, hostfs.EnvfileJSON: hostfs.Envfile}[name]
	if other == "" {
		return nil
	}
	if _, err := folder.Lstat(other); err == nil {
		return &hostfs.BothError{Dir: folder.Dir()}
	}
	return nil
}

// ignoreLocal adds the personal layer to .gitignore, and reports whether it had to.
func ignoreLocal(folder *hostfs.Tree, caller hostfs.Caller, dir string) (bool, error) {
	const name = ".gitignore"
	old, err := folder.ReadFile(name, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	for line := range strings.Lines(string(old)) {
		if slices.Contains([]string{hostfs.EnvfileLocal, "/" + hostfs.EnvfileLocal}, strings.TrimSpace(line)) {
			return false, nil
		}
	}
	text := string(old)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return true, caller.WritePath(filepath.Join(dir, name), []byte(text+"/"+hostfs.EnvfileLocal+"\n"), 0o644)
}

// initJSON is the document of init: what it wrote.
type initJSON struct {
	Format  string `json:"format"` // "envy.init"
	Version int    `json:"version"`
	File    string `json:"file"`
	Ignored bool   `json:"ignored"` // Envfile.local was added to .gitignore
}

func (s *session) showInit(folder *hostfs.Tree, path string, ignored bool) error {
	if s.g.format == view.JSON {
		return s.view.JSON(initJSON{Format: "envy.init", Version: resultVersion, File: path, Ignored: ignored})
	}
	for _, f := range foreignFiles() {
		if _, err := folder.Lstat(f); err == nil {
			if err := s.note("found " + f + ": importing it is not built yet, so nothing of it is in the Envfile"); err != nil {
				return err
			}
		}
	}
	if err := s.note("wrote " + path); err != nil {
		return err
	}
	if ignored {
		if err := s.note("added Envfile.local to .gitignore: it is for what is yours alone"); err != nil {
			return err
		}
	}
	return s.note("next: look through it, then envy up")
}
