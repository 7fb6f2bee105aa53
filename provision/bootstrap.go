package provision

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/envyhq/envy/boxes/bootstrap"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// BootstrapEngine is what Bootstrap needs of an engine.
type BootstrapEngine interface {
	driver.Importer
	Image(ctx context.Context, ref, platform string) (resource.ImageFact, error)
}

// BootstrapEnv is what Bootstrap gets. There need be no checkout.
type BootstrapEnv struct {
	Engine BootstrapEngine
	// Packages has what reads the host and talks to mirrors; Progress and Warn are filled in.
	Packages bootstrap.Bootstrapper
	Sink     event.Sink
	// Mark tells what this user's bootstraps leave on the engine, when they are killed, from those of others. One of them
	// runs at a time, which is the caller's to see to.
	Mark map[string]string
}

// BootstrapOptions are the flags of box bootstrap.
type BootstrapOptions struct {
	Target   bootstrap.Target
	Tags     []string // none: those of the target
	Mirror   string
	Keyrings []bootstrap.File
	Packages []string
}

// Bootstrapped is an image that was made from packages.
type Bootstrapped struct {
	ID       string
	Tags     []string
	Suite    string
	Mirror   string // without credentials
	Snapshot time.Time
	Packages []string // name=version, sorted
}

// Bootstrap makes a base image from a distribution's package mirror: packages are verified and fetched, a first file
// system is made of them on the engine, and finished there. What was fetched stays in the store when ctx ends; nothing
// stays on the engine. Errors: those of package bootstrap and of the driver.
func Bootstrap(ctx context.Context, env BootstrapEnv, o BootstrapOptions) (*Bootstrapped, error) {
	t := &bootstrapTask{sink: env.Sink, subject: "image." + o.Target.Reference, now: env.Packages.Now}
	began := t.now()
	t.send(event.Event{ID: bootstrapID, Kind: event.Start, Subject: t.subject, Text: bootstrapID})
	made, err := bootstrapImage(ctx, env, o, t)
	t.end(err)
	if err != nil {
		t.send(event.Event{ID: bootstrapID, Kind: event.Failed, Subject: t.subject, Text: err.Error(), Elapsed: t.now().Sub(began)})
		return nil, err
	}
	t.send(event.Event{ID: bootstrapID, Kind: event.Done, Subject: t.subject, Elapsed: t.now().Sub(began)})
	return made, nil
}

func bootstrapImage(ctx context.Context, env BootstrapEnv, o BootstrapOptions, t *bootstrapTask) (*Bootstrapped, error) {
	name, err := env.Engine.Architecture(ctx)
	if err != nil {
		return nil, err
	}
	arch, err := bootstrap.Architecture(name)
	if err != nil {
		return nil, err
	}
	packages := env.Packages
	packages.Progress = t.progress
	packages.Warn = func(text string) { t.send(event.Event{Kind: event.Warning, Subject: t.subject, Text: text}) }
	system, err := packages.Prepare(ctx, bootstrap.Request{
		Target: o.Target, Arch: arch, Mirror: o.Mirror, Keyrings: o.Keyrings, Packages: o.Packages,
	})
	if err != nil {
		return nil, err
	}
	made := &Bootstrapped{
		Suite: system.Suite, Mirror: system.Mirror, Snapshot: system.Snapshot, Packages: system.Packages(),
	}
	if made.Tags, err = bootstrapTags(ctx, env.Engine, o, t); err != nil {
		return nil, err
	}
	t.begin("making the first file system")
	made.ID, err = env.Engine.ImportImage(ctx, driver.ImageImport{
		Tree: system.FirstStage, Script: system.Script(), Tags: made.Tags, Labels: system.Labels(),
		Env:     []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		Command: []string{"bash"}, Mark: env.Mark, Epoch: system.Snapshot,
	}, &scriptOutput{task: t})
	return made, err
}

// bootstrapTags are what the image will be called. A name that nobody typed is not taken from an image that came from
// elsewhere.
func bootstrapTags(ctx context.Context, engine BootstrapEngine, o BootstrapOptions, t *bootstrapTask) ([]string, error) {
	if len(o.Tags) > 0 {
		return o.Tags, nil
	}
	tags := o.Target.Tags()
	out := tags[:1:1]
	for _, tag := range tags[1:] {
		there, err := engine.Image(ctx, tag, "")
		if err != nil && !driver.Is(err, driver.NotFound) {
			return nil, err
		}
		if _, ours := there.Labels[bootstrap.LabelSuite]; err == nil && !ours {
			t.send(event.Event{Kind: event.Note, Text: fmt.Sprintf("%s is there and came from elsewhere: it stays; --tag %s replaces it", tag, tag)})
			continue
		}
		out = append(out, tag)
	}
	return out, nil
}

// bootstrapID is the task, and the word that views know it by.
const bootstrapID = "bootstrap"

// bootstrapTask tells of a bootstrap: one part after another.
type bootstrapTask struct {
	sink    event.Sink
	subject string
	now     func() time.Time
	mu      sync.Mutex
	part    string // that goes on; "" for none
	began   time.Time
}

func (t *bootstrapTask) send(e event.Event) { t.sink.Send(e) }

// begin ends the part before.
func (t *bootstrapTask) begin(part string) {
	t.end(nil)
	t.part, t.began = part, t.now()
	t.send(event.Event{ID: bootstrapID + "/" + part, Parent: bootstrapID, Kind: event.Start, Text: part})
}

func (t *bootstrapTask) end(err error) {
	if t.part == "" {
		return
	}
	e := event.Event{ID: bootstrapID + "/" + t.part, Parent: bootstrapID, Kind: event.Done, Elapsed: t.now().Sub(t.began)}
	if err != nil {
		e.Kind = event.Failed
	}
	t.part = ""
	t.send(e)
}

// progress hears of fetching, from several goroutines of one step at a time.
func (t *bootstrapTask) progress(step bootstrap.Step, current, total int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	part := "fetching " + string(step)
	if t.part != part && current < total { // what is cached is there before it is told of
		t.begin(part)
	}
	if t.part == part {
		t.send(event.Event{ID: bootstrapID + "/" + part, Parent: bootstrapID, Kind: event.Progress, Text: part, Current: current, Total: total, Unit: "bytes"})
	}
}

// scriptOutput parts what the second stage prints: its own lines begin a part, the rest is the part's.
type scriptOutput struct {
	task *bootstrapTask
	rest []byte
}

// maxScriptLine bounds a line without an end, in bytes.
const maxScriptLine = 64 << 10

// Write implements io.Writer.
func (s *scriptOutput) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		line, rest, ok := bytes.Cut(s.rest, []byte("\n"))
		if !ok && len(s.rest) < maxScriptLine {
			return len(p), nil
		}
		s.rest = rest
		if step, ours := bytes.CutPrefix(line, []byte(bootstrap.StepMark)); ours {
			s.task.begin(string(step))
		} else {
			s.task.send(event.Event{ID: bootstrapID + "/" + s.task.part, Parent: bootstrapID, Kind: event.Output, Text: string(line)})
		}
	}
}

var _ io.Writer = (*scriptOutput)(nil)
