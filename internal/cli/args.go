package cli

import (
	"cmp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// globalFlags stand before or after the command.
func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "file", Usage: "the Envfile's `PATH`, instead of looking for one", DefaultText: "$ENVY_FILE"},
		&cli.StringFlag{Name: "C", Usage: "work in `DIR`"},
		&cli.StringFlag{Name: "context", Usage: "docker context `NAME`", DefaultText: "as docker would choose"},
		toggle("yes", "confirm what would be lost or destroyed; never trust", "y"),
		toggle("quiet", "results and errors only", "q"),
		toggle("no-color", "no colours"),
		toggle("debug", "show each call of the engine with its time"),
		&cli.StringFlag{Name: "format", Usage: "`FORMAT` human, plain or json", DefaultText: "human"},
		&cli.StringSliceFlag{Name: "var", Usage: "give a variable its value: `NAME=VALUE`"},
		&cli.StringSliceFlag{Name: "var-file", Usage: "read variables from `FILE`"},
		toggle("locked", "fail when Envfile.lock is missing or stale"),
		toggle("version", "print envy's version"),
	}
}

// toggle is a flag without a value.
func toggle(name, usage string, aliases ...string) cli.Flag {
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DisableDefaultText: true}
}

// endOfFlags divides operands from a command to run.
const endOfFlags = "--"

// arrange puts flags where the flag parser looks for them: global ones before the command, its own right behind, then
// `--`, operands, and what stands behind a `--` that was typed, that mark included. A command whose operands end with a
// command to run (exec, run) takes everything from its first operand on as it stands. A command of several words has
// its flags behind the last of them.
func arrange(args []string, global []cli.Flag, commands []*cli.Command) []string {
	var front []string
	for len(args) > 0 && isFlag(args[0]) {
		n := flagWords(args, global)
		front, args = append(front, args[:n]...), args[n:]
	}
	if len(args) == 0 || args[0] == endOfFlags {
		return append(front, args...)
	}
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(args[0]) })
	if i < 0 || commands[i].SkipFlagParsing {
		return append(front, args...)
	}
	command, words := commands[i], []string{args[0]}
	var flags, operands []string
	rest := args[1:]
	for len(rest) > 0 && rest[0] != endOfFlags {
		sub := subcommand(command, rest[0])
		switch {
		case sub != nil && len(operands) == 0:
			words, command, rest = append(append(words, flags...), rest[0]), sub, rest[1:]
			if flags = nil; sub.SkipFlagParsing {
				return append(append(front, words...), rest...)
			}
		case !isFlag(rest[0]) && takesCommand(command.Name):
			operands, rest = append(operands, rest...), nil
		case !isFlag(rest[0]):
			operands, rest = append(operands, rest[0]), rest[1:]
		case find(command.Flags, rest[0]) == nil && find(global, rest[0]) != nil:
			n := flagWords(rest, global)
			front, rest = append(front, rest[:n]...), rest[n:]
		default:
			n := flagWords(rest, command.Flags)
			flags, rest = append(flags, rest[:n]...), rest[n:]
		}
	}
	out := append(front, words...)
	out = append(append(out, flags...), endOfFlags)
	return append(append(out, operands...), rest...)
}

func subcommand(command *cli.Command, word string) *cli.Command {
	for _, c := range command.Subcommands {
		if c.HasName(word) {
			return c
		}
	}
	return nil
}

func takesCommand(name string) bool { return name == "exec" || name == "run" }

// isFlag: a lone dash is an operand, the standard input.
func isFlag(word string) bool {
	return strings.HasPrefix(word, "-") && word != "-" && word != endOfFlags
}

func find(flags []cli.Flag, word string) cli.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// flagWords is how many of the words are the first flag with its value.
func flagWords(words []string, flags []cli.Flag) int {
	f, _ := find(flags, words[0]).(interface{ TakesValue() bool })
	if f == nil || !f.TakesValue() || strings.Contains(words[0], "=") || len(words) == 1 {
		return 1
	}
	return 2
}

// operands parts what was typed: names, and the command behind `--`. dashed tells an empty command from none.
func operands(c *cli.Context) (names, command []string, dashed bool) {
	all := c.Args().Slice()
	if i := slices.Index(all, endOfFlags); i >= 0 {
		return all[:i], all[i+1:], true
	}
	return all, nil, false
}

// atMost refuses operands beyond a number, and `--` where there is no command to run.
func atMost(c *cli.Context, n int) ([]string, error) {
	names, _, dashed := operands(c)
	switch {
	case dashed:
		return nil, &usageError{text: "envy " + commandName(c) + " runs no command: take the -- away"}
	case len(names) > n:
		return nil, &usageError{text: "too many operands for envy " + commandName(c), hint: "usage: " + usageLine(c)}
	}
	return names, nil
}

func usageLine(c *cli.Context) string {
	return strings.TrimSpace("envy " + commandName(c) + " " + c.Command.ArgsUsage)
}

// commandName is the whole of it: "box bootstrap".
func commandName(c *cli.Context) string {
	return strings.TrimPrefix(cmp.Or(c.Command.HelpName, c.Command.Name), "envy ")
}
