package docker

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/build"
	"github.com/docker/docker/api/types/versions"

	"github.com/envyhq/envy/internal/lazyre"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/event"
	"github.com/envyhq/envy/provision/resource"
)

// Build implements driver.Images. BuildKit does it where the engine has it, else the classic builder; DOCKER_BUILDKIT
// decides where it is set, as for docker. When ctx ends the engine is told to end the build.
func (e *Engine) Build(ctx context.Context, b driver.Build, sink event.Sink, parent string) error {
	engine, err := e.ping(ctx)
	if err != nil {
		return err
	}
	kit := hasBuildKit(engine)
	if wanted, err := strconv.ParseBool(e.opts.Getenv("DOCKER_BUILDKIT")); err == nil {
		kit = wanted
	}
	return e.build(ctx, b, kit, sink, parent)
}

// hasBuildKit reports a BuildKit that knows cache mounts without being told which syntax. A ping names it only where it
// is the default: Linux engines have had it since 20.10.
func hasBuildKit(engine resource.Engine) bool {
	return engine.BuildKit || engine.OS == "linux" && versions.GreaterThanOrEqualTo(engine.APIVersion, "1.41")
}

// A reporter turns one builder's stream into events and keeps what a failure needs.
type reporter interface {
	take(message) error
	// end closes what is open. A failed build gives what failed: the step's text and a way to find its line.
	end(failed bool) failure
}

// failure is what a builder's stream told about the step that failed.
type failure struct {
	step  string
	text  string // the engine's words, "" when the stream's own error says it
	lines []string
	base  bool // it was the engine's getting of a base image
	line  func(dockerfile string) int
}

func (e *Engine) build(ctx context.Context, b driver.Build, kit bool, sink event.Sink, parent string) error {
	open := b.Context
	if !kit && b.Classic != nil {
		open = b.Classic
	}
	args, err := e.opts.buildArgs(e.api.DaemonHost(), b.Args)
	if err != nil {
		return &driver.Error{Kind: driver.Invalid, Op: "build", Object: quoted("image", b.Tag), Text: err.Error(), Err: err}
	}
	source, err := open()
	if err != nil {
		return err
	}
	body := &contextBody{ReadCloser: source}
	opts := build.ImageBuildOptions{
		Tags: []string{b.Tag}, Dockerfile: b.Dockerfile, BuildArgs: args, Target: b.Target, Platform: b.Platform,
		Labels: b.Labels, NoCache: b.NoCache, PullParent: b.Pull, Remove: true, ForceRemove: true,
		Version: build.BuilderV1,
	}
	names := titlesFor(b, open)
	var report reporter = newClassicReport(sink, parent, names)
	if kit {
		opts.Version, opts.BuildID = build.BuilderBuildKit, rand.Text()
		report = newTraceReport(sink, parent, names)
	}
	err = e.runBuild(ctx, body, opts, report)
	failed := report.end(err != nil)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		e.cancelBuild(ctx, opts.BuildID)
		err = context.Cause(ctx)
		return &driver.Error{Kind: driver.Failed, Op: "build", Object: quoted("image", b.Tag), Text: err.Error(), Err: err}
	case body.failed() != nil:
		return body.failed()
	}
	return e.buildError(err, failed, b, open)
}

// titles name steps as their recipe does: "packages" says more than the instruction by which that is run.
type titles struct {
	dockerfile string
	locate     func(line int) string // nil: instructions are shown as they are
}

func titlesFor(b driver.Build, open func() (io.ReadCloser, error)) titles {
	if b.Locate == nil {
		return titles{}
	}
	text, err := dockerfileOf(open, b.Dockerfile)
	if err != nil { // the build will say so
		return titles{}
	}
	return titles{dockerfile: text, locate: b.Locate}
}

// of gives the title of a step; text is what it is called otherwise.
func (t titles) of(line func(dockerfile string) int, text, instruction string) string {
	if t.locate != nil && strings.HasPrefix(instruction, "RUN ") {
		return cmp.Or(t.locate(line(t.dockerfile)), text)
	}
	return text
}

// runBuild sends the context and follows the answer to its end. The transport closes body.
func (e *Engine) runBuild(ctx context.Context, body io.ReadCloser, opts build.ImageBuildOptions, report reporter) error {
	answer, err := e.api.ImageBuild(ctx, body, opts)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // read to its end, or given up
	return eachMessage(answer.Body, report.take)
}

// cancelBuild ends a build whose connection is gone already; engines end it with the connection, most of the time.
func (e *Engine) cancelBuild(ctx context.Context, id string) {
	if id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = e.api.BuildCancel(ctx, id) // there may be nothing left to cancel
}

// parseError is how both builders say that a Dockerfile is none; BuildKit says it of no step, the classic one before all.
var parseError = lazyre.New(`(?i)dockerfile parse error (?:on )?line (\d+)`)

// buildError is the failure of a step as *driver.BuildError, and of anything else as it is.
func (e *Engine) buildError(err error, failed failure, b driver.Build, open func() (io.ReadCloser, error)) error {
	var told *streamError
	classified := e.classify(err, "build", quoted("image", b.Tag))
	out := &driver.BuildError{Step: failed.step, Lines: failed.lines, Err: classified}
	if m := parseError.FindStringSubmatch(err.Error()); m != nil {
		out.Line, _ = strconv.Atoi(m[1]) // too long a number is no line
		return out
	}
	if !errors.As(err, &told) {
		return classified
	}
	kind := driver.Failed
	if failed.base { // else the words are a program's
		kind = registryKind(told.text, driver.Failed)
	}
	text := cmp.Or(failed.text, told.text)
	if saysFull(strings.Join(append([]string{told.text, text}, failed.lines...), "\n")) {
		kind, text = driver.NoSpace, fullText+text
	}
	out.Err = &driver.Error{Kind: kind, Text: text, Err: err}
	if failed.line != nil {
		if text, err := dockerfileOf(open, b.Dockerfile); err == nil { // else the line stays unknown
			out.Line = failed.line(text)
		}
	}
	return out
}

// dockerfileOf reads the Dockerfile out of a context, at most 1 MiB.
func dockerfileOf(open func() (io.ReadCloser, error), name string) (string, error) {
	stream, err := open()
	if err != nil {
		return "", err
	}
	defer func() { _ = stream.Close() }()
	name = path.Clean(cmp.Or(name, "Dockerfile"))
	for tr := tar.NewReader(stream); ; {
		h, err := tr.Next()
		if err != nil {
			return "", err
		}
		if path.Clean(h.Name) == name {
			text, err := io.ReadAll(io.LimitReader(tr, 1<<20))
			return string(text), err
		}
	}
}

// contextBody remembers why a context could not be read: the client would say that the engine did not answer.
type contextBody struct {
	io.ReadCloser
	mu  sync.Mutex
	err error
}

func (c *contextBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		c.mu.Lock()
		c.err = err
		c.mu.Unlock()
	}
	return n, err
}

func (c *contextBody) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
