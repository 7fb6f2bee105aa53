//go:build linux

package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/envyhq/envy/internal/agent/wire"
)

// Agent is one process of the agent.
type Agent struct {
	Root           string   // where the box's file system starts; / but in tests
	Args           []string // the verb and its argument
	Environ        []string // NAME=value
	Stdin          *os.File
	Stdout, Stderr *os.File
}

// errUsage says that the agent was called by somebody who does not know how.
var errUsage = errors.New("this is envy's agent; envy calls it")

// Run does what Args say and returns the exit code. In `exec` it does not
// return where all goes well: the process becomes the command.
func (a *Agent) Run() int {
	if len(a.Args) == 0 { // somebody's login shell, in an image without one
		a.complain(errors.New("this image has no shell; run one of its programs with: envy exec BOX PROGRAM"))
		return wire.ExitNotFound
	}
	verb, rest := a.Args[0], a.Args[1:]
	withArgument := map[string]func(string) (int, error){
		wire.VerbInit: a.runInit, wire.VerbExec: a.runExec,
	}
	plain := map[string]func() (int, error){
		wire.VerbFiles: a.runFiles, wire.VerbProvision: a.runProvision,
		wire.VerbRelease: a.runRelease, wire.VerbWait: a.runWait,
		wire.VerbRecord: a.runRecord, wire.VerbBaseline: a.runBaseline,
		wire.VerbStat: a.runStat, wire.VerbSignal: a.runSignal,
		wire.VerbMirror: a.runMirror,
	}
	code, err := wire.ExitAgent, errUsage
	if run, ok := withArgument[verb]; ok && len(rest) == 1 {
		code, err = run(rest[0])
	} else if run, ok := plain[verb]; ok && len(rest) == 0 {
		code, err = run()
	}
	if err != nil {
		a.complain(err)
	}
	return code
}

// complain writes one line to stderr.
func (a *Agent) complain(err error) {
	fmt.Fprintf(a.Stderr, "envy: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
}

// at is where a path of the box is found.
func (a *Agent) at(path string) string {
	if a.Root == "" || a.Root == "/" {
		return path
	}
	return filepath.Join(a.Root, path)
}

// isDir follows links.
func (a *Agent) isDir(path string) bool {
	info, err := os.Stat(a.at(path))
	return err == nil && info.IsDir()
}

// getenv is the value of the last name=value in env; none: empty.
func getenv(env []string, name string) string {
	for _, entry := range slices.Backward(env) {
		if key, value, ok := strings.Cut(entry, "="); ok && key == name {
			return value
		}
	}
	return ""
}

// setenv returns env with name=value as its only entry of that name.
func setenv(env []string, name, value string) []string {
	kept := slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		key, _, _ := strings.Cut(entry, "=")
		return key == name
	})
	return append(kept, name+"="+value)
}

// unset returns env without the entries of these names.
func unset(env, names []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		key, _, _ := strings.Cut(entry, "=")
		return slices.Contains(names, key)
	})
}

// overlay returns base with the entries of over set in it.
func overlay(base, over []string) []string {
	for _, entry := range over {
		if name, value, ok := strings.Cut(entry, "="); ok {
			base = setenv(base, name, value)
		}
	}
	return base
}
