package docker

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/envyhq/envy/internal/agent/wire"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/resource"
)

// order is one call of the agent in a running box.
type order struct {
	verb        string
	stdin       []byte
	lifeline    bool // stdin stays open: when it closes, the agent ends what it runs
	out, errOut io.Writer
}

// farewell is how long the agent has to end what it ran, which takes it 2 s at most, before its stream is cut.
const farewell = 4 * time.Second

// tell runs a verb of the agent and gives its exit code. When ctx ends, stdin is closed, which ends a verb with a
// lifeline; the others end by themselves, and soon.
func (e *Engine) tell(ctx context.Context, id string, o order) (int, error) {
	began := time.Now()
	execID, s, err := e.startExec(ctx, id, container.ExecOptions{
		Cmd: []string{wire.Path, o.verb}, WorkingDir: "/", AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return 0, err
	}
	defer s.cut()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		_, _ = s.conn.Conn.Write(o.stdin) // an agent that does not read says why, and its exit code tells
		if !o.lifeline {
			_ = s.conn.CloseWrite()
		}
	}()
	stop := s.endWith(ctx)
	defer stop()
	drained := s.drain(o.out, o.errOut)
	var bad *writeError
	if errors.As(drained, &bad) { // nobody listens any more
		_ = s.conn.CloseWrite()
		return 0, &driver.Error{Kind: driver.Failed, Op: "run in", Object: boxObject(id), Text: bad.Error(), Err: bad}
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.DeadlineExceeded):
		text := "the agent in it did not answer within " + roughly(time.Since(began))
		return 0, &driver.Error{Kind: driver.Failed, Op: "run in", Object: boxObject(id), Text: text, Err: cause}
	case cause != nil:
		return 0, e.classify(cause, "run in", boxObject(id))
	}
	if drained != nil {
		return 0, e.classify(drained, "run in", boxObject(id))
	}
	s.cut()
	<-fed
	return e.execCode(ctx, id, execID)
}

// WriteFiles implements driver.Inside.
func (e *Engine) WriteFiles(ctx context.Context, id string, files []resource.FileContent) error {
	in, err := e.inside(ctx, id)
	if err != nil {
		return err
	}
	message := wire.Files{}
	for _, f := range files {
		if f.Remove {
			message.Remove = append(message.Remove, f.Target)
			continue
		}
		mode, err := modeOf(f.Mode)
		if err != nil {
			return invalid("write files in", id, "file "+f.Target+": mode "+strconv.Quote(f.Mode)+" is not octal", err)
		}
		message.Files = append(message.Files, wire.File{
			Path: f.Target, Content: f.Content, Mode: mode, Owner: in.user(f.Owner), Hash: f.Hash,
		})
	}
	stdin, err := wire.Encode(message)
	if err != nil {
		return invalid("write files in", id, err.Error(), err)
	}
	return e.do(ctx, id, "write files in", order{verb: wire.VerbFiles, stdin: stdin})
}

// modeOf reads octal permission bits; "" leaves them to the agent.
func modeOf(text string) (uint32, error) {
	if text == "" {
		return 0, nil
	}
	mode, err := strconv.ParseUint(text, 8, 12)
	return uint32(mode), err
}

// do runs a verb that has nothing to say but what went wrong.
func (e *Engine) do(ctx context.Context, id, op string, o order) error {
	var said tail
	o.out, o.errOut = &said, &said
	code, err := e.tell(ctx, id, o)
	if err == nil && code != 0 {
		err = agentError(op, id, agentWords(said.text(), code))
	}
	return err
}

// agentError is what the agent could not do. Its files are on the engine's disk.
func agentError(op, id, words string) error {
	kind := driver.Failed
	if saysFull(words) {
		kind, words = driver.NoSpace, fullText+words
	}
	return &driver.Error{Kind: kind, Op: op, Object: boxObject(id), Text: words}
}

// agentWords are what the agent said, without its own name before it.
func agentWords(text string, code int) string {
	text = strings.TrimPrefix(text, "envy: ")
	if text == "" {
		text = "the agent ended with exit code " + strconv.Itoa(code)
	}
	return text
}

