//go:build linux

package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/envyhq/envy/internal/agent/wire"
)

// runExec becomes the command. Until then it is a process of the box's root.
func (a *Agent) runExec(argument string) (int, error) {
	spec, err := wire.Decode[wire.Exec]([]byte(argument))
	if err != nil {
		return wire.ExitAgent, err
	}
	s, err := a.awaitReady(readyWithin)
	if err != nil {
		return wire.ExitAgent, err
	}
	if mark := getenv(a.Environ, wire.MarkVariable); mark != "" {
		if err := a.leaveMark(s, mark); err != nil {
			return wire.ExitAgent, err
		}
		a.Environ = unset(a.Environ, []string{wire.MarkVariable}) // it is not the command's
	}
	who, err := a.identify(spec.User, spec.Groups)
	if err != nil {
		return wire.ExitAgent, err
	}
	env := overlay(who.environment(a.Environ), spec.Env)
	argv, program, env, err := a.execArgv(spec, who, env)
	if err != nil {
		return codeOf(err), err
	}
	handOver(who, a.Stdin, a.Stdout, a.Stderr)
	if err := who.become(); err != nil {
		return wire.ExitAgent, err
	}
	dir := a.enter(spec.Dir, who.home)
	path, err := a.lookPath(program, getenv(env, "PATH"), dir)
	if err != nil {
		return codeOf(err), err
	}
	err = notStarted(program, syscall.Exec(path, argv, setenv(env, "PWD", dir)))
	return codeOf(err), err
}

// execArgv is the argument vector, the program to look for and the
// environment. A login shell is told so by the dash before its name, which
// every shell understands.
func (a *Agent) execArgv(spec wire.Exec, who identity, env []string) (argv []string, program string, _ []string, err error) {
	if !spec.Login {
		if len(spec.Argv) == 0 {
			return nil, "", nil, errors.New("exec: no command")
		}
		return spec.Argv, spec.Argv[0], env, nil
	}
	shell := a.loginShell(spec.Shell, who.shell)
	if shell != "" && getenv(spec.Env, "SHELL") == "" {
		env = setenv(env, "SHELL", shell)
	}
	if len(spec.Argv) > 1 {
		return spec.Argv, spec.Argv[0], env, nil
	}
	if shell == "" || shell == wire.Path {
		return nil, "", nil, &startError{wire.ExitNotFound,
			errors.New("the image has no shell; run one of its programs with: envy exec BOX PROGRAM")}
	}
	if spec.Shell != "" && shell != spec.Shell {
		a.complain(fmt.Errorf("the image has no %s; the shell is %s", spec.Shell, shell))
	}
	argv = []string{"-" + filepath.Base(shell)}
	if len(spec.Argv) == 1 {
		argv = append(argv, "-c", spec.Argv[0])
	}
	return argv, shell, env, nil
}

// enter changes to the first of the directories that the user may be in.
func (a *Agent) enter(wanted, home string) string {
	for _, dir := range slices.DeleteFunc([]string{wanted, home}, func(dir string) bool { return dir == "" }) {
		err := os.Chdir(a.at(dir))
		if err == nil {
			return dir
		}
		a.complain(err)
	}
	if err := os.Chdir(a.at("/")); err != nil {
		a.complain(err)
	}
	return "/"
}
