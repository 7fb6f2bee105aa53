// Command envy brings a project's development environment up from the Envfile in its checkout. This file puts the real
// things together: streams, signals, the engine, the agent's bytes. What envy does is internal/cli's.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/envyhq/envy/internal/agent/bin"
	"github.com/envyhq/envy/internal/cli"
	"github.com/envyhq/envy/internal/gitcred"
	"github.com/envyhq/envy/internal/term"
	"github.com/envyhq/envy/provision/driver"
	"github.com/envyhq/envy/provision/driver/docker"
)

// version is set by the linker; without it, it is what the go command knows of the build.
var version string

func main() {
	os.Exit(run(openDocker))
}

// run is envy on the real process, with an engine of the caller's choice.
func run(open func(cli.EngineOptions) (driver.Engine, error)) int {
	collectRarely()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	dir, err := os.Getwd()
	if err != nil {
		dir = "." // looking for the Envfile will say that it is gone
	}
	return cli.Main(context.Background(), cli.Machine{
		Args: os.Args[1:], Dir: dir, LookupEnv: os.LookupEnv, Signals: signals, Leave: os.Exit, Open: open,
		Credentials: func(ctx context.Context, host string) (user, password string, ok bool) {
			return gitcred.Ask(ctx, os.Environ(), host)
		},
		RegistryCredentials: func(_ context.Context, host string) (user, secret, identity string, err error) {
			return docker.Options{Getenv: os.Getenv}.RegistryCredentials(host)
		},
		RegistryHost: docker.RegistryHost,
		Socket:       func(context string) string { return docker.Socket(docker.Options{Context: context, Getenv: os.Getenv}) },
		Version:      buildVersion(), Now: time.Now, PID: os.Getpid(),
		Streams: func(noColor bool) *term.Streams {
			return term.Open(os.Stdin, os.Stdout, os.Stderr, term.Options{Getenv: os.Getenv, NoColor: noColor})
		},
	})
}

// collectRarely spares a process that soon ends most of its collections of garbage, up to half a gibibyte, unless the
// environment says how it is to be.
func collectRarely() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(512 << 20)
	}
}

func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

func openDocker(o cli.EngineOptions) (driver.Engine, error) {
	return docker.Open(docker.Options{
		Context: o.Context, Getenv: o.Getenv, Version: o.Version, Agent: agent, Events: o.Events, OnCall: o.OnCall,
	})
}

// agent is the program that runs in boxes.
func agent(arch string) (docker.Agent, error) {
	hash, err := bin.Hash(arch)
	if err != nil {
		return docker.Agent{}, err
	}
	return docker.Agent{Hash: hash, Binary: func() ([]byte, error) { return bin.Bytes(arch) }}, nil
}