// Provision implements driver.Inside. Once ctx ends, it waits for the script's end, which the agent sees to.
func (e *Engine) Provision(ctx context.Context, id string, p resource.ProvisionScript, out io.Writer) error {
	in, err := e.inside(ctx, id)
	if err != nil {
		return err
	}
	line, err := wire.Encode(wire.Provision{
		Name: p.Name, Hash: p.Hash, Script: p.Script, User: in.user(p.User), Groups: in.groups(p.User),
		Dir: cmp.Or(p.Dir, in.boot.Dir), Env: pairs(p.Env), Unset: p.Unset,
		Timeout: (time.Duration(p.Timeout) * time.Second).Nanoseconds(),
	})
	if err != nil {
		return invalid("provision", id, err.Error(), err)
	}
	return e.watch(ctx, id, order{verb: wire.VerbProvision, stdin: append(line, '\n'), lifeline: true}, out)
}

// WaitHealthy implements driver.Inside.
func (e *Engine) WaitHealthy(ctx context.Context, id string, h resource.HealthSpec) error {
	argv, err := checkArgv(h.Command)
	if err != nil {
		return invalid("check", id, err.Error(), err)
	}
	in, err := e.inside(ctx, id)
	if err != nil {
		return err
	}
	line, err := wire.Encode(wire.Health{
		Argv: argv, User: in.user(""), Groups: in.groups(""), Dir: in.boot.Dir, Timeout: milliseconds(h.Timeout).Nanoseconds(), Limit: ownLimit(ctx).Nanoseconds(),
	})
	if err != nil {
		return invalid("check", id, err.Error(), err)
	}
	return e.watch(ctx, id, order{verb: wire.VerbWait, stdin: append(line, '\n'), lifeline: true}, nil)
}

// ownLimit lets the agent give up by itself a little before ctx does, so that the check's last output comes back.
func ownLimit(ctx context.Context) time.Duration {
	const before = 200 * time.Millisecond
	if end, ok := ctx.Deadline(); ok {
		if left := time.Until(end); left > 2*before {
			return left - before
		}
	}
	return 0
}

// checkArgv is what a healthcheck's test runs.
func checkArgv(test []string) ([]string, error) {
	switch {
	case len(test) == 2 && test[0] == "CMD-SHELL":
		return []string{"/bin/sh", "-c", test[1]}, nil
	case len(test) > 1 && test[0] == "CMD":
		return test[1:], nil
	}
	return nil, errors.New("a healthcheck is CMD-SHELL and a text, or CMD and words")
}

// watch runs a verb that stands for a script; its bad end is the script's.
func (e *Engine) watch(ctx context.Context, id string, o order, out io.Writer) error {
	said := tail{to: out}
	o.out, o.errOut = &said, &said
	code, err := e.tell(ctx, id, o)
	if err == nil && code != 0 {
		err = &driver.ScriptError{Code: code, Output: said.text()}
	}
	return err
}

// Release implements driver.Inside. Paths over the agent's limit are left out: they then count as changed later, which
// is the safe side.
func (e *Engine) Release(ctx context.Context, id string, baseline []string) error {
	stdin, err := wire.Encode(wire.Release{Baseline: baseline[:min(len(baseline), wire.MaxPaths)]})
	if err != nil {
		return invalid("release", id, err.Error(), err)
	}
	return e.do(ctx, id, "release", order{verb: wire.VerbRelease, stdin: stdin})
}

// WaitExit implements driver.Inside.
func (e *Engine) WaitExit(ctx context.Context, id string) (int, error) {
	ended, failed := e.api.ContainerWait(ctx, id, container.WaitConditionNotRunning)
	return e.exitOf(ctx, id, ended, failed)
}

// exitOf takes the answer of a wait.
func (e *Engine) exitOf(
	ctx context.Context, id string, ended <-chan container.WaitResponse, failed <-chan error,
) (int, error) {
	select {
	case got := <-ended:
		if got.Error != nil && got.Error.Message != "" {
			return 0, e.classify(errors.New(got.Error.Message), "wait for", boxObject(id))
		}
		return int(got.StatusCode), nil
	case err := <-failed:
		switch {
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		case errors.Is(err, io.EOF): // an answer had begun
			err = &brokenStreamError{err}
		default:
			err = streamEnd(err)
		}
		return 0, e.classify(err, "wait for", boxObject(id))
	}
}

func invalid(op, id, text string, err error) error {
	return &driver.Error{Kind: driver.Invalid, Op: op, Object: boxObject(id), Text: text, Err: err}
}
