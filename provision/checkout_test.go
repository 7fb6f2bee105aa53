package provision

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/envyhq/envy/config"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/fake"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/plan"
	"github.com/envyhq/envy/provision/recipe"
	"github.com/envyhq/envy/provision/resource"
)

// checkout is a folder in memory that serves both config and the use cases; dir is an empty folder that stands for it on
// the host, because engines look at what they mount.
type checkout struct {
	fstest.MapFS
	dir      string
	worktree *Worktree
	links    map[string]string // paths that lead elsewhere by now
	made     []string
	listens  []plan.PortTaken
	looked   []int // ports whose program was asked for
}

func (c *checkout) Resolve(p string) config.Location {
	p = path.Clean(p)
	loc := config.Location{Path: p}
	if p == c.dir {
		return config.Location{Path: p, Inside: true, Rel: ".", Exists: true, Dir: true}
	}
	if rel, ok := strings.CutPrefix(p, c.dir+"/"); ok {
		loc.Inside, loc.Rel = true, rel
		if info, err := fs.Stat(c.MapFS, rel); err == nil {
			loc.Exists, loc.Dir = true, info.IsDir()
		}
	}
	return loc
}

func (c *checkout) Match(_ context.Context, in config.Tree, patterns []string) (files []HostFile, unmatched []string, err error) {
	var where fs.FS = c.MapFS
	if in != nil {
		where = in
	}
	for _, p := range patterns {
		hits, err := fs.Glob(where, p)
		if err != nil {
			return nil, nil, err
		}
		if len(hits) == 0 {
			unmatched = append(unmatched, p)
		}
		for _, h := range hits {
			files = append(files, HostFile{Name: h, Mode: 0o644})
		}
	}
	return files, unmatched, nil
}

func (c *checkout) Open(name string) (io.ReadCloser, error) { return c.MapFS.Open(name) }

func (c *checkout) Tree(p string) (recipe.Source, error) {
	sub, err := fs.Sub(c.MapFS, strings.TrimPrefix(strings.TrimPrefix(p, c.dir), "/"))
	return tree{sub}, err
}

type tree struct{ fs.FS }

func (t tree) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.FS, name) }
func (t tree) ReadLink(string) (string, error)            { return "", fs.ErrInvalid }

func (c *checkout) Archive(string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(make([]byte, 1024))), nil
}
func (c *checkout) Worktree() *Worktree { return c.worktree }
func (c *checkout) MakeMountPoint(share, rel string, _ bool) error {
	c.made = append(c.made, path.Join(share, rel))
	return nil
}
func (c *checkout) MakeSource(p string) error {
	c.made = append(c.made, p)
	return nil
}
func (c *checkout) Leads(p string) (string, error) {
	if to, ok := c.links[p]; ok {
		return to, nil
	}
	return p, nil
}
func (c *checkout) Exists(p string) (bool, bool) {
	if info, err := os.Stat(p); err == nil {
		return true, info.IsDir()
	}
	l := c.Resolve(p)
	return l.Exists, l.Dir
}
func (c *checkout) Listeners() []plan.PortTaken { return c.listens }
func (c *checkout) Program(l plan.PortTaken) string {
	c.looked = append(c.looked, l.Port)
	return fmt.Sprintf("nginx (process %d)", l.Port)
}

// project is an Envfile on a fake engine.
type project struct {
	t      *testing.T
	engine driver.Engine
	host   *checkout
	sink   *event.Recorder
	id     resource.Identity
}

func newProject(t *testing.T, files ...string) *project {
	t.Helper()
	return newProjectIn(t, t.TempDir(), files...)
}

func newProjectIn(t *testing.T, dir string, files ...string) *project {
	p := &project{
		t: t, engine: fake.New(fake.Options{Images: fake.Stock()}), host: &checkout{MapFS: fstest.MapFS{}, dir: dir}, sink: &event.Recorder{},
	}
	p.id = NewIdentity("host-1", 1000, p.host.dir, "Envfile")
	for i := 0; i+1 < len(files); i += 2 {
		p.host.MapFS[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return p
}

func (p *project) env() Env {
	return Env{Engine: p.engine, Host: p.host, Sink: p.sink, Version: "0.1.0", Key: []byte("key"), Cache: "secret", Local: true, Settle: time.Microsecond}
}

func (p *project) load(text string) *Project {
	p.t.Helper()
	return p.loadIn(p.t.Context(), text)
}

func (p *project) loadIn(ctx context.Context, text string) *Project {
	q, _, diags := Load(ctx, []config.Source{{Name: "Envfile", Data: []byte(text)}}, config.Values{
		Files: files{p.host.MapFS, p.host}, Folder: ".", Dir: p.host.dir, Root: p.host.dir, Home: "/home/u", DefaultName: "shop",
		Env: func(string) (string, bool) { return "", false }, Host: config.Host{UID: 1000, GID: 1000, OS: "linux", Arch: "amd64"},
	}, p.id)
	if err := diags.Err(); err != nil {
		p.t.Fatalf("load: %v", err)
	}
	return q
}

// files is the checkout as config reads it.
type files struct {
	fs.FS
	c *checkout
}

func (f files) Resolve(p string) config.Location { return f.c.Resolve(p) }

func yes(context.Context, *plan.Plan) error { return nil }

// up applies an Envfile and checks that the plan after it is empty.
func (p *project) up(text string, o UpOptions) *Outcome {
	p.t.Helper()
	out, err := Up(p.t.Context(), p.env(), p.load(text), o, yes)
	if err != nil {
		p.t.Fatalf("up: %v\n%s", err, drawn(out))
	}
	again, err := MakePlan(p.t.Context(), p.env(), p.load(text), UpOptions{Boxes: o.Boxes})
	if err != nil {
		p.t.Fatalf("plan after up: %v", err)
	}
	if !again.Empty() {
		p.t.Fatalf("the plan after up is not empty:\n%s", lines(again))
	}
	return out
}

func drawn(o *Outcome) string {
	if o == nil || o.Plan == nil {
		return ""
	}
	return lines(o.Plan)
}

func lines(p *plan.Plan) string {
	var b strings.Builder
	for _, l := range plan.Text(p) {
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}
