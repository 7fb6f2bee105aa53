package cli

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

//go:embed completion
var completionScripts embed.FS

func shells() []string { return []string{"bash", "fish", "zsh"} }

func (a *app) completionCommand() *cli.Command {
	return a.command("completion", "print the completion script of a shell", "bash|zsh|fish", func(_ context.Context, c *cli.Context, s *session) error {
		names, err := atMost(c, 1)
		if err != nil {
			return err
		}
		if len(names) != 1 || !slices.Contains(shells(), names[0]) {
			return &usageError{text: "envy completion takes bash, zsh or fish", hint: "source <(envy completion bash)"}
		}
		script, err := completionScripts.ReadFile("completion/envy." + names[0])
		if err != nil {
			return fmt.Errorf("completion of %s: %w", names[0], err)
		}
		return s.view.Out.Print(s.view.Out.Text().Add(string(script)))
	})
}

// completeCommand is what the scripts call: the words typed so far, the last of which is being typed, give what it could
// become, one a line.
func (a *app) completeCommand() *cli.Command {
	return &cli.Command{
		Name: "__complete", Hidden: true, HideHelp: true, SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			if len(words) > 0 && words[0] == endOfFlags {
				words = words[1:]
			}
			s, err := a.begin(c)
			if err != nil {
				return err
			}
			t := s.view.Out.Text()
			for _, w := range s.complete(c.Context, words) {
				t.Add(w, "\n")
			}
			return s.view.Out.Print(t)
		},
	}
}

// complete gives the possible words, sorted as help lists them.
func (s *session) complete(ctx context.Context, words []string) []string {
	typed := ""
	if len(words) > 0 {
		typed, words = words[len(words)-1], words[:len(words)-1]
	}
	global, commands := globalFlags(), s.app.commands()
	var command *cli.Command
	for len(words) > 0 {
		switch {
		case words[0] == endOfFlags:
			return nil
		case isFlag(words[0]):
			known := global
			if command != nil && find(command.Flags, words[0]) != nil {
				known = command.Flags
			}
			n := 1
			if flagWords(append(slices.Clone(words), typed), known) == 2 {
				n = 2
			}
			if n > len(words) {
				return matching(flagValues(words[0]), typed)
			}
			s.setPlace(words[:n])
			words = words[n:]
		case command == nil:
			i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(words[0]) && !c.Hidden })
			if i < 0 {
				return nil
			}
			command, words = commands[i], words[1:]
		case subcommand(command, words[0]) != nil:
			command, words = subcommand(command, words[0]), words[1:]
		case takesCommand(command.Name):
			return nil
		default:
			words = words[1:]
		}
	}
	return s.candidates(ctx, command, commands, typed)
}

// setPlace heeds where the Envfile is said to be.
func (s *session) setPlace(flag []string) {
	if len(flag) != 2 {
		return
	}
	switch flag[0] {
	case "-C":
		s.g.dir = inDir(s.g.dir, flag[1])
	case "--file":
		s.g.file = inDir(s.g.dir, flag[1])
	}
}

func (s *session) candidates(ctx context.Context, command *cli.Command, commands []*cli.Command, typed string) []string {
	var all []string
	switch {
	case strings.HasPrefix(typed, "-"):
		flags := globalFlags()
		if command != nil {
			flags = append(slices.Clone(command.Flags), flags...)
		}
		for _, f := range flags {
			all = append(all, dashed(f.Names()[0]))
		}
	case command == nil || len(command.Subcommands) > 0:
		if command != nil {
			commands = command.Subcommands
		}
		for _, c := range commands {
			if !c.Hidden {
				all = append(all, c.Name)
			}
		}
	case command.Name == "completion":
		all = shells()
	case strings.Contains(command.ArgsUsage, "BOX"):
		all = s.boxNames(ctx)
	}
	return matching(all, typed)
}

// boxNames are the Envfile's; no engine is asked while somebody types.
func (s *session) boxNames(ctx context.Context) []string {
	if _, err := s.open(); err != nil {
		return nil
	}
	var names []string
	for _, b := range s.written(ctx) {
		for _, n := range []string{b.Label, b.Name} {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	return names
}

func flagValues(flag string) []string {
	if strings.TrimLeft(flag, "-") == "format" {
		return []string{"human", "plain", "json"}
	}
	return nil
}

func matching(all []string, typed string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(w string) bool { return !strings.HasPrefix(w, typed) })
}
