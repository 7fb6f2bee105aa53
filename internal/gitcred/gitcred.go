// Package gitcred asks the user's own git for the credentials of a server. It knows how git is asked; it must not know what
// they are for, and nothing of a checkout: git is run where no repository is, so that only the user's and the machine's
// configuration name helpers.
package gitcred

import (
	"bytes"
	"context"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"
)

const (
	maxAnswer = 64 << 10 // bytes
	patience  = 30 * time.Second
)

// Ask runs `git credential fill` for an https server, with a port where that is not 443. Nobody is asked at a terminal; a
// helper may open a window of its own. Without git, without a helper, or where ctx ends, ok is false. environ is the
// process's environment.
func Ask(ctx context.Context, environ []string, host string) (user, password string, ok bool) {
	if host == "" || strings.ContainsAny(host, "\n\r\x00/@") {
		return "", "", false
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", "credential", "fill")
	cmd.Dir, cmd.Env, cmd.WaitDelay = "/", cleaned(environ), time.Second
	cmd.Stdin = strings.NewReader("protocol=https\nhost=" + host + "\n\n")
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return "", "", false
	}
	answer, readErr := io.ReadAll(io.LimitReader(out, maxAnswer))
	if err := cmd.Wait(); err != nil || readErr != nil {
		return "", "", false
	}
	return parse(answer)
}

// cleaned is the environment without what leads git to a repository, to other configuration, or to somebody at a terminal.
func cleaned(environ []string) []string {
	kept := slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "GIT_") || name == "SSH_ASKPASS"
	})
	return append(kept, "GIT_DIR=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=", "GCM_INTERACTIVE=never")
}

// parse reads git's answer: lines of name=value.
func parse(answer []byte) (user, password string, ok bool) {
	for line := range bytes.Lines(answer) {
		name, value, _ := strings.Cut(strings.TrimRight(string(line), "\n"), "=")
		switch name {
		case "username":
			user = value
		case "password":
			password, ok = value, true
		}
	}
	return user, password, ok
}
