package cli

import (
	"context"
	"strings"

	"github.com/urfave/cli/v2"
)

// run is what a command does once its flags are read.
type run func(ctx context.Context, c *cli.Context, s *session) error

// command makes one of the table: its flags, and run with a session.
func (a *app) command(name, usage, operands string, do run, flags ...cli.Flag) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: operands, Flags: flags, HideHelpCommand: true, OnUsageError: a.usage,
		Action: func(c *cli.Context) error {
			s, err := a.begin(c)
			if err != nil {
				return err
			}
			return do(c.Context, c, s)
		},
	}
}

// entering makes a command whose exit code is that of what runs in the box: envy's own failures are 255.
func (a *app) entering(name, usage, operands string, do run, flags ...cli.Flag) *cli.Command {
	cmd := a.command(name, usage, operands, do, flags...)
	wrap := func(err error) error {
		if err == nil || is[*statusError](err) || isInterrupted(err) {
			return err
		}
		return &ownError{err}
	}
	action := cmd.Action
	cmd.Action = func(c *cli.Context) error { return wrap(action(c)) }
	cmd.OnUsageError = func(c *cli.Context, err error, sub bool) error { return wrap(a.usage(c, err, sub)) }
	return cmd
}

// commands is the table of all commands, in the order of help.
func (a *app) commands() []*cli.Command {
	list := []*cli.Command{
		a.initCommand(), a.validateCommand(), a.fmtCommand(), a.graphCommand(), a.trustCommand(),
		a.planCommand(), a.upCommand(), a.statusCommand(),
		a.sshCommand(), a.execCommand(), a.runCommand(),
		a.haltCommand(), a.suspendCommand(), a.resumeCommand(), a.reloadCommand(), a.destroyCommand(),
		a.provisionCommand(), a.logsCommand(), a.eventsCommand(), a.topCommand(), a.portCommand(), a.cpCommand(), a.snapshotCommand(), a.boxCommand(), a.lockCommand(), a.packageCommand(),
		a.dfCommand(), a.pruneCommand(),
		a.versionCommand(), a.completionCommand(), a.completeCommand(),
	}
	for _, n := range notBuilt() {
		if !strings.HasPrefix(n.name, "box ") {
			list = append(list, a.refusing(n.name, n.instead))
		}
	}
	return list
}

// refusing is a command that does not exist yet; its flags are nobody's to judge.
func (a *app) refusing(name, instead string) *cli.Command {
	words := strings.Fields(name)
	return &cli.Command{
		Name: words[len(words)-1], Hidden: true, HideHelp: true, SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			if _, err := a.begin(c); err != nil {
				return err
			}
			return &notBuiltError{"envy " + name, instead}
		},
	}
}

// absence is a command that is not built, and what does its work until then.
type absence struct{ name, instead string }

func notBuilt() []absence {
	return []absence{
		{"sync", `share a folder as it is: mode = "bind", or copied once: mode = "copy"`},
		{"import", "envy init writes an Envfile to start from"},
		{"export", "docker inspect shows what envy made"},
		{"ssh-config", "envy ssh, or your editor's way into containers: envy status names them"},
		{"doctor", "docker info tells about the engine; --debug shows what envy asks of it"},
	}
}
