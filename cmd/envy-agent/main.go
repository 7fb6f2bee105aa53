//go:build linux

// Command envy-agent is what envy runs inside its boxes. See internal/agent.
package main

import (
	"os"

	"github.com/envyhq/envy/internal/agent"
)

func main() {
	a := agent.Agent{
		Root: "/", Args: os.Args[1:], Environ: os.Environ(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	}
	os.Exit(a.Run())
}
