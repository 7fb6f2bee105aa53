//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/envyhq/envy/internal/agent/wire"
)

// runProvision runs one provisioner and records it before it exits.
func (a *Agent) runProvision() (int, error) {
	ctx, order, err := readOrder[wire.Provision](a.Stdin)
	if err != nil {
		return wire.ExitAgent, err
	}
	code, err := a.provision(ctx, order)
	if err != nil {
		err = fmt.Errorf("provisioner %q: %w", order.Name, err)
	}
	return code, err
}

func (a *Agent) provision(ctx context.Context, order wire.Provision) (int, error) {
	s, err := a.awaitReady(readyWithin)
	if err != nil {
		return wire.ExitAgent, err
	}
	unlock, err := a.turn(ctx, s, order.Name)
	if err != nil {
		return wire.ExitEnded, err
	}
	defer unlock()
	start := time.Now()
	code, err := a.runScript(ctx, order)
	end := time.Now()
	if failed := s.update(func(record *wire.Record) { note(record, order, code, start, end) }); failed != nil {
		return wire.ExitAgent, errors.Join(err, fmt.Errorf("it ran, exit code %d: %w", code, failed))
	}
	return code, err
}

// note puts a run into the record.
func note(record *wire.Record, order wire.Provision, code int, start, end time.Time) {
	if code == 0 {
		if record.Runs == nil {
			record.Runs = map[string]wire.Run{}
		}
		record.Runs[order.Name] = wire.Run{Hash: order.Hash, Start: start.UnixNano(), End: end.UnixNano()}
	}
	if record.Released == 0 {
		return // the baseline will say what it changed
	}
	record.Spans = append(record.Spans, wire.Span{Name: order.Name, Start: start.UnixNano(), End: end.UnixNano()})
	if over := len(record.Spans) - wire.MaxSpans; over > 0 {
		record.Spans = record.Spans[over:]
	}
}

// turn waits until no other provisioner runs in the box.
func (a *Agent) turn(ctx context.Context, s state, name string) (unlock func(), err error) {
	path := filepath.Join(s.dir, "provision.lock")
	unlock, err = lockFile(path, false)
	if !errors.Is(err, errLocked) {
		return unlock, err
	}
	a.complain(fmt.Errorf("provisioner %q waits for another one in this box", name))
	type result struct {
		unlock func()
		err    error
	}
	got := make(chan result, 1)
	go func() {
		unlock, err := lockFile(path, true)
		got <- result{unlock, err}
	}()
	select {
	case r := <-got:
		return r.unlock, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx) // the process ends, and with it the wait
	}
}

func (a *Agent) runScript(ctx context.Context, order wire.Provision) (int, error) {
	who, err := a.identify(order.User, order.Groups)
	if err != nil {
		return wire.ExitAgent, err
	}
	dir := order.Dir
	if dir == "" {
		dir = "/"
	}
	if !a.isDir(dir) {
		return wire.ExitAgent, fmt.Errorf("the box has no directory %s", dir)
	}
	script, err := a.writeScript(order, who)
	if err != nil {
		return wire.ExitAgent, err
	}
	defer os.Remove(a.at(script))
	null, err := os.Open(os.DevNull)
	if err != nil {
		return wire.ExitAgent, err
	}
	defer null.Close()
	handOver(who, a.Stdout)
	pid, err := a.start(program{
		argv: append(interpreter(order.Script), script), dir: a.at(dir), who: who, session: true,
		env: overlay(unset(who.environment(a.Environ), order.Unset), order.Env),
		// One pipe for both keeps what it says in order, and whole lines whole.
		stdin: null, stdout: a.Stdout, stderr: a.Stdout,
	})
	if err != nil {
		return codeOf(err), err
	}
	ctx, stop := within(ctx, order.Timeout)
	defer stop()
	return finish(ctx, pid)
}

// interpreter is what runs a script, found as the kernel does it: the rest of
// a first line with #! is one program and at most one argument. The agent
// calls it itself, so that a script may lie where nothing can be executed and
// an interpreter that is missing is named.
func interpreter(script string) []string {
	rest, ok := strings.CutPrefix(script, "#!")
	if !ok {
		return []string{"sh", "-e"}
	}
	line, _, _ := strings.Cut(rest, "\n")
	line = strings.Trim(line, " \t\r")
	program, argument, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	if argument = strings.TrimSpace(argument); argument != "" {
		return []string{program, argument}
	}
	if program == "" {
		return []string{"sh"}
	}
	return []string{program}
}

// writeScript puts the script where its user, and nobody else, can read it. It
// bears the provisioner's name because shells name it when something fails.
func (a *Agent) writeScript(order wire.Provision, who identity) (string, error) {
	var problems []error
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm", "/run"} {
		file, err := os.CreateTemp(a.at(dir), "envy-"+filepath.Base(order.Name)+"-*")
		if err != nil {
			problems = append(problems, err)
			continue
		}
		path := filepath.Join(dir, filepath.Base(file.Name()))
		err = fill(file, []byte(order.Script), attributes{mode: 0o700, uid: who.uid, gid: who.gid})
		if err := errors.Join(err, file.Close()); err != nil {
			os.Remove(file.Name())
			problems = append(problems, err)
			continue
		}
		return path, nil
	}
	return "", fmt.Errorf("no place for the script: %w", errors.Join(problems...))
}
